"""Effective-tokens law over several scales; the mixture affects the token term only."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Constants, Law, Normal, Row, View, constant, parameter, power
from mixlaw.laws.lazy_jax import jax, jnp


class JointEffectiveTokens(Law):
    """L = E + A n^-alpha + B (u d)^-beta,  u = a0 + sum_i exp(theta_i) w_i^(a_i),  0 < a_i < 1

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the mixture multiplies the tokens by u.
    Convex in w, because u is concave. It underestimates the differences between mixtures at larger scales: use it in
    addition to `MixtureIndex`, not in its place. The mean of theta is identified only by the priors, because B absorbs
    it.
    Objective: MAP on log-loss.

    >>> JointEffectiveTokens.name, sorted(JointEffectiveTokens.needs)
    ('joint-effective-tokens', ['mixture', 'params', 'tokens'])
    """

    name = "joint-effective-tokens"
    equation = "E + A n^-alpha + B (u d)^-beta, u = a0 + sum_i exp(theta_i) w_i^a_i"
    source = "ours"
    needs = frozenset({"mixture", "params", "tokens"})
    worth = "theta"
    convex = True
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    a0: Any = parameter(POSITIVE)
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        u = self.a0 + jnp.dot(jnp.exp(self.theta), power(row.w_S, self.a))
        size = self.A * (row.params / self.N0) ** -self.alpha
        return self.E + size + self.B * (u * row.tokens / self.D0) ** -self.beta

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y = view.median
        return {
            "E": Normal(np.log(0.5 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.2 * y), 1.0),
            "alpha": Normal(np.log(0.3), 0.4),
            "beta": Normal(np.log(0.4), 0.4),
            "a0": Normal(-1.0, 2.0),
            "theta": Normal(-1.0 + 1.0 * view.own_S(), 1.5),
            "a": Normal(np.zeros(len(view.sources)), 1.0),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens}
