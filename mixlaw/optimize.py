"""The best mixture under a fitted law, by an interior-point Newton method, with a certificate.

    argmin_w  sum_k v_k L_k(w; N, D)   over  sum_i w_i = 1,  lower_i <= w_i <= upper_i,  sum_k v_k = 1

For a law that is convex in the mixture the Frank–Wolfe gap  max_v grad.(w - v)  over the same polytope bounds how
much lower any feasible mixture can be (Jaggi 2013).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitted import Fit
from mixlaw.laws import Law, Row
from mixlaw.laws.base import constrain
from mixlaw.simplex import check_bounds, minimise_linear

BARRIERS = 10.0 ** -np.arange(1.0, 13.5, 1.0)
"""Weights of the logarithmic barrier, from the middle of the polytope to within about S * 1e-13 of its optimum."""
NEWTON_STEPS = 30
HALVINGS = 40


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


def objective(law: type[Law], constants: dict, problem: _Problem, w_S: Any) -> Any:
    """Weighted mean of the targets' losses at one mixture, a scalar in nats per token."""
    row = Row(w_S, problem.params, problem.tokens, jnp.full_like(w_S, jnp.inf))
    losses_K = jax.vmap(lambda z_P: constrain(law, z_P, constants, w_S.shape[0])(row))(problem.z_KxP)
    return jnp.dot(problem.weight_K, losses_K)


def _newton(value: Any, problem: _Problem, free_S: Any, barrier: Any, w_S: Any) -> Any:
    """Minimise value(w) + barrier on the free shares from w_S, keeping their sum."""
    lower_S, upper_S = problem.lower_S, problem.upper_S

    def merit(w_S: Any) -> Any:
        inside_S = jnp.where(free_S, (w_S - lower_S) * (upper_S - w_S), 1.0)
        return jnp.where(jnp.all(inside_S > 0), value(w_S) - barrier * jnp.sum(jnp.log(inside_S)), jnp.inf)

    def step(state: tuple) -> tuple:
        w_S, before, count, _ = state
        below_S = jnp.where(free_S, w_S - lower_S, 1.0)
        above_S = jnp.where(free_S, upper_S - w_S, 1.0)
        g_S = jax.grad(value)(w_S) - barrier * (1 / below_S - 1 / above_S)
        curve_S = jnp.where(free_S, barrier * (below_S**-2 + above_S**-2), 1e30)
        # Scaled by the distance to the nearer bound, so that a share of 1e-12 is as well conditioned as one of .5.
        scale_S = jnp.minimum(below_S, above_S)
        H_SxS = (jax.hessian(value)(w_S) + jnp.diag(curve_S)) * scale_S[:, None] * scale_S
        H_SxS += 1e-14 * jnp.trace(jnp.where(free_S[:, None], H_SxS, 0.0)) * jnp.eye(len(w_S))
        both_Sx2 = jnp.linalg.solve(H_SxS, jnp.stack([g_S * scale_S, scale_S * free_S], 1))
        towards_S, ones_S = both_Sx2[:, 0] * scale_S, both_Sx2[:, 1] * scale_S
        multiplier = jnp.sum(towards_S * free_S) / jnp.sum(ones_S * free_S)
        d_S = jnp.where(free_S, multiplier * ones_S - towards_S, 0.0)
        decrement = -jnp.dot(g_S, d_S)
        room_S = jnp.where(d_S < 0, below_S / jnp.maximum(-d_S, 1e-300), above_S / jnp.maximum(d_S, 1e-300))
        length = jnp.minimum(1.0, 0.99 * jnp.min(jnp.where(free_S & (d_S != 0), room_S, jnp.inf)))

        def worse(search: tuple) -> Any:
            length, halvings = search
            after = merit(w_S + length * d_S)
            return ~(after <= before - 1e-4 * length * decrement) & (halvings < HALVINGS)

        length, halvings = jax.lax.while_loop(worse, lambda s: (s[0] * 0.5, s[1] + 1), (length, 0))
        stuck = (halvings >= HALVINGS) | ~jnp.isfinite(decrement)
        w_S = jnp.where(stuck, w_S, w_S + jnp.where(stuck, 0.0, length) * d_S)
        return w_S, merit(w_S), count + 1, stuck | (decrement < 1e-3 * barrier)

    state = (w_S, merit(w_S), 0, jnp.asarray(False))
    return jax.lax.while_loop(lambda s: ~s[3] & (s[2] < NEWTON_STEPS), step, state)[0]


