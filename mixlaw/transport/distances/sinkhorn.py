"""Entropic transport between two weighted sets of points, in JAX, by chunks of the cost's rows.

With the potential f of the first set eliminated, the dual

    H(g) = a.f(g) + b.g,      f_i(g) = -e log sum_j b_j exp((g_j - C_ij) / e)

is concave in g. At any g it is a lower bound of the transport that is linear in a, so a plane below the transport of
every mixture; at the best g its slope is the gradient. One pass over the pairs computes f and the plan's column sums
with one exponential per pair; neither cost nor plan is stored. The passes are Sinkhorn's with Anderson acceleration
(1965), which saves a third to two thirds of the passes.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from mixlaw.errors import MixlawError
from mixlaw.typing import Array

CELLS_PER_CHUNK = 2**22  # pairs per chunk: 16 MiB per float32 array
ACCELERATION_MEMORY = 8  # previous passes that the acceleration combines
MAX_PASSES = 1000
SMALLEST_COLUMN_SUM = 1e-38  # lower limit of column sums, which float32 may round to 0


class Coupling(NamedTuple):
    """Dual value after the last pass, a bound on how far it is below the maximum, and the potentials."""

    value: float
    error: float
    f_N: Array
    g_M: Array


class EntropicProblem:
    """Transport of points `x` of masses `mass_N` to points `y` of masses `mass_M` (None: to themselves).

    Attributes:
        passes: number of passes over the pairs of points so far.
    """

    def __init__(self, x: Any, mass_N: Array, y: Any, mass_M: Array, epsilon: float, widest: float) -> None:
        self.own = y is None
        self.x, self.y = x, x if y is None else y
        self.mass_N, self.mass_M, self.epsilon = mass_N, mass_M, epsilon
        self.widest = _diameter(x) if self.own else widest
        self.passes = 0

    def solve(self, start_M: Array | None, most: float) -> Coupling:
        """Solve from a starting potential until the error is at most `most`, in the cost's unit. If the passes run out
        first, the error is larger."""
        with jax.enable_x64(self.x.dtype == np.float64):
            start_M = np.zeros(len(self.mass_M)) if start_M is None else start_M
            g_M, error = _fixed_point(self.step, self.error, start_M, most)
            f_N, _ = self._pass(np.arange(len(self.x)), g_M)
        return Coupling(float(self.mass_N @ f_N + self.mass_M @ g_M), error, f_N, g_M)

    def step(self, g_M: Array) -> tuple[Array, Array]:
        """Column sums of the plan at g, and the Sinkhorn step of g."""
        self.passes += 1
        held_M, step_M = self.mass_M > 0, np.zeros_like(g_M)
        several = (
            len(self.x) * len(g_M) > CELLS_PER_CHUNK
        )  # in a single chunk, leaving rows out would only compile another shape
        f_N, column_M = self._pass(np.flatnonzero(self.mass_N > 0) if several else np.arange(len(self.x)), g_M)
        if self.own:  # by symmetry f = g at the solution; half the step does not overshoot
            step_M[held_M] = (f_N[held_M] - g_M[held_M]) / 2
        else:
            step_M[held_M] = -self.epsilon * np.log(
                np.maximum(column_M[held_M], SMALLEST_COLUMN_SUM) / self.mass_M[held_M]
            )
        return column_M, step_M

    def error(self, g_M: Array, column_M: Array) -> float:
        """Bound on how far H(g) is below its maximum: the gradient is b - column, and the range of the best g is at
        most that of the cost."""
        spread = self.widest + float(np.ptp(g_M[self.mass_M > 0]))
        return float(np.abs(self.mass_M - column_M).sum()) * spread / 2

    def _pass(self, rows_R: Any, g_M: Array) -> tuple[Array, Array]:
        """f (N,), nan except at `rows_R`, and the column sums over these rows, in float64."""
        kind = self.x.dtype
        with np.errstate(divide="ignore"):
            log_M = jnp.asarray(np.log(self.mass_M), kind)
        y, g, epsilon = jnp.asarray(self.y), jnp.asarray(g_M, kind), jnp.asarray(self.epsilon, kind)
        f_N, column_M = np.full(len(self.x), np.nan), np.zeros(len(g_M))
        # A Python loop over chunks of one compiled shape: XLA's loops sometimes hung on CPUs (analysis/NOTES.md).
        for at, once_R in _chunks(rows_R, len(g_M)):
            mass_R = jnp.asarray(self.mass_N[at] * once_R, kind)
            f_R, part_M = soft_rows(jnp.asarray(self.x[at]), mass_R, y, log_M, g, epsilon)
            f_N[at] = np.asarray(f_R, np.float64)
            column_M += np.asarray(part_M, np.float64)
        return f_N, column_M


def _distances(x_RxF: Any, y_MxF: Any) -> Any:
    cross_RxM = jnp.matmul(x_RxF, y_MxF.T, precision=jax.lax.Precision.HIGHEST)
    square_RxM = (x_RxF**2).sum(1)[:, None] + (y_MxF**2).sum(1) - 2 * cross_RxM
    return jnp.sqrt(jnp.maximum(square_RxM, 1e-30))  # above 0, because the root has no derivative at 0


@jax.jit
def soft_rows(x_RxF: Any, mass_R: Any, y_MxF: Any, log_M: Any, g_M: Any, epsilon: Any) -> tuple[Any, Any]:
    """f of a chunk of rows and its part of the plan's column sums, for log masses `log_M`, potential g and epsilon."""
    level_RxM = (g_M - _distances(x_RxF, y_MxF)) / epsilon + log_M
    top_R = level_RxM.max(1)
    part_RxM = jnp.exp(level_RxM - top_R[:, None])
    total_R = part_RxM.sum(1)
    return -epsilon * (top_R + jnp.log(total_R)), (mass_R / total_R) @ part_RxM


