"""Mixture-index law whose sources share one exponent."""

from dataclasses import fields
from typing import Any

import jax

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.joint.mixture_index import MixtureIndex


class MixtureIndexShape(Law):
    """L = E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD,  u = a0 + sum_i exp(theta_i) w_i^a,  0 < a < 1

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index with a_i = a, so
    that sources differ by one number each: for noisy runs, or two mixtures a source and fewer. Convex in w, since u
    is concave and positive and every exponent is positive. The mean of theta is a gauge, as in mixture-index.
    Objective and priors: those of mixture-index.
    """

    name = "mixture-index-shape"
    equation = "E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD, u = a0 + sum_i exp(theta_i) w_i^a"
    source = "ours"
    needs = frozenset({"mixture", "params", "tokens"})
    worth = "theta"
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
    a0: Any = parameter(POSITIVE)
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        return MixtureIndex(**{f.name: getattr(self, f.name) for f in fields(self)})(row)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return MixtureIndex.prior(view) | {"a": Normal(0.0, 1.0)}

    @classmethod
    def constants(cls, view: View) -> dict[str, Any]:
        return MixtureIndex.constants(view)
