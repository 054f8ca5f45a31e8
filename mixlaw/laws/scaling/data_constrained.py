"""Data-constrained scaling law of one repeated source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from mixlaw.laws.base import POSITIVE, Law, Normal, Objective, Row, View, parameter
from mixlaw.laws.lazy_jax import jax, jnp
from mixlaw.laws.scaling.chinchilla import Chinchilla


class DataConstrained(Law):
    """L = E + A/N'^alpha + B/D'^beta,  D' = V + V RD (1 - exp(-(D/V - 1)/RD)),  V = min(D, U),
    N' = M + M RN (1 - exp(-(N/M - 1)/RN)),  M = min(N, G (V G)^(beta/alpha)),  G = (alpha A/(beta B))^(1/(alpha+beta))

    Muennighoff et al. (2305.16264), Huber loss, delta 1e-3, on log-loss, no priors. V is the unique tokens seen: a
    source that never repeats has V = D. U is the sum over the sources, so the law does not depend on the mixture. Both
    effects saturate, so further epochs never increase the loss. RD and RN are weakly identified: do not interpret
    their values. Starts: Chinchilla's, on the D' and N of a grid of (RD, RN). All seven parameters are fitted; the
    paper kept the first five fixed.

    >>> DataConstrained.name, sorted(DataConstrained.needs)
    ('data-constrained', ['params', 'tokens', 'unique'])
    """

    name = "data-constrained"
    equation = (
        "E + A/N'^alpha + B/D'^beta, D' = V + V RD (1 - exp(-(D/V - 1)/RD)), V = min(D, U), "
        "N' = M + M RN (1 - exp(-(N/M - 1)/RN)), M = min(N, G (V G)^(beta/alpha)), "
        "G = (alpha A/(beta B))^(1/(alpha+beta))"
    )
    source = "Muennighoff et al., 2305.16264"
    needs = frozenset({"params", "tokens", "unique"})
    convex = True
    objective = Objective(huber=1e-3, sigma=1.0, priors=False, checkpoint_weight=1.0, tolerance=1e-13, steps=2000)

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    RD: Any = parameter(POSITIVE)
    RN: Any = parameter(POSITIVE)

    def __call__(self, row: Row) -> jax.Array:
        log_v = jnp.log(jnp.minimum(jnp.sum(row.unique_S), row.tokens))
        log_g = jnp.log(self.alpha * self.A / (self.beta * self.B)) / (self.alpha + self.beta)
        log_m = jnp.minimum(jnp.log(row.params), log_g + self.beta / self.alpha * (log_v + log_g))
        log_n, log_d = (
            start + jnp.log1p(-scale * jnp.expm1(-jnp.expm1(log_all - start) / scale))
            for start, log_all, scale in (
                (log_m, jnp.log(row.params), self.RN),
                (log_v, jnp.log(row.tokens), self.RD),
            )
        )
        return self.E + self.A * jnp.exp(-self.alpha * log_n) + self.B * jnp.exp(-self.beta * log_d)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return Chinchilla.prior(view) | {"RD": Normal(np.log(10.0), 1.0), "RN": Normal(np.log(5.0), 1.0)}

    @classmethod
    def starts(cls, rows: Row, loss_R: np.ndarray, view: View) -> Sequence[Self]:
        seen_R = np.minimum(rows.unique_S.sum(1), rows.tokens)
        found = []
        for RD in (3.0, 15.0, 100.0):
            worth_R = seen_R * (1.0 - RD * np.expm1(-(rows.tokens / seen_R - 1.0) / RD))
            base = Chinchilla.starts(rows._replace(tokens=worth_R), loss_R, view)[0]
            found += [cls(**vars(base), RD=RD, RN=RN) for RN in (2.0, 10.0)]
        return found
