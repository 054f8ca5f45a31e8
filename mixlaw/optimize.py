"""The best mixture under a fitted law, by an interior-point Newton method, with a certificate.

    argmin_w  sum_k v_k L_k(w; N, D)   over  sum_i w_i = 1,  lower_i <= w_i <= upper_i,  sum_k v_k = 1

For a law that is convex in the mixture the Frank–Wolfe gap  max_v grad.(w - v)  over the same polytope bounds how
much lower any feasible mixture can be (Jaggi 2013). For one that is not, the best of several starts is taken, and the
gap says only how nearly stationary it is.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.fitted import Fit
from mixlaw.laws import Law, Row, parametric
from mixlaw.laws.base import constrain
from mixlaw.simplex import check_bounds, minimise_linear

BARRIERS = 10.0 ** -np.arange(2.0, 14.0)
"""Weights of the logarithmic barrier, as shares of the objective: the last leaves a gap of about 2 S times it."""
NEWTON_STEPS = 30
HALVINGS = 30
CHUNK = 32


@dataclass(frozen=True)
class Optimum:
    """A mixture and how near it is to the best.

    Attributes:
        w_S: the mixture.
        objective: weighted mean of the predicted losses, nats per token.
        gap: Frank–Wolfe gap, nats per token: no feasible mixture is better by more (for convex laws).
    """

    w_S: np.ndarray
    objective: float
    gap: float


class _Problem(NamedTuple):
    z_KxP: Any
    weight_K: Any
    params: Any
    tokens: Any
    lower_S: Any
    upper_S: Any
    unique_S: Any


def objective(law: type[Law], constants: dict, problem: _Problem, w_S: Any) -> Any:
    """Weighted mean of the targets' losses at one mixture, a scalar in nats per token."""
    row = Row(w_S, problem.params, problem.tokens, problem.unique_S)
    losses_K = jax.vmap(lambda z_P, known: constrain(law, z_P, known, w_S.shape[0])(row))(problem.z_KxP, constants)
    return jnp.dot(problem.weight_K, losses_K)


class _State(NamedTuple):
    w_S: Any
    barrier: Any
    steps: Any


def _newton_step(value: Any, problem: _Problem, free_S: Any, barrier: Any, w_S: Any) -> tuple:
    """One Newton step of value(w) - barrier * sum log(distance to the bounds) at a fixed sum of the free shares.

    Returns:
        the new shares, and whether the barrier's problem is solved (or no step lowers it any more).
    """
    lower_S, upper_S = problem.lower_S, problem.upper_S

    def merit(w_S: Any) -> Any:
        inside_S = jnp.where(free_S, (w_S - lower_S) * (upper_S - w_S), 1.0)
        feasible = jnp.all(inside_S > 0)
        logs = jnp.sum(jnp.log(jnp.where(inside_S > 0, inside_S, 1.0)))
        return jnp.where(feasible, value(w_S) - barrier * logs, jnp.inf)

    below_S = jnp.where(free_S, w_S - lower_S, 1.0)
    above_S = jnp.where(free_S, upper_S - w_S, 1.0)
    g_S = jax.grad(value)(w_S) - barrier * (1 / below_S - 1 / above_S)
    curve_S = jnp.where(free_S, barrier * (below_S**-2 + above_S**-2), 1e30)
    # Scaled by the distance to the nearer bound, so that a share of 1e-12 is as well conditioned as one of .5.
    scale_S = jnp.minimum(below_S, above_S)
    # At a fixed sum a constant in the gradient moves nothing: without that of the share with the most room, nothing
    # large cancels where the objective is (nearly) linear.
    g_S -= g_S[jnp.argmax(jnp.where(free_S, scale_S, -1.0))]
    H_SxS = (jax.hessian(value)(w_S) + jnp.diag(curve_S)) * scale_S[:, None] * scale_S
    H_SxS += 1e-14 * jnp.sum(jnp.where(free_S, jnp.diag(H_SxS), 0.0)) * jnp.eye(len(w_S))
    both_Sx2 = jnp.linalg.solve(H_SxS, jnp.stack([g_S * scale_S, scale_S * free_S], 1))
    towards_S, ones_S = both_Sx2[:, 0] * scale_S, both_Sx2[:, 1] * scale_S
    multiplier = jnp.sum(towards_S * free_S) / jnp.sum(ones_S * free_S)
    d_S = jnp.where(free_S, multiplier * ones_S - towards_S, 0.0)
    decrement = -jnp.dot(g_S, d_S)
    room_S = jnp.where(d_S < 0, below_S / jnp.maximum(-d_S, 1e-300), above_S / jnp.maximum(d_S, 1e-300))
    longest = jnp.minimum(1.0, 0.99 * jnp.min(jnp.where(free_S & (d_S != 0), room_S, jnp.inf)))
    # Every halving at once: a loop within the loop is slower, and hung in XLA's CPU runtime (jaxlib 0.10.2).
    length_H = longest * 0.5 ** jnp.arange(HALVINGS)
    merit_H = jax.vmap(lambda length: merit(w_S + length * d_S))(length_H)
    enough_H = merit_H <= merit(w_S) - 1e-4 * length_H * decrement
    moved = jnp.any(enough_H) & jnp.isfinite(decrement)
    w_S = jnp.where(moved, w_S + length_H[jnp.argmax(enough_H)] * d_S, w_S)
    return w_S, ~moved | (decrement < 1e-3 * barrier)


