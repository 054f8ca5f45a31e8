"""Gaussian process on the square roots of the shares."""

from typing import Any

import numpy as np

from mixlaw.laws.base import Row
from mixlaw.laws.references.base import Reference, drop_unused, log_scales, scikit_learn

MAX_LEARNING_ROWS = 100
"""Largest number of rows, chosen at random, from which length scales and noise are learned: more add little."""


class GaussianProcess(Reference):
    """Gaussian process regression of log-loss on sqrt(w), and on standardised log N and log D if they differ between
    runs.

    Ours. Kernel: a Matérn kernel of smoothness 5/2 with a length scale for each input, plus a linear part, plus noise.
    The hyperparameters maximise the marginal likelihood with log-normal priors, which keep length scales bounded if
    there are few runs: lengths 1 (within a factor of e), variances 1 and noise .01, relative to the variance of the
    log-losses. Earlier checkpoints of a run have the noise variance noise / weight. Far from the runs only the linear
    part remains.

    >>> GaussianProcess.name, sorted(GaussianProcess.needs)
    ('gaussian-process', ['mixture', 'params', 'tokens'])
    """

    name = "gaussian-process"
    equation = "Gaussian process of log L in sqrt(w), log N, log D: Matern 5/2 with a length each, linear part, noise"
    source = "ours, with scikit-learn"
    needs = frozenset({"mixture", "params", "tokens"})
    optional = frozenset({"params", "tokens"})

    @classmethod
    def predict(cls, rows: Row, loss_R: np.ndarray, weight_R: np.ndarray, at: Row, seed: int) -> np.ndarray:
        process = scikit_learn(cls.name, "sklearn.gaussian_process")
        rows, loss_R, weight_R = drop_unused(rows, loss_R, weight_R)
        x_RxF, x_MxF = _inputs(cls.name, rows, at)
        mean, sd = np.log(loss_R).mean(), max(np.log(loss_R).std(), 1e-12)
        y_R = (np.log(loss_R) - mean) / sd
        some = np.random.default_rng(seed).permutation(len(y_R))[:MAX_LEARNING_ROWS]
        kernel, prior_mean, prior_sd = _kernel(process.kernels, x_RxF.shape[1])
        learned = process.GaussianProcessRegressor(kernel, optimizer=_maximise(prior_mean, prior_sd))
        # Matrices of a few hundred rows are smaller than the cost of sharing them out among threads.
        with scikit_learn(cls.name, "threadpoolctl").threadpool_limits(1):
            kernel = learned.fit(x_RxF[some], y_R[some]).kernel_
        noise_R = kernel.k2.noise_level / weight_R
        final = process.GaussianProcessRegressor(kernel.k1, alpha=noise_R, optimizer=None).fit(x_RxF, y_R)
        return np.exp(mean + sd * final.predict(x_MxF))


def _inputs(name: str, rows: Row, at: Row) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the process at the given rows (R, F) and at the predicted rows (M, F), centred on the given ones."""
    known_RxF, asked_MxF = log_scales(name, rows, at)
    spread_F = known_RxF.std(0)
    x_RxF = np.hstack([np.sqrt(rows.w_S), known_RxF / spread_F])
    x_MxF = np.hstack([np.sqrt(at.w_S), asked_MxF / spread_F])
    return x_RxF - x_RxF.mean(0), x_MxF - x_RxF.mean(0)


def _kernel(kernels: Any, inputs: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """The kernel, and mean and deviation of its log-parameters in scikit-learn's order."""
    wide = (1e-8, 1e8)
    curved = kernels.ConstantKernel(1.0, wide) * kernels.Matern(np.ones(inputs), wide, nu=2.5)
    linear = kernels.ConstantKernel(1.0, wide) * kernels.DotProduct(1.0, "fixed")
    prior_sd = np.array([1.5, *np.ones(inputs), 1.5, 2.0])
    kernel = curved + linear + kernels.WhiteKernel(0.01, wide)
    return kernel, kernel.theta, prior_sd


def _maximise(mean_P: np.ndarray, sd_P: np.ndarray) -> Any:
    """An optimizer of log-parameters for scikit-learn that adds a Gaussian prior; its bounds are never reached."""
    from scipy.optimize import minimize

    def optimizer(objective: Any, start_P: np.ndarray, bounds: Any) -> tuple[np.ndarray, float]:
        def value(theta_P: np.ndarray) -> tuple[float, np.ndarray]:
            lost, slope_P = objective(theta_P, eval_gradient=True)
            off_P = (theta_P - mean_P) / sd_P
            return lost + 0.5 * off_P @ off_P, slope_P + off_P / sd_P

        # Whatever ends the search, the kernel it leaves is a valid one, no worse than the prior's mean.
        found = minimize(value, start_P, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
        return found.x, found.fun

    return optimizer
