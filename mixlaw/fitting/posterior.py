"""Laplace approximation of the posterior of predicted losses, and its update by one more run.

Around the optimum log-losses are linear in the parameters, whose posterior is normal with the inverse of the fit's
Gauss–Newton matrix (priors included) as covariance. Each row becomes a vector, its features: the product of two rows'
features is the posterior covariance of their log-losses, and a further run only shortens all features along its own.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from mixlaw.estimation.laplace import features
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import Row, parametric


@dataclass(frozen=True)
class Posterior:
    """Log-losses of N rows for K targets.

    Attributes:
        log_KxN: their means.
        feature_KxNxP: covariance of rows i and j of target k: feature_k,i . feature_k,j; between targets k and l it is
            approximated by correlation_kl * feature_k,i . feature_l,j.
        noise_K: standard deviation of the log-loss of one more run around its mean.
        correlation_KxK: correlation of the residuals of targets.
    """

    log_KxN: np.ndarray
    feature_KxNxP: np.ndarray
    noise_K: np.ndarray
    correlation_KxK: np.ndarray

    def take(self, rows: Any) -> "Posterior":
        """The rows at these positions or in this mask."""
        return replace(self, log_KxN=self.log_KxN[:, rows], feature_KxNxP=self.feature_KxNxP[:, rows])


def posterior(fit: Fit, w_NxS: np.ndarray, params: Any, tokens: Any, unique: Any = None) -> Posterior:
    """The posterior of N mixtures; arguments as those of `Fit.losses`.

    Raises:
        MixlawError: the fit was read from a file, which holds no runs, or its law is a reference.
    """
    data, law = fit.training_data("its posterior needs"), parametric(fit.law)
    seen = data.observations
    given = (np.asarray(x, float) for x in (w_NxS, params, tokens, fit.unique_S if unique is None else unique))
    shapes = ((len(w_NxS), *np.shape(x)[1:]) for x in seen.rows)
    asked = (np.broadcast_to(x, shape) for x, shape in zip(given, shapes, strict=True))
    rows = Row(*(np.concatenate(both) for both in zip(seen.rows, asked, strict=True)))
    blank = lambda x_KxR: np.pad(x_KxR, ((0, 0), (0, len(w_NxS))))  # noqa: E731
    with jax.enable_x64(True):
        problems = data.parameter_prior.problem(blank(seen.log_loss_KxR), blank(seen.weight_KxR), fit.sigma_K)
        log_KxR, feature_KxRxP, noise_K = features(
            law, problems, fit.z_KxP, rows, fit.constants, fit.diagnostics.degrees_K
        )
    count = len(seen.rows.w_S)
    off_KxR = np.where(seen.weight_KxR > 0, log_KxR[:, :count] - seen.log_loss_KxR, np.nan)
    return Posterior(log_KxR[:, count:], feature_KxRxP[:, count:], noise_K, residual_correlation(off_KxR))


def residual_correlation(off_KxR: np.ndarray, shrink: float = 10.0) -> np.ndarray:
    """Residual correlation between targets (K, K), shrunk towards 0 as if by `shrink` further uncorrelated runs.
    Residuals that were not measured are nan."""
    measured_KxR = np.isfinite(off_KxR)
    clean_KxR = np.where(measured_KxR, off_KxR, 0.0)
    count_KxK = measured_KxR.astype(float) @ measured_KxR.T
    scale_K = np.sqrt(np.maximum(np.square(clean_KxR).sum(1), 1e-300) / np.maximum(np.diag(count_KxK), 1.0))
    unit_KxR = clean_KxR / scale_K[:, None]
    found_KxK = np.clip(unit_KxR @ unit_KxR.T / (count_KxK + shrink), -1.0, 1.0)
    np.fill_diagonal(found_KxK, 1.0)
    # Correlations from different sets of runs may not form a correlation matrix: the nearest one is taken.
    value_K, vector_KxK = np.linalg.eigh(found_KxK)
    mended_KxK = (vector_KxK * np.maximum(value_K, 1e-6)) @ vector_KxK.T
    unit_K = np.sqrt(np.diag(mended_KxK))
    return mended_KxK / np.outer(unit_K, unit_K)
