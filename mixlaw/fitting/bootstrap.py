"""Bootstrap of a fit: refits with random weights of the runs, and intervals from them."""

from dataclasses import replace

import jax
import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.map_estimate import REFIT_STOPPING
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.progress import stage
from mixlaw.laws import parametric

REFIT_PUBLISHED = lm.Stopping(steps=400, tolerance=1e-8)
"""Stopping rule of replicas without priors. Their objective has an arbitrary unit (Chinchilla's is about .001, and flat
along a curve): with REFIT_STOPPING's tolerance its 95% interval of B was 9% too narrow."""


def replicate(fitted: Fit, count: int, seed: int = 0, weights: str = "gamma") -> Fit:
    """Add bootstrap replicas to a fit: refits from the optimum with random weights of the runs and a random prior.

    A run's weight is Gamma distributed with mean 1 and variance n/(n - p) for n runs and p effective parameters. So
    checkpoints of one run share a weight, no run drops out, and the variance lost to fitting is restored. The prior's
    mean is drawn from the prior, so that parameters that the runs do not determine vary as much as the prior allows
    (randomise then optimise, Bardsley et al. 2014; weighted likelihood bootstrap, Newton and Raftery 1994).

    Args:
        weights: `gamma`, or `multinomial`: the number of times each run is drawn, as in Efron's bootstrap and in
            published intervals. A source in only one run is then often absent.

    Raises:
        MixlawError: the fit was read from a file, which has no runs; it is of a reference; or `weights` is unknown.
    """
    if weights not in ("gamma", "multinomial"):
        raise MixlawError(f"bootstrap weights '{weights}' are not known: choose gamma or multinomial")
    data = fitted.training_data("the bootstrap resamples")
    law, rng = parametric(fitted.law), np.random.default_rng([seed, 1])
    stage(f"refitting {law.name} to {count} bootstrap samples of the runs")
    seen, prior = data.observations, data.parameter_prior
    cluster_R = np.unique(seen.runs.cluster_R, return_inverse=True)[1]
    runs, (targets, width) = cluster_R.max() + 1, fitted.z_KxP.shape
    with jax.enable_x64(True):
        sigma_K = fitted.sigma_K if law.objective.priors else np.full(targets, law.objective.sigma)
        draws_BxKxP = np.broadcast_to(prior.mean_KxP, (count, targets, width)).copy()
        if law.objective.priors:
            factors_KxPxP = np.linalg.cholesky(prior.covariance_KxPxP)
            draws_BxKxP += np.einsum("kpq,bkq->bkp", factors_KxPxP, rng.standard_normal(draws_BxKxP.shape))
        if weights == "gamma":
            shape_K = np.clip(1.0 - fitted.diagnostics.degrees_K / runs, 0.2, 1.0)
            # One uniform draw per run for all targets keeps them paired: a run has the same quantile for each.
            drawn_BxKxC = _gamma_weights(rng, count, runs, shape_K)
        else:
            drawn_BxKxC = rng.multinomial(runs, np.full(runs, 1 / runs), size=(count, 1)).astype(float)
        weight_BxKxR = drawn_BxKxC[:, :, cluster_R] * seen.weight_KxR
        spread = lambda x: np.broadcast_to(x, (count, *x.shape)).reshape(count * targets, *x.shape[1:])  # noqa: E731
        problems = lm.FitProblem(
            spread(seen.log_loss_KxR),
            weight_BxKxR.reshape(count * targets, -1),
            spread(sigma_K),
            draws_BxKxP.reshape(-1, width),
            spread(prior.precision_KxPxP),
        )
        constants = jax.tree.map(spread, fitted.constants)
        limits = REFIT_STOPPING if law.objective.priors else REFIT_PUBLISHED
        solution = lm.solve(law, problems, spread(fitted.z_KxP), seen.rows, constants, limits)
    return replace(fitted, replicas_BxKxP=np.asarray(solution.z_P).reshape(count, targets, width))


def _gamma_weights(rng: np.random.Generator, count: int, runs: int, shape_K: np.ndarray) -> np.ndarray:
    """Gamma weights (B, K, runs) with mean 1 and variance 1/shape_K, at the same quantiles for every target."""
    from scipy.special import gammaincinv

    uniform_Bx1xR = rng.uniform(size=(count, 1, runs))
    return gammaincinv(shape_K[None, :, None], uniform_Bx1xR) / shape_K[None, :, None]


def bootstrap_interval(values_B: np.ndarray, point: float) -> dict[str, float]:
    """90% interval of values over the bootstrap, widened to contain the point."""
    low, high = np.quantile(values_B, [0.05, 0.95])
    return {"mean": float(point), "low": float(min(low, point)), "high": float(max(high, point))}
