"""Entropic optimal transport between a mixture and a target: smooth in the mixture, streamed, on CPU or GPU.

    OT_e(w) = min <P, C> + e KL(P | a x b)   over couplings P of the points' masses a (of the mixture) and b

Its gradient in w is the mean potential of each source (the cost <P, C> alone has a different gradient). Solved in
`sinkhorn.py`.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError, nearest
from mixlaw.transport.distances.base import Evaluation, checked_mixture
from mixlaw.transport.distances.sinkhorn import Coupling, EntropicProblem, cost_extent, soft_rows
from mixlaw.transport.distances.warm_starts import WarmStarts
from mixlaw.transport.features.samples import Samples
from mixlaw.typing import Array

OWN_POINTS = 8192
PRECISIONS = {"float32": np.float32, "float64": np.float64}


class EntropicOT:
    """Entropic optimal transport in the unit of the cost (Euclidean distance); a `Distance`.

    Args:
        samples: points.
        epsilon: e as a share of the mean cost over all pairs of source and target points.
        debias: subtract half of the entropic transport of the mixture, and of the target, to itself (the Sinkhorn
            divergence, Feydy et al. 2019: convex in w, 0 if mixture and target are the same). Without it the nearest
            mixture is biased towards few, compact sources; with it, planes lie below the distance only up to
            `tolerance`. If the sources have more than 8,192 points together, the mixture's own term uses a subset,
            evenly spaced in each source.
        precision: "float64", or "float32" for speed, which suffices for epsilon >= .01.
        tolerance: largest error of the value, as a share of the mean cost. The error of an `Evaluation` is larger if
            the solver ran out of passes (points of mixture and target nearly in pairs, or a small epsilon).

    Raises:
        MixlawError: if the precision is unknown, or epsilon is too small for it.

    >>> samples = Samples.of({"web": [[0.0], [1.0]], "code": [[4.0], [5.0]]}, [[4.0], [5.0]])
    >>> round(EntropicOT(samples, epsilon=0.5)(np.array([0.5, 0.5])).value, 3)
    2.171
    """

    def __init__(
        self,
        samples: Samples,
        epsilon: float = 0.05,
        debias: bool = False,
        precision: str = "float64",
        tolerance: float = 1e-5,
    ) -> None:
        if precision not in PRECISIONS:
            raise MixlawError(f"precision {precision}: unknown; {nearest(precision, PRECISIONS)}")
        least = 0.01 if precision == "float32" else 1e-4
        if not least <= epsilon:
            raise MixlawError(f"epsilon {epsilon:g}: {precision} needs {least:g} or more; raise it")
        self.samples, self.debias, self.tolerance = samples, debias, tolerance
        centre_F = samples.y_MxF.mean(0)  # centred: far from the origin squared distances lose digits
        self._x = np.asarray(samples.flat_NxF - centre_F, PRECISIONS[precision])
        self._y = np.asarray(samples.y_MxF - centre_F, PRECISIONS[precision])
        self.mean_cost, self._widest = cost_extent(self._x, self._y)
        self.epsilon = epsilon * self.mean_cost
        self._starts, self._own_starts = WarmStarts(), WarmStarts()
        S, n, _ = samples.x_SxNxF.shape
        apart = -(-S * n // OWN_POINTS)
        self._own_count = len(range(0, n, apart))
        self._own = self._x.reshape(S, n, -1)[:, ::apart].reshape(S * self._own_count, -1)
        self._target: Coupling | None = None
        self.passes = 0  # number of passes over the pairs of points so far

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.samples.sources

    def __call__(self, w_S: Array, /) -> Evaluation:
        """Value and gradient at a mixture; the distance lies between the value and value + error."""
        w_S = checked_mixture(w_S, self.sources)
        mass_N, even_M = self.samples.mass_N(w_S), np.full(len(self._y), 1 / len(self._y))
        found = self._solve(self._x, mass_N, self._y, even_M, self._starts.nearest(w_S))
        self._starts.keep(w_S, found.g_M)
        value, error, f_N = found.value, found.error, found.f_N
        if self.debias:
            own_N = np.repeat(w_S, self._own_count) / self._own_count
            own = self._solve(self._own, own_N, None, own_N, self._own_starts.nearest(w_S))
            self._own_starts.keep(w_S, own.g_M)
            self._target = self._target or self._solve(self._y, even_M, None, even_M, None)
            value -= (own.value + own.error + self._target.value + self._target.error) / 2
            error += (own.error + self._target.error) / 2
            return Evaluation(value, self._means(f_N) - self._means(own.f_N), error)
        return Evaluation(value, self._means(f_N), error)

    def _means(self, f_N: Array) -> Array:
        return f_N.reshape(len(self.sources), -1).mean(1)

    def potential(self, w_S: Array) -> Array:
        """Potential of the target's points at a mixture, (M,), the `g_M` of `entropic_value`."""
        self(w_S)
        found = self._starts.nearest(checked_mixture(w_S, self.sources))
        assert found is not None
        return found

    def _solve(self, x: Any, mass_N: Array, y: Any, mass_M: Array, start_M: Array | None) -> Coupling:
        """Transport of `x` to `y`, or of `x` to itself if `y` is None."""
        problem = EntropicProblem(x, mass_N, y, mass_M, self.epsilon, self._widest)
        found = problem.solve(start_M, self.tolerance * self.mean_cost)
        self.passes += problem.passes
        return found


def entropic_value(w_S: Any, x_SxNxF: Any, y_MxF: Any, g_M: Any, epsilon: Any) -> Any:
    """sum_k w_k fbar_k(g) + mean(g), a JAX function that is differentiable in the mixture and in the points.

    At g = `EntropicOT.potential(w)` its value and first derivatives are the entropic cost's (envelope theorem).

    Args:
        w_S: mixture.
        x_SxNxF, y_MxF: points of the sources and of the target.
        g_M: potential of the target's points.
        epsilon: in the cost's unit (`EntropicOT.epsilon`).

    >>> x_SxNxF, y_MxF = np.array([[[0.0]], [[4.0]]]), np.array([[4.0]])
    >>> float(entropic_value(np.array([0.5, 0.5]), x_SxNxF, y_MxF, np.zeros(1), 1.0))
    2.0
    """
    S, n, F = x_SxNxF.shape
    log_M = jnp.full(len(y_MxF), -jnp.log(len(y_MxF)))
    f_N, _ = soft_rows(x_SxNxF.reshape(-1, F), jnp.zeros(S * n), y_MxF, log_M, g_M, epsilon)
    return w_S @ f_N.reshape(S, n).mean(1) + g_M.mean()
