"""Regression of a law's parameter theta on a text covariate: prior of a fit, and prediction for a new source.

In a law with an index u = a0 + sum_i exp(theta_i) w_i^(a_i), theta_ki is the value of source i for target k. On text it
is close to linear in a covariate computed from n-grams:

    x_ki = log E_{b ~ target k}[ q_i(b) / m(b) ],   m = mean_i q_i

the log of -dKL(target k || mixture)/dw_i at the uniform mixture: how much likelier target k's n-grams are under source
i than under the uniform mixture. On demo text theta_ki - mean_i theta_ki is 3.0, 3.0, 3.3 times x_ki - mean_i x_ki
for its three targets, with correlations of .98 to 1.00 (analysis/NOTES.md).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mixlaw.laws import SourcePrior
from mixlaw.transport import NGramKL

SLOPE, SLOPE_SD = 3.0, 1.0
"""Prior of the slope, theta per unit of x: the demo's value, with a standard deviation of a third of it."""
THETA_SD = 0.4
"""Standard deviation of theta around the line."""


class LinePrior(NamedTuple):
    """Prior of a regression line: slope, its standard deviation, and standard deviation of sources around the line."""

    slope: float
    slope_sd: float
    spread: float


THETA_PRIOR = LinePrior(SLOPE, SLOPE_SD, THETA_SD)
"""Prior for theta on x."""
SIZE_PRIOR = LinePrior(0.0, 1.0, 1.0)
"""Prior for any other per-source parameter (unconstrained) on the logarithm of the source's unique tokens. The law
fixes how tokens enter; the sources' parameters correct its errors, so they may depend on tokens."""

SHARED_SD = 0.6
"""Standard deviation of the mean over sources, which the law's other parameters absorb."""
PRIOR_OBSERVATIONS = 4.0
"""Weight of the prior `THETA_SD`, in observations, when it is estimated from the runs."""


def covariate(distances: Sequence[NGramKL]) -> np.ndarray:
    """The text covariate x (K, S), from one distance per target.

    >>> web, code, target = np.array([9.0, 1.0]), np.array([1.0, 9.0]), np.array([2.0, 8.0])
    >>> x_KxS = covariate([NGramKL({"web": web, "code": code}, target)])
    >>> bool(x_KxS[0, 1] > x_KxS[0, 0])
    True
    """
    even_S = np.full(len(distances[0].sources), 1 / len(distances[0].sources))
    return np.log(-np.stack([distance(even_S).gradient_S for distance in distances]))


def source_prior(x_KxS: np.ndarray, sources: tuple[str, ...], targets: tuple[str, ...]) -> SourcePrior:
    """Prior of theta: mean SLOPE (x - mean x), with an uncertain slope of its own for each target.

    Integrated over slope ~ Normal(SLOPE, SLOPE_SD²): covariance THETA_SD² I + SLOPE_SD² x x' + SHARED_SD² 11'.

    >>> prior = source_prior(np.array([[-0.5, 0.5]]), ("web", "code"), ("code",))
    >>> prior.offset_KxS.tolist(), prior.covariance_KxSxS.shape
    ([[-1.5, 1.5]], (1, 2, 2))
    """
    away_KxS = x_KxS - x_KxS.mean(1, keepdims=True)
    covariance_KxSxS = SLOPE_SD**2 * away_KxS[:, :, None] * away_KxS[:, None, :]
    covariance_KxSxS = covariance_KxSxS + THETA_SD**2 * np.eye(len(sources)) + SHARED_SD**2
    return SourcePrior(sources, targets, SLOPE * away_KxS, covariance_KxSxS, "n-grams of samples")


class Line(NamedTuple):
    """Regression of a parameter on a covariate over the runs' sources: one slope, an intercept for each target.

    Attributes:
        slope: posterior mean. slope_sd: its standard deviation.
        spread: standard deviation of theta around the line.
        freedom: degrees of freedom of `spread`.
    """

    slope: float
    slope_sd: float
    spread: float
    freedom: float


def line(theta_KxS: np.ndarray, x_KxS: np.ndarray, prior: LinePrior = THETA_PRIOR) -> Line:
    """Bayesian regression, conjugate given the spread (estimated once); by default with the prior of `source_prior`.

    With S sources and K targets the data add K (S - 1) - 1 degrees of freedom to the prior's.
    """
    t_KxS, x_KxS = (z - z.mean(1, keepdims=True) for z in (theta_KxS, x_KxS))
    variance, slope = prior.spread**2, prior.slope
    precision = 1 / prior.slope_sd**2
    freedom = PRIOR_OBSERVATIONS + max(x_KxS.shape[0] * (x_KxS.shape[1] - 1) - 1, 0)
    for _ in range(20):  # the weight of the slope's prior depends on the spread: iterate to a fixed point
        precision = (x_KxS**2).sum() / variance + 1 / prior.slope_sd**2
        slope = ((x_KxS * t_KxS).sum() / variance + prior.slope / prior.slope_sd**2) / precision
        variance = (PRIOR_OBSERVATIONS * prior.spread**2 + ((t_KxS - slope * x_KxS) ** 2).sum()) / freedom
    return Line(float(slope), float(precision**-0.5), float(variance**0.5), float(freedom))


def predicted(found: Line, theta_KxS: np.ndarray, x_KxS: np.ndarray, x_K: np.ndarray) -> np.ndarray:
    """Predicted theta (K,) of a source that no run contains, from its x (K,)."""
    return theta_KxS.mean(1) + found.slope * (x_K - x_KxS.mean(1))


def drawn(
    found: Line, theta_KxS: np.ndarray, x_KxS: np.ndarray, x_K: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One sample of `predicted`: slope, spread, and the new source's deviation from the line are drawn.

    The deviation is the same for all targets, which makes the interval of their weighted mean wide (conservative).
    """
    spread = found.spread * np.sqrt(found.freedom / rng.chisquare(found.freedom))
    slope = found.slope + found.slope_sd * rng.standard_normal()
    strays = spread * np.sqrt(1 + 1 / x_KxS.shape[1]) * rng.standard_normal()
    return theta_KxS.mean(1) + slope * (x_K - x_KxS.mean(1)) + strays


def left_out_error(theta_KxS: np.ndarray, x_KxS: np.ndarray) -> float | None:
    """Root mean square error of `predicted` over the runs' sources, each left out in turn; None for one source."""
    S = x_KxS.shape[1]
    if S < 2:
        return None
    errors = []
    for s in range(S):
        kept = np.arange(S) != s
        found = line(theta_KxS[:, kept], x_KxS[:, kept])
        errors.append(predicted(found, theta_KxS[:, kept], x_KxS[:, kept], x_KxS[:, s]) - theta_KxS[:, s])
    return float(np.sqrt(np.mean(np.square(errors))))
