"""Maximum a posteriori estimation: priors, starting points, parameters and residual scale."""

from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.special import erf

from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.objective import predict
from mixlaw.estimation.observations import Observations
from mixlaw.laws import Law
from mixlaw.laws.base import prior_moments, unconstrain

RANDOM_STARTS = 3
"""Number of random starts, in addition to the prior's mean and the law's own starts."""
SCALE_ROUNDS = 5
"""Number of alternations between parameters and residual scale; the scale then changes by less than a percent."""
NOISE_RUNS = 2.0
"""Weight, in runs, of the law's default residual scale."""
ROUGH_TOLERANCE = 1e-5
"""Tolerance, as a share of the objective, of the starts and of all rounds but the last if the scale is estimated."""
REFIT_STOPPING = lm.Stopping(steps=40, tolerance=1e-4)
"""Stopping rule of replicas: an error of .01 in log-posterior is far below the differences between replicas."""


class ParameterPrior(NamedTuple):
    """Gaussian prior of a law's unconstrained parameters for K targets.

    Attributes:
        mean_KxP, covariance_KxPxP: mean and covariance.
        precision_KxPxP: inverse of the covariance, or zeros if the law's objective has no priors.
    """

    mean_KxP: np.ndarray
    covariance_KxPxP: np.ndarray
    precision_KxPxP: np.ndarray

    def problem(self, log_loss_KxR: Any, weight_KxR: Any, sigma_K: Any) -> lm.FitProblem:
        """The fit of K targets under this prior."""
        return lm.FitProblem(log_loss_KxR, weight_KxR, sigma_K, self.mean_KxP, self.precision_KxPxP)


def parameter_prior(law: type[Law], seen: Observations) -> ParameterPrior:
    """The prior that a law sets from summaries of the observations; call inside a float64 context."""
    targets = range(len(seen.runs.targets))
    moments = [prior_moments(law, seen.view(k)) for k in targets]
    mean_KxP = np.stack([mean for mean, _ in moments])
    covariance_KxPxP = np.stack([covariance for _, covariance in moments])
    precision_KxPxP = np.linalg.inv(covariance_KxPxP) * float(law.objective.priors)
    return ParameterPrior(mean_KxP, covariance_KxPxP, precision_KxPxP)


def starts(
    law: type[Law], seen: Observations, mean_KxP: np.ndarray, rng: np.random.Generator, random: int = RANDOM_STARTS
) -> np.ndarray:
    """Starting points for every target, (K, starts, P): the prior's mean, the law's own starts, and random ones."""
    # The same random directions for every target: what one target's fit is does not hang on the others.
    noise_SxP = 0.5 * rng.standard_normal((random, mean_KxP.shape[1]))
    found = []
    for k, mean_P in enumerate(mean_KxP):
        used_R = seen.weight_KxR[k] > 0
        rows = jax.tree.map(lambda x, used_R=used_R: x[used_R], seen.rows)
        own = law.starts(rows, np.exp(seen.log_loss_KxR[k][used_R]), seen.view(k))
        found.append(np.stack([mean_P, *[np.asarray(unconstrain(start)) for start in own], *(mean_P + noise_SxP)]))
    return np.stack(found)


def estimate(
    law: type[Law], seen: Observations, z_KxSxP: np.ndarray, prior: ParameterPrior, limits: lm.Stopping | None = None
) -> tuple[lm.FitSolution, np.ndarray, np.ndarray]:
    """Estimate parameters and residual scale from several starts. `limits` replaces the law's stopping rule.

    Returns:
        Best solution for every target (`lm.FitSolution` with a leading axis K).
        Residual scale (K,).
        Share of the starts that reach the best objective (K,).
    """
    targets, starts, width = z_KxSxP.shape
    guess_K, degrees_of_freedom = _first_sigma(law, seen), seen.weight_KxR.sum(1)
    repeat = lambda x: np.repeat(x, starts, axis=0)  # noqa: E731
    problems = lm.FitProblem(*map(repeat, prior.problem(*seen.data, guess_K)))
    constants = seen.constants(law)
    rough = limits or (lm.Stopping(law.objective.steps, ROUGH_TOLERANCE) if law.objective.priors else None)
    every = lm.solve(law, problems, z_KxSxP.reshape(-1, width), seen.rows, jax.tree.map(repeat, constants), rough)
    objective_KxS = np.asarray(every.objective).reshape(targets, starts)
    objective_KxS = np.where(np.isfinite(objective_KxS), objective_KxS, np.inf)
    best_K = np.argmin(objective_KxS, axis=1)
    lowest_K = objective_KxS[np.arange(targets), best_K]
    agree_K = np.mean(objective_KxS <= (lowest_K + 1e-4 * np.abs(lowest_K) + 1e-12)[:, None], axis=1)
    solution = jax.tree.map(lambda x: x.reshape(targets, starts, *x.shape[1:])[np.arange(targets), best_K], every)
    sigma_K = guess_K
    for left in reversed(range(SCALE_ROUNDS - 1 if law.objective.priors else 0)):
        sigma_K = residual_scale(law, solution, degrees_of_freedom)
        problems = prior.problem(*seen.data, sigma_K)
        solution = lm.solve(law, problems, solution.z_P, seen.rows, constants, rough if left else limits)
    if not law.objective.priors:
        return solution, _plain_scale(law, seen, solution, constants), agree_K
    return solution, residual_scale(law, solution, degrees_of_freedom), agree_K


def _plain_scale(law: type[Law], seen: Observations, solution: lm.FitSolution, constants: dict) -> np.ndarray:
    """Standard deviation of the residuals of log-loss (K,), without Huber's weights: if a published delta is far below
    the residuals, the weighted squares are meaningless."""
    log_KxR = np.log(np.asarray(predict(law, solution.z_P, seen.rows, constants)))
    squares_K = (seen.weight_KxR * (log_KxR - seen.log_loss_KxR) ** 2).sum(1)
    count_K = seen.weight_KxR.sum(1)
    return np.sqrt(squares_K / np.maximum(count_K - solution.degrees, 0.05 * count_K))


def _first_sigma(law: type[Law], seen: Observations) -> np.ndarray:
    """Initial residual scale (K,). If the scale is estimated, it starts large, so that the priors dominate at first."""
    if not law.objective.priors:
        return np.full(len(seen.log_loss_KxR), law.objective.sigma)
    spread_K = [np.std(y_R[w_R > 0]) for y_R, w_R in zip(seen.log_loss_KxR, seen.weight_KxR, strict=True)]
    return np.maximum(0.25 * np.array(spread_K), law.objective.sigma)


def residual_scale(law: type[Law], solution: lm.FitSolution, observations_K: np.ndarray) -> np.ndarray:
    """Residual standard deviation of log-loss (K,), corrected for the effective number of parameters and shrunk to the
    law's default if there are few runs. Huber's weights keep the share 2 Phi(delta) - 1 of Gaussian squares."""
    prior_runs = NOISE_RUNS if law.objective.priors else 0.0
    free_K = np.maximum(observations_K - np.asarray(solution.degrees), 0.05 * observations_K)
    kept = erf(law.objective.huber / np.sqrt(2.0)) if law.objective.priors else 1.0
    squares_K = np.asarray(solution.residual_sum) / kept + prior_runs * law.objective.sigma**2
    return np.sqrt(squares_K / (prior_runs + free_K))
