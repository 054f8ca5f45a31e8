"""The optimal plan with a new source: as a source of its own, or as more tokens of the most similar known source."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from mixlaw.fitting.fit_result import Fit
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MixtureProblem, pose
from mixlaw.optimization.scale import Scale
from mixlaw.project.sources import Source, Sources


class Optima(NamedTuple):
    """Optima of the fit and of its replicas; objective of the fit's optimum in every replica (B,), nats per token."""

    best: Optimum
    refits: list[Optimum]
    value_B: np.ndarray


@dataclass(frozen=True)
class Offers:
    """Ways in which a new source can enter a plan.

    Attributes:
        problem, scale: the plan without the new source.
        fit: the fit with the new source, in the last place.
        like: the most similar known source, whose tokens a part of the new source may count as; None if there is none.
        part: that part of the new source's tokens.
    """

    problem: MixtureProblem
    scale: Scale
    fit: Fit
    like: str | None
    part: float = 1.0

    def solved(self, offer: Source, replicas: bool = True) -> Optima:
        """Optima over all sources, the new one last; those of the replicas only if requested.

        Raises:
            MixlawError: no mixture satisfies the constraints.
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
        """Optima with the new source's tokens and share added to those of the most similar known source."""
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
        """Split the share of the merged source into known and new; returns shares (S + 1,).

        The known source is used first, for one epoch and within its bounds. If both must repeat, they have equal
        epochs.
        """
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
    """Optima of a problem: of the fit (solved unless given as `best`), and of the replicas if requested."""
    best = best or problem.solve(problem.fit.z_KxP[None], scale.pair)[0]
    if not replicas:
        return Optima(best, [], np.empty(0))
    refits = problem.solve(problem.fit.replicas_BxKxP, scale.pair, near_S=best.w_S)
    return Optima(best, refits, problem.value(problem.fit.losses(best.w_S[None], *scale.pair, replicas=True)[:, 0]))
