"""Mixture-index law whose three terms share one exponent of the index."""

from dataclasses import fields
from typing import Any

import jax
import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.joint.mixture_index import MixtureIndex


class MixtureIndexOneK(Law):
    """L = E + (F + A n^-alpha + B d^-beta) u^-k,  u = a0 + sum_i exp(theta_i) w_i^(a_i)

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index with
    kF = kN = kD = k, so that a mixture scales all that lies above E alike, at every size. Convex in w, since u is
    concave and positive and k is positive. The mean of theta is a gauge, as in mixture-index.
    Objective and priors: those of mixture-index; k as its exponents.
    """

    name = "mixture-index-one-k"
    equation = "E + (F + A n^-alpha + B d^-beta) u^-k, u = a0 + sum_i exp(theta_i) w_i^a_i"
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

    @classmethod
    def constants(cls, view: View) -> dict[str, Any]:
        return MixtureIndex.constants(view)
