"""Which mixtures to run before there are any: a space-filling design within a project's constraints."""

from __future__ import annotations

import warnings

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
_POOL_SIZE = 4000  # draws that stand for the feasible set
_CONCENTRATION = 3.0  # of the draws, times S: few corners and edges
_KMEANS_ROUNDS = 25  # of k-means; later ones move no point that matters


def design(
    sources: Sources,
    runs: int,
    *,
    seed: int,
    tokens: float | None = None,
    constraints: Constraints | None = None,
    money: float | None = None,
) -> pd.DataFrame:
    """`runs` mixtures that represent the feasible set, the farthest apart first.

    The first is proportional (or the nearest feasible mixture). The others are the middles of the clusters of draws,
    half of them around proportional and half around uniform, so that every mixture one may come to recommend has a
    run nearby. Runs of single sources and of corners, which the laws fit worst, teach them less: on the demo's text
    the error on mixtures of neither design fell from .054 to .037 nats without them. Distances are between
    square roots of shares (Hellinger), so that small shares count.

    Args:
        sources: with bounds; shares are also held to max_epochs U / D when `tokens` is given.
        runs: how many mixtures, at least 1.
        seed: same seed, same design.
        tokens: D, the tokens each run will see (with U the tokens of the sources as stated).
        constraints: groups and the distance from a reference, which every mixture keeps; prices count for nothing.
        money: what the tokens of a run may cost; needs `tokens`.

    Returns:
        Columns `run_id` and `w:<source>`; `.attrs["notes"]` holds what the user should know.

    Raises:
        MixlawError: `runs` or `seed` is no whole number in range, or the constraints admit no mixture.

    >>> from mixlaw.project.sources import Source
    >>> table = design(Sources([Source("web", 3e9), Source("code", 1e9)]), 4, seed=0)
    >>> list(table.columns), round(float(table["w:web"][0]), 2)
    (['run_id', 'w:web', 'w:code'], 0.75)
    """
    check_counts(runs, seed)
    where = feasible(sources, constraints, tokens, money)
    notes = unheeded(sources, tokens, money)
    centre_S = anchor(sources, where, notes)
    rng = np.random.default_rng(seed)
    return framed(sources, _middles(rng, runs, centre_S, where), f"design{seed}", notes)


def check_counts(runs: int, seed: int) -> None:
    """Refuse a number of runs or a seed that is none."""
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)) or runs < 1:
        raise MixlawError(f"design: runs is {runs}; it must be a whole number, 1 or more")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise MixlawError(f"design: seed is {seed}; it must be a whole number, 0 or more")


def unheeded(sources: Sources, tokens: float | None, money: float | None) -> list[str]:
    """What cannot be kept while the tokens of a run are not known, one line each."""
    notes = []
    if tokens is None and np.isfinite(sources.max_epochs_S).any():
        notes.append("max_epochs needs the tokens of a run, which were not given: the design does not respect it")
    if tokens is None and money is not None:
        notes.append("money needs the tokens of a run, which were not given: the design does not respect it")
    return notes


def framed(sources: Sources, w_RxS: Array, prefix: str, notes: list[str]) -> pd.DataFrame:
    """Mixtures as a table, its runs named by a prefix and their number."""
    if len(w_RxS) > 1 and np.ptp(w_RxS, axis=0).max() < _SAME_SHARE:
        notes.append("the bounds leave a single mixture: all runs are the same")
    frame = pd.DataFrame(w_RxS, columns=[f"w:{name}" for name in sources.names])
    frame.insert(0, "run_id", [f"{prefix}-{i:04d}" for i in range(len(w_RxS))])
    frame.attrs["notes"] = tuple(notes)
    return frame


def anchor(sources: Sources, where: FeasibleSet, notes: list[str]) -> Array:
    """Proportional, or the nearest mixture that is feasible; uniform where sizes are unknown. Both are said."""
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
    """The centre and `runs - 1` draws from a pool, each the closest to the mean of its cluster (k-means)."""
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
            mean_RxS[0] = np.sqrt(centre_S)  # the first run is the centre
    return _farthest_first(centre_S, _closest(pool_NxS, root_NxS, mean_RxS[1:]))


def _closest(pool_NxS: Array, root_NxS: Array, mean_RxS: Array) -> Array:
    """For each mean the closest draw that no mean before it took, as long as there are any."""
    free_N = np.ones(len(pool_NxS), bool)
    chosen = []
    for mean_S in mean_RxS:
        distance_N = np.square(root_NxS - mean_S).sum(1)
        chosen.append(int(np.argmin(np.where(free_N, distance_N, np.inf) if free_N.any() else distance_N)))
        free_N[chosen[-1]] = False
    return pool_NxS[chosen]


def _farthest_first(centre_S: Array, w_RxS: Array) -> Array:
    """The centre, then each time the mixture farthest from all before, so that a design cut short still spreads."""
    ordered, left = [centre_S], list(range(len(w_RxS)))
    distance_R = cdist(np.sqrt(w_RxS), np.sqrt(centre_S)[None])[:, 0] if left else np.empty(0)
    while left:
        far = left.pop(int(np.argmax(distance_R[left])))
        ordered.append(w_RxS[far])
        distance_R = np.minimum(distance_R, np.linalg.norm(np.sqrt(w_RxS) - np.sqrt(w_RxS[far]), axis=1))
    return np.stack(ordered)
