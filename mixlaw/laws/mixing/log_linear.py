"""Log-linear mixing law."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, Law, Normal, Row, View, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class LogLinear(Law):
    """L = E + exp(c + sum_i t_i w_i)

    Olmix's default (2602.12237). On the simplex it is also the exponential data-mixing law
    c + k exp(sum_i t_i w_i) of Ye et al. (2403.16952): k is redundant when the shares sum to 1. Convex in w;
    for one target its optimum without a penalty is a vertex of the simplex.
    Objective: MAP on log-loss with weak priors (t shrunk towards its mean over the sources, sd 8).

    >>> LogLinear.name, sorted(LogLinear.needs)
    ('log-linear', ['mixture'])
    """

    name = "log-linear"
    equation = "E + exp(c + sum_i t_i w_i)"
    source = "Olmix, 2602.12237; Ye et al., 2403.16952"
    needs = frozenset({"mixture"})
    convex = True
    objective = MAP

    E: Any = parameter(POSITIVE)
    c: Any = parameter(REAL)
    t: Any = parameter(REAL, per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        return self.E + jnp.exp(self.c + jnp.dot(self.t, row.w_S))

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return {
            "E": Normal(np.log(0.8 * view.lowest), 0.5),
            "c": Normal(np.log(0.4 * view.median), 1.0),
            "t": Normal(-1.0 * view.own_S(), 8.0, shared_sd=5.0),
        }