@jax.jit
def _extent(x_RxF: Any, y_MxF: Any) -> tuple[Any, Any, Any]:
    cost_RxM = _distances(x_RxF, y_MxF)
    return cost_RxM.mean(), cost_RxM.min(), cost_RxM.max()


def _chunks(rows_R: NDArray[np.intp], columns: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """Rows in chunks of one size, with masks: the last chunk is padded with rows whose mask is False."""
    size = min(max(1, CELLS_PER_CHUNK // columns), len(rows_R))
    for i in range(0, len(rows_R), size):
        chunk = rows_R[i : i + size]
        yield np.resize(chunk, size), np.arange(size) < len(chunk)


def cost_extent(x: Any, y: Any) -> tuple[float, float]:
    """Mean cost over all pairs, and the range of the cost (largest minus smallest)."""
    with jax.enable_x64(x.dtype == np.float64):
        size = max(1, CELLS_PER_CHUNK // len(y))
        parts = [(len(x[i : i + size]), *map(float, _extent(x[i : i + size], y))) for i in range(0, len(x), size)]
    mean = sum(rows * part for rows, part, _, _ in parts) / len(x)
    if mean <= 2e-15:  # the floor in `_distances`
        raise MixlawError("entropic transport: all points are the same; give different documents")
    return mean, max(part[3] for part in parts) - min(part[2] for part in parts)


def _diameter(x: Any) -> float:
    """Upper bound of the largest distance between two points."""
    return 2 * float(np.linalg.norm(x - x.mean(0), axis=1).max())


def _fixed_point(
    once: Callable[[Array], tuple[Array, Array]], error: Callable[[Array, Array], float], g_M: Array, most: float
) -> tuple[Array, float]:
    """The first g whose error is at most `most`, otherwise the best g, and its error, by Anderson acceleration.

    The next g is the combination of the previous g with the smallest combined step, plus that step. If this makes the
    error three times larger, the memory is cleared and the best g so far takes its plain step.
    """
    best_M, best_step_M, least, tried, steps = g_M, np.zeros_like(g_M), np.inf, [], []
    for _ in range(MAX_PASSES):
        column_M, step_M = once(g_M)
        reached = error(g_M, column_M)
        if reached <= most:
            return g_M, reached
        if reached > 3 * least and steps:
            tried, steps, g_M = [], [], best_M + best_step_M
            continue
        if reached < least:
            best_M, best_step_M, least = g_M, step_M, reached
        tried, steps = [*tried[-ACCELERATION_MEMORY:], g_M + step_M], [*steps[-ACCELERATION_MEMORY:], step_M]
        g_M = tried[-1]
        if len(steps) > 1:
            part = np.linalg.lstsq(np.diff(steps, axis=0).T, steps[-1], rcond=1e-8)[0]
            g_M = tried[-1] - part @ np.diff(tried, axis=0)
    return best_M, least
