"""AutoScale: a power law in each source's tokens, summed over the sources."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class AutoScale(Law):
    """L = l + sum_i C_i ((N0_i + n_i)/D0)^-g_i,  n_i = w_i D

    with n_i and N0_i in tokens (D0: geometric mean over the runs). N0_i is the number of tokens of source i that the
    other sources replace if source i is absent. Kang et al. (2407.20177); they have
    C_i = (unit/D0)^g_i, so the heights of the terms depend on the unit of tokens (with single tokens as the unit, no
    term falls by more than .02 nats per e-fold at 1e9 tokens, and two values of g_i give the same slope). The law does
    not depend on N. Convex in w. `compose` extrapolates its optima to larger token counts.
    Objective: ours, MAP on log-loss. Priors: at equal shares, N0 is a tenth of a source's tokens within a factor of
    e^2, and the sum of the terms is 0.4 of the median loss.

    >>> AutoScale.name, sorted(AutoScale.needs)
    ('auto-scale', ['mixture', 'tokens'])
    """

    name = "auto-scale"
    equation = "l + sum_i C_i ((N0_i + n_i)/D0)^-g_i, n_i = w_i D"
    source = "Kang et al., 2407.20177"
    needs = frozenset({"mixture", "tokens"})
    convex = True
    objective = MAP

    l: Any = parameter(POSITIVE)  # noqa: E741 (the paper's name)
    C: Any = parameter(POSITIVE, per_source=True)
    N0: Any = parameter(POSITIVE, per_source=True)
    g: Any = parameter(POSITIVE, per_source=True)
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        log_n_S = jnp.log((self.N0 + row.w_S * row.tokens) / self.D0)
        return self.l + jnp.dot(self.C, jnp.exp(-self.g * log_n_S))

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        count, g = len(view.sources), 0.3
        height = np.log(0.4 * view.median / count) - g * np.log(count)
        return {
            "l": Normal(np.log(0.5 * view.median), 0.5),
            "C": Normal(height + view.own_S(), 1.0, shared_sd=0.5),
            "N0": Normal(np.full(count, np.log(0.1 * view.tokens / count)), 2.0),
            "g": Normal(np.full(count, np.log(g)), 0.5),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"D0": view.tokens}


def compose(first_S: np.ndarray, second_S: np.ndarray) -> np.ndarray:
    """Optimal tokens of each source at the third of three scales, n3 = n2 n1^-1 n2 elementwise (2407.20177).

    If N0 is small compared with the tokens, the optimum with marginal loss mu has n_i^(1 + g_i) proportional to 1/mu,
    so log n_i is linear in log mu. The formula is then exact for three optima whose mu differ by equal factors.

    Args:
        first_S, second_S: optimal tokens of each source at two token counts, all above 0.

    Returns:
        (S,) optimal tokens; their sum is the third token count.
    """
    return np.asarray(second_S, float) ** 2 / np.asarray(first_S, float)
