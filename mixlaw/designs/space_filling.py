"""Space-filling designs: first runs within a project's constraints."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from mixlaw.errors import MixlawError, listed
from mixlaw.mixtures.feasible_set import FeasibleSet
from mixlaw.project.constraints import Constraints
from mixlaw.project.feasible import feasible
from mixlaw.project.sources import Sources
from mixlaw.typing import Array

_SAME_SHARE = 1e-6
_POOL_SIZE = 4000  # samples that represent the feasible set
_CONCENTRATION = 3.0  # sum of the Dirichlet parameters over S: few samples at vertices and edges
_KMEANS_ROUNDS = 25  # later rounds hardly change the design

MOST_RUNS = 10_000
"""Runs above which a design is refused: its pool and its distances take gigabytes."""


@dataclass(frozen=True)
class Design:
    """Mixtures to run, and notes on what the design could not respect.

    Attributes:
        frame: columns `run_id` and `w:<source>`, one row per run.
        notes: for the user, one line each.

    >>> Design(pd.DataFrame({"run_id": ["design0-0000"], "w:web": [1.0]}), ("all runs are the same",)).notes
    ('all runs are the same',)
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def with_repeats(self, times: int) -> Design:
        """The design with `times` repetitions of its first run at its end, each with its own run_id.

        >>> table = pd.DataFrame({"run_id": ["design0-0000"], "w:web": [1.0]})
        >>> list(Design(table).with_repeats(2).frame["run_id"])
        ['design0-0000', 'design0-0000-again1', 'design0-0000-again2']
        """
        if not times:
            return self
        first = pd.concat([self.frame.iloc[[0]]] * times, ignore_index=True)
        first["run_id"] = [f"{self.frame['run_id'][0]}-again{i}" for i in range(1, times + 1)]
        return Design(pd.concat([self.frame, first], ignore_index=True), self.notes)


def design(
    sources: Sources,
    runs: int,
    *,
    seed: int,
    tokens: float | None = None,
    constraints: Constraints | None = None,
    money: float | None = None,
) -> pd.DataFrame:
    """A space-filling design: `runs` mixtures that represent the feasible set, the farthest apart first.

    The first is proportional (or the nearest feasible mixture). The others are the centres of clusters of feasible
    samples, half of them around proportional and half around uniform, so that every mixture that may be recommended has
    a run nearby. Single sources and other vertices are left out, because laws fit them worst: without them the error on
    independent mixtures of the demo's text was .037 nats in place of .054. Distances are between square roots of shares
    (Hellinger), which gives small shares weight.

    Args:
        sources: sources with their bounds; if `tokens` is given, shares are also at most max_epochs U / D.
        runs: number of mixtures, at least 1.
        seed: random seed; the same seed gives the same design.
        tokens: D, the tokens of each run (U: the tokens of a source as stated).
        constraints: groups and the distance from a reference, which every mixture satisfies; penalties are ignored.
        money: limit on the cost of a run's tokens; needs `tokens`.

    Returns:
        Columns `run_id` and `w:<source>`. `space_filling` returns the notes as well.

    Raises:
        MixlawError: `runs` or `seed` is not a whole number in range, or no mixture satisfies the constraints.

    >>> from mixlaw.project.sources import Source
    >>> table = design(Sources([Source("web", 3e9), Source("code", 1e9)]), 4, seed=0)
    >>> list(table.columns), round(float(table["w:web"][0]), 2)
    (['run_id', 'w:web', 'w:code'], 0.75)
    """
    return space_filling(sources, runs, seed, tokens, constraints, money).frame


def space_filling(
    sources: Sources,
    runs: int,
    seed: int,
    tokens: float | None = None,
    constraints: Constraints | None = None,
    money: float | None = None,
) -> Design:
    """`design` with its notes; arguments and errors are the same.

    >>> from mixlaw.project.sources import Source
    >>> space_filling(Sources([Source("web", 3e9), Source("code", 1e9, max_epochs=2)]), 4, seed=0).notes
    ('max_epochs needs the tokens of a run, which were not given: the design does not respect it',)
    """
    check_counts(runs, seed)
    where = feasible(sources, constraints, tokens, money)
    notes = unheeded(sources, tokens, money)
    centre_S = anchor(sources, where, notes)
    rng = np.random.default_rng(seed)
    return framed(sources, _middles(rng, runs, centre_S, where), f"design{seed}", notes)


