"""Mixture-index law with an index of its own for the floor, the size term and the token term."""

from typing import Any

import jax
import jax.numpy as jnp

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.joint.mixture_index import MixtureIndex, log_index


class ThreeIndices(Law):
    """L = E + F u_F^-kF + A n^-alpha u_N^-kN + B d^-beta u_D^-kD,
    u_F = a0F + sum_i exp(thetaF_i) w_i^(aF_i),  u_N and u_D alike with a0N, thetaN, aN and a0D, thetaD, aD

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index, which it is where
    the three indices are equal, with sources that may matter otherwise for the floor, the size and the tokens. Convex
    in w, since each index is concave and positive and every exponent is positive. The mean of each theta is a gauge:
    F absorbs that of thetaF, A that of thetaN, B that of thetaD, and only the priors fix it. With 9 + 3 (2 S + 1)
    parameters it wants many runs, and often some of its starts end in another optimum; for few, mixture-index.
    Objective and priors: those of mixture-index, the same for each index.
    """

    name = "three-indices"
    equation = (
        "E + F u_F^-kF + A n^-alpha u_N^-kN + B d^-beta u_D^-kD, u_F = a0F + sum_i exp(thetaF_i) w_i^aF_i, "
        "u_N = a0N + sum_i exp(thetaN_i) w_i^aN_i, u_D = a0D + sum_i exp(thetaD_i) w_i^aD_i"
    )
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

    @classmethod
    def constants(cls, view: View) -> dict[str, Any]:
        return MixtureIndex.constants(view)
