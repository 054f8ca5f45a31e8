"""Weights files of mixlaw and of trainers, as pairs of a source's name (or path) and its weight."""

from __future__ import annotations

import re
from typing import Any

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.project.sources import Sources

_SUFFIXES = re.compile(r"_text_(document|sentence)$")

Pairs = list[tuple[str, Any]]


def plain_weights(content: Any) -> Pairs | None:
    """The weights of {source: weight}, of the same under `mixture` (a plan) or `weights`; None for other content.

    >>> plain_weights({"web": 3, "code": 1})
    [('web', 3), ('code', 1)]
    >>> plain_weights({"train_loader": {"web": 3}}) is None
    True
    """
    if not isinstance(content, dict) or not content:
        return None
    if isinstance(content.get("mixture"), dict):
        return plain_weights(content["mixture"])
    if "schema" in content:
        return None  # another of mixlaw's own files, whose numbers are no weights
    if set(content) == {"weights"} and isinstance(content["weights"], dict):
        return plain_weights(content["weights"])
    return None if any(isinstance(value, (dict, list)) for value in content.values()) else list(content.items())


def match_source(key: str, sources: Sources, name: str) -> int:
    """The position of the source that `key` names: its name, one of its paths, or a path ending in its name.

    Raises:
        MixlawError: no source or several match; `name` is the file's, for the message.
    """
    if key in sources.names:
        return sources.names.index(key)
    by_path = [i for i, source in enumerate(sources) if any(_same_path(key, path) for path in source.paths)]
    last = _last_part(key)
    by_last = [i for i, source in enumerate(sources) if last in (source.name, f"train_{source.name}")]
    by_regmix = [i for i, source in enumerate(sources) if re.fullmatch(rf"train_[^_/]+_{re.escape(source.name)}", key)]
    for found in (by_path, by_last, by_regmix):
        if len(found) == 1:
            return found[0]
        if found:
            fits = listed(sources.names[i] for i in found)
            raise MixlawError(f"{name}: {shown(key)} fits several sources ({fits}); use the source's name")
    raise MixlawError(f"{name}: no source is called {shown(key)}; {nearest(last, sources.names)}")


def _same_path(key: str, path: str) -> bool:
    return _SUFFIXES.sub("", key.rstrip("/")).removeprefix("./") == _SUFFIXES.sub("", path.rstrip("/")).removeprefix(
        "./"
    )


def _last_part(key: str) -> str:
    last = key.rstrip("/").rpartition("/")[2]
    return _SUFFIXES.sub("", last)
