"""Goal: the planned run of a fit. If sources repeat, proxies with the same epochs are the most informative."""

from dataclasses import dataclass

import numpy as np

from mixlaw.project.budget import TOKENS_PER_PARAM, Budget
from mixlaw.project.sources import Sources
from mixlaw.runs.run_table import Runs

HALF_WEIGHT_DISTANCE = 1.0
"""Distance in (ln N/U, ln D/U) at which a run has half the weight (from 30M predicting 124M: `analysis/NOTES.md`)."""
ONE_EPOCH = 1.02
"""Largest number of epochs that counts as one: packing changes token counts slightly."""
OUTSIDE_FACTOR = 1.25
"""Factor by which the planned N/U or D/U may be outside the range of the runs before a note is added."""


@dataclass(frozen=True)
class Goal:
    """A planned run.

    Attributes:
        unique: unique tokens by source (inf: the source is never repeated).
        tokens: D, possibly approximate.
        params: N; None if it is not chosen yet.

    >>> Goal({"web": 1e12, "code": 2e8}, tokens=1e9, params=5e7).repeats
    True
    """

    unique: dict[str, float]
    tokens: float
    params: float | None = None

    @property
    def repeats(self) -> bool:
        """True if some source has fewer unique tokens than the run."""
        return any(unique < self.tokens for unique in self.unique.values())


def goal(sources: Sources | None, budget: Budget | None) -> Goal | None:
    """The planned run of a project's sources and budget; None if one of them is not given.

    >>> from mixlaw.project.sources import Budget, Source, Sources
    >>> planned = goal(Sources([Source("web", 1e9), Source("code", 2e8)]), Budget(tokens=4e9, params=2e8))
    >>> planned.unique, planned.tokens, planned.params
    ({'web': 1000000000.0, 'code': 200000000.0}, 4000000000.0, 200000000.0)
    """
    if sources is None or budget is None:
        return None
    unique = dict(zip(sources.names, np.nan_to_num(sources.tokens_S, nan=np.inf).tolist(), strict=True))
    if budget.tokens is not None:
        return Goal(unique, budget.tokens, budget.params)
    assert budget.flops is not None, "a budget states N and D, or compute"
    return Goal(unique, float(TOKENS_PER_PARAM * budget.params_for()))  # until N is found


def closeness(runs: Runs, goal: Goal) -> np.ndarray:
    """Weights of rows (R,), with mean 1: the closer a run's last row is to the goal, the larger its weight.

    1 / (1 + mean_j of d_j² / HALF_WEIGHT_DISTANCE²), with d_j the distance in (ln N/U_j, ln D/U_j). The mean is over
    the sources j that some run repeats and that have fewer tokens than the planned run. All weights are 1 if there is
    no such source, or if N or D is unknown.
    """
    scarce = _scarce(runs, goal)
    if not scarce:
        return np.ones(len(runs))
    last_R = np.flatnonzero(runs.last_R)
    ends = runs.select(last_R)
    distance_Ex2xJ = np.log(_relative(ends, scarce)) - np.log(_planned(goal, scarce))
    by_cluster = np.zeros(runs.cluster_R.max() + 1)
    by_cluster[runs.cluster_R[last_R]] = 1.0 / (1.0 + (distance_Ex2xJ**2).sum(1).mean(1) / HALF_WEIGHT_DISTANCE**2)
    weight_R = by_cluster[runs.cluster_R]
    return weight_R / weight_R.mean()


def repeated(runs: Runs) -> np.ndarray:
    """Mask of the sources that some run repeats, (S,); small differences by packing are ignored."""
    return np.nan_to_num(runs.epochs_RxS).max(0) > ONE_EPOCH


def _scarce(runs: Runs, goal: Goal) -> list[str]:
    if goal.params is None or not (np.isfinite(runs.params_R).all() and np.isfinite(runs.tokens_R).all()):
        return []
    pairs = zip(runs.sources, repeated(runs), strict=True)
    return [source for source, again in pairs if again and goal.unique.get(source, np.inf) < goal.tokens]


def unbracketed(runs: Runs, goal: Goal) -> list[str]:
    """Notes on sources whose planned N/U or D/U is outside the range of the runs."""
    notes = []
    for source in _scarce(runs, goal):
        found_Rx2, planned_2 = _relative(runs, [source])[:, :, 0], _planned(goal, [source])[:, 0]
        for name, low, high, plan in zip(("N/U", "D/U"), found_Rx2.min(0), found_Rx2.max(0), planned_2, strict=True):
            if not low / OUTSIDE_FACTOR <= plan <= high * OUTSIDE_FACTOR:
                notes.append(
                    f"source {source}: the plan's {name} of {plan:.3g} is outside the runs' {low:.3g} to {high:.3g}: "
                    "train proxies on a subset of the source, so that its epochs match the planned run's"
                )
    return notes


def _relative(runs: Runs, sources: list[str]) -> np.ndarray:
    """N/U and D/U of J sources, (R, 2, J); a source that never repeats in a run has as many tokens as the run."""
    at = [runs.sources.index(s) for s in sources]
    unique_RxJ = np.minimum(runs.unique_RxS[:, at], runs.tokens_R[:, None])
    return np.stack([runs.params_R, runs.tokens_R], 1)[:, :, None] / unique_RxJ[:, None, :]


def _planned(goal: Goal, sources: list[str]) -> np.ndarray:
    assert goal.params is not None
    return np.array([[n / goal.unique[s] for s in sources] for n in (goal.params, goal.tokens)])
