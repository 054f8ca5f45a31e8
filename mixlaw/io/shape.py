"""Check of a JSON object's shape against the types of a Section: the first value that differs is named by its keys."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from mixlaw.errors import shown
from mixlaw.io.section import Section, is_required

LARGEST = 1e100
"""Numbers of this size and above are refused: no plan has them, and computing with them overflows."""


class ShapeError(ValueError):
    """A value of a JSON object has another type than its key has, or a key is missing."""


def check_shape(kind: type[Section], content: Any, where: str = "") -> None:
    """Raise ShapeError unless a JSON object has the keys and types that a Section declares.

    Keys that the Section does not know are checked for control characters only. A field's metadata `shape` takes the
    place of its type: a type of which the field holds the JSON object.

    >>> from mixlaw.planning.plan_types import Band
    >>> check_shape(Band, {"mean": 2.0, "low": "1.9", "high": 2.1}, "loss")
    Traceback (most recent call last):
    mixlaw.io.shape.ShapeError: loss.low is '1.9', not a number
    """
    if not isinstance(content, Mapping):
        raise _differs(where, content, "an object")
    known = _shapes(kind)
    for key, (shape, required) in known.items():
        if key in content:
            _check(shape, content[key], _join(where, key))
        elif required:
            raise ShapeError(f"{_join(where, key)} is missing")
    for key in content.keys() - known.keys():
        check_texts({key: content[key]}, where)


def check_texts(value: Any, where: str = "") -> None:
    """Raise ShapeError if a text, or a key, in a tree of JSON types has control characters.

    >>> check_texts({"runs": ["a", "\\x1b]0;b"]})
    Traceback (most recent call last):
    mixlaw.io.shape.ShapeError: runs.1 has control characters
    """
    if isinstance(value, str):
        if not value.isprintable():
            raise ShapeError(f"{where} has control characters")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise _differs(where, value, "a finite number")
    else:
        for key, part in _parts(value):
            if not str(key).isprintable():
                raise ShapeError(f"a key of {where or 'it'} has control characters")
            check_texts(part, _join(where, key))


def check_keys(content: Mapping[str, Any] | None, names: Iterable[str], where: str) -> None:
    """Raise ShapeError unless an object has exactly these keys; None passes.

    >>> check_keys({"web": 0.5}, ["web", "code"], "mixture")
    Traceback (most recent call last):
    mixlaw.io.shape.ShapeError: mixture lacks 'code'
    """
    if content is None:
        return
    for name in names:
        if name not in content:
            raise ShapeError(f"{where} lacks {shown(name)}")
    for name in content:
        if name not in names:
            raise ShapeError(f"{where} has {shown(name)}, which is no source of it")


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()


def _join(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def _differs(where: str, value: Any, what: str) -> ShapeError:
    return ShapeError(f"{where or 'it'} is {shown(value, 30)}, not {what}")


@cache
def _shapes(kind: type) -> dict[str, tuple[Any, bool]]:
    """Type of each key, and whether it must be there."""
    hints = get_type_hints(kind)
    found = {}
    for field in fields(kind):
        if "no_key" not in field.metadata:
            required = is_required(field) and not {"optional_key", "added_later"} & field.metadata.keys()
            found[field.name] = (field.metadata.get("shape", hints[field.name]), required)
    return found


def _check(shape: Any, value: Any, where: str) -> None:
    origin, parts = get_origin(shape), get_args(shape)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return
        known = [part for part in parts if part is not NoneType]
        if len(known) > 1:
            _check_any(known, value, where)
            return
        shape = known[0]
        origin, parts = get_origin(shape), get_args(shape)
    if shape is Any:
        check_texts(value, where)
    elif origin in (dict, Mapping) or shape is dict:
        if not isinstance(value, Mapping):
            raise _differs(where, value, "an object")
        check_texts(dict.fromkeys(value), where)
        for key, part in value.items():
            _check(parts[1] if parts else Any, part, _join(where, key))
    elif origin in (list, tuple):
        if not isinstance(value, (list, tuple)):
            raise _differs(where, value, "a list")
        for i, part in enumerate(value):
            _check(parts[0], part, _join(where, i))
    elif isinstance(shape, type) and issubclass(shape, Section):
        check_shape(shape, value, where)
    else:
        _check_scalar(shape, value, where)


def _check_any(shapes: list[Any], value: Any, where: str) -> None:
    """Raise ShapeError unless the value has one of several types."""
    for i, shape in enumerate(shapes, 1):
        try:
            _check(shape, value, where)
            return
        except ShapeError:
            if i == len(shapes):
                raise


def _check_scalar(shape: type, value: Any, where: str) -> None:
    if shape is bool:
        if not isinstance(value, bool):
            raise _differs(where, value, "true or false")
    elif shape in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _differs(where, value, "a number")
        if not abs(value) < LARGEST:  # not a number, too
            raise _differs(where, value, f"a number below {LARGEST:g}")
        if shape is int and value != int(value):
            raise _differs(where, value, "a whole number")
    elif issubclass(shape, str):
        if not isinstance(value, str):
            raise _differs(where, value, "a text")
        check_texts(value, where)
