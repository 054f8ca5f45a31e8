"""Laws of optimal mixtures, additive (the mixture affects the floor only) and joint (it affects every term)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Constants, Law, Normal, Row, View, constant, parameter, power
from mixlaw.laws.lazy_jax import jax, jnp


class OptimalMixtures(Law):
    """L = E + 1/(sum_i C_i w_i^(g_i)) + A n^-alpha + B d^-beta,  0 < g_i < 1

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Shukor et al. (2507.09404), additive form.
    Convex in w, because the sum is concave for g_i below 1. Differences between mixtures are the same at every scale,
    so the law overestimates them at larger scales.
    Objective: ours, MAP on log-loss. Priors: g_i around one half, log C shrunk towards its mean over the sources.

    >>> OptimalMixtures.name, sorted(OptimalMixtures.needs)
    ('optimal-mixtures', ['mixture', 'params', 'tokens'])
    """

    name = "optimal-mixtures"
    equation = "E + 1/(sum_i C_i w_i^g_i) + A n^-alpha + B d^-beta"
    source = "Shukor et al., 2507.09404"
    needs = frozenset({"mixture", "params", "tokens"})
    convex = True
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    C: Any = parameter(POSITIVE, per_source=True)
    g: Any = parameter(UNIT, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        size, data = (row.params / self.N0) ** -self.alpha, (row.tokens / self.D0) ** -self.beta
        return self.E + 1.0 / jnp.dot(self.C, power(row.w_S, self.g)) + self.A * size + self.B * data

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y = view.median
        return {
            "E": Normal(np.log(0.4 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.1 * y), 1.0),
            "alpha": Normal(np.log(0.3), 0.4),
            "beta": Normal(np.log(0.4), 0.4),
            # At equal shares and g = 1/2, the mixture's term is a fifth of the median loss.
            "C": Normal(-np.log(0.2 * y * len(view.sources) ** 0.5) + view.own_S(), 1.5, shared_sd=1.5),
            "g": Normal(np.zeros(len(view.sources)), 1.0),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens}


class OptimalMixturesJoint(Law):
    """L = E + 1/(sum_i C_i w_i^(g_i)) + A (sum_i a_i w_i)^gA n^-alpha + B (sum_i b_i w_i)^gB d^-beta

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Shukor et al. (2507.09404), joint form, from
    memory, unconfirmed; with gA = gB = 0 it is the additive form. The means of log a and log b are identified only by
    the priors, because A and B absorb them. Not convex in w for 0 < gA < 1.
    Objective: ours, MAP on log-loss. Priors: gA and gB around 1, log a and log b around 0.

    >>> OptimalMixturesJoint.name, sorted(OptimalMixturesJoint.needs)
    ('optimal-mixtures-joint', ['mixture', 'params', 'tokens'])
    """

    name = "optimal-mixtures-joint"
    equation = "E + 1/(sum_i C_i w_i^g_i) + A (sum_i a_i w_i)^gA n^-alpha + B (sum_i b_i w_i)^gB d^-beta"
    source = "Shukor et al., 2507.09404"
    needs = frozenset({"mixture", "params", "tokens"})
    convex = False
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    gA: Any = parameter(REAL)
    gB: Any = parameter(REAL)
    C: Any = parameter(POSITIVE, per_source=True)
    g: Any = parameter(UNIT, per_source=True)
    a: Any = parameter(POSITIVE, per_source=True)
    b: Any = parameter(POSITIVE, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        size = self.A * jnp.dot(self.a, row.w_S) ** self.gA * (row.params / self.N0) ** -self.alpha
        data = self.B * jnp.dot(self.b, row.w_S) ** self.gB * (row.tokens / self.D0) ** -self.beta
        return self.E + 1.0 / jnp.dot(self.C, power(row.w_S, self.g)) + size + data

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        even = Normal(np.zeros(len(view.sources)), 1.0)
        return OptimalMixtures.prior(view) | {"gA": Normal(1.0, 0.5), "gB": Normal(1.0, 0.5), "a": even, "b": even}

    @classmethod
    def constants(cls, view: View) -> Constants:
        return OptimalMixtures.constants(view)
