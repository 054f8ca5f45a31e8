"""Files that mixlaw writes as JSON and reads back: fits, plans, leaderboards."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, shown
from mixlaw.io.files import LARGE, read_text

MAX_DEPTH = 100
"""Nesting above which JSON is refused: the files that mixlaw writes have about ten levels."""
MAX_VALUES = 6_000_000
"""Values above which JSON is refused; each takes up to 100 bytes of memory."""
MAX_DIGITS = 300
"""Digits above which an integer is refused, which is about where float64 ends."""


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


def parse_json(text: str, name: str) -> Any:
    """The value in a JSON text of bounded depth and size. `name` is the file's, for errors.

    Raises:
        MixlawError: the text is not JSON, has a key twice, an integer of over 300 digits, over 100 levels, or more
            values than are ever needed.

    >>> parse_json('{"web": 1, "web": 2}', "blend.json")
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: blend.json: the key 'web' is there twice; keep one
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) != len(pairs):
            seen: set[str] = set()
            doubled = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise MixlawError(f"{name}: the key {shown(doubled)} is there twice; keep one")
        return content

    def integer(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise MixlawError(f"{name}: not valid JSON: an integer of {len(digits)} digits")
        return int(digits)

    if text.count(",") > MAX_VALUES:
        raise MixlawError(f"{name}: holds more than {MAX_VALUES:,} values; is it the right file?")
    try:
        content = json.loads(text, object_pairs_hook=unique, parse_int=integer)
    except json.JSONDecodeError as error:
        raise MixlawError(f"{name}: row {error.lineno}, column {error.colno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise _too_deep(name) from None
    if _is_deeper(content, MAX_DEPTH):
        raise _too_deep(name)
    return content


def _too_deep(name: str) -> MixlawError:
    return MixlawError(f"{name}: nested too deeply")


def _is_deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in value if isinstance(part, (dict, list)))


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
        data = parse_json(read_text(path, LARGE), str(path))
    except MixlawError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise MixlawError(f"{path}: cannot be read as a {kind} ({reason}): give {give}") from None
    if not isinstance(data, dict) or not is_kind(data):
        raise MixlawError(f"{path}: is no {kind}: give {give}")
    if data.get("schema") != schema:
        raise MixlawError(f"{path}: has schema {shown(data.get('schema'))[1:-1]}, this version reads {schema}: {again}")
    return data


def named(names: tuple[str, ...], values: Any) -> dict[str, float]:
    """Numbers by name.

    >>> named(("web", "code"), [0.75, 0.25])
    {'web': 0.75, 'code': 0.25}
    """
    return {name: float(value) for name, value in zip(names, values, strict=True)}
