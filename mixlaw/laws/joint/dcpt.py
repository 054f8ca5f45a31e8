"""D-CPT law: size, tokens and the target's own share."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter, power
from mixlaw.laws.lazy_jax import jax, jnp


class DCPT(Law):
    """L = E + A n^-alpha + B r^eta d^-beta + C (r + eps)^-gamma,  r = sum_i own_i w_i

    with r the target's own share (own_i is 1 for the source with the target's name, else 0), n = N/N0 and
    d = D/D0 (N0, D0: geometric means over the runs). Que et al. (2406.01375), the domain-specific continual
    pretraining law; eps is fitted here. Not convex in w: r^eta is concave for eta < 1.
    Objective: ours, MAP on log-loss. Priors: eps around .1, eta around 1/2.

    >>> DCPT.name, sorted(DCPT.needs)
    ('dcpt', ['mixture', 'own', 'params', 'tokens'])
    """

    name = "dcpt"
    equation = "E + A n^-alpha + B r^eta d^-beta + C (r + eps)^-gamma, r = sum_i own_i w_i"
    source = "Que et al., 2406.01375"
    needs = frozenset({"mixture", "own", "params", "tokens"})
    convex = False
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    C: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    gamma: Any = parameter(POSITIVE)
    eta: Any = parameter(POSITIVE)
    eps: Any = parameter(POSITIVE)
    N0: Any = constant()
    D0: Any = constant()
    own: Any = constant(per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        r = jnp.dot(self.own, row.w_S)
        size, data = (row.params / self.N0) ** -self.alpha, (row.tokens / self.D0) ** -self.beta
        return self.E + self.A * size + self.B * power(r, self.eta) * data + self.C * (r + self.eps) ** -self.gamma

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y = view.median
        return {
            "E": Normal(np.log(0.4 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.1 * y), 1.0),
            "C": Normal(np.log(0.2 * y), 1.0),
            "alpha": Normal(np.log(0.35), 0.4),
            "beta": Normal(np.log(0.35), 0.4),
            "gamma": Normal(np.log(0.3), 0.7),
            "eta": Normal(np.log(0.5), 0.7),
            "eps": Normal(np.log(0.1), 1.0),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens, "own": view.own_S()}
