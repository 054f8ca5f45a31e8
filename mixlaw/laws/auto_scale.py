"""AutoScale: each source's tokens lower the loss by a power law of their own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Law, Normal, Row, View, parameter


class AutoScale(Law):
    """L = l + sum_i (N0_i + n_i)^-g_i,  n_i = w_i D

    with n_i and N0_i in tokens: N0_i is what the other sources are worth where source i is absent. Kang et al.
    (2407.20177). A term has no coefficient, so g_i alone sets both its height and its slope. It knows no size.
    Convex in w. `compose` carries its optima to larger token counts.
    Objective: ours, MAP on log-loss. Priors: together the terms are 0.4 of the median loss where the sources share
    alike; N0 a tenth of a source's tokens there, within a factor of e^2.
    """

    name = "auto-scale"
    equation = "l + sum_i (N0_i + n_i)^-g_i, n_i = w_i D"
    source = "Kang et al., 2407.20177"
    needs = frozenset({"mixture", "tokens"})
    convex = True
    objective = MAP

    l: Any = parameter(POSITIVE)  # noqa: E741 (the paper's name)
    N0: Any = parameter(POSITIVE, per_source=True)
    g: Any = parameter(POSITIVE, per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        return self.l + jnp.sum(jnp.exp(-self.g * jnp.log(self.N0 + row.w_S * row.tokens)))

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        count = len(view.sources)
        tokens = np.log(view.tokens / count)
        exponent = -np.log(0.4 * view.median / count) / tokens
        return {
            "l": Normal(np.log(0.5 * view.median), 0.5),
            "N0": Normal(np.full(count, tokens - np.log(10.0)), 2.0),
            "g": Normal(np.full(count, np.log(max(exponent, 0.01))), 0.4),
        }


def compose(first_S: np.ndarray, second_S: np.ndarray) -> np.ndarray:
    """Tokens of each source at the third of three scales, n3 = n2 n1^-1 n2 elementwise (2407.20177).

    Where N0 is small beside the tokens, the optimum at a marginal loss mu has n_i = (g_i / mu)^(1 / (1 + g_i)), so
    log n_i is linear in log mu: optima whose mu lie at equal factors compose so, exactly.

    Args:
        first_S, second_S: best tokens of each source at two token counts, all above 0.

    Returns:
        (S,) tokens; their sum is the token count that they are best for.
    """
    return np.asarray(second_S, float) ** 2 / np.asarray(first_S, float)