def check_counts(runs: int, seed: int) -> None:
    """Raise if the number of runs or the seed is not a whole number in range."""
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)) or runs < 1:
        raise MixlawError(f"design: runs is {runs}; it must be a whole number, 1 or more")
    if runs > MOST_RUNS:
        raise MixlawError(f"design: runs is {runs:,}; at most {MOST_RUNS:,} are designed at once")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise MixlawError(f"design: seed is {seed}; it must be a whole number, 0 or more")


def unheeded(sources: Sources, tokens: float | None, money: float | None) -> list[str]:
    """Notes on constraints that are ignored because the tokens of a run are unknown."""
    notes = []
    if tokens is None and np.isfinite(sources.max_epochs_S).any():
        notes.append("max_epochs needs the tokens of a run, which were not given: the design does not respect it")
    if tokens is None and money is not None:
        notes.append("money needs the tokens of a run, which were not given: the design does not respect it")
    return notes


def framed(sources: Sources, w_RxS: Array, prefix: str, notes: list[str]) -> Design:
    """Mixtures as a table, its runs named by a prefix and their number."""
    if len(w_RxS) > 1 and np.ptp(w_RxS, axis=0).max() < _SAME_SHARE:
        notes.append("the bounds leave a single mixture: all runs are the same")
    frame = pd.DataFrame(w_RxS, columns=[f"w:{name}" for name in sources.names])
    frame.insert(0, "run_id", [f"{prefix}-{i:04d}" for i in range(len(w_RxS))])
    return Design(frame, tuple(notes))


def anchor(sources: Sources, where: FeasibleSet, notes: list[str]) -> Array:
    """First mixture of a design: proportional, or the feasible mixture nearest to it; uniform if sizes are unknown. A
    note reports the latter two cases."""
    unknown = [source.name for source in sources if source.tokens is None]
    if unknown:
        notes.append(f"tokens of {listed(unknown)} unknown: the first run is uniform in place of proportional")
        return where.nearest(np.full(len(sources), 1 / len(sources)))
    share_S = sources.proportional()
    centre_S = where.nearest(share_S)
    if np.abs(centre_S - share_S).max() > _SAME_SHARE:
        what = "bounds" if where.boxed else "constraints"
        notes.append(f"proportional is outside the {what}: the first run is the nearest mixture inside")
    return np.asarray(centre_S)


def _middles(rng: np.random.Generator, runs: int, centre_S: Array, where: FeasibleSet) -> Array:
    """The centre and `runs - 1` samples, each the closest to the mean of its cluster (k-means)."""
    pool_NxS = np.concatenate(
        [
            where.draw(rng, _POOL_SIZE // 2, centre_S, _CONCENTRATION),
            where.draw(rng, _POOL_SIZE // 2, None, _CONCENTRATION),
        ]
    )
    pool_NxS = pool_NxS[np.unique(pool_NxS.round(9), axis=0, return_index=True)[1]]
    root_NxS = np.sqrt(pool_NxS)
    mean_RxS = np.concatenate([np.sqrt(centre_S)[None], root_NxS[rng.integers(len(pool_NxS), size=runs - 1)]])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty", UserWarning)  # it keeps its mean
        for _ in range(_KMEANS_ROUNDS):
            mean_RxS, _ = kmeans2(root_NxS, mean_RxS, iter=1, minit="matrix")
            mean_RxS = np.asarray(mean_RxS, float)
            mean_RxS[0] = np.sqrt(centre_S)  # the first run is the centre
    return _farthest_first(centre_S, _closest(pool_NxS, root_NxS, mean_RxS[1:]))


def _closest(pool_NxS: Array, root_NxS: Array, mean_RxS: Array) -> Array:
    """For each mean the closest sample that is not yet taken by an earlier mean, if any is left."""
    free_N = np.ones(len(pool_NxS), bool)
    chosen = []
    for mean_S in mean_RxS:
        distance_N = np.square(root_NxS - mean_S).sum(1)
        chosen.append(int(np.argmin(np.where(free_N, distance_N, np.inf) if free_N.any() else distance_N)))
        free_N[chosen[-1]] = False
    return pool_NxS[chosen]


def _farthest_first(centre_S: Array, w_RxS: Array) -> Array:
    """The centre, then repeatedly the mixture farthest from all earlier ones, so that a shortened design is spread."""
    ordered, left = [centre_S], list(range(len(w_RxS)))
    distance_R = cdist(np.sqrt(w_RxS), np.sqrt(centre_S)[None])[:, 0] if left else np.empty(0)
    while left:
        far = left.pop(int(np.argmax(distance_R[left])))
        ordered.append(w_RxS[far])
        distance_R = np.minimum(distance_R, np.linalg.norm(np.sqrt(w_RxS) - np.sqrt(w_RxS[far]), axis=1))
    return np.stack(ordered)
