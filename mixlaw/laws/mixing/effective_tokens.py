"""Effective-tokens mixing law, the default if all runs have the same size and token count."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Law, Normal, Row, View, parameter, power
from mixlaw.laws.lazy_jax import jax, jnp


class EffectiveTokens(Law):
    """L = E + u^(-b),  u = a0 + sum_i exp(theta_i) w_i^(a_i),  0 < a_i < 1

    Ours. u, the effective tokens, is concave in w, so L is convex in w and its optimum can be certified. Because the
    law saturates, optima can be interior. A source's first tokens have the largest effect: dL/dw_i is infinite at
    w_i = 0. Objective: MAP on log-loss. Priors: a_i around one half; theta shrunk towards its mean over the sources,
    and higher by 2.5 for the source with the target's name.

    >>> EffectiveTokens.name, sorted(EffectiveTokens.needs), EffectiveTokens.convex
    ('effective-tokens', ['mixture'], True)
    """

    name = "effective-tokens"
    equation = "E + u^-b, u = a0 + sum_i exp(theta_i) w_i^a_i"
    source = "ours"
    needs = frozenset({"mixture"})
    worth = "theta"
    convex = True
    objective = MAP

    E: Any = parameter(POSITIVE)
    b: Any = parameter(POSITIVE)
    a0: Any = parameter(POSITIVE)
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT, per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        u = self.a0 + jnp.dot(jnp.exp(self.theta), power(row.w_S, self.a))
        return self.E + u**-self.b

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        b = 0.3
        level = -np.log(0.2 * view.median) / b  # log u at which u^-b is a fifth of the median loss
        return {
            "E": Normal(np.log(0.8 * view.lowest), 0.3),
            "b": Normal(np.log(b), 0.5),
            "a0": Normal(level - 1.0, 2.0),
            "theta": Normal(level - 1.0 + 2.5 * view.own_S(), 1.5, shared_sd=2.0),
            "a": Normal(np.zeros(len(view.sources)), 1.0),
        }
