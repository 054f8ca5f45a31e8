"""Intervals of predictions by the curvature of the fit (Laplace)."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import t as student

from mixlaw.errors import MixlawError
from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.map_estimate import priors
from mixlaw.estimation.objective import information
from mixlaw.estimation.observations import observe
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import Law, Row, parametric

CHUNK = 16
"""Fits at a time."""
LEVEL = 0.9


def band(
    fit: Fit, w_MxS: np.ndarray, params: Any = np.nan, tokens: Any = np.nan, *, unique: Any = None, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Interval for the loss of one run of each of M mixtures: low and high (M, K), nats per token.

    On log-loss, prediction ± t sqrt(J Sigma J' + sigma²): Sigma is the inverse of the fit's Gauss–Newton matrix
    (priors included) at its optimum, sigma the residual scale, and t Student's quantile with as many degrees of
    freedom as observations less effective parameters (MacKay 1992, "Bayesian interpolation"). It holds the law for
    true and observations for independent. For a law without priors, whose Huber delta is far below its residuals,
    the matrix is that of least squares with sigma the root mean square of the residuals.

    Args:
        fit: with the runs it was fitted on.
        w_MxS, params, tokens, unique: as `Fit.losses` takes them.
        level: probability that the interval is to hold.

    Raises:
        MixlawError: the fit was read from a file, so its runs are not at hand.
    """
    if fit.runs is None:
        raise MixlawError("this fit has no runs to tell its uncertainty from: fit the run table again")
    law = parametric(fit.law)
    seen = observe(fit.runs, law, goal=fit.goal)
    unique = fit.unique_S if unique is None else unique
    unit = (np.asarray(x, float) for x in (w_MxS, params, tokens, unique))
    shapes = ((len(w_MxS), *np.shape(x)[1:]) for x in seen.rows)
    asked = (np.broadcast_to(x, shape) for x, shape in zip(unit, shapes, strict=True))
    rows = Row(*(np.concatenate(both) for both in zip(seen.rows, asked, strict=True)))
    blank = lambda x_KxR: np.pad(x_KxR, ((0, 0), (0, len(w_MxS))))  # noqa: E731
    with jax.enable_x64(True):
        problems = lm.Problem(blank(seen.log_loss_KxR), blank(seen.weight_KxR), fit.sigma_K, *priors(law, seen))
        log_KxR, sd_KxR = moments(law, problems, fit.z_KxP, rows, fit.constants, fit.diagnostics.degrees_K)
    free_K = seen.weight_KxR.sum(1) - fit.diagnostics.degrees_K
    low_KxR, high_KxR = interval(log_KxR, sd_KxR, free_K, level)
    return low_KxR[:, len(seen.rows.w_S) :].T, high_KxR[:, len(seen.rows.w_S) :].T


def interval(log_BxR: np.ndarray, sd_BxR: np.ndarray, free_B: np.ndarray, level: float = LEVEL):
    """Low and high losses (B, R) from log-predictions, their standard deviations and the degrees of freedom."""
    quantile_Bx1 = np.asarray(student.ppf(0.5 + 0.5 * level, np.maximum(free_B, 2.0)))[:, None]
    with np.errstate(over="ignore"):  # a law that knows nothing of a row has an interval without end there
        return np.exp(log_BxR - quantile_Bx1 * sd_BxR), np.exp(log_BxR + quantile_Bx1 * sd_BxR)


def moments(
    law: type[Law], problems: lm.Problem, z_BxP: np.ndarray, rows: Row, constants: dict, degrees_B: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Log-predictions of R rows under B fits, and the standard deviation of one run around them, both (B, R).

    The arguments are those of `lm.solve` at the solutions z_BxP, and their effective numbers of parameters; call
    inside a float64 context.
    """
    count = len(z_BxP)
    padded = np.arange(-(-count // CHUNK) * CHUNK) % count

    def one(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = jax.tree.map(lambda x: np.asarray(x)[at], (problems, z_BxP, constants, degrees_B))
        log_CxR, sd_CxR = _moments(law, *parts[:2], rows, *parts[2:])
        return np.asarray(log_CxR), np.asarray(sd_CxR)

    log, sd = zip(*map(one, padded.reshape(-1, CHUNK)), strict=True)
    return np.concatenate(log)[:count], np.concatenate(sd)[:count]


@partial(jax.jit, static_argnums=0)
def _moments(law: type[Law], problems: lm.Problem, z_BxP: Any, rows: Row, constants: dict, degrees_B: Any):
    def one(problem: lm.Problem, z_P: Any, known: dict, degrees: Any):
        log_L_R, jac_RxP, H_PxP, sigma = information(law, problem, z_P, rows, known, degrees)
        scale_P = jnp.sqrt(jnp.maximum(jnp.diag(H_PxP), 1e-300))
        # Directions that the runs do not determine at all are left out: no prediction may hang on them.
        inverse_PxP = jnp.linalg.pinv(H_PxP / jnp.outer(scale_P, scale_P), rtol=1e-10, hermitian=True)
        by_scale_RxP = jac_RxP / scale_P
        variance_R = jnp.sum((by_scale_RxP @ inverse_PxP) * by_scale_RxP, axis=1)
        return log_L_R, jnp.sqrt(jnp.maximum(variance_R, 0.0) + sigma**2)

    return jax.vmap(one)(problems, z_BxP, constants, degrees_B)
