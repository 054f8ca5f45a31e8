"""What a fit knows and what one more run would teach it: the linearised posterior of its losses (Laplace).

Around the optimum log-losses are linear in the parameters, whose posterior is normal with the inverse of the fit's
Gauss–Newton matrix (priors included) as covariance. Each row becomes a vector, its features: the product of two rows'
features is the posterior covariance of their log-losses, and a further run only shortens all features along its own.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.map_estimate import priors
from mixlaw.estimation.objective import information
from mixlaw.estimation.observations import observe
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import Law, Row, parametric

CHUNK = 16
"""Fits at a time."""
LEAST = 1e-10
"""Directions of parameter space with a smaller share of the largest curvature are not determined, and left out."""


@dataclass(frozen=True)
class Posterior:
    """Log-losses of N rows for K targets.

    Attributes:
        log_KxN: their means.
        feature_KxNxP: covariance of rows i and j of target k: feature_k,i . feature_k,j; between targets k and l it is
            taken to be alike_kl times feature_k,i . feature_l,j, as if the same runs said as much of each.
        noise_K: standard deviation of the log-loss of one more run around its mean.
        alike_KxK: correlation between targets of what a run is off by.
    """

    log_KxN: np.ndarray
    feature_KxNxP: np.ndarray
    noise_K: np.ndarray
    alike_KxK: np.ndarray

    def take(self, rows: Any) -> "Posterior":
        """Some of the rows, by positions or mask."""
        return replace(self, log_KxN=self.log_KxN[:, rows], feature_KxNxP=self.feature_KxNxP[:, rows])


def posterior(fit: Fit, w_NxS: np.ndarray, params: Any, tokens: Any, unique: Any = None) -> Posterior:
    """The posterior of N mixtures; arguments as those of `Fit.losses`.

    Raises:
        MixlawError: the fit was read from a file, so its runs are not at hand, or it is that of a reference.
    """
    if fit.runs is None:
        raise MixlawError("this fit has no runs to tell what it knows from: fit the run table again")
    law = parametric(fit.law)
    seen = observe(fit.runs, law, goal=fit.goal)
    given = (np.asarray(x, float) for x in (w_NxS, params, tokens, fit.unique_S if unique is None else unique))
    shapes = ((len(w_NxS), *np.shape(x)[1:]) for x in seen.rows)
    asked = (np.broadcast_to(x, shape) for x, shape in zip(given, shapes, strict=True))
    rows = Row(*(np.concatenate(both) for both in zip(seen.rows, asked, strict=True)))
    blank = lambda x_KxR: np.pad(x_KxR, ((0, 0), (0, len(w_NxS))))  # noqa: E731
    with jax.enable_x64(True):
        problems = lm.Problem(blank(seen.log_loss_KxR), blank(seen.weight_KxR), fit.sigma_K, *priors(law, seen))
        log_KxR, feature_KxRxP, noise_K = features(
            law, problems, fit.z_KxP, rows, fit.constants, fit.diagnostics.degrees_K
        )
    count = len(seen.rows.w_S)
    off_KxR = np.where(seen.weight_KxR > 0, log_KxR[:, :count] - seen.log_loss_KxR, np.nan)
    return Posterior(log_KxR[:, count:], feature_KxRxP[:, count:], noise_K, alike(off_KxR))


def alike(off_KxR: np.ndarray, shrink: float = 10.0) -> np.ndarray:
    """Correlation between targets (K, K) of what runs are off by, nan where not measured, shrunk to none by so many
    runs without any."""
    measured_KxR = np.isfinite(off_KxR)
    clean_KxR = np.where(measured_KxR, off_KxR, 0.0)
    count_KxK = measured_KxR.astype(float) @ measured_KxR.T
    scale_K = np.sqrt(np.maximum(np.square(clean_KxR).sum(1), 1e-300) / np.maximum(np.diag(count_KxK), 1.0))
    unit_KxR = clean_KxR / scale_K[:, None]
    found_KxK = np.clip(unit_KxR @ unit_KxR.T / (count_KxK + shrink), -1.0, 1.0)
    np.fill_diagonal(found_KxK, 1.0)
    # Pairs measured on different runs may not fit together: what is not a correlation matrix is moved to one.
    value_K, vector_KxK = np.linalg.eigh(found_KxK)
    mended_KxK = (vector_KxK * np.maximum(value_K, 1e-6)) @ vector_KxK.T
    unit_K = np.sqrt(np.diag(mended_KxK))
    return mended_KxK / np.outer(unit_K, unit_K)


def features(
    law: type[Law], problems: lm.Problem, z_BxP: np.ndarray, rows: Row, constants: dict, degrees_B: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of B fits: log-losses of R rows (B, R), features (B, R, P), and the scale of a run's residual (B,).

    The arguments are those of `lm.solve` at the solutions z_BxP, and their effective numbers of parameters; call
    inside a float64 context.
    """
    count, found = len(z_BxP), []
    padded = np.arange(-(-count // CHUNK) * CHUNK) % count if count > 1 else np.zeros(1, int)
    for at in padded.reshape(-1, min(CHUNK, len(padded))):
        parts = jax.tree.map(lambda x, at=at: np.asarray(x)[at], (problems, z_BxP, constants, degrees_B))
        log, jac, H, sigma = (np.asarray(x) for x in _information(law, *parts[:2], rows, *parts[2:]))
        found.append((log, jac @ _root(H), np.broadcast_to(sigma, len(at))))
    log_BxR, feature_BxRxP, sigma_B = (np.concatenate(x)[:count] for x in zip(*found, strict=True))
    return log_BxR, feature_BxRxP, sigma_B


@partial(jax.jit, static_argnums=0)
def _information(law: type[Law], problems: lm.Problem, z_BxP: Any, rows: Row, constants: dict, degrees_B: Any):
    return jax.vmap(lambda problem, z_P, known, degrees: information(law, problem, z_P, rows, known, degrees))(
        problems, z_BxP, constants, degrees_B
    )


def _root(H_BxPxP: np.ndarray) -> np.ndarray:
    """Matrices X with X X' = H^-1, but for directions that nothing determines; symmetric but for the parameters' units,
    so that those of targets with alike matrices are alike."""
    scale_BxP = np.sqrt(np.maximum(np.einsum("bpp->bp", H_BxPxP), 1e-300))
    value_BxP, vector_BxPxP = np.linalg.eigh(H_BxPxP / (scale_BxP[:, :, None] * scale_BxP[:, None, :]))
    known_BxP = value_BxP > LEAST * value_BxP[:, -1:]
    length_BxP = np.where(known_BxP, 1.0 / np.sqrt(np.where(known_BxP, value_BxP, 1.0)), 0.0)
    return (vector_BxPxP * length_BxP[:, None, :]) @ vector_BxPxP.transpose(0, 2, 1) / scale_BxP[:, :, None]


def learned(feature_KxNxP: np.ndarray, run_KxP: np.ndarray, noise_K: np.ndarray) -> np.ndarray:
    """Features of N rows after one more run with features run_KxP and so much noise, (K, N, P).

    Sherman and Morrison: the covariance I - r r' / (noise² + r.r) of a step in whitened parameters has the root
    I - c u u' with u = r / |r| and 1 - c = noise / sqrt(noise² + r.r).
    """
    square_K = np.square(run_KxP).sum(1)
    shrink_K = 1.0 - noise_K / np.sqrt(noise_K**2 + square_K)
    unit_KxP = run_KxP / np.sqrt(np.maximum(square_K, 1e-300))[:, None]
    along_KxN = np.einsum("knp,kp->kn", feature_KxNxP, unit_KxP)
    return feature_KxNxP - (shrink_K[:, None] * along_KxN)[:, :, None] * unit_KxP[:, None, :]
