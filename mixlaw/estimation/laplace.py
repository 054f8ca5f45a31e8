"""Laplace approximation of a fit at its optimum: standard deviations, features (whitened Jacobian rows), intervals."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import t as student

from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.objective import information
from mixlaw.laws import Law, Row

FITS_AT_ONCE = 16
"""Number of fits per compiled call."""
INTERVAL_PROBABILITY = 0.9


def student_interval(log_BxR: np.ndarray, sd_BxR: np.ndarray, free_B: np.ndarray, level: float = INTERVAL_PROBABILITY):
    """Ends (B, R) of Student-t intervals of losses, from log-predictions, deviations and degrees of freedom."""
    quantile_Bx1 = np.asarray(student.ppf(0.5 + 0.5 * level, np.maximum(free_B, 2.0)))[:, None]
    with np.errstate(over="ignore"):  # if no data constrain a prediction, its interval is infinite
        return np.exp(log_BxR - quantile_Bx1 * sd_BxR), np.exp(log_BxR + quantile_Bx1 * sd_BxR)


def moments(
    law: type[Law], problems: lm.FitProblem, z_BxP: np.ndarray, rows: Row, constants: dict, degrees_B: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Log-predictions of R rows under B fits and the standard deviations of one run about them, both (B, R).

    The arguments are those of `lm.solve` at the solutions z_BxP, and their effective numbers of parameters; call
    inside a float64 context.
    """
    count = len(z_BxP)
    padded = np.arange(-(-count // FITS_AT_ONCE) * FITS_AT_ONCE) % count

    def one(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = jax.tree.map(lambda x: np.asarray(x)[at], (problems, z_BxP, constants, degrees_B))
        log_CxR, sd_CxR = _moments(law, *parts[:2], rows, *parts[2:])
        return np.asarray(log_CxR), np.asarray(sd_CxR)

    log, sd = zip(*map(one, padded.reshape(-1, FITS_AT_ONCE)), strict=True)
    return np.concatenate(log)[:count], np.concatenate(sd)[:count]


@partial(jax.jit, static_argnums=0)
def _moments(law: type[Law], problems: lm.FitProblem, z_BxP: Any, rows: Row, constants: dict, degrees_B: Any):
    def one(problem: lm.FitProblem, z_P: Any, known: dict, degrees: Any):
        log_L_R, jac_RxP, H_PxP, sigma = information(law, problem, z_P, rows, known, degrees)
        scale_P = jnp.sqrt(jnp.maximum(jnp.diag(H_PxP), 1e-300))
        # Directions with zero curvature are dropped: a prediction must not depend on what the runs do not determine.
        inverse_PxP = jnp.linalg.pinv(H_PxP / jnp.outer(scale_P, scale_P), rtol=1e-10, hermitian=True)
        by_scale_RxP = jac_RxP / scale_P
        variance_R = jnp.sum((by_scale_RxP @ inverse_PxP) * by_scale_RxP, axis=1)
        return log_L_R, jnp.sqrt(jnp.maximum(variance_R, 0.0) + sigma**2)

    return jax.vmap(one)(problems, z_BxP, constants, degrees_B)


SMALLEST_CURVATURE = 1e-10
"""Curvature, as a share of the largest, below which a direction of parameter space is undetermined and dropped."""


def features(
    law: type[Law], problems: lm.FitProblem, z_BxP: np.ndarray, rows: Row, constants: dict, degrees_B: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-losses of R rows under B fits (B, R), their features (B, R, P), and the residual scales (B,).

    A feature is a row of the Jacobian in whitened parameters: its squared norm is the variance of the log-loss.

    The arguments are those of `lm.solve` at the solutions z_BxP, and their effective numbers of parameters; call
    inside a float64 context.
    """
    count, found = len(z_BxP), []
    padded = np.arange(-(-count // FITS_AT_ONCE) * FITS_AT_ONCE) % count if count > 1 else np.zeros(1, int)
    for at in padded.reshape(-1, min(FITS_AT_ONCE, len(padded))):
        parts = jax.tree.map(lambda x, at=at: np.asarray(x)[at], (problems, z_BxP, constants, degrees_B))
        log, jac, H, sigma = (np.asarray(x) for x in _information(law, *parts[:2], rows, *parts[2:]))
        found.append((log, jac @ _root(H), np.broadcast_to(sigma, len(at))))
    log_BxR, feature_BxRxP, sigma_B = (np.concatenate(x)[:count] for x in zip(*found, strict=True))
    return log_BxR, feature_BxRxP, sigma_B


@partial(jax.jit, static_argnums=0)
def _information(law: type[Law], problems: lm.FitProblem, z_BxP: Any, rows: Row, constants: dict, degrees_B: Any):
    return jax.vmap(lambda problem, z_P, known, degrees: information(law, problem, z_P, rows, known, degrees))(
        problems, z_BxP, constants, degrees_B
    )


def _root(H_BxPxP: np.ndarray) -> np.ndarray:
    """Square root X of the pseudo-inverse of H, symmetric after scaling parameters to unit curvature.

    Directions with (nearly) zero curvature are dropped. Targets with similar H get similar X."""
    scale_BxP = np.sqrt(np.maximum(np.einsum("bpp->bp", H_BxPxP), 1e-300))
    value_BxP, vector_BxPxP = np.linalg.eigh(H_BxPxP / (scale_BxP[:, :, None] * scale_BxP[:, None, :]))
    known_BxP = value_BxP > SMALLEST_CURVATURE * value_BxP[:, -1:]
    length_BxP = np.where(known_BxP, 1.0 / np.sqrt(np.where(known_BxP, value_BxP, 1.0)), 0.0)
    return (vector_BxPxP * length_BxP[:, None, :]) @ vector_BxPxP.transpose(0, 2, 1) / scale_BxP[:, :, None]


def learned(feature_KxNxP: np.ndarray, run_KxP: np.ndarray, noise_K: np.ndarray) -> np.ndarray:
    """Features (K, N, P) of N rows after one more run with features run_KxP and standard deviation noise_K.

    By Sherman and Morrison, the covariance I - r r' / (noise² + r.r) of a step in whitened parameters has the root
    I - c u u' with u = r / |r| and 1 - c = noise / sqrt(noise² + r.r).
    """
    square_K = np.square(run_KxP).sum(1)
    shrink_K = 1.0 - noise_K / np.sqrt(noise_K**2 + square_K)
    unit_KxP = run_KxP / np.sqrt(np.maximum(square_K, 1e-300))[:, None]
    along_KxN = np.einsum("knp,kp->kn", feature_KxNxP, unit_KxP)
    return feature_KxNxP - (shrink_K[:, None] * along_KxN)[:, :, None] * unit_KxP[:, None, :]
