"""Checks of single values from a project file or a caller; each error names where the value stands."""

from __future__ import annotations

import math
import os
import unicodedata

from mixlaw.errors import MixlawError, shown
from mixlaw.io.yaml import parse_number


def checked_name(name: object, kind: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise MixlawError(f"{kind}: {shown(name)} is not a name; give it a text that is not empty")
    if name != name.strip() or not name.isprintable():
        raise MixlawError(f"{kind} {shown(name)}: blanks at the ends or control characters in the name; remove them")
    if is_formula(name):
        raise MixlawError(f"{kind} {shown(name)}: a spreadsheet takes it for a formula; begin the name otherwise")
    return unicodedata.normalize("NFC", name)


def is_formula(name: str) -> bool:
    """True if a spreadsheet that opens a CSV file runs a cell of this text; a number is none.

    >>> is_formula("=1+1"), is_formula("-1"), is_formula("c++")
    (True, False, False)
    """
    return name.startswith(("=", "+", "-", "@")) and parse_number(name) is None


def checked_paths(paths: object, where: str) -> tuple[str, ...]:
    parts = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    if not isinstance(parts, (list, tuple)):
        raise MixlawError(f"{where} must be a list of texts, not {shown(paths)}")
    for part in parts:
        if not isinstance(part, (str, os.PathLike)) or not str(part).strip() or not str(part).isprintable():
            raise MixlawError(f"{where} holds {shown(part)}; give paths as texts, not empty")
    return tuple(str(part) for part in parts)


def finite(value: object, where: str) -> float:
    number = parse_number(value)
    if number is None:
        raise MixlawError(f"{where} is {shown(value)}; it must be a number")
    if not math.isfinite(number):
        raise MixlawError(f"{where} is {number}; it must be finite")
    return number


def positive(value: object, where: str) -> float | None:
    if value is None:
        return None
    number = finite(value, where)
    if number <= 0:
        raise MixlawError(f"{where} is {number:g}; it must be above 0")
    return number


def share(value: object, where: str) -> float:
    number = finite(value, where)
    if not 0 <= number <= 1:
        raise MixlawError(f"{where} is {number:g}; it is a token share and must lie between 0 and 1")
    return number


def not_negative(value: object, where: str) -> float:
    number = finite(value, where)
    if number < 0:
        raise MixlawError(f"{where} is {number:g}; it must be 0 or more")
    return number


def count(value: object, where: str) -> int | None:
    number = positive(value, where)
    if number is not None and number != int(number):
        raise MixlawError(f"{where} is {number:g}; it must be a whole number")
    return None if number is None else int(number)
