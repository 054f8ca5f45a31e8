"""Batched Levenberg–Marquardt for laws on log-loss: robust by reweighting, Gaussian priors, float64.

The batch runs over anything that shares the runs: targets, starts, bootstrap weights, folds.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.laws.base import Law, Row, constrain

CHUNK = 16


class Problem(NamedTuple):
    """One fit, or a batch of them with leading axes; the runs themselves (a `Row` of R runs) are shared.

    Attributes:
        log_loss_R: log of the observed loss (anything finite where the weight is 0).
        weight_R: weight of each observation; 0 leaves it out.
        sigma: residual scale of log-loss.
        mean_P, precision_PxP: Gaussian prior of the unconstrained parameters (zero precision: none).
    """

    log_loss_R: Any
    weight_R: Any
    sigma: Any
    mean_P: Any
    precision_PxP: Any


class Solution(NamedTuple):
    """Result of one fit.

    Attributes:
        z_P: unconstrained parameters.
        objective: sum of weighted Huber losses and the prior's half quadratic form.
        converged: whether the steps ended by the tolerance and not by the count.
        residual_sum: weighted, robustified sum of squared residuals of log-loss.
        degrees: effective number of parameters, the trace of the hat matrix.
        count: steps taken.
    """

    z_P: Any
    objective: Any
    converged: Any
    residual_sum: Any
    degrees: Any
    count: Any


def log_predictions(law: type[Law], z_P: Any, rows: Row, constants: dict) -> Any:
    """Log-losses of R runs under one parameter vector, (R,)."""
    fitted = constrain(law, z_P, constants, rows.w_S.shape[-1])
    return jnp.log(jax.vmap(fitted)(rows))


def _quadratic(law: type[Law], z_P: Any, problem: Problem, rows: Row, constants: dict, huber: float) -> tuple:
    """Objective, its gradient and Gauss–Newton matrix, and the robust squared residuals of log-loss, at z."""

    def one(z: Any, row: Row) -> Any:
        return jnp.log(constrain(law, z, constants, row.w_S.shape[-1])(row))

    # One reverse pass a run costs the same however many parameters there are.
    log_L_R, jac_RxP = jax.vmap(jax.value_and_grad(one), in_axes=(None, 0))(z_P, rows)
    r_R = (log_L_R - problem.log_loss_R) / problem.sigma
    size_R = jnp.abs(r_R)
    loss_R = jnp.where(size_R <= huber, 0.5 * r_R**2, huber * (size_R - 0.5 * huber))
    robust_R = jnp.where(size_R <= huber, 1.0, huber / jnp.maximum(size_R, 1e-300)) * problem.weight_R
    used_R = problem.weight_R > 0
    from_mean_P = problem.precision_PxP @ (z_P - problem.mean_P)
    objective = jnp.sum(jnp.where(used_R, problem.weight_R * loss_R, 0.0))
    objective += 0.5 * jnp.dot(z_P - problem.mean_P, from_mean_P)
    scaled_RxP = jnp.where(used_R[:, None], jac_RxP, 0.0) * (robust_R / problem.sigma)[:, None]
    g_P = scaled_RxP.T @ jnp.where(used_R, r_R, 0.0) + from_mean_P
    H_PxP = scaled_RxP.T @ jnp.where(used_R[:, None], jac_RxP, 0.0) / problem.sigma + problem.precision_PxP
    squares = jnp.sum(jnp.where(used_R, robust_R * (r_R * problem.sigma) ** 2, 0.0))
    return objective, g_P, H_PxP, squares


class Limits(NamedTuple):
    """When a fit ends: after so many steps, or when a full step promises less than this share of the objective."""

    steps: int
    tolerance: float


class _State(NamedTuple):
    z_P: Any
    at_z: tuple
    step_P: Any
    promised: Any
    damping: Any
    factor: Any
    count: Any
    done: Any


def _step(state: _State) -> _State:
    """The damped Gauss–Newton step from a state's point (Marquardt's scaling), and what it promises."""
    _, g_P, H_PxP, _ = state.at_z
    scale_P = jnp.diag(H_PxP) + 1e-12 * jnp.max(jnp.diag(H_PxP)) + 1e-30
    d_P = -jnp.linalg.solve(H_PxP + state.damping * jnp.diag(scale_P), g_P)
    d_P *= jnp.minimum(1.0, 4.0 / jnp.maximum(jnp.max(jnp.abs(d_P)), 1e-300))  # exp(4) a step is far enough
    return state._replace(step_P=d_P, promised=-jnp.dot(g_P, d_P) - 0.5 * d_P @ H_PxP @ d_P)


def _solve_one(law: type[Law], limits: Limits, problem: Problem, z_P: Any, rows: Row, constants: dict):
    """Levenberg–Marquardt with Nielsen's damping; ends when a step promises less than the tolerance."""

    def advance(state: _State) -> _State:
        trial_P = state.z_P + state.step_P
        at_trial = _quadratic(law, trial_P, problem, rows, constants, law.objective.huber)
        gain = (state.at_z[0] - at_trial[0]) / jnp.maximum(state.promised, 1e-300)
        better = (at_trial[0] <= state.at_z[0]) & jnp.all(jnp.isfinite(at_trial[2]))
        shrink = jnp.where(jnp.isfinite(gain), jnp.clip(1.0 - (2.0 * gain - 1.0) ** 3, 1.0 / 3.0, 2.0), 1.0)
        damping = jnp.clip(state.damping * jnp.where(better, shrink, state.factor), 1e-15, 1e20)
        small = (state.promised <= limits.tolerance * at_trial[0] + 1e-22) & (state.damping <= 1e-2)
        state = state._replace(
            z_P=jnp.where(better, trial_P, state.z_P),
            at_z=jax.tree.map(lambda new, old: jnp.where(better, new, old), at_trial, state.at_z),
            damping=damping,
            factor=jnp.where(better, 2.0, jnp.minimum(state.factor * 2.0, 1e6)),
            count=state.count + 1,
            done=(small & (state.count > 0)) | (damping >= 1e12),
        )
        return _step(state)

    width = z_P.shape[0]
    nowhere = (jnp.asarray(jnp.inf), jnp.zeros(width), jnp.eye(width), jnp.asarray(0.0))
    zero = jnp.asarray(0.0)
    state = _State(z_P, nowhere, jnp.zeros(width), zero, jnp.asarray(1e-2), jnp.asarray(2.0), 0, jnp.asarray(False))
    state = jax.lax.while_loop(lambda s: ~s.done & (s.count < limits.steps), advance, state)
    objective, _, H_PxP, squares = state.at_z
    tiny_PxP = 1e-10 * jnp.diag(jnp.diag(H_PxP)) + 1e-12 * jnp.eye(width)
    degrees = width - jnp.trace(jnp.linalg.solve(H_PxP + tiny_PxP, problem.precision_PxP + tiny_PxP))
    return Solution(state.z_P, objective, state.done, squares, degrees, state.count)


