"""Mixtures as points of the simplex: validation, bounds, projection, the linear oracle, samples, coordinates.

The feasible set throughout is the capped simplex {v: sum(v) = 1, lower <= v <= upper}, with 0 <= lower.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.typing import Array

SUM_TOLERANCE = 0.02  # published tables round shares to three decimals: sums of .996 to 1.003 are normal
_BOUND_TOLERANCE = 1e-9


def without_dust(w_S: Array, D: float | None, lower_S: ArrayLike = 0.0) -> Array:
    """Token shares with those below one token of a run of D tokens set to 0, such as an optimiser leaves at a vertex.

    Args:
        lower_S: smallest shares that are allowed; a share whose bound is above 0 stays.

    >>> without_dust(np.array([1 - 1e-12, 1e-12]), 1e9).tolist()
    [1.0, 0.0]
    """
    if D is None:
        return w_S
    kept_S = np.where((w_S * D < 1) & (np.asarray(lower_S) <= 0), 0.0, w_S)
    return kept_S / kept_S.sum() if kept_S.any() and (kept_S != w_S).any() else w_S


def as_mixture(w_S: ArrayLike, name: str = "mixture") -> Array:
    """`w_S` as float64 token shares that sum to exactly 1.

    Args:
        w_S: shape (S,), finite, >= 0, summing to 1 within 2 percent.
        name: what to call it in the error.

    Raises:
        MixlawError: where a weight is not a finite number, is negative, or the sum is off.
    """
    try:
        w_S = np.array(w_S, dtype=np.float64)
    except (TypeError, ValueError):
        raise MixlawError(f"{name}: the weights must be numbers, one for each source") from None
    if w_S.ndim != 1 or w_S.size == 0:
        raise MixlawError(f"{name}: needs one weight for each source, got an array of shape {w_S.shape}")
    if not np.isfinite(w_S).all():
        position = int(np.flatnonzero(~np.isfinite(w_S))[0])
        raise MixlawError(f"{name}: weight {position} is {w_S[position]}; weights must be finite numbers")
    if (w_S < 0).any():
        position = int(np.argmin(w_S))
        raise MixlawError(f"{name}: weight {position} is {w_S[position]:.6g}; weights must be 0 or more")
    with np.errstate(over="ignore"):  # an infinite sum is refused below
        total = float(w_S.sum())
    if abs(total - 1) > SUM_TOLERANCE + 1e-12:
        raise MixlawError(f"{name}: the weights sum to {total:.6g}; they are token shares and must sum to 1")
    return w_S / total


def check_bounds(names: Sequence[str], lower_S: ArrayLike, upper_S: ArrayLike) -> None:
    """Refuse bounds that no mixture can meet, naming the sources and the bounds in conflict.

    Args:
        names: S source names.
        lower_S, upper_S: shape (S,), smallest and largest token share of each source.

    Raises:
        MixlawError: a bound is not a share, a lower bound exceeds its upper one, or the sums exclude 1.
    """
    lower_S, upper_S = np.asarray(lower_S, np.float64), np.asarray(upper_S, np.float64)
    for i, name in enumerate(names):
        if not (np.isfinite(lower_S[i]) and lower_S[i] >= 0) or not upper_S[i] >= 0:
            raise MixlawError(f"source {shown(name)}: bounds {lower_S[i]:.6g} to {upper_S[i]:.6g} are not shares")
        if lower_S[i] > upper_S[i] + _BOUND_TOLERANCE:
            raise MixlawError(
                f"source {shown(name)}: its smallest share {lower_S[i]:.6g} exceeds its largest "
                f"{upper_S[i]:.6g} (max, or max_epochs times its tokens over the run's); "
                "lower min or raise the cap"
            )
    if lower_S.sum() > 1 + _BOUND_TOLERANCE:
        parts = _bounds_text(names, lower_S, np.argsort(-lower_S), lower_S > 0)
        raise MixlawError(f"the sources' min sum to {lower_S.sum():.6g}, more than 1 ({parts}): lower some")
    if upper_S.sum() < 1 - _BOUND_TOLERANCE:
        parts = _bounds_text(names, upper_S, np.argsort(upper_S), upper_S < 1)
        raise MixlawError(
            f"the sources' largest shares (max, or max_epochs times its tokens over the run's) sum to "
            f"{upper_S.sum():.6g}, less than 1 ({parts}): raise some, or add a source"
        )


def _bounds_text(names: Sequence[str], bound_S: Array, order_S: NDArray[np.intp], mask_S: NDArray[np.bool_]) -> str:
    return listed(f"{names[i]} {bound_S[i]:.4g}" for i in order_S if mask_S[i])


def _box(lower_S: ArrayLike, upper_S: ArrayLike) -> tuple[Array, Array]:
    lower_S = np.asarray(lower_S, np.float64)
    upper_S = np.minimum(np.asarray(upper_S, np.float64), 1.0)  # no share can exceed 1 whatever the bound says
    infeasible = (lower_S.sum(-1) > 1 + _BOUND_TOLERANCE) | (upper_S.sum(-1) < 1 - _BOUND_TOLERANCE)
    if np.any(infeasible) or np.any(lower_S > upper_S + _BOUND_TOLERANCE) or not np.all(lower_S >= 0):
        raise MixlawError("no mixture lies within these bounds: check them with check_bounds, which names them")
    return lower_S, np.maximum(upper_S, lower_S)


def project(w_S: ArrayLike, lower_S: ArrayLike, upper_S: ArrayLike) -> Array:
    """The mixture nearest to `w_S`: argmin_v ||v - w||^2 subject to sum(v) = 1, lower <= v <= upper.

    The solution is v = clip(w - tau, lower, upper); tau is found exactly by sorting the 2S points where the
    piecewise linear sum of v changes its slope. Leading axes are independent problems.

    Args:
        w_S: shape (..., S), finite.
        lower_S, upper_S: shapes that broadcast to it.

    Raises:
        MixlawError: the bounds admit no mixture, or `w_S` is not finite.
    """
    w_S = np.asarray(w_S, np.float64)
    if not np.isfinite(w_S).all():
        raise MixlawError("only finite weights can be projected on the simplex")
    lower_S, upper_S = _box(lower_S, upper_S)
    w_S, lower_S, upper_S = np.broadcast_arrays(w_S, lower_S, upper_S)
    w_S = np.asarray(
        w_S - w_S.max(-1, keepdims=True), np.float64
    )  # the answer is the same, and large offsets lose no digits

    # As tau rises, coordinate i leaves its upper bound at w - upper and reaches its lower bound at w - lower.
    knots_2S: Array = np.concatenate([w_S - upper_S, w_S - lower_S], -1)
    turns_2S = np.concatenate([np.ones_like(w_S), -np.ones_like(w_S)], -1)
    order_2S = np.argsort(knots_2S, -1, kind="stable")
    knots_2S = np.take_along_axis(knots_2S, order_2S, -1)
    moving_2S = np.cumsum(np.take_along_axis(turns_2S, order_2S, -1), -1)
    drop_2S = np.zeros_like(knots_2S)
    drop_2S[..., 1:] = np.cumsum(moving_2S[..., :-1] * np.diff(knots_2S, axis=-1), -1)
    sums_2S = upper_S.sum(-1, keepdims=True) - drop_2S

    # The last knot whose sum is still >= 1 opens the piece that holds the solution.
    piece = np.maximum((sums_2S >= 1).sum(-1, keepdims=True) - 1, 0)
    middle = _midpoint(knots_2S, piece)
    free_S = (w_S - upper_S < middle) & (middle < w_S - lower_S)
    fixed_S = np.where(w_S - upper_S >= middle, upper_S, lower_S)
    count = free_S.sum(-1, keepdims=True)
    excess = np.where(free_S, w_S, fixed_S).sum(-1, keepdims=True) - 1
    tau = np.where(count > 0, excess / np.maximum(count, 1), middle)
    return np.clip(w_S - tau, lower_S, upper_S)


def _midpoint(knots_2S: Array, piece: NDArray[np.intp]) -> Array:
    following = np.minimum(piece + 1, knots_2S.shape[-1] - 1)
    return (np.take_along_axis(knots_2S, piece, -1) + np.take_along_axis(knots_2S, following, -1)) / 2


def minimise_linear(g_S: ArrayLike, lower_S: ArrayLike, upper_S: ArrayLike) -> Array:
    """The vertex argmin_v g.v subject to sum(v) = 1, lower <= v <= upper: the oracle of the Frank-Wolfe gap.

    Every source gets its lower bound; what remains goes to the sources in rising order of `g_S` up to their
    upper bounds. Leading axes are independent problems.

    Raises:
        MixlawError: the bounds admit no mixture, or `g_S` is not finite.
    """
    g_S = np.asarray(g_S, np.float64)
    if not np.isfinite(g_S).all():
        raise MixlawError("the linear oracle needs a finite gradient")
    lower_S, upper_S = _box(lower_S, upper_S)
    g_S, lower_S, upper_S = np.broadcast_arrays(g_S, lower_S, upper_S)
    order_S = np.argsort(g_S, -1, kind="stable")
    room_S = np.take_along_axis(upper_S - lower_S, order_S, -1)
    before_S = np.cumsum(room_S, -1) - room_S
    share_S = np.clip(1 - lower_S.sum(-1, keepdims=True) - before_S, 0, room_S)
    v_S = np.array(lower_S)
    np.put_along_axis(v_S, order_S, np.take_along_axis(lower_S, order_S, -1) + share_S, -1)
    return v_S


def sample(
    rng: np.random.Generator,
    n: int,
    lower_S: ArrayLike,
    upper_S: ArrayLike,
    centre_S: ArrayLike | None = None,
    concentration: float = 1.0,
) -> Array:
    """`n` mixtures of the capped simplex, shape (n, S), that reach its vertices, edges and interior.

    A third are samples `around` the centre; a third are flat Dirichlet samples on random subsets of the sources,
    projected on the bounds; a third are convex combinations of one to S vertices of the feasible set.
    """
    lower_S, upper_S = _box(lower_S, upper_S)
    S = lower_S.shape[-1]
    kinds_N = np.arange(n) % 3
    w_NxS = np.empty((n, S))
    w_NxS[kinds_N == 0] = around(rng, int((kinds_N == 0).sum()), lower_S, upper_S, centre_S, concentration)

    rows = int((kinds_N == 1).sum())
    size_N = np.ceil(S * rng.uniform(size=rows) ** 2).astype(int).clip(1, S)
    members_NxS = np.argsort(np.argsort(rng.uniform(size=(rows, S)), -1), -1) < size_N[:, None]
    faces_NxS = lower_S + (1 - lower_S.sum()) * _dirichlet(rng, np.where(members_NxS, 1.0, 0.0))
    w_NxS[kinds_N == 1] = project(faces_NxS, lower_S, upper_S)

    for i in np.flatnonzero(kinds_N == 2):  # few vertices give an edge or a face, one gives a vertex
        count = min(int(rng.geometric(0.4)), S)
        vertices_VxS = minimise_linear(rng.normal(size=(count, S)), lower_S, upper_S)
        w_NxS[i] = project(rng.dirichlet(np.ones(count)) @ vertices_VxS, lower_S, upper_S)
    return w_NxS


def around(
    rng: np.random.Generator,
    n: int,
    lower_S: ArrayLike,
    upper_S: ArrayLike,
    centre_S: ArrayLike | None = None,
    concentration: float = 1.0,
) -> Array:
    """`n` Dirichlet samples around `centre_S` (default: uniform), projected on the bounds, shape (n, S).

    Their concentrations cover two decades around `concentration` times S, so that some samples are close to the centre
    and some near the vertices.
    """
    lower_S, upper_S = _box(lower_S, upper_S)
    S = lower_S.shape[-1]
    centre_S = project(np.full(S, 1 / S) if centre_S is None else centre_S, lower_S, upper_S)
    spread_N = concentration * S * 10 ** rng.uniform(-1, 1, n)
    return project(_dirichlet(rng, np.maximum(spread_N[:, None] * centre_S, 1e-3)), lower_S, upper_S)


def _dirichlet(rng: np.random.Generator, alpha_NxS: Array) -> Array:
    gamma_NxS = rng.standard_gamma(alpha_NxS)
    gamma_NxS[gamma_NxS < 1e-6 * gamma_NxS.max(-1, keepdims=True)] = 0.0  # no trainer can honour such a share
    return gamma_NxS / gamma_NxS.sum(-1, keepdims=True)
