"""Minimum of exact transport over mixtures as one linear program: slow, the reference that tests the bundle method."""

from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack, vstack

from mixlaw.mixtures.simplex import check_bounds, project
from mixlaw.transport.bundle import Bounds, Minimum
from mixlaw.transport.distances.exact import ExactOT


def minimize_by_program(distance: ExactOT, bounds: Bounds) -> Minimum:
    """min <C, T> over w within its bounds and T >= 0 with column sums 1/m and row sums w_k / n, by HiGHS.

    Raises:
        MixlawError: if no mixture satisfies the bounds.
        FloatingPointError: if the solver did not reach an optimum.

    >>> from mixlaw.transport.features.samples import Samples
    >>> samples = Samples.of({"web": [[0.0], [1.0]], "code": [[4.0], [5.0]]}, [[4.0], [5.0]])
    >>> minimize_by_program(ExactOT(samples), Bounds(np.zeros(2), np.array([1.0, 0.75]))).w_S.round(6)
    array([0.25, 0.75])
    """
    check_bounds(distance.sources, bounds.lower_S, bounds.upper_S)
    (N, m), S = distance.cost_NxM.shape, len(distance.sources)
    cell = np.arange(N * m)
    rows_NxC = csr_array((np.ones(N * m), (cell // m, cell)), shape=(N, N * m))
    columns_MxC = csr_array((np.ones(N * m), (cell % m, cell)), shape=(m, N * m))
    share_NxS = csr_array((np.full(N, -S / N), (np.arange(N), np.arange(N) // (N // S))), shape=(N, S))
    equal: Any = vstack([hstack([rows_NxC, share_NxS]), hstack([columns_MxC, csr_array((m, S))])])
    found: Any = linprog(
        np.append(distance.cost_NxM.ravel(), np.zeros(S)),
        A_eq=equal,
        b_eq=np.append(np.zeros(N), np.full(m, 1 / m)),
        bounds=[(0, None)] * (N * m) + list(zip(bounds.lower_S, np.minimum(bounds.upper_S, 1.0), strict=True)),
        method="highs",
    )
    if found.status != 0:
        raise FloatingPointError(f"the transport's linear program: {found.message}")
    w_S = project(found.x[N * m :], bounds.lower_S, bounds.upper_S)
    return Minimum(w_S, float(found.fun), 0.0, 1, True)