@partial(jax.jit, static_argnums=0)
def _solve(law: type[Law], limits: Limits, problems: Problem, z_BxP: Any, rows: Row, constants: dict):
    return jax.vmap(lambda b, z, c: _solve_one(law, limits, b, z, rows, c))(problems, z_BxP, constants)


def solve(
    law: type[Law], problems: Problem, z_BxP: Any, rows: Row, constants: dict, limits: Limits | None = None
) -> Solution:
    """Fit a batch of B problems from the starts z_BxP with the law's constants of each; call inside a float64 context.

    Chunks of one size are compiled once and keep their Jacobians near the cache. They run one after another: two
    XLA programs at a time on a small machine's one thread pool wait for each other for ever.

    Returns:
        `Solution` with a leading axis of B, as NumPy arrays.
    """
    count = len(z_BxP)
    limits = limits or Limits(law.objective.steps, law.objective.tolerance)
    padded = np.arange(-(-count // CHUNK) * CHUNK) % count

    def one(at: np.ndarray) -> Solution:
        part, z_CxP, known = jax.tree.map(lambda x: np.asarray(x)[at], (problems, z_BxP, constants))
        return jax.tree.map(np.asarray, _solve(law, limits, part, z_CxP, rows, known))

    parts = [one(at) for at in padded.reshape(-1, CHUNK)]
    return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)


@partial(jax.jit, static_argnums=0)
def predict(law: type[Law], z_BxP: Any, rows: Row, constants: dict) -> Any:
    """Losses of R runs under each of B parameter vectors and their constants, (B, R), nats per token."""
    return jnp.exp(jax.vmap(lambda z, c: log_predictions(law, z, rows, c))(z_BxP, constants))
