"""Exact optimal transport between a mixture and a target, by POT's network simplex.

OT(w) = min <C, T> over couplings T of the mixture's and the target's points. Its dual,

    max  sum_k w_k fbar_k + b.g   over  f_i + g_j <= C_ij,      fbar_k the mean of f over source k,

shows that OT is convex and piecewise linear in w, with fbar as a subgradient. The cost does not depend on w: it is
built once. Potentials are c-transformed, f_i = min_j (C_ij - g_j), over the points of all sources: the solver leaves
them arbitrary where a source has no share. So the plane stays below OT at every mixture, whatever the solver did.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from mixlaw.errors import MixlawError, nearest
from mixlaw.transport.distances.base import Evaluation, checked_mixture
from mixlaw.transport.distances.warm_starts import WarmStarts
from mixlaw.transport.features.samples import Samples
from mixlaw.typing import Array

COSTS: dict[str, Any] = {"euclidean": "euclidean", "squared": "sqeuclidean"}
MOST_CELLS = 2**27  # a GiB of float64
DUALITY = 1e-9  # of the largest cost: the solver's potentials are off by some 1e-13 of it, its cost is not
NO_SHARE = 1e-12  # a share below it is left out: it moves the distance by less than it times the largest cost


class Potentials(NamedTuple):
    """A solution: its cost, the dual's value, and potentials of all points, feasible everywhere."""

    primal: float
    dual: float
    f_N: Array
    g_M: Array


class ExactOT:
    """Exact optimal transport, in the cost's unit; a `Distance`. Float64 throughout.

    Each solution starts from the potentials of the nearest mixture solved so far (POT's warm start): values are the
    same up to rounding, subgradients at kinks may differ.

    Args:
        samples: points; up to about 4e6 pairs a call take about a second.
        cost: "euclidean", or "squared" for its square.
        warm: whether to start warm.

    Raises:
        MixlawError: an unknown cost, or a cost matrix above 1 GiB.
    """

    def __init__(self, samples: Samples, cost: str = "euclidean", warm: bool = True) -> None:
        if cost not in COSTS:
            raise MixlawError(f"cost {cost}: unknown; {nearest(cost, COSTS)}")
        cells = len(samples.flat_NxF) * len(samples.y_MxF)
        if cells > MOST_CELLS:
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
            MixlawError: `w_S` is no mixture of these sources.
            FloatingPointError: the solver did not end at an optimum, or cost and dual differ.
        """
        w_S = checked_mixture(w_S, self.sources)
        mass_N, m = self.samples.mass_N(np.where(w_S < NO_SHARE, 0.0, w_S)), len(self.samples.y_MxF)
        active_N = mass_N > 0
        part_AxM = self.cost_NxM if active_N.all() else self.cost_NxM[active_N]
        g_M = self._starts.nearest(w_S) if self.warm else None
        start = None if g_M is None else (_c_transform(part_AxM, g_M), g_M)
        primal, g_M = _emd(mass_N[active_N] / mass_N.sum(), np.full(m, 1 / m), part_AxM, start)
        f_N = _c_transform(self.cost_NxM, g_M)
        self._starts.keep(w_S, g_M)
        dual = float(mass_N @ f_N / mass_N.sum() + g_M.mean())
        if not abs(primal - dual) <= DUALITY * self._largest:
            raise FloatingPointError(f"exact transport: cost {primal:.12g}, dual {dual:.12g}: no optimum")
        return Potentials(primal, dual, f_N, g_M)


def _c_transform(cost_NxM: Array, g_M: Array, rows: int = 256) -> Array:
    """f_i = min_j (C_ij - g_j), few rows at a time."""
    return np.concatenate([(cost_NxM[i : i + rows] - g_M).min(1) for i in range(0, len(cost_NxM), rows)])


def _emd(a_A: Array, b_M: Array, cost_AxM: Array, start: tuple[Array, Array] | None) -> tuple[float, Array]:
    """The least cost, and a potential of the target's points."""
    from ot.lp import emd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT warns of what is checked below
        _, log = emd(a_A, b_M, cost_AxM, 10**9, log=True, center_dual=False, potentials_init=start)
    if log["warning"] is not None:
        raise FloatingPointError(f"POT's network simplex: {log['warning']}")
    return float(log["cost"]), np.asarray(log["v"])
