"""What a plan must keep beside the sources' own bounds, and what it minimises: frozen, and validated when made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.fields import checked_name, finite, share
from mixlaw.mixtures.simplex import as_mixture

OBJECTIVES = ("mean", "worst")
REFERENCES = ("proportional", "uniform")


@dataclass(frozen=True)
class Group:
    """Sources whose shares together have bounds, such as all code.

    Attributes:
        name: for messages and reports.
        sources: names, at least one, none twice.
        min, max: smallest and largest sum of their shares.
        keep: their shares within the group, in the order of `sources`, where the plan is to keep these proportions, as
            of sources whose evidence is an earlier plan's; None where they are free.

    Raises:
        MixlawError: a value is out of range, or neither bounds nor proportions are stated.
    """

    name: str
    sources: tuple[str, ...]
    min: float = 0.0
    max: float = 1.0
    keep: tuple[float, ...] | None = None

    @property
    def kept(self) -> dict[str, float]:
        """The kept proportions by source, empty where they are free."""
        return {} if self.keep is None else dict(zip(self.sources, self.keep, strict=True))

    def __post_init__(self) -> None:
        where = f"group {checked_name(self.name, 'group')}"
        if isinstance(self.sources, str) or not isinstance(self.sources, Iterable):
            raise MixlawError(f"{where}: sources must be a list of names, not {shown(self.sources)}")
        object.__setattr__(self, "sources", tuple(self.sources))
        if not self.sources:
            raise MixlawError(f"{where}: has no sources; name at least one")
        doubles = sorted({str(name) for name in self.sources if self.sources.count(name) > 1})
        if doubles:
            raise MixlawError(f"{where}: {listed(doubles)} named twice; name each source once")
        for key in ("min", "max"):
            object.__setattr__(self, key, share(getattr(self, key), f"{where}: {key}"))
        if self.min > self.max:
            raise MixlawError(f"{where}: min {self.min:g} exceeds max {self.max:g}; lower min or raise max")
        if self.keep is not None:
            object.__setattr__(self, "keep", _proportions(self.keep, len(self.sources), where))
        elif self.min == 0 and self.max == 1:
            raise MixlawError(f"{where}: bounds nothing; state min, max or keep")


def _proportions(keep: Any, count: int, where: str) -> tuple[float, ...]:
    """Shares that sum to 1, from numbers of any sum."""
    if isinstance(keep, (str, Mapping)) or not isinstance(keep, Iterable):
        raise MixlawError(f"{where}: keep must be a number for each source, not {shown(keep)}")
    values = [finite(value, f"{where}: keep") for value in keep]
    if len(values) != count or min(values) < 0 or not sum(values) > 0:
        raise MixlawError(f"{where}: keep must be {count} numbers, one for each source, 0 or more and not all 0")
    return tuple(value / sum(values) for value in values)


@dataclass(frozen=True)
class Near:
    """How near the plan is to stay to a reference mixture r.

    Attributes:
        mixture: "proportional", "uniform", or shares by source.
        kl: largest KL(w|r) = sum_i w_i ln(w_i/r_i), nats.
        l1: largest sum_i |w_i - r_i|: twice the share of tokens that move.
        kl_price, l1_price: what a unit of either costs, in nats per token of the objective.

    Raises:
        MixlawError: a value is out of range, none of the four is stated, or the mixture is none.
    """

    mixture: str | Mapping[str, float]
    kl: float | None = None
    l1: float | None = None
    kl_price: float | None = None
    l1_price: float | None = None

    def __post_init__(self) -> None:
        for key in ("kl", "l1", "kl_price", "l1_price"):
            if getattr(self, key) is not None:
                value = finite(getattr(self, key), f"near: {key}")
                if value < 0:
                    raise MixlawError(f"near: {key} is {value:g}; it must be 0 or more")
                object.__setattr__(self, key, value)
        if self.kl is None and self.l1 is None and self.kl_price is None and self.l1_price is None:
            raise MixlawError("near: states no distance; give kl or l1 (a bound), or kl_price or l1_price (a penalty)")
        if isinstance(self.mixture, str):
            if self.mixture not in REFERENCES:
                raise MixlawError(f"near: mixture {shown(self.mixture)} is none; {nearest(self.mixture, REFERENCES)}")
        elif isinstance(self.mixture, Mapping) and self.mixture:
            shares = {str(k): finite(v, f"near: mixture: {k}") for k, v in self.mixture.items()}
            as_mixture(list(shares.values()), "near: mixture")
            object.__setattr__(self, "mixture", MappingProxyType(shares))
        else:
            raise MixlawError(f"near: mixture must be {' or '.join(REFERENCES)}, or map sources to shares")

    @property
    def uses_kl(self) -> bool:
        """Whether a KL is bounded or priced."""
        return self.kl is not None or bool(self.kl_price)

    def reference(self, names: tuple[str, ...], proportional_S: np.ndarray | None) -> np.ndarray:
        """r over the sources `names`, shape (S,), summing to 1.

        Raises:
            MixlawError: a source is unknown, sizes are needed and missing, or the KL from r is infinite.
        """
        if self.mixture == "uniform":
            return np.full(len(names), 1.0 / len(names))
        if self.mixture == "proportional":
            if proportional_S is None:
                raise MixlawError("near: mixture proportional needs the tokens of every source; state them")
            return proportional_S
        assert isinstance(self.mixture, Mapping)
        for name in self.mixture:
            if name not in names:
                raise MixlawError(f"near: mixture names {shown(name)}, which is no source; {nearest(name, names)}")
        r_S = as_mixture([self.mixture.get(name, 0.0) for name in names], "near: mixture")
        if self.uses_kl and not (r_S > 0).all():
            absent = [name for name, r in zip(names, r_S, strict=True) if not r > 0]
            raise MixlawError(f"near: the KL from a mixture without {listed(absent)} is infinite; give a share, or l1")
        return r_S


@dataclass(frozen=True)
class Constraints:
    """What a plan minimises, and what it keeps beside the sources' bounds and the targets' ceilings.

    Attributes:
        objective: "mean", the targets' weighted mean loss, or "worst", the largest loss of a target of weight above 0.
        groups: bounds on sums of shares.
        near: distance from a reference mixture.
    """

    objective: str = "mean"
    groups: tuple[Group, ...] = ()
    near: Near | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise MixlawError(f"objective: {shown(self.objective)} is none; {nearest(self.objective, OBJECTIVES)}")
        object.__setattr__(self, "groups", tuple(self.groups))
        names = [group.name for group in self.groups]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise MixlawError(f"groups: {listed(doubles)} given twice; names must differ")
        kept = [name for group in self.groups for name in group.kept]
        doubles = sorted({name for name in kept if kept.count(name) > 1})
        if doubles:
            raise MixlawError(f"groups: {listed(doubles)} is in two groups that keep proportions; leave it out of one")
        if kept and self.near is not None and (self.near.l1 is not None or self.near.l1_price is not None):
            raise MixlawError("near: l1 does not go with a group that keeps proportions; use kl")

    def check(self, names: tuple[str, ...]) -> None:
        """Refuse groups and references that name sources which are none."""
        for group in self.groups:
            for name in group.sources:
                if name not in names:
                    raise MixlawError(f"group {group.name}: {shown(name)} is no source; {nearest(name, names)}")
        if self.near is not None and isinstance(self.near.mixture, Mapping):
            self.near.reference(names, None)


KEYS = tuple(field.name for field in fields(Constraints))
"""Keys of the project file that `read_constraints` reads."""


def read_constraints(top: Mapping[str, Any], names: tuple[str, ...]) -> Constraints:
    """The constraints of a project file's top-level keys.

    Raises:
        MixlawError: naming the key and the mend.
    """
    groups = []
    for name, settings in _mapping(top.get("groups", {}), "groups", None).items():
        values = _mapping(settings, f"groups.{name}", ("sources", "min", "max", "keep"))
        if isinstance(values.get("keep"), dict):
            values = values | _kept(name, values)
        if "sources" not in values:
            raise MixlawError(f"groups.{name}: has no sources; name them, as in sources: [code, math]")
        groups.append(Group(name, **values))
    near = None
    if "near" in top:
        values = _mapping(top["near"], "near", [field.name for field in fields(Near)])
        if "mixture" not in values:
            raise MixlawError("near: has no mixture; say proportional, uniform, or shares by source")
        near = Near(**values)
    made = Constraints(top.get("objective", "mean"), tuple(groups), near)
    made.check(names)
    return made


def _kept(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Sources and proportions of a group whose `keep` maps one to the other."""
    keep = values["keep"]
    if "sources" in values and set(values["sources"]) != set(keep):
        raise MixlawError(f"groups.{name}: sources and keep name different sources; leave out sources")
    return {"sources": tuple(keep), "keep": tuple(keep.values())}


def _mapping(content: object, where: str, known: Iterable[str] | None) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise MixlawError(f"{where}: must be a mapping, not {shown(content)}")
    for key, value in content.items():
        if known is not None and key not in known:
            raise MixlawError(f"{where}: unknown key {shown(key)}; {nearest(key, known)}")
        if value is None:
            raise MixlawError(f"{where}.{key}: has no value; write one or remove the key")
    return content
