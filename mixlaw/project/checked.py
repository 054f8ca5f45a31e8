"""Frozen dataclasses with values checked by pydantic; an error is one line: where, what is wrong, how to fix it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, ValidationError, ValidationInfo
from pydantic.dataclasses import dataclass

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io import fields

T = TypeVar("T")
ONE_OF = {"sources": "source", "targets": "target", "groups": "group"}
"""Sections of the project file that map names to settings, and the word for one of their entries."""
ABSENT = {
    "sources": "missing; name at least one source and its tokens",
    "groups.sources": "has no sources; name them, as in sources: [code, math]",
    "near.mixture": "has no mixture; give proportional, uniform, or shares by source",
}


def _named(check: Callable[[Any, str], Any]) -> BeforeValidator:
    """A pydantic validator from a check of `io.fields`, which names the field. None is left to the field's type."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        return None if value is None else check(value, str(info.field_name))

    return BeforeValidator(validate)


Finite = Annotated[float, _named(fields.finite)]
Positive = Annotated[float, _named(fields.positive)]
NotNegative = Annotated[float, _named(fields.not_negative)]
Share = Annotated[float, _named(fields.share)]
Count = Annotated[int, _named(fields.count)]
Paths = Annotated[tuple[str, ...], _named(fields.checked_paths)]


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def checked(word: str) -> Callable[[type[T]], type[T]]:
    """A decorator that makes a class a frozen dataclass; pydantic checks its fields against their annotations.

    Error messages start with `word`, followed by the value of the field `name` if there is one. A wrong value raises
    MixlawError.

    >>> @checked("pool")
    ... class Pool:
    ...     name: str
    ...     size: Positive
    >>> Pool("web", "1e9").size
    1000000000.0
    >>> Pool("web", -1)
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: pool web: size is -1; it must be above 0
    """

    def decorate(cls: type[T]) -> type[T]:
        made: Any = dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)
        init, first = made.__init__, dataclasses.fields(made)[0].name

        def build(self: Any, *values: Any, **named: Any) -> None:
            where = word
            if first == "name":
                where = f"{word} {fields.checked_name(values[0] if values else named.get('name'), word)}"
            try:
                init(self, *values, **named)
            except ValidationError as error:
                raise MixlawError(f"{where}: {_what(error)}") from None

        made.__init__ = build
        return made

    return decorate


def _what(error: ValidationError) -> str:
    """The first error of an object made in Python."""
    found = error.errors()[0]
    cause = found.get("ctx", {}).get("error")
    return str(cause or f"{'.'.join(map(str, found['loc']))}: {found['msg']}")


def refusal(error: ValidationError, kinds: Mapping[str, type]) -> MixlawError:
    """The first error of a project file, as one line with its key and how to fix it.

    Args:
        kinds: the class of each section; the key "" has the class of the file itself.
    """
    unknown = ("unexpected_keyword_argument", "extra_forbidden")
    # An unknown key first: it is often a misspelt key that another error reports as missing.
    found = min(error.errors(), key=lambda each: each["type"] not in unknown)
    path = [str(part) for part in found["loc"]]
    section = path[0] if path else ""

    def where(parts: list[str]) -> str:
        return ".".join(parts) or "the file"

    def keys(parts: list[str]) -> list[str]:
        return [key for key in kinds[parts[0] if parts else ""].__annotations__ if key not in ("name", "model_config")]

    match found["type"]:
        case kind if kind in unknown:
            above, key = path[:-1], path[-1]
            return MixlawError(f"{where(above)}: unknown key {shown(key)}; {nearest(key, keys(above))}")
        case "missing":
            entry = path[:-1] if len(path) > 1 else path
            mend = ABSENT.get(f"{section}.{path[-1]}" if len(path) > 1 else section, "missing; write it")
            return MixlawError(f"{where(entry)}: {mend}")
        case "dataclass_type" | "model_type" | "dict_type":
            if path in (["sources"], ["targets"]):
                return MixlawError(f"{section}: must map names to settings, as in {section}: {{web: {{...}}}}")
            inside = "" if path == ["groups"] else f" with keys from {listed(keys(path), 12)}"
            return MixlawError(f"{where(path)}: must be a mapping{inside}, not {shown(found['input'])}")
    cause = found.get("ctx", {}).get("error")
    if not isinstance(cause, MixlawError):
        return MixlawError(f"{where(path)}: {found['msg']}, not {shown(found['input'])}")
    if section in ONE_OF:  # an error of the whole section names its entry itself
        return MixlawError(f"{ONE_OF[section]} {path[1]}: {cause}" if len(path) > 1 else str(cause))
    return MixlawError(f"{section}: {cause}")
