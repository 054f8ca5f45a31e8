"""Files that mixlaw writes as JSON and reads back: fits, plans, leaderboards."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError


def no_nan(value: Any) -> Any:
    """The tree of JSON types with nan and infinity, which JSON lacks, as null.

    >>> no_nan({"loss": float("nan"), "runs": [1.5]})
    {'loss': None, 'runs': [1.5]}
    """
    if isinstance(value, Mapping):
        return {k: no_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [no_nan(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def read_object(
    path: str | Path, kind: str, give: str, again: str, schema: int, is_kind: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The object in a JSON file, of a schema that this version knows.

    Args:
        kind, give, again: words for the messages: the kind of file expected, the file to give, how to make it again.
        is_kind: True for an object of the kind.

    Raises:
        MixlawError: the file is missing, is not JSON, holds something else, or is of another schema.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise MixlawError(f"{path}: cannot be read as a {kind} ({error}): give {give}") from None
    if not isinstance(data, dict) or not is_kind(data):
        raise MixlawError(f"{path}: is no {kind}: give {give}")
    if data.get("schema") != schema:
        raise MixlawError(f"{path}: has schema {data.get('schema')}, this version reads {schema}: {again}")
    return data


def named(names: tuple[str, ...], values: Any) -> dict[str, float]:
    """Numbers by name.

    >>> named(("web", "code"), [0.75, 0.25])
    {'web': 0.75, 'code': 0.25}
    """
    return {name: float(value) for name, value in zip(names, values, strict=True)}