def _solve_one(law: type[Law], constants: dict, problem: _Problem, start_S: Any) -> tuple:
    free_S = problem.upper_S - problem.lower_S > 1e-12
    value = partial(objective, law, constants, problem)
    level = jnp.abs(value(start_S))
    w_S = jax.lax.fori_loop(
        0,
        len(BARRIERS),
        lambda i, w_S: _newton(value, problem, free_S, jnp.asarray(BARRIERS)[i] * level / 10, w_S),
        start_S,
    )
    w_S = jnp.clip(w_S, problem.lower_S, problem.upper_S)
    return w_S, *jax.value_and_grad(value)(w_S)


@partial(jax.jit, static_argnums=0)
def _solve(law: type[Law], constants: dict, problems: _Problem, start_BxS: Any) -> tuple:
    return jax.lax.map(lambda b: _solve_one(law, constants, b[0], b[1]), (problems, start_BxS), batch_size=32)


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
    t_Bx1 = np.divide(1.0 - lower_BxS.sum(1, keepdims=True), total_Bx1, out=np.zeros_like(total_Bx1), where=total_Bx1 > 0)
    return lower_BxS + width_BxS * t_Bx1


def optimize_batch(
    fit: Fit, z_BxKxP: np.ndarray, weight_K: np.ndarray, params_B: Any, tokens_B: Any, lower_S: Any, upper_BxS: Any
) -> list[Optimum]:
    """Optima of B problems at once: replicas of a fit, or one fit at several N and D.

    Args:
        z_BxKxP: parameters.
        weight_K: weights of the targets, summing to 1.
        params_B, tokens_B: N and D (nan for a law that knows no scale).
        lower_S, upper_BxS: bounds of the shares.

    Raises:
        MixlawError: the bounds leave no mixture.
    """
    count = len(z_BxKxP)
    upper_BxS = np.broadcast_to(upper_BxS, (count, len(fit.sources)))
    for upper_S in np.unique(upper_BxS, axis=0):
        check_bounds(fit.sources, lower_S, upper_S)
    lower_BxS, upper_BxS = tighten(np.broadcast_to(lower_S, upper_BxS.shape), upper_BxS)
    start_BxS = middle(lower_BxS, upper_BxS)
    spread = [np.broadcast_to(np.asarray(x, float), count) for x in (params_B, tokens_B)]
    with jax.enable_x64(True):
        problems = _Problem(z_BxKxP, np.broadcast_to(weight_K, (count, len(weight_K))), *spread, lower_BxS, upper_BxS)
        w_BxS, value_B, g_BxS = map(np.asarray, _solve(fit.law, fit.constants, problems, start_BxS))
    if not np.isfinite(value_B).all():
        raise FloatingPointError(f"the law {fit.law.name} is not finite at {np.sum(~np.isfinite(value_B))} optima")
    # The solver keeps the sum to rounding; what is left of it goes to the largest share.
    w_BxS = w_BxS / w_BxS.sum(1, keepdims=True)
    found = zip(w_BxS, value_B, g_BxS, lower_BxS, upper_BxS, strict=True)
    return [Optimum(w, float(v), float(g @ (w - minimise_linear(g, lo, up)))) for w, v, g, lo, up in found]


def optimize(
    fit: Fit, weight_K: np.ndarray, lower_S: np.ndarray, upper_S: np.ndarray, params: float, tokens: float
) -> Optimum:
    """Best mixture of a fit at given N and D; see the module for the problem and `optimize_batch` for the arguments."""
    return optimize_batch(fit, fit.z_KxP[None], weight_K, params, tokens, lower_S, upper_S[None])[0]
