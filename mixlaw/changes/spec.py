"""Changes: sources that were renamed, merged, split, dropped or added, validated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.fields import checked_name, finite
from mixlaw.io.files import read_text
from mixlaw.io.yaml import parse_yaml

Parts = Mapping[str, float | None]
"""Sources with their tokens or shares; None if they are not stated."""


@dataclass(frozen=True)
class Changes:
    """Changes to the sources of a project, all applied at once. Each old name appears at most once.

    Attributes:
        rename: new name by old name; a target of the same name is renamed too.
        merge: by new source, the old sources that it consists of, with their tokens (any unit), or None for all.
        split: by old source, the new sources that it was split into, with their tokens (any unit).
        drop: old sources that were removed.
        add: new sources that no run contains.

    Raises:
        MixlawError: a name is empty, changed twice, or created twice; there are fewer than two parts, or their tokens
            sum to 0.

    >>> changes = Changes(rename={"web": "crawl"}, merge={"text": {"books": 3e9, "news": 1e9}})
    >>> changes.expand({"crawl": 0.6, "text": 0.4})
    {'web': 0.6, 'books': 0.30000000000000004, 'news': 0.1}
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    merge: Mapping[str, Parts] = field(default_factory=dict)
    split: Mapping[str, Parts] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    add: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "rename", _names(self.rename, "rename"))
        for kind in ("merge", "split"):
            _set(self, kind, {name: _parts(parts, f"{kind} {name}") for name, parts in _map(self, kind).items()})
        for kind in ("drop", "add"):
            _set(self, kind, _list(getattr(self, kind), kind))
        for name, parts in self.split.items():
            if any(not value for value in parts.values()):
                raise MixlawError(f"split {name}: state the tokens of each part, above 0, as in {name}=a:3e9+b:1e9")
        for what, names in (("changed", self.old), ("made", self.new)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise MixlawError(f"changes: {listed(twice)} is {what} twice; say what becomes of it once")

    @property
    def old(self) -> list[str]:
        """Old names of the changed sources."""
        return [*self.rename, *(name for parts in self.merge.values() for name in parts), *self.split, *self.drop]

    @property
    def new(self) -> list[str]:
        """Names of the sources that the changes create."""
        return [*self.rename.values(), *self.merge, *(n for parts in self.split.values() for n in parts), *self.add]

    def __bool__(self) -> bool:
        return bool(self.old or self.new)

    def check(self, sources: Iterable[str], where: str) -> None:
        """Raise if a changed source is not in `sources`, or a created one is already there.

        Raises:
            MixlawError: naming the source.
        """
        known = list(sources)
        for name in self.old:
            if name not in known:
                raise MixlawError(f"{where}: has no source {shown(name)} to change; {nearest(name, known)}")
        kept = set(known) - set(self.old)
        for name in self.new:
            if name in kept:
                raise MixlawError(f"{where}: has a source {shown(name)} already; rename it too, or choose another name")

    def settled(self, merge: Mapping[str, Parts]) -> Changes:
        """The changes with these parts and weights of merged sources."""
        return replace(self, merge=merge)

    def expand(self, mixture: Mapping[str, float]) -> dict[str, float]:
        """Convert a mixture of the new sources to the old ones, exactly: merged sources are divided in the stated
        proportions, split sources are added up, old names are restored. Unchanged sources keep their shares.

        Raises:
            MixlawError: a merged source's proportions are not stated, or an added source has a share, which no old
                source can represent.
        """
        found: dict[str, float] = {}
        back = {new: old for old, new in self.rename.items()}
        whole = {part: old for old, parts in self.split.items() for part in parts}
        for name, share in mixture.items():
            if name in self.add:
                if share > 0:
                    raise MixlawError(
                        f"source {shown(name)} is new: no mixture of the old sources stands for its share"
                    )
                continue
            parts = {back.get(name, whole.get(name, name)): 1.0}
            if name in self.merge:
                parts = proportions(self.merge[name], f"merge {name}")
            for old, part in parts.items():
                found[old] = found.get(old, 0.0) + share * part
        return found


def proportions(parts: Parts, where: str) -> dict[str, float]:
    """Shares of the parts, summing to 1; raises MixlawError if a weight is not stated.

    >>> proportions({"a": 3e9, "b": 1e9}, "merge ab")
    {'a': 0.75, 'b': 0.25}
    """
    stated = {name: value for name, value in parts.items() if value is not None}
    if len(stated) < len(parts):
        raise MixlawError(f"{where}: state the tokens of each part, as in a:3e9+b:1e9")
    total = sum(stated.values())
    return {name: value / total for name, value in stated.items()}


def read_changes(path: str | os.PathLike[str]) -> Changes:
    """Changes from a YAML file: rename: {old: new}, merge: {new: [a, b]} or {new: {a: 3e9, b: 1e9}}, split: {old: {a:
    3e9, b: 1e9}}, drop: [a], add: [a].

    Raises:
        MixlawError: one line that names the file, the key and how to fix it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "changes.yaml"
    >>> _ = path.write_text("rename: {web: crawl}\\ndrop: [forum]\\n")
    >>> read_changes(path).old
    ['web', 'forum']
    """
    file = Path(path)
    content = parse_yaml(read_text(file), str(file))
    known = [f.name for f in fields(Changes)]
    if not isinstance(content, dict) or not content:
        raise MixlawError(f"{file}: must map some of {listed(known)} to names")
    for key in content:
        if key not in known:
            raise MixlawError(f"{file}: unknown key {shown(key)}; {nearest(key, known)}")
    try:
        return Changes(**content)
    except MixlawError as error:
        raise MixlawError(f"{file}: {error}") from None


def _map(changes: Changes, kind: str) -> Mapping[str, Any]:
    value = getattr(changes, kind)
    if not isinstance(value, Mapping):
        raise MixlawError(f"{kind}: must map a source to its parts, not {shown(value)}")
    for name in value:
        checked_name(name, kind)
    return value


def _names(value: object, kind: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise MixlawError(f"{kind}: must map old names to new ones, not {shown(value)}")
    return {checked_name(old, kind): checked_name(new, kind) for old, new in value.items()}


def _list(value: object, kind: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise MixlawError(f"{kind}: must be a list of names, not {shown(value)}")
    return tuple(checked_name(name, kind) for name in value)


def _parts(value: object, where: str) -> dict[str, float | None]:
    """Parts with their weights, from a mapping or a list of names."""
    if isinstance(value, str) or not isinstance(value, (Mapping, Iterable)):
        raise MixlawError(f"{where}: parts must be a list of names, or map them to tokens, not {shown(value)}")
    pairs = list(value.items()) if isinstance(value, Mapping) else [(name, None) for name in value]
    parts = {checked_name(name, where): None if v is None else finite(v, f"{where}: {name}") for name, v in pairs}
    if len(parts) < 2 or len(parts) < len(pairs):
        raise MixlawError(f"{where}: name two parts or more, each once")
    stated = [v for v in parts.values() if v is not None]
    if stated and (len(stated) < len(parts) or min(stated) < 0 or not sum(stated) > 0):
        raise MixlawError(f"{where}: give each part its tokens, 0 or more and not all 0, or none of them")
    return parts


def _set(instance: object, name: str, value: object) -> None:
    object.__setattr__(instance, name, value)
