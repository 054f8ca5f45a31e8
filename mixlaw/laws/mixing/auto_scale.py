"""AutoScale: each source's tokens lower the loss by a power law of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class AutoScale(Law):
    """L = l + sum_i C_i ((N0_i + n_i)/D0)^-g_i,  n_i = w_i D

    with n_i and N0_i in tokens (D0: geometric mean over the runs): N0_i is what the other sources are worth where
    source i is absent. Kang et al. (2407.20177), whose terms have no C_i, so that the unit in which tokens are counted
    sets their heights (in single tokens no term falls by more than .02 nats an e-fold of 1e9 tokens, and two g_i
    give one slope); theirs is C_i = (unit/D0)^g_i. It knows no size. Convex in w. `compose` carries its optima to
    larger token counts.
    Objective: ours, MAP on log-loss. Priors: where the sources share alike, N0 is a tenth of a source's tokens,
    within a factor of e^2, and the terms together 0.4 of the median loss.

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
    """Tokens of each source at the third of three scales, n3 = n2 n1^-1 n2 elementwise (2407.20177).

    Where N0 is small beside the tokens, the optimum at a marginal loss mu has n_i^(1 + g_i) proportional to 1/mu, so
    log n_i is linear in log mu: optima whose mu lie at equal factors compose so, exactly.

    Args:
        first_S, second_S: best tokens of each source at two token counts, all above 0.

    Returns:
        (S,) tokens; their sum is the token count that they are best for.
    """
    return np.asarray(second_S, float) ** 2 / np.asarray(first_S, float)
