"""Linear mixing law."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Law, Normal, Row, View, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class Linear(Law):
    """L = sum_i t_i w_i,  t_i > 0

    RegMix's linear baseline (2407.01492), without its intercept, which is redundant because the shares sum to 1. t_i
    is the loss after training on source i alone, so it is positive. The optimal mixture for one target is a vertex of
    the simplex.
    Objective: MAP on log-loss (RegMix: least squares) with weak priors: log t is shrunk towards its mean over the
    sources.

    >>> law = Linear(np.array([2.0, 4.0]))
    >>> float(law(Row(np.array([0.5, 0.5]), 1e8, 1e10, np.full(2, np.inf))))
    3.0
    """

    name = "linear"
    equation = "sum_i t_i w_i"
    source = "RegMix's baseline, 2407.01492"
    needs = frozenset({"mixture"})
    convex = True
    objective = MAP

    t: Any = parameter(POSITIVE, per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        return jnp.dot(self.t, row.w_S)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return {"t": Normal(np.full(len(view.sources), np.log(view.median)), 0.5, shared_sd=0.5)}
