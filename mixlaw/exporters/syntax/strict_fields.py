"""Checks of the fields of a documented format; errors name the file, the key and the fix."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.yaml import parse_number


def mapping(value: Any, where: str, needed: Iterable[str] = (), known: Iterable[str] | None = ()) -> dict[str, Any]:
    """`value` as a mapping with all keys of `needed`, and no others except those of `known` (None: any)."""
    if not isinstance(value, dict) or not value:
        raise MixlawError(f"{where}: must be a mapping, not {shown(value)}")
    needed = list(needed)
    for key in needed:
        if key not in value:
            raise MixlawError(f"{where}: the key {shown(key)} is missing; it has {listed(value)}")
    if known is not None:
        allowed = [*needed, *known]
        for key in value:
            if key not in allowed:
                raise MixlawError(f"{where}: unknown key {shown(key)}; {nearest(key, allowed)}")
    return value


def known_keys(
    value: Any,
    where: str,
    needed: Iterable[str] = (),
    known: Iterable[str] = (),
    notes: list[str] | None = None,
    *,
    empty: bool = False,
) -> dict[str, Any]:
    """`mapping`, with keys that this version does not know ignored and added to `notes`.

    A key that is nearly one of the known ones is refused: it is misspelt.
    """
    allowed = [*needed, *known]
    content = {} if empty and value == {} else mapping(value, where, needed, known=None)
    for key in content:
        if key not in allowed:
            if difflib.get_close_matches(str(key)[:200], allowed, n=1, cutoff=0.8) or _begins(str(key), allowed):
                raise MixlawError(f"{where}: unknown key {shown(key)}; {nearest(key, allowed)}")
            if notes is not None:
                notes.append(f"{where.partition(': ')[2] or where}: key {shown(key)} is ignored")
    return content


def _begins(key: str, allowed: list[str]) -> bool:
    """True if a known key is `key` and more words."""
    return any(name.startswith(f"{key}_") for name in allowed)


def entries(value: Any, where: str) -> list[Any]:
    """`value` as a list that is not empty."""
    if not isinstance(value, list) or not value:
        raise MixlawError(f"{where}: must be a list that is not empty, not {shown(value)}")
    return value


def texts(value: Any, where: str) -> list[str]:
    """`value` as a list of texts that is not empty."""
    for text in entries(value, where):
        if not isinstance(text, str) or not text.strip():
            raise MixlawError(f"{where}: holds {shown(text)}; each must be a text")
    return list(value)


def number(value: Any, where: str, least: float = 0.0, most: float = math.inf, *, above: bool = False) -> float:
    """`value` as a finite number from `least` (or `above` it) to `most`."""
    found = parse_number(value)
    if found is None or not math.isfinite(found):
        raise MixlawError(f"{where} is {shown(value)}; write a number")
    if found < least or found > most or (above and found == least):
        span = f"{'above' if above else 'at least'} {least:g}" + (f" and at most {most:g}" if most < math.inf else "")
        raise MixlawError(f"{where} is {shown(value)}; it must be {span}")
    return found


def paired(names: list[str], weights: Any, where: str) -> list[tuple[str, Any]]:
    """Two lists of one length as pairs."""
    values = entries(weights, where)
    if len(values) != len(names):
        raise MixlawError(f"{where}: {len(values)} weights for {len(names)} datasets; give one each")
    return list(zip(names, values, strict=True))


def sums_to_one(pairs: Iterable[tuple[str, Any]], where: str, most: float = 1e-3) -> None:
    """Raise if weights do not sum to 1 (such as percentages), for trainers that require it."""
    total = sum(number(value, f"{where}: {key}") for key, value in pairs)
    if abs(total - 1) > most:
        raise MixlawError(f"{where}: the weights sum to {total:.6g} and must sum to 1; divide each by that")
