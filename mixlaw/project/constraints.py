"""Objective and constraints of a plan beyond the bounds of single sources: frozen, and validated when made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, PlainValidator

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.io.fields import finite
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.project.checked import NotNegative, Share, checked

OBJECTIVES = ("mean", "worst")
REFERENCES = ("proportional", "uniform")


def _source_names(names: Any) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise MixlawError(f"sources must be a list of names, not {shown(names)}")
    found = tuple(str(name) for name in names)
    if not found:
        raise MixlawError("has no sources; name at least one")
    doubles = sorted({name for name in found if found.count(name) > 1})
    if doubles:
        raise MixlawError(f"{listed(doubles)} named twice; name each source once")
    return found


def _proportions(keep: Any) -> tuple[float, ...] | None:
    """Proportions with any sum; the group divides them by their sum."""
    if keep is None:
        return None
    if isinstance(keep, (str, Mapping)) or not isinstance(keep, Iterable):
        raise MixlawError(f"keep must be a number for each source, not {shown(keep)}")
    return tuple(finite(value, "keep") for value in keep)


def _reference(mixture: Any) -> str | Mapping[str, float]:
    """The reference mixture of `near`: a name, or a read-only mapping of sources to shares."""
    if isinstance(mixture, str):
        if mixture not in REFERENCES:
            raise MixlawError(f"unknown mixture {shown(mixture)}; {nearest(mixture, REFERENCES)}")
        return mixture
    if not isinstance(mixture, Mapping) or not mixture:
        raise MixlawError(f"mixture must be {' or '.join(REFERENCES)}, or map sources to shares")
    shares = {str(k): finite(v, f"mixture: {k}") for k, v in mixture.items()}
    as_mixture(list(shares.values()), "mixture")
    return MappingProxyType(shares)


SourceNames = Annotated[tuple[str, ...], BeforeValidator(_source_names)]
Proportions = Annotated[tuple[float, ...], BeforeValidator(_proportions)]
Reference = Annotated[str | Mapping[str, float], PlainValidator(_reference)]


@checked("group")
class Group:
    """A set of sources, such as all code, with bounds on the sum of their shares or with fixed proportions.

    Attributes:
        name: name in messages and reports.
        sources: names of at least one source, without repetition.
        min, max: smallest and largest sum of the sources' shares.
        keep: fixed proportions of the sources within the group, in the order of `sources`, for example those of an
            earlier plan; None if the proportions are free.

    Raises:
        MixlawError: a value is out of range, or neither bounds nor proportions are stated.

    >>> Group("code", ["python", "rust"], max=0.3).sources
    ('python', 'rust')
    """

    name: str
    sources: SourceNames
    min: Share = 0.0
    max: Share = 1.0
    keep: Proportions | None = None

    @property
    def kept(self) -> dict[str, float]:
        """The fixed proportions by source; empty if they are free."""
        return {} if self.keep is None else dict(zip(self.sources, self.keep, strict=True))

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise MixlawError(f"min {self.min:g} exceeds max {self.max:g}; lower min or raise max")
        if self.keep is None:
            if self.min == 0 and self.max == 1:
                raise MixlawError("bounds nothing; state min, max or keep")
            return
        count, total = len(self.sources), sum(self.keep)
        if len(self.keep) != count or min(self.keep) < 0 or not total > 0:
            raise MixlawError(f"keep must be {count} numbers, one for each source, 0 or more and not all 0")
        object.__setattr__(self, "keep", tuple(value / total for value in self.keep))


@checked("near")
class Near:
    """Bounds or penalties on the distance between the plan and a reference mixture r.

    Attributes:
        mixture: "proportional", "uniform", or shares by source.
        kl: upper bound on KL(w|r) = sum_i w_i ln(w_i/r_i), nats.
        l1: upper bound on sum_i |w_i - r_i|: twice the share of tokens that move.
        kl_price, l1_price: penalty on the same distance, in nats per token of the objective per unit.

    Raises:
        MixlawError: a value is out of range, none of the four is stated, or the mixture is unknown or invalid.

    >>> Near("proportional", kl=0.1).uses_kl
    True
    """

    mixture: Reference
    kl: NotNegative | None = None
    l1: NotNegative | None = None
    kl_price: NotNegative | None = None
    l1_price: NotNegative | None = None

    def __post_init__(self) -> None:
        if self.kl is None and self.l1 is None and self.kl_price is None and self.l1_price is None:
            raise MixlawError("states no distance; give kl or l1 (a bound), or kl_price or l1_price (a penalty)")

    @property
    def uses_kl(self) -> bool:
        """True if the KL is bounded or penalised."""
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
    """Objective of a plan, and constraints in addition to the sources' bounds and the targets' ceilings.

    Attributes:
        objective: "mean", the targets' weighted mean loss, or "worst", the largest loss among targets with a positive
            weight.
        groups: bounds on sums of shares.
        near: distance from a reference mixture.

    >>> Constraints("worst", groups=(Group("code", ("python", "rust"), max=0.3),)).objective
    'worst'
    """

    objective: str = "mean"
    groups: tuple[Group, ...] = ()
    near: Near | None = None

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise MixlawError(f"objective: {shown(self.objective)} is unknown; {nearest(self.objective, OBJECTIVES)}")
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
        """Raise if a group or a reference mixture names an unknown source."""
        for group in self.groups:
            for name in group.sources:
                if name not in names:
                    raise MixlawError(f"group {group.name}: {shown(name)} is no source; {nearest(name, names)}")
        if self.near is not None and isinstance(self.near.mixture, Mapping):
            self.near.reference(names, None)
