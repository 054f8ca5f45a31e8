"""Which mixtures to run: a space-filling design that respects bounds and the tokens there are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mixlaw.errors import MixlawError, listed
from mixlaw.simplex import Array, around, check_bounds, project, sample
from mixlaw.sources import Sources

_ABSENT = 0.01  # a source this close to its lower bound counts as seen (nearly) absent
_SAME = 1e-6


def design(sources: Sources, runs: int, *, seed: int, tokens: float | None = None) -> pd.DataFrame:
    """`runs` mixtures that fill the feasible set, the informative ones first.

    The first is proportional (or its projection on the bounds), then come each source's largest feasible
    share and, for sources still never (nearly) absent, their smallest, if `runs` leaves room for them all.
    The rest, taken in turn from draws over the whole set and from draws around proportional, are each the
    farthest from all before. Distances are between square roots of shares (Hellinger), so that small shares
    count.

    Args:
        sources: with bounds; shares are also held to max_epochs U / D when `tokens` is given.
        runs: how many mixtures, at least 1.
        seed: same seed, same design.
        tokens: D, the tokens each run will see (with U the tokens of the sources as stated).

    Returns:
        Columns `run_id` and `w:<source>`; `.attrs["notes"]` holds what the user should know.

    Raises:
        MixlawError: `runs` or `seed` is no whole number in range, or the bounds admit no mixture.
    """
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)) or runs < 1:
        raise MixlawError(f"design: runs is {runs}; it must be a whole number, 1 or more")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise MixlawError(f"design: seed is {seed}; it must be a whole number, 0 or more")
    lower_S, upper_S = sources.min_S, sources.upper_S(tokens)
    check_bounds(sources.names, lower_S, upper_S)
    notes: list[str] = []
    centre_S = _centre(sources, lower_S, upper_S, notes)
    if tokens is None and np.isfinite(sources.max_epochs_S).any():
        notes.append("max_epochs needs the tokens of a run, which were not given: the design does not respect it")

    rng = np.random.default_rng(seed)
    first = _landmarks(centre_S, lower_S, upper_S)
    if len(first) > runs:
        notes.append(f"{runs} runs cannot show each of {len(sources)} sources on its own; {len(first)} would")
    w_RxS = _spread(rng, runs, first, lower_S, upper_S)
    if runs > 1 and np.ptp(w_RxS, axis=0).max() < _SAME:
        notes.append("the bounds leave a single mixture: all runs are the same")
    frame = pd.DataFrame(w_RxS, columns=[f"w:{name}" for name in sources.names])
    frame.insert(0, "run_id", [f"design{seed}-{i:04d}" for i in range(runs)])
    frame.attrs["notes"] = tuple(notes)
    return frame


def _centre(sources: Sources, lower_S: Array, upper_S: Array, notes: list[str]) -> Array:
    unknown = [source.name for source in sources if source.tokens is None]
    if unknown:
        notes.append(f"tokens of {listed(unknown)} unknown: the first run is uniform in place of proportional")
        return project(np.full(len(sources), 1 / len(sources)), lower_S, upper_S)
    share_S = sources.proportional()
    centre_S = project(share_S, lower_S, upper_S)
    if np.abs(centre_S - share_S).max() > _SAME:
        notes.append("proportional is outside the bounds: the first run is the nearest mixture inside")
    return np.asarray(centre_S)


def _landmarks(centre_S: Array, lower_S: Array, upper_S: Array) -> Array:
    """The centre, each source's largest share, and the smallest of those never (nearly) absent so far."""
    S = len(centre_S)
    points = [centre_S]
    for i in np.argsort(centre_S, kind="stable"):  # scarce sources first: others say least about them
        points.append(_with_share(centre_S, i, min(upper_S[i], 1 - lower_S.sum() + lower_S[i]), lower_S, upper_S))
    for i in range(S):
        least = max(lower_S[i], 1 - upper_S.sum() + upper_S[i])
        if min(point[i] for point in points) > least + _ABSENT:
            points.append(_with_share(centre_S, i, least, lower_S, upper_S))
    kept: list[Array] = []
    for point in points:
        if all(np.abs(point - other).max() > _SAME for other in kept):
            kept.append(point)
    return np.stack(kept)


def _with_share(centre_S: Array, i: int, share: float, lower_S: Array, upper_S: Array) -> Array:
    """The mixture nearest to the centre's proportions among the others in which source i has `share`."""
    share = float(np.clip(share, lower_S[i], upper_S[i]))
    lower_S, upper_S, aim_S = lower_S.copy(), upper_S.copy(), centre_S.copy()
    lower_S[i] = upper_S[i] = share
    aim_S[i] = 0
    aim_S *= (1 - share) / aim_S.sum() if aim_S.sum() > 0 else 0.0
    aim_S[i] = share
    return project(aim_S, lower_S, upper_S)


def _spread(rng: np.random.Generator, runs: int, first: Array, lower_S: Array, upper_S: Array) -> Array:
    """`runs` mixtures: the landmarks as far as they fit, then farthest points from two pools in turn."""
    size = max(1000, 10 * runs)
    centre_S = first[0]
    wide = sample(rng, size, lower_S, upper_S, centre_S)
    near = around(rng, size, lower_S, upper_S, centre_S)
    if len(first) <= runs:
        chosen = list(first)
    else:
        # Too few runs for all landmarks: they compete with the rest, where one run can show several sources.
        chosen, wide = [centre_S], np.concatenate([first[1:], wide])
    pools = [wide, near]
    distance = [np.min([_apart(pool, point) for point in chosen], axis=0) for pool in pools]
    for turn in range(runs - len(chosen)):
        pool = pools[turn % 2]
        point = pool[int(np.argmax(distance[turn % 2]))]
        chosen.append(point)
        distance = [np.minimum(d, _apart(p, point)) for d, p in zip(distance, pools, strict=True)]
    return np.stack(chosen)


def _apart(w_NxS: Array, point_S: Array) -> Array:
    return np.square(np.sqrt(w_NxS) - np.sqrt(point_S)).sum(axis=-1)
