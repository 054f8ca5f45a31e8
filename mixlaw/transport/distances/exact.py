"""Exact optimal transport between a mixture and a target, by POT's network simplex.

OT(w) = min <C, T> over couplings T of the mixture's and the target's points. Its dual,

    max  sum_k w_k fbar_k + b.g   over  f_i + g_j <= C_ij,      fbar_k the mean of f over source k,

shows that OT is convex and piecewise linear in w, with fbar as a subgradient. The cost matrix does not depend on w and
is built once. Potentials are c-transformed, f_i = min_j (C_ij - g_j), for the points of all sources, because the solver
leaves them arbitrary for sources of share 0. So the plane lies below OT at every mixture even if the solver is inexact.
"""

import warnings
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from mixlaw.errors import MixlawError, nearest
from mixlaw.transport.distances.base import Evaluation, checked_mixture
from mixlaw.transport.distances.warm_starts import WarmStarts
from mixlaw.transport.features.samples import Samples
from mixlaw.typing import Array

COSTS: Mapping[str, Literal["euclidean", "sqeuclidean"]] = {"euclidean": "euclidean", "squared": "sqeuclidean"}
MAX_CELLS = 2**27  # a GiB of float64
GAP_TOLERANCE = 1e-9  # largest duality gap, relative to the largest cost; rounding of the potentials gives some 1e-13
SMALLEST_SHARE = 1e-12  # smaller shares are left out; this changes the distance by less than 1e-12 of the largest cost


class Potentials(NamedTuple):
    """Solution of a transport problem: primal cost, dual value, and dual feasible potentials of all points."""

    primal: float
    dual: float
    f_N: Array
    g_M: Array


class ExactOT:
    """Exact optimal transport, in the cost's unit; a `Distance`. Float64 throughout.

    Each solve starts from the potentials of the nearest mixture solved before (POT's warm start). This changes values
    only by rounding; at kinks it may select another subgradient.

    Args:
        samples: points; a call with 4e6 pairs takes about a second.
        cost: "euclidean", or "squared" for its square.
        warm: whether to use warm starts.

    Raises:
        MixlawError: if the cost is unknown, or the cost matrix is larger than 1 GiB.

    >>> samples = Samples.of({"web": [[0.0], [1.0]], "code": [[4.0], [5.0]]}, [[4.0], [5.0]])
    >>> ExactOT(samples)(np.array([0.5, 0.5])).value
    2.0
    """

    def __init__(self, samples: Samples, cost: str = "euclidean", warm: bool = True) -> None:
        if cost not in COSTS:
            raise MixlawError(f"cost {cost}: unknown; {nearest(cost, COSTS)}")
        cells = len(samples.flat_NxF) * len(samples.y_MxF)
        if cells > MAX_CELLS:
            raise MixlawError(
                f"exact transport: {len(samples.flat_NxF):,} points against {len(samples.y_MxF):,} make a cost matrix "
                f"of {cells * 8 / 2**30:.1f} GiB; take fewer points (`subsampled`), or the entropic distance"
            )
        self.samples, self.warm = samples, warm
        self._starts = WarmStarts()
        self.cost_NxM: Array = cdist(samples.flat_NxF, samples.y_MxF, COSTS[cost])
        self._largest = float(self.cost_NxM.max())

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.samples.sources

    def __call__(self, w_S: Array, /) -> Evaluation:
        """Value and subgradient at a mixture."""
        found = self.solve(w_S)
        return Evaluation(found.primal, found.f_N.reshape(len(self.sources), -1).mean(1))

    def solve(self, w_S: Array) -> Potentials:
        """Costs and potentials at a mixture.

        Raises:
            MixlawError: if `w_S` is not a mixture of these sources.
            FloatingPointError: if the solver did not reach an optimum, or primal and dual values differ.
        """
        w_S = checked_mixture(w_S, self.sources)
        mass_N, m = self.samples.mass_N(np.where(w_S < SMALLEST_SHARE, 0.0, w_S)), len(self.samples.y_MxF)
        active_N = mass_N > 0
        part_AxM = self.cost_NxM if active_N.all() else self.cost_NxM[active_N]
        g_M = self._starts.nearest(w_S) if self.warm else None
        start = None if g_M is None else (_c_transform(part_AxM, g_M), g_M)
        primal, g_M = _emd(mass_N[active_N] / mass_N.sum(), np.full(m, 1 / m), part_AxM, start)
        f_N = _c_transform(self.cost_NxM, g_M)
        self._starts.keep(w_S, g_M)
        dual = float(mass_N @ f_N / mass_N.sum() + g_M.mean())
        if not abs(primal - dual) <= GAP_TOLERANCE * self._largest:
            raise FloatingPointError(f"exact transport: cost {primal:.12g}, dual {dual:.12g}: no optimum")
        return Potentials(primal, dual, f_N, g_M)


def _c_transform(cost_NxM: Array, g_M: Array, rows: int = 256) -> Array:
    """f_i = min_j (C_ij - g_j), by chunks of rows."""
    return np.concatenate([(cost_NxM[i : i + rows] - g_M).min(1) for i in range(0, len(cost_NxM), rows)])


def _emd(a_A: Array, b_M: Array, cost_AxM: Array, start: tuple[Array, Array] | None) -> tuple[float, Array]:
    """Minimum cost, and a potential of the target's points."""
    from ot.lp import emd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT also reports failure in its log, which is checked below
        _, log = emd(a_A, b_M, cost_AxM, 10**9, log=True, center_dual=False, potentials_init=start)
    if log["warning"] is not None:
        raise FloatingPointError(f"POT's network simplex: {log['warning']}")
    return float(log["cost"]), np.asarray(log["v"])
