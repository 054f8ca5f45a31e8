"""Chinchilla with a penalty on repetition, for one repeated source."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class OverfitPenalty(Law):
    """L = E + A n^-alpha + B d^-beta + P R^delta (N/V)^kappa,  R = D/V - 1,  V = min(D, U)

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Lovelace et al. (2605.01640): repeated
    tokens count in full, and a penalty for overfitting, which grows with N, is added. V is the unique tokens seen, so
    the penalty is 0 if no token repeats. U is the sum over the sources, so the law does not depend on the mixture.
    Objective: ours, MAP on log-loss. Priors: delta around 1.5, kappa around 1, P around e^-3.5.

    >>> OverfitPenalty.name, sorted(OverfitPenalty.needs)
    ('overfit-penalty', ['params', 'tokens', 'unique'])
    """

    name = "overfit-penalty"
    equation = "E + A n^-alpha + B d^-beta + P R^delta (N/V)^kappa, R = D/V - 1, V = min(D, U)"
    source = "Lovelace et al., 2605.01640"
    needs = frozenset({"params", "tokens", "unique"})
    convex = True
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    P: Any = parameter(POSITIVE)
    delta: Any = parameter(POSITIVE)
    kappa: Any = parameter(POSITIVE)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        V = jnp.minimum(jnp.sum(row.unique_S), row.tokens)
        repeats = row.tokens > V
        log_r = jnp.log(jnp.where(repeats, row.tokens / V - 1.0, 1.0))  # log 0 has no derivative, even unused
        penalty = self.P * jnp.exp(self.delta * log_r + self.kappa * jnp.log(row.params / V))
        size, data = (row.params / self.N0) ** -self.alpha, (row.tokens / self.D0) ** -self.beta
        return self.E + self.A * size + self.B * data + jnp.where(repeats, penalty, 0.0)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y = view.median
        return {
            "E": Normal(np.log(0.5 * y), 0.5),
            "A": Normal(np.log(0.2 * y), 1.0),
            "B": Normal(np.log(0.2 * y), 1.0),
            "alpha": Normal(np.log(0.35), 0.5),
            "beta": Normal(np.log(0.35), 0.5),
            "P": Normal(-3.5, 2.0),
            "delta": Normal(np.log(1.5), 0.3),
            "kappa": Normal(0.0, 0.3),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens}
