"""The mixture nearest to a target, with a certified gap: a level bundle method over the simplex with its bounds.

    argmin_w  d(w)   over   sum_k w_k = 1,  lower_k <= w_k <= upper_k

Every evaluation gives a plane that lies below d at all mixtures. The maximum of the planes is a model of d; its
minimum, found by a small linear program, bounds min d from below, and the best value so far bounds it from above. The
next mixture is the point nearest to the best one at which the model is at most a level between the bounds (Lemarechal,
Nemirovskii and Nesterov 1995; Kiwiel 1995). For transport this takes about 15 evaluations.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog, nnls

from mixlaw.errors import MixlawError, listed
from mixlaw.mixtures.simplex import check_bounds, minimise_linear, project
from mixlaw.project.sources import Sources
from mixlaw.transport.distances.base import Distance
from mixlaw.typing import Array

TOLERANCE = 1e-4
LEVEL_FRACTION = 0.5  # position of the level between the lower bound (0) and the best value (1)
TOLERANCE_FLOOR = 1e-2
"""Smallest value, as a share of the first one, that the tolerance is relative to: a minimum of 0 converges too."""


@dataclass(frozen=True)
class Bounds:
    """Lower and upper bounds of the sources' shares.

    Attributes:
        lower_S, upper_S: shares.

    >>> from mixlaw.project.sources import Source
    >>> sources = Sources([Source("web", 2e9, max_epochs=2), Source("code", 1e10)])
    >>> Bounds.of(sources, ("web", "code"), tokens=8e9).upper_S
    array([0.5, 1. ])
    """

    lower_S: Array
    upper_S: Array

    @classmethod
    def of(cls, sources: Sources, names: tuple[str, ...], tokens: float | None = None) -> "Bounds":
        """The planner's bounds: `min` and `max` of each source, tightened by `max_epochs` if D is given.

        Args:
            sources: the project's sources, in any order; their names must be exactly `names`.
            names: names of the sources in the order of the distance's mixtures.
            tokens: D of the planned run; if omitted, `max_epochs` is ignored.

        Raises:
            MixlawError: if the names differ, or no mixture satisfies the bounds.
        """
        if set(names) != set(sources.names):
            odd = listed(sorted(set(names) ^ set(sources.names)))
            raise MixlawError(f"sources of the project and of the distance differ: {odd}; give both the same")
        order = [sources.names.index(name) for name in names]
        return cls(sources.min_S[order], sources.upper_S(tokens)[order])


@dataclass(frozen=True)
class Minimum:
    """Nearest mixture found, with a bound on its optimality gap.

    Attributes:
        w_S: the mixture.
        value: its distance.
        gap: upper bound on how far any feasible mixture can lower the distance.
        iterations: evaluations of the distance.
        converged: whether the gap reached the tolerance.

    >>> Minimum(np.array([0.25, 0.75]), value=0.5, gap=1e-6, iterations=12, converged=True).w_S
    array([0.25, 0.75])
    """

    w_S: Array
    value: float
    gap: float
    iterations: int
    converged: bool


def minimize(
    distance: Distance, bounds: Bounds | None = None, tolerance: float = TOLERANCE, most: int = 200
) -> Minimum:
    """The mixture within bounds that is nearest to the target.

    Args:
        distance: the distance to minimise.
        bounds: bounds of the shares; default: 0 to 1.
        tolerance: largest gap, relative to the larger of the distance found and a hundredth of the distance at the
            start (the middle of the bounds).
        most: largest number of evaluations; if it is reached, `converged` is False.

    Raises:
        MixlawError: if no mixture satisfies the bounds; the message names sources and bounds.

    >>> from mixlaw.transport.distances.ngram_kl import NGramKL
    >>> distance = NGramKL({"web": np.array([3.0, 1.0]), "code": np.array([1.0, 3.0])}, np.array([1.0, 3.0]))
    >>> minimize(distance, Bounds(np.array([0.2, 0.0]), np.ones(2))).w_S.round(2)
    array([0.2, 0.8])
    """
    S = len(distance.sources)
    bounds = bounds or Bounds(np.zeros(S), np.ones(S))
    if np.shape(bounds.lower_S) != (S,) or np.shape(bounds.upper_S) != (S,):
        raise MixlawError(f"bounds: of shapes {np.shape(bounds.lower_S)}, {np.shape(bounds.upper_S)} for {S} sources")
    check_bounds(distance.sources, bounds.lower_S, bounds.upper_S)
    bounds = Bounds(bounds.lower_S, np.minimum(bounds.upper_S, 1.0))
    w_S = project(np.full(S, 1 / S), bounds.lower_S, bounds.upper_S)
    best_S, best, low, first = w_S, np.inf, -np.inf, 0.0
    height_C, slope_CxS = np.empty(0), np.empty((0, S))
    for count in range(1, most + 1):
        value, g_S, error = distance(w_S)
        first = first if count > 1 else abs(value)
        if value + error < best:
            best_S, best = w_S, value + error
        height_C = np.append(height_C, value - g_S @ w_S)
        slope_CxS = np.vstack([slope_CxS, g_S])
        low = max(low, _lowest(height_C, slope_CxS, bounds))
        if best - low <= tolerance * max(abs(best), TOLERANCE_FLOOR * first):
            return Minimum(best_S, float(best), max(float(best - low), 0.0), count, True)
        level = low + LEVEL_FRACTION * (best - low)
        w_S = _nearest_below(best_S, height_C - level, slope_CxS, bounds)
    return Minimum(best_S, float(best), float(best - low), most, False)


def _lowest(height_C: Array, slope_CxS: Array, bounds: Bounds) -> float:
    """Lower bound of min_w max_c height_c + slope_c . w over the bounds; equal to it up to the solver's error.

    Any convex combination of the planes lies below their maximum, so the solver's multipliers give a valid bound even
    if they are inexact.
    """
    S = slope_CxS.shape[1]
    centre_C = slope_CxS.mean(1)  # shares sum to 1, so a constant can be moved from slopes to heights
    scale = max(float(np.ptp(height_C + centre_C)), float(np.abs(slope_CxS - centre_C[:, None]).max()), 1e-300)
    found = linprog(
        np.append(np.zeros(S), 1.0),
        A_ub=np.column_stack([(slope_CxS - centre_C[:, None]) / scale, -np.ones(len(height_C))]),
        b_ub=-(height_C + centre_C - (height_C + centre_C).max()) / scale,
        A_eq=np.append(np.ones(S), 0.0)[None],
        b_eq=[1.0],
        bounds=[*zip(bounds.lower_S, bounds.upper_S, strict=True), (None, None)],
        method="highs",
    )
    if found.status != 0:
        raise FloatingPointError(f"the bundle's linear program: {found.message}")
    part_C = np.maximum(-found.ineqlin.marginals, 0.0)
    part_C = part_C / part_C.sum()
    slope_S = part_C @ slope_CxS
    return float(part_C @ height_C + slope_S @ minimise_linear(slope_S, bounds.lower_S, bounds.upper_S))


def _nearest_below(centre_S: Array, height_C: Array, slope_CxS: Array, bounds: Bounds) -> Array:
    """argmin_v |v - centre|^2 within the bounds, subject to height_c + slope_c . v <= 0 for every c.

    A least distance problem: min |x| subject to G x >= h is solved by non-negative least squares (Lawson and Hanson
    1974, chapter 23), here in S - 1 coordinates of the plane on which shares sum to 1.
    """
    S = len(centre_S)
    basis_SxR = np.linalg.qr(np.column_stack([np.ones(S), np.eye(S)[:, 1:]]))[0][:, 1:]
    plane_CxR = slope_CxS @ basis_SxR
    size_C = np.maximum(np.linalg.norm(plane_CxR, axis=1), 1e-300)
    G_HxR = np.vstack([-plane_CxR / size_C[:, None], basis_SxR, -basis_SxR])
    h_H = np.concatenate(
        [(height_C + slope_CxS @ centre_S) / size_C, bounds.lower_S - centre_S, centre_S - bounds.upper_S]
    )
    E_R1xH = np.vstack([G_HxR.T, h_H])
    target_R1 = np.append(np.zeros(S - 1), 1.0)
    u_H, _ = nnls(E_R1xH, target_R1, maxiter=50 * len(h_H))
    rest_R1 = E_R1xH @ u_H - target_R1
    return project(centre_S - basis_SxR @ (rest_R1[:-1] / rest_R1[-1]), bounds.lower_S, bounds.upper_S)
