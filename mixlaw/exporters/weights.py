"""Weights files of mixlaw and of trainers, as pairs of a source's name (or path) and its weight."""

from __future__ import annotations

import re
from typing import Any

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.yaml import parse_number
from mixlaw.project.sources import Sources

# Where trainers keep their weights, outermost key first: a plan, DoReMi, Levanter, Olmix, RegMix, Streaming.
_PLACES = (
    ("mixture",),
    ("train_domain_weights",),
    ("data", "train_weights"),
    ("train_weights",),
    ("mix",),
    ("train",),
    ("streams",),
    ("weights",),
)
_WEIGHT_KEYS = ("weight", "proportion")
_SUFFIXES = re.compile(r"_text_(document|sentence)$")

Pairs = list[tuple[str, Any]]


def read_weights(content: Any, name: str) -> Pairs:
    """The weights in a parsed file that matches no trainer's format; a source may occur several times, by its paths.

    Raises:
        MixlawError: the file contains no weights in a known form; `name` is its name.
    """
    return _pairs(content, name)


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


def megatron_pairs(words: list[str], name: str) -> Pairs:
    if len(words) % 2:
        raise MixlawError(
            f"{name}: {len(words)} words; Megatron's form is pairs of weight and path: 0.6 /d/web 0.4 /d/code"
        )
    for word in words[::2]:
        if parse_number(word) is None:
            raise MixlawError(f"{name}: {shown(word)} stands where a weight must; write pairs of weight and path")
    return list(zip(words[1::2], words[::2], strict=True))


def _pairs(content: Any, name: str) -> Pairs:
    found = _weights_in(content, name)
    if found is None:
        raise MixlawError(f"{name}: holds no weights; write {{source: weight}}, or a trainer's form of it")
    return found


def _weights_in(content: Any, name: str) -> Pairs | None:
    if isinstance(content, list) and content and all(isinstance(word, (str, int, float)) for word in content):
        return megatron_pairs([str(word) for word in content], name)  # Megatron's blend.json
    if not isinstance(content, dict) or not content:
        return None
    if "schema" in content and "mixture" not in content:
        return None  # another of mixlaw's own files, whose numbers are no weights
    if not any(isinstance(value, (dict, list)) for value in content.values()):
        return list(content.items())
    for place in _PLACES:
        part: Any = content
        for key in place:
            part = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, list) and part and isinstance(part[0], list):
            raise MixlawError(f"{name}: {'.'.join(place)} is a schedule; audit one of its mixtures at a time")
        if part:
            return _weights_in(part, name)
    inner = {key: _weight_of(value) for key, value in content.items()}
    missing = [key for key, value in inner.items() if value is None]
    if len(missing) == len(inner):
        return None
    if missing:
        raise MixlawError(f"{name}: no weight for {shown(missing[0])}; give each source a number or a 'weight' key")
    return list(inner.items())


def _weight_of(value: Any) -> Any:
    if isinstance(value, dict):
        return next((value[key] for key in _WEIGHT_KEYS if key in value), None)
    return None if isinstance(value, list) else value
