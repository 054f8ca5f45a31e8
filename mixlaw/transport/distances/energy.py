"""Energy distance between a mixture and a target: no solver, quadratic in the mixture."""

import numpy as np

from mixlaw.transport.distances.base import Evaluation, checked_mixture
from mixlaw.transport.features.samples import Samples
from mixlaw.typing import Array

ROWS_PER_BLOCK = 1024


class EnergyDistance:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, X of the mixture, Y of the target (Szekely and Rizzo 2013); a `Distance`.

    = 2 w.c - w'Dw - e with mean distances c_k to the target and D_kl between sources, computed once. The means include
    each point's pair with itself; only then is the form convex in w, and 0 if mixture and target are the same points.

    Args:
        samples: points; (S n + m)^2 / 2 distances are computed.

    >>> samples = Samples.of({"web": [[0.0], [1.0]], "code": [[4.0], [5.0]]}, [[4.0], [5.0]])
    >>> distance = EnergyDistance(samples)
    >>> distance(np.array([0.5, 0.5])).value, distance(np.array([0.0, 1.0])).value
    (1.75, 0.0)
    """

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        S, (x_SxNxF, y_MxF) = len(samples.sources), (samples.x_SxNxF, samples.y_MxF)
        self.to_target_S = np.array([_mean_distance(x_NxF, y_MxF) for x_NxF in x_SxNxF])
        self.between_SxS = np.zeros((S, S))
        for k in range(S):
            for j in range(k, S):
                self.between_SxS[k, j] = self.between_SxS[j, k] = _mean_distance(x_SxNxF[k], x_SxNxF[j])
        self.within_target = _mean_distance(y_MxF, y_MxF)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.samples.sources

    def __call__(self, w_S: Array, /) -> Evaluation:
        """Value and gradient at a mixture."""
        w_S = checked_mixture(w_S, self.sources)
        apart_S = self.between_SxS @ w_S
        value = float(2 * w_S @ self.to_target_S - w_S @ apart_S - self.within_target)
        return Evaluation(value, 2 * self.to_target_S - 2 * apart_S)


def _mean_distance(x_NxF: Array, y_MxF: Array) -> float:
    """Mean Euclidean distance over all pairs, by matrix products on chunks of rows."""
    centre_F = y_MxF.mean(0)  # centred: far from the origin the products lose digits by cancellation
    x_NxF, y_MxF = x_NxF - centre_F, y_MxF - centre_F
    square_M, total = (y_MxF**2).sum(1), 0.0
    for i in range(0, len(x_NxF), ROWS_PER_BLOCK):
        rows_RxF = x_NxF[i : i + ROWS_PER_BLOCK]
        square_RxM = (rows_RxF**2).sum(1)[:, None] + square_M - 2 * rows_RxF @ y_MxF.T
        total += float(np.sqrt(np.maximum(square_RxM, 0)).sum())
    return total / (len(x_NxF) * len(y_MxF))
