"""Section: a frozen dataclass that reads and writes a JSON object without changing it."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Self, Union, get_args, get_origin, get_type_hints

from mixlaw.io.json import no_nan

OPTIONAL_KEY = {"optional_key": True}
"""Metadata of a field whose key is written only if the field has a value."""
ADDED_LATER = {"added_later": True}
"""Metadata of a field without a default whose key files of earlier versions lack."""
NO_KEY = {"no_key": True}
"""Metadata of a field that is no key of the JSON object."""


class Section(Mapping[str, Any]):
    """Base of frozen dataclasses whose fields are the keys of a JSON object.

    A section that was read remembers the keys of its file, their order, and keys that it does not know: `to_dict`
    writes the same object again. A key that the file lacks reads as the field's default or None by attribute and raises
    KeyError by subscript. A value of another shape than its field's is kept as it is. Subclasses are declared with
    `@dataclass(frozen=True, eq=False)`: sections compare as mappings. `dataclasses.replace` is for sections that
    were made, `with_values` also for those that were read.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Range(Section):
    ...     low: float | None = None
    ...     high: float | None = None
    >>> found = Range.from_dict({"high": 3.0, "level": 0.9})
    >>> found.high, found["high"], found.low, found["level"]
    (3.0, 3.0, None, 0.9)
    >>> found.to_dict()
    {'high': 3.0, 'level': 0.9}
    >>> Range(1.0, float("inf")).to_dict()
    {'low': 1.0, 'high': None}
    """

    _written: tuple[str, ...] | None = None
    _unknown: Mapping[str, Any] = {}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The section that a JSON object holds.

        >>> from mixlaw.planning.plan_types import Band
        >>> Band.from_dict({"mean": 2.0, "low": 1.9, "high": 2.2}).high
        2.2
        """
        section = _empty(cls)
        kinds = _kinds(cls)
        for key in kinds.keys() & content.keys():
            object.__setattr__(section, key, _read(kinds[key], content[key]))
        object.__setattr__(section, "_written", tuple(content))
        object.__setattr__(section, "_unknown", {key: content[key] for key in content if key not in kinds})
        return section

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with other values of these keys; a key that the file lacked is written last.

        >>> from mixlaw.planning.plan_types import Band
        >>> Band.from_dict({"high": 2.2, "mean": 2.0}).with_values({"low": 1.9}).to_dict()
        {'high': 2.2, 'mean': 2.0, 'low': 1.9}
        """
        changed = type(self).from_dict({**self, **values})
        for field in fields(self):  # pyright: ignore[reportArgumentType]
            if "no_key" in field.metadata:
                object.__setattr__(changed, field.name, getattr(self, field.name))
        return changed

    def to_dict(self) -> dict[str, Any]:
        """The section as JSON types, not a number as null."""
        return no_nan(self)

    def __getitem__(self, key: str) -> Any:
        if key in self._unknown:
            return self._unknown[key]
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> tuple[str, ...]:
        """Keys that are written, in their order."""
        if self._written is not None:
            return self._written
        known = [(field, getattr(self, field.name)) for field in _keyed(type(self))]
        return tuple(f.name for f, value in known if value is not None or "optional_key" not in f.metadata)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}

    if not TYPE_CHECKING:  # a key that this version does not know; a misspelt field is still found by the type checker

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name not in self._unknown:
                raise AttributeError(f"a {type(self).__name__.lower()} has no '{name}'")
            return self._unknown[name]


def _keyed(cls: type) -> list[Any]:
    return [field for field in fields(cls) if "no_key" not in field.metadata]


@cache
def _kinds(cls: type) -> dict[str, Any]:
    """Types of the fields that are keys."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in _keyed(cls)}


def _empty(cls: type[Any]) -> Any:
    """A section whose fields are None, or their defaults."""
    return cls(**{field.name: None for field in fields(cls) if field.init and is_required(field)})


def is_required(field: Any) -> bool:
    """True for a dataclass field without a default."""
    return field.default is MISSING and field.default_factory is MISSING


def _member(union: Any, value: Any) -> Any:
    """The member of a union that a JSON value is read as: of several sections, the one with the most similar keys."""
    members = [part for part in get_args(union) if part is not NoneType]
    sections = [part for part in members if isinstance(part, type) and issubclass(part, Section)]
    if not sections or not isinstance(value, Mapping):
        return members[0]
    if isinstance(value, tuple(sections)):
        return type(value)
    return min(sections, key=lambda section: len(_kinds(section).keys() ^ value.keys()))


def _read(kind: Any, value: Any) -> Any:
    """A JSON value as a field's type."""
    if get_origin(kind) in (Union, UnionType):
        kind = _member(kind, value)
    if get_origin(kind) is dict and isinstance(value, Mapping):
        return {key: _read(get_args(kind)[1], part) for key, part in value.items()}
    if get_origin(kind) is list and isinstance(value, list):
        return [_read(get_args(kind)[0], part) for part in value]
    if get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(_read(get_args(kind)[0], part) for part in value)
    if isinstance(kind, type) and issubclass(kind, Section) and isinstance(value, Mapping):
        return value if isinstance(value, kind) else kind.from_dict(value)
    return value
