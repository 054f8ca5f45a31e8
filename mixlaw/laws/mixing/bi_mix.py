"""BiMix: share and tokens of the target's own source."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp

SHARE_OFFSET = 1e-4
"""Added to the share: the published law is infinite at a share of 0."""


class BiMix(Law):
    """L = (B d^-beta + C) (r + 0.0001)^-alpha,  r = sum_i own_i w_i

    with r the target's own share (own_i is 1 for the source with the target's name, else 0) and d = D/D0 (D0: geometric
    mean over the runs). Ge et al. (2405.14908), with tokens in place of their steps and without their factor A, which
    B and C absorb. The added share of 0.0001 keeps the loss of mixtures without the source finite. The law does not
    depend on N or on the shares of other sources. Convex in w.
    Objective: ours, MAP on log-loss.

    >>> BiMix.name, sorted(BiMix.needs)
    ('bi-mix', ['mixture', 'own', 'tokens'])
    """

    name = "bi-mix"
    equation = "(B d^-beta + C) (r + 0.0001)^-alpha, r = sum_i own_i w_i"
    source = "Ge et al., 2405.14908"
    needs = frozenset({"mixture", "own", "tokens"})
    convex = True
    objective = MAP

    B: Any = parameter(POSITIVE)
    C: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    D0: Any = constant()
    own: Any = constant(per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        share = (jnp.dot(self.own, row.w_S) + SHARE_OFFSET) ** -self.alpha
        return share * (self.B * (row.tokens / self.D0) ** -self.beta + self.C)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return {
            "B": Normal(np.log(0.2 * view.median), 1.0),
            "C": Normal(np.log(0.6 * view.median), 0.5),
            "alpha": Normal(np.log(0.1), 0.7),
            "beta": Normal(np.log(0.35), 0.5),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"D0": view.tokens, "own": view.own_S()}
