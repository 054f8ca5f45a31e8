"""Mixture-index law, the default over several scales, and its variants with fewer or more parameters."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Constants, Law, Normal, Row, View, constant, parameter, power
from mixlaw.laws.lazy_jax import jax, jnp


def log_index(w_S: Any, a0: Any, theta_S: Any, a_S: Any) -> jax.Array:
    """Log of the index a0 + sum_i exp(theta_i) w_i^(a_i) of one mixture, a scalar; a_S may be a single exponent."""
    return jnp.log(a0 + jnp.dot(jnp.exp(theta_S), power(w_S, a_S)))


class IndexLaw(Law):
    """Base class of these laws: a floor, a size term and a token term, each scaled by an index of the mixture."""

    source = "ours"
    needs = frozenset({"mixture", "params", "tokens"})
    convex = True
    objective = MAP

    E: Any = parameter(POSITIVE)
    F: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens}


class MixtureIndex(IndexLaw):
    """L = E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD,  u = a0 + sum_i exp(theta_i) w_i^(a_i)

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: one concave index of the mixture
    scales the floor, the size term and the token term, each with its own exponent. Convex in w, because u is
    concave and positive and every exponent is positive. The mean of theta is identified only by the priors, because
    F, A and B absorb it.
    Objective: MAP on log-loss, Huber at 1.345 sigma, checkpoints before a run's last one weighted .05.

    >>> MixtureIndex.name, sorted(MixtureIndex.needs)
    ('mixture-index', ['mixture', 'params', 'tokens'])
    """

    name = "mixture-index"
    equation = "E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD, u = a0 + sum_i exp(theta_i) w_i^a_i"
    worth = "theta"

    kF: Any = parameter(POSITIVE)
    kN: Any = parameter(POSITIVE)
    kD: Any = parameter(POSITIVE)
    a0: Any = parameter(POSITIVE)
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        log_u = log_index(row.w_S, self.a0, self.theta, self.a)
        log_n, log_d = jnp.log(row.params / self.N0), jnp.log(row.tokens / self.D0)
        floor = self.E + self.F * jnp.exp(-self.kF * log_u)
        size = self.A * jnp.exp(-self.alpha * log_n - self.kN * log_u)
        return floor + size + self.B * jnp.exp(-self.beta * log_d - self.kD * log_u)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y, exponent = view.median, np.log(0.4)
        return {
            "E": Normal(np.log(0.3 * y), 0.5),
            "F": Normal(np.log(0.08 * y), 1.0),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.1 * y), 1.0),
            "alpha": Normal(np.log(0.3), 0.4),
            "beta": Normal(np.log(0.4), 0.4),
            "kF": Normal(exponent, 0.7),
            "kN": Normal(exponent, 0.7),
            "kD": Normal(exponent, 0.7),
            "a0": Normal(-1.0, 2.0),
            "theta": Normal(np.full(len(view.sources), -1.0), 1.5),
            "a": Normal(np.zeros(len(view.sources)), 1.0),
        }


class MixtureIndexOneK(IndexLaw):
    """L = E + (F + A n^-alpha + B d^-beta) u^-k,  u = a0 + sum_i exp(theta_i) w_i^(a_i)

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index with
    kF = kN = kD = k, so that a mixture multiplies the loss above E by the same factor at every size. Convex in w,
    because u is concave and positive and k is positive. The mean of theta is identified only by the priors.
    Objective and priors: those of mixture-index; the prior of k is that of its exponents.

    >>> MixtureIndexOneK.name, sorted(MixtureIndexOneK.needs)
    ('mixture-index-one-k', ['mixture', 'params', 'tokens'])
    """

    name = "mixture-index-one-k"
    equation = "E + (F + A n^-alpha + B d^-beta) u^-k, u = a0 + sum_i exp(theta_i) w_i^a_i"
    worth = "theta"

    k: Any = parameter(POSITIVE)
    a0: Any = parameter(POSITIVE)
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "k"}
        return MixtureIndex(**own, kF=self.k, kN=self.k, kD=self.k)(row)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        shared = MixtureIndex.prior(view)
        return {f: shared[f] for f in shared if f not in ("kF", "kN", "kD")} | {"k": Normal(np.log(0.4), 0.7)}


class MixtureIndexShape(MixtureIndex):
    """L = E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD,  u = a0 + sum_i exp(theta_i) w_i^a,  0 < a < 1

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index with a_i = a, so
    each source has one parameter: for noisy runs, or at most two mixtures per source. Convex in w, because u is concave
    and positive and every exponent is positive. The mean of theta is identified only by the priors.
    Objective and priors: those of mixture-index.

    >>> MixtureIndexShape.name, sorted(MixtureIndexShape.needs)
    ('mixture-index-shape', ['mixture', 'params', 'tokens'])
    """

    name = "mixture-index-shape"
    equation = "E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD, u = a0 + sum_i exp(theta_i) w_i^a"

    a: Any = parameter(UNIT)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return super().prior(view) | {"a": Normal(0.0, 1.0)}


class ThreeIndices(IndexLaw):
    """L = E + F u_F^-kF + A n^-alpha u_N^-kN + B d^-beta u_D^-kD,
    u_F = a0F + sum_i exp(thetaF_i) w_i^(aF_i),  u_N and u_D likewise with a0N, thetaN, aN and a0D, thetaD, aD

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index with separate
    indices for the floor, the size term and the token term (if they are equal, it is mixture-index). Convex in w,
    because each index is concave and positive and every exponent is positive. The mean of each theta is identified only
    by the priors, because F, A and B absorb it. The law has 9 + 3 (2 S + 1) parameters and needs many runs; often some
    starts end in another optimum. For few runs use mixture-index.
    Objective and priors: those of mixture-index, the same for each index.

    >>> ThreeIndices.name, sorted(ThreeIndices.needs)
    ('three-indices', ['mixture', 'params', 'tokens'])
    """

    name = "three-indices"
    equation = (
        "E + F u_F^-kF + A n^-alpha u_N^-kN + B d^-beta u_D^-kD, u_F = a0F + sum_i exp(thetaF_i) w_i^aF_i, "
        "u_N = a0N + sum_i exp(thetaN_i) w_i^aN_i, u_D = a0D + sum_i exp(thetaD_i) w_i^aD_i"
    )

    kF: Any = parameter(POSITIVE)
    kN: Any = parameter(POSITIVE)
    kD: Any = parameter(POSITIVE)
    a0F: Any = parameter(POSITIVE)
    a0N: Any = parameter(POSITIVE)
    a0D: Any = parameter(POSITIVE)
    thetaF: Any = parameter(REAL, per_source=True)
    thetaN: Any = parameter(REAL, per_source=True)
    thetaD: Any = parameter(REAL, per_source=True)
    aF: Any = parameter(UNIT, per_source=True)
    aN: Any = parameter(UNIT, per_source=True)
    aD: Any = parameter(UNIT, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        log_n, log_d = jnp.log(row.params / self.N0), jnp.log(row.tokens / self.D0)
        floor = self.F * jnp.exp(-self.kF * log_index(row.w_S, self.a0F, self.thetaF, self.aF))
        size = self.A * jnp.exp(-self.alpha * log_n - self.kN * log_index(row.w_S, self.a0N, self.thetaN, self.aN))
        data = self.B * jnp.exp(-self.beta * log_d - self.kD * log_index(row.w_S, self.a0D, self.thetaD, self.aD))
        return self.E + floor + size + data

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        shared = MixtureIndex.prior(view)
        index = {field: shared.pop(field) for field in ("a0", "theta", "a")}
        return shared | {f"{field}{term}": normal for field, normal in index.items() for term in "FND"}