def _solve_one(law: type[Law], constants: dict, problem: _Problem, start_S: Any) -> tuple:
    """Path following: the shares, their objective and its gradient."""
    free_S = problem.upper_S - problem.lower_S > 1e-12
    value = partial(objective, law, constants, problem)
    levels = jnp.abs(value(start_S)) * jnp.asarray(BARRIERS)

    def advance(state: _State) -> _State:
        w_S, solved = _newton_step(value, problem, free_S, levels[state.barrier], state.w_S)
        onward = solved | (state.steps >= NEWTON_STEPS)
        return _State(w_S, state.barrier + onward, jnp.where(onward, 0, state.steps + 1))

    state = jax.lax.while_loop(lambda s: s.barrier < len(BARRIERS), advance, _State(start_S, 0, 0))
    w_S = jnp.clip(state.w_S, problem.lower_S, problem.upper_S)
    return w_S, *jax.value_and_grad(value)(w_S)


@partial(jax.jit, static_argnums=0)
def _solve(law: type[Law], constants: dict, problems: _Problem, start_BxS: Any) -> tuple:
    return jax.vmap(partial(_solve_one, law, constants))(problems, start_BxS)


def _solve_chunks(law: type[Law], constants: dict, problems: _Problem, start_BxS: np.ndarray) -> tuple:
    """All problems in chunks of one compiled size, as NumPy arrays."""
    count = len(start_BxS)
    chunk = 1 if count == 1 else CHUNK
    padded = (np.arange(-(-count // chunk) * chunk) % count).reshape(-1, chunk)
    parts = []
    for at in padded:
        part = jax.tree.map(lambda x, at=at: np.asarray(x)[at], problems)
        parts.append(jax.tree.map(np.asarray, _solve(law, constants, part, start_BxS[at])))
    return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)


def tighten(lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds that the other sources' bounds imply: a share that cannot move gets equal ones."""
    others_lower_BxS = lower_BxS.sum(1, keepdims=True) - lower_BxS
    others_upper_BxS = upper_BxS.sum(1, keepdims=True) - upper_BxS
    upper = np.minimum(upper_BxS, np.maximum(1.0 - others_lower_BxS, lower_BxS))
    return np.maximum(lower_BxS, np.minimum(1.0 - others_upper_BxS, upper)), upper


def middle(lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> np.ndarray:
    """Mixtures strictly inside the bounds wherever they leave room: lower + t (upper - lower)."""
    width_BxS = upper_BxS - lower_BxS
    total_Bx1 = width_BxS.sum(1, keepdims=True)
    t_Bx1 = np.divide(
        1.0 - lower_BxS.sum(1, keepdims=True), total_Bx1, out=np.zeros_like(total_Bx1), where=total_Bx1 > 0
    )
    return lower_BxS + width_BxS * t_Bx1


def _starts(lower_BxS: np.ndarray, upper_BxS: np.ndarray, convex: bool) -> list[np.ndarray]:
    """Where to start: the middle, and for a law that is not convex a point towards each source's largest share too."""
    middle_BxS = middle(lower_BxS, upper_BxS)
    if convex:
        return [middle_BxS]
    towards = []
    for s in range(middle_BxS.shape[1]):
        cost_S = -np.eye(middle_BxS.shape[1])[s]
        corner_BxS = np.stack([minimise_linear(cost_S, lo, up) for lo, up in zip(lower_BxS, upper_BxS, strict=True)])
        towards.append(0.1 * middle_BxS + 0.9 * corner_BxS)
    return [middle_BxS, *towards]


def optimize_batch(
    fit: Fit,
    z_BxKxP: np.ndarray,
    weight_K: np.ndarray,
    params_B: Any,
    tokens_B: Any,
    lower_S: Any,
    upper_BxS: Any,
) -> list[Optimum]:
    """Optima of B problems at once: replicas of a fit, or one fit at several N and D.

    Args:
        z_BxKxP: parameters.
        weight_K: weights of the targets, summing to 1.
        params_B, tokens_B: N and D (nan for a law that knows no scale).
        lower_S, upper_BxS: bounds of the shares.

    Raises:
        MixlawError: the bounds leave no mixture, or the fit is that of a reference.
    """
    count = len(z_BxKxP)
    upper_BxS = np.broadcast_to(upper_BxS, (count, len(fit.sources)))
    for upper_S in np.unique(upper_BxS, axis=0):
        check_bounds(fit.sources, lower_S, upper_S)
    lower_BxS, upper_BxS = tighten(np.broadcast_to(lower_S, upper_BxS.shape), upper_BxS)
    params_B, tokens_B = (np.broadcast_to(np.asarray(x, float), count) for x in (params_B, tokens_B))
    weight_BxK = np.broadcast_to(weight_K, (count, len(weight_K)))
    with jax.enable_x64(True):
        unique_BxS = np.broadcast_to(fit.unique_S, upper_BxS.shape)
        problems = _Problem(z_BxKxP, weight_BxK, params_B, tokens_B, lower_BxS, upper_BxS, unique_BxS)
        law, tries = parametric(fit.law), []
        for start_BxS in _starts(lower_BxS, upper_BxS, law.convex):
            tries.append(_solve_chunks(law, fit.constants, problems, start_BxS))
        best_B = np.argmin(np.nan_to_num([value_B for _, value_B, _ in tries], nan=np.inf), axis=0)
        w_BxS, value_B, g_BxS = (np.stack(x)[best_B, np.arange(count)] for x in zip(*tries, strict=True))
    if not np.isfinite(value_B).all():
        raise FloatingPointError(f"the law {fit.law.name} is not finite at {np.sum(~np.isfinite(value_B))} optima")
    # The solver keeps the sum to rounding. Bounds are kept exactly, also by a share divided by .999...9.
    w_BxS = np.clip(w_BxS / w_BxS.sum(1, keepdims=True), lower_BxS, upper_BxS)
    found = zip(w_BxS, value_B, g_BxS, lower_BxS, upper_BxS, strict=True)
    return [Optimum(w, float(v), float(g @ (w - minimise_linear(g, lo, up)))) for w, v, g, lo, up in found]


def optimize(
    fit: Fit, weight_K: np.ndarray, lower_S: np.ndarray, upper_S: np.ndarray, params: float, tokens: float
) -> Optimum:
    """Best mixture of a fit at given N and D; see the module for the problem and `optimize_batch` for the arguments."""
    return optimize_batch(fit, fit.z_KxP[None], weight_K, params, tokens, lower_S, upper_S[None])[0]
