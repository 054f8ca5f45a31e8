"""Parameter-free extrapolation from two scales to a third, and how much it amplifies noise.

A straight line in ln n through two values has at n the value a0 * value_0 + a1 * value_1 with

    a0 = -ln(n / n1) / ln(n1 / n0),        a1 = ln(n / n0) / ln(n1 / n0).

Projektor (2307.02460) uses the line through the performances: beyond n1 it falls without bound, so it is optimistic.
The line through their logarithms is a power law.
"""

import numpy as np
from numpy.typing import ArrayLike

from mixlaw.errors import MixlawError
from mixlaw.typing import Array


def projection_weights(n: ArrayLike, n0: float, n1: float) -> Array:
    """Weights (2, ...) a0, a1 of the values at scales n0 < n1 in the line's value at n; all scales in one unit.

    Raises:
        MixlawError: a scale is not finite and above 0, or n0 is not below n1.

    >>> projection_weights(4.0, 1.0, 2.0).round(6).tolist()
    [-1.0, 2.0]
    """
    n = np.asarray(n, np.float64)
    if not (0 < n0 < n1 < np.inf) or not ((n > 0) & np.isfinite(n)).all():
        raise MixlawError(f"projection over scales: from {n0:g} and {n1:g}; give 0 < n0 < n1, and n above 0")
    span = np.log(n1 / n0)
    return np.stack([-np.log(n / n1) / span, np.log(n / n0) / span])


def project_log_linear(performance_0: ArrayLike, performance_1: ArrayLike, n: float, n0: float, n1: float) -> Array:
    """Projektor's parameter-free rule: L(n) = [ln(n/n0) L(n1) - ln(n/n1) L(n0)] / ln(n1/n0), elementwise.

    >>> float(project_log_linear(3.0, 2.5, 4.0, 1.0, 2.0).round(6))
    2.0
    """
    a0, a1 = projection_weights(n, n0, n1)
    return a0 * np.asarray(performance_0, np.float64) + a1 * np.asarray(performance_1, np.float64)


def project_power_law(performance_0: ArrayLike, performance_1: ArrayLike, n: float, n0: float, n1: float) -> Array:
    """The power law through two values, L(n) = L(n1) (n/n1)^-a with n0^a L(n0) = n1^a L(n1), elementwise.

    Raises:
        MixlawError: a performance is not above 0, or for scales as in `projection_weights`.

    >>> float(project_power_law(4.0, 2.0, 4.0, 1.0, 2.0).round(6))
    1.0
    """
    pair = [np.asarray(part, np.float64) for part in (performance_0, performance_1)]
    if not all((part > 0).all() for part in pair):
        raise MixlawError("power law over scales: performances (errors, losses) must be above 0")
    return np.exp(project_log_linear(np.log(pair[0]), np.log(pair[1]), n, n0, n1))


def noise_gain(n: float, n0: float, n1: float) -> float:
    """Standard deviation of the extrapolated value divided by that of one pilot: sqrt(a0^2 + a1^2).

    From 1000 and 1500 to 10,000 it is 7.4. For a power law the standard deviations are relative.

    >>> round(noise_gain(10_000, 1000, 1500), 1)
    7.4
    """
    return float(np.linalg.norm(projection_weights(n, n0, n1)))
