"""The objective of a fit and its derivatives: robust residuals of log-loss, Gaussian priors, float64."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from mixlaw.laws.base import Law, Row, constrain


class FitProblem(NamedTuple):
    """One fit, or a batch of them with leading axes; the runs themselves (a `Row` of R runs) are shared.

    Attributes:
        log_loss_R: log of the observed loss (anything finite where the weight is 0).
        weight_R: weight of each observation; 0 leaves it out.
        sigma: residual scale of log-loss.
        mean_P, precision_PxP: Gaussian prior of the unconstrained parameters (zero precision: no prior).
    """

    log_loss_R: Any
    weight_R: Any
    sigma: Any
    mean_P: Any
    precision_PxP: Any


class Evaluation(NamedTuple):
    """The objective of a fit and its derivatives at one point.

    Attributes:
        objective: sum of weighted Huber losses plus half the prior's quadratic form.
        g_P, H_PxP: gradient, and Gauss–Newton matrix including the prior's precision.
        squares: weighted, robustified sum of squared residuals of log-loss.
    """

    objective: Any
    g_P: Any
    H_PxP: Any
    squares: Any


def log_predictions(law: type[Law], z_P: Any, rows: Row, constants: dict) -> Any:
    """Log-losses of R runs under one parameter vector, (R,)."""
    fitted = constrain(law, z_P, constants, rows.w_S.shape[-1])
    return jnp.log(jax.vmap(fitted)(rows))


@partial(jax.jit, static_argnums=0)
def predict(law: type[Law], z_BxP: Any, rows: Row, constants: dict) -> Any:
    """Losses of R runs under each of B parameter vectors and their constants, (B, R), nats per token."""
    return jnp.exp(jax.vmap(lambda z, c: log_predictions(law, z, rows, c))(z_BxP, constants))


def _evaluate(law: type[Law], z_P: Any, problem: FitProblem, rows: Row, constants: dict) -> tuple[Evaluation, Any, Any]:
    """The objective at z, the Jacobian of log-loss (R, P), and its coefficients in the gradient (R,)."""

    def one(z: Any, row: Row) -> Any:
        return jnp.log(constrain(law, z, constants, row.w_S.shape[-1])(row))

    # One reverse pass per run: the cost does not depend on the number of parameters.
    log_L_R, jac_RxP = jax.vmap(jax.value_and_grad(one), in_axes=(None, 0))(z_P, rows)
    used_R, huber = problem.weight_R > 0, law.objective.huber
    jac_RxP = jnp.where(used_R[:, None], jac_RxP, 0.0)
    r_R = jnp.where(used_R, log_L_R - problem.log_loss_R, 0.0) / problem.sigma
    size_R = jnp.abs(r_R)
    loss_R = jnp.where(size_R <= huber, 0.5 * r_R**2, huber * (size_R - 0.5 * huber))
    robust_R = jnp.where(size_R <= huber, 1.0, huber / jnp.maximum(size_R, 1e-300)) * problem.weight_R
    from_mean_P = problem.precision_PxP @ (z_P - problem.mean_P)
    pull_R = robust_R * r_R / problem.sigma
    point = Evaluation(
        objective=jnp.sum(problem.weight_R * loss_R) + 0.5 * jnp.dot(z_P - problem.mean_P, from_mean_P),
        g_P=jac_RxP.T @ pull_R + from_mean_P,
        H_PxP=(jac_RxP * (robust_R / problem.sigma**2)[:, None]).T @ jac_RxP + problem.precision_PxP,
        squares=jnp.sum(robust_R * (r_R * problem.sigma) ** 2),
    )
    return point, jac_RxP, pull_R


SMALLEST_SCALE = 1e-12
"""Smallest residual scale of log-loss: it keeps the information finite if a fit has no residuals."""


def information(law: type[Law], problem: FitProblem, z_P: Any, rows: Row, constants: dict, degrees: Any):
    """Information of R runs about the parameters at an optimum, for the Laplace approximation.

    Args:
        degrees: effective number of parameters.

    Returns:
        Log-predictions (R,).
        Their Jacobian (R, P).
        Gauss–Newton matrix of the log-posterior (P, P).
        Residual scale: that of the problem; if the law has no priors, the root mean square of the residuals, because
            its delta may be far below the residuals.
    """

    def one(z: Any, row: Row) -> Any:
        return jnp.log(constrain(law, z, constants, row.w_S.shape[-1])(row))

    log_L_R, jac_RxP = jax.vmap(jax.value_and_grad(one), in_axes=(None, 0))(z_P, rows)
    used_R = problem.weight_R > 0
    r_R = jnp.where(used_R, log_L_R - problem.log_loss_R, 0.0)
    weight_R, sigma = problem.weight_R, problem.sigma
    if law.objective.priors:
        weight_R = weight_R / jnp.maximum(jnp.abs(r_R) / (law.objective.huber * sigma), 1.0)
    else:
        sigma = jnp.sqrt(weight_R @ r_R**2 / jnp.maximum(weight_R.sum() - degrees, 1.0))
        sigma = jnp.maximum(sigma, SMALLEST_SCALE)
    jac_UxP = jnp.where(used_R[:, None], jac_RxP, 0.0)
    return log_L_R, jac_RxP, jac_UxP.T @ (jac_UxP * weight_R[:, None]) / sigma**2 + problem.precision_PxP, sigma


class Jacobians(NamedTuple):
    """Jacobians of C fits at their current and last tried points, and a mask of the fits whose last step was accepted
    (C,). The arrays stay in JAX."""

    stood_CxRxP: Any
    tried_CxRxP: Any
    went_C: Any


@partial(jax.jit, static_argnums=0)
def evaluate(law: type[Law], z_CxP: Any, problems: FitProblem, rows: Row, constants: dict, before: Jacobians):
    """Evaluate the objective of C fits, each at its own point.

    Returns:
        `Evaluation` with a leading axis of C.
        Part of the change of the gradient that is due to the change of the Jacobian (C, P).
        Jacobians for the next call, whose `went_C` the caller replaces.
    """
    stood_CxRxP = jnp.where(before.went_C[:, None, None], before.tried_CxRxP, before.stood_CxRxP)
    one = partial(_evaluate, law)
    points, jac_CxRxP, pull_CxR = jax.vmap(one, in_axes=(0, 0, None, 0))(z_CxP, problems, rows, constants)
    jacobian_change_CxP = jnp.einsum("crp,cr->cp", jac_CxRxP - stood_CxRxP, pull_CxR)
    return points, jacobian_change_CxP, Jacobians(stood_CxRxP, jac_CxRxP, before.went_C)
