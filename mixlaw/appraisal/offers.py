"""The plan with a new source offered in some amount: as a source of its own, or as more of one it reads like."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from mixlaw.fitting.fit_result import Fit
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MixtureProblem, pose
from mixlaw.optimization.scale import Scale
from mixlaw.project.sources import Source, Sources


class Optima(NamedTuple):
    """Of the fit and of its replicas; and the objective of the fit's own optimum in every replica, nats per token."""

    best: Optimum
    refits: list[Optimum]
    value_B: np.ndarray


@dataclass(frozen=True)
class Offers:
    """What a new source can be in a plan.

    Attributes:
        problem, scale: the plan without it.
        fit: with it as the last source.
        like: a known source of which a part of it may be more of the same, if any.
        part: which part of its tokens.
    """

    problem: MixtureProblem
    scale: Scale
    fit: Fit
    like: str | None
    part: float = 1.0

    def solved(self, offer: Source, replicas: bool = True) -> Optima:
        """Optima over all sources, the new one last; those of the replicas only where they are asked for.

        Raises:
            MixlawError: no mixture keeps the constraints.
        """
        problem = self.problem
        own = pose(self.fit, Sources((*self._known(), offer)), problem.budget, problem.targets, problem.constraints)
        found = self._optima(own, replicas)
        if self.like is None or problem.money is not None:
            return found
        more = self._as_more(offer, replicas)
        return more if more.best.objective < found.best.objective else found

    def _known(self) -> Sources:
        assert self.problem.sources is not None
        return self.problem.sources

    def _optima(self, problem: MixtureProblem, replicas: bool) -> Optima:
        problem.refuse_conflicts(self.scale.tokens)
        return optima(problem, self.scale, replicas)

    def _as_more(self, offer: Source, replicas: bool) -> Optima:
        """The plan without the new source, whose like has its tokens and may take its share besides."""
        problem, known = self.problem, self._known()
        offer = replace(offer, tokens=None if offer.tokens is None else self.part * offer.tokens)
        at = known.names.index(self.like or "")
        same, room = known[at], float(Sources((offer, Source("rest", None))).upper_S(self.scale.tokens)[0])
        endless = offer.tokens is None or same.tokens is None
        both = replace(
            same,
            tokens=None if endless else (same.tokens or 0.0) + (offer.tokens or 0.0),
            max_epochs=None,
            share=None,
            min=same.min,
            max=min(float(problem.upper_S(self.scale.tokens)[at]) + room, 1.0),
        )
        merged = Sources(both if i == at else source for i, source in enumerate(known))
        fit = replace(problem.fit, unique_S=np.nan_to_num(merged.tokens_S, nan=np.inf))
        best, refits, value_B = self._optima(replace(problem, sources=merged, fit=fit), replicas)
        parted = [replace(one, w_S=self._parted(one.w_S, at, offer)) for one in (best, *refits)]
        return Optima(parted[0], parted[1:], value_B)

    def _parted(self, w_S: np.ndarray, at: int, offer: Source) -> np.ndarray:
        """Shares (S + 1,) of a plan in which one source stands for two: the known one goes first, once and as far as
        its bounds allow; where both must repeat, they repeat alike."""
        same, D = self._known()[at], self.scale.tokens
        most = float(self.problem.upper_S(D)[at])
        if D is not None and same.tokens is not None and "unique" in self.fit.law.needs:
            most = min(most, same.tokens / D)
        new = max(float(w_S[at]) - most, 0.0)
        if offer.tokens is not None and D is not None:
            new = min(new, max(offer.tokens / D, w_S[at] * offer.tokens / (offer.tokens + (same.tokens or np.inf))))
        parted_S = np.append(w_S, new)
        parted_S[at] -= new
        return parted_S


def optima(problem: MixtureProblem, scale: Scale, replicas: bool = True, best: Optimum | None = None) -> Optima:
    """Optima of a problem: that of the fit, found unless it is given, and those of the replicas if asked for."""
    best = best or problem.solve(problem.fit.z_KxP[None], scale.pair)[0]
    if not replicas:
        return Optima(best, [], np.empty(0))
    refits = problem.solve(problem.fit.replicas_BxKxP, scale.pair, near_S=best.w_S)
    return Optima(best, refits, problem.value(problem.fit.losses(best.w_S[None], *scale.pair, replicas=True)[:, 0]))
