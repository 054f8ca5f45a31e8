"""Intervals of predictions by the curvature of the fit (Laplace)."""

from typing import Any

import jax
import numpy as np

from mixlaw.estimation.laplace import INTERVAL_PROBABILITY, moments, student_interval
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import Row, parametric


def band(
    fit: Fit,
    w_MxS: np.ndarray,
    params: Any = np.nan,
    tokens: Any = np.nan,
    *,
    unique: Any = None,
    level: float = INTERVAL_PROBABILITY,
) -> tuple[np.ndarray, np.ndarray]:
    """Interval for the loss of one run of each of M mixtures: low and high (M, K), nats per token.

    On log-loss, prediction ± t sqrt(J Sigma J' + sigma²): Sigma is the inverse of the fit's Gauss–Newton matrix
    (priors included) at its optimum, sigma the residual scale, and t Student's quantile with as many degrees of
    freedom as observations less effective parameters (MacKay 1992, "Bayesian interpolation"). The interval
    assumes that the law is correct and that the runs are independent. For a law without priors, whose Huber delta is
    far below its residuals,
    the matrix is that of least squares with sigma the root mean square of the residuals.

    Args:
        fit: with the runs it was fitted on.
        w_MxS, params, tokens, unique: as `Fit.losses` takes them.
        level: nominal coverage of the interval, in (0, 1).

    Raises:
        MixlawError: the fit was read from a file, which holds no runs.

    >>> import numpy as np, pandas as pd, mixlaw
    >>> web = np.linspace(0.1, 0.9, 12)
    >>> loss = 2.0 + np.exp(-1.5 * web)
    >>> runs = mixlaw.Runs.from_frame(pd.DataFrame({"w:web": web, "w:code": 1 - web, "loss:web": loss}))
    >>> low, high = band(mixlaw.fit(runs, "log-linear"), np.array([[0.45, 0.55]]))
    >>> low.shape, bool(low[0, 0] < 2.0 + np.exp(-1.5 * 0.45) < high[0, 0])
    ((1, 1), True)
    """
    data, law = fit.training_data("the interval needs"), parametric(fit.law)
    seen = data.observations
    unique = fit.unique_S if unique is None else unique
    unit = (np.asarray(x, float) for x in (w_MxS, params, tokens, unique))
    shapes = ((len(w_MxS), *np.shape(x)[1:]) for x in seen.rows)
    asked = (np.broadcast_to(x, shape) for x, shape in zip(unit, shapes, strict=True))
    rows = Row(*(np.concatenate(both) for both in zip(seen.rows, asked, strict=True)))
    blank = lambda x_KxR: np.pad(x_KxR, ((0, 0), (0, len(w_MxS))))  # noqa: E731
    with jax.enable_x64(True):
        problems = data.parameter_prior.problem(blank(seen.log_loss_KxR), blank(seen.weight_KxR), fit.sigma_K)
        log_KxR, sd_KxR = moments(law, problems, fit.z_KxP, rows, fit.constants, fit.diagnostics.degrees_K)
    free_K = seen.weight_KxR.sum(1) - fit.diagnostics.degrees_K
    low_KxR, high_KxR = student_interval(log_KxR, sd_KxR, free_K, level)
    return low_KxR[:, len(seen.rows.w_S) :].T, high_KxR[:, len(seen.rows.w_S) :].T
