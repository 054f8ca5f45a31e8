"""Kaplan scaling law of one mixture."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Law, Normal, Row, View, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class Kaplan(Law):
    """L = [(Nc/N)^(aN/aD) + Dc/D]^aD

    Kaplan et al. (2001.08361), from memory, unconfirmed; its limits are right: (Nc/N)^aN for infinite D, (Dc/D)^aD for
    infinite N. Nc is in parameters and Dc in tokens. The law has no irreducible loss and does not depend on the
    mixture. N is the `params` column; the paper counts it without embeddings.
    Objective: ours, MAP on log-loss. Priors: exponents around .08 and .1; Nc and Dc wide around the values at which
    one term alone gives the runs' median loss (published: near 1e14 and 2e13).

    >>> Kaplan.name, sorted(Kaplan.needs)
    ('kaplan', ['params', 'tokens'])
    """

    name = "kaplan"
    equation = "[(Nc/N)^(aN/aD) + Dc/D]^aD"
    source = "Kaplan et al., 2001.08361"
    needs = frozenset({"params", "tokens"})
    convex = True
    objective = MAP

    Nc: Any = parameter(POSITIVE)
    Dc: Any = parameter(POSITIVE)
    aN: Any = parameter(POSITIVE)
    aD: Any = parameter(POSITIVE)

    def __call__(self, row: Row) -> jax.Array:
        log_size = self.aN / self.aD * jnp.log(self.Nc / row.params)
        return jnp.exp(self.aD * jnp.logaddexp(log_size, jnp.log(self.Dc / row.tokens)))

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        aN, aD, y = 0.08, 0.1, np.log(0.9 * view.median)
        return {
            "Nc": Normal(np.log(view.params) + y / aN, 6.0),
            "Dc": Normal(np.log(view.tokens) + y / aD, 6.0),
            "aN": Normal(np.log(aN), 0.5),
            "aD": Normal(np.log(aD), 0.5),
        }
