"""Chinchilla scaling law of one mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from mixlaw.laws.base import POSITIVE, Law, Normal, Objective, Row, View, parameter
from mixlaw.laws.lazy_jax import jax


class Chinchilla(Law):
    """L = E + A/N^alpha + B/D^beta

    Hoffmann et al. (2203.15556), fitted as in the replication by Besiroglu et al. (2404.10102): summed Huber
    loss, delta 1e-3, on log-loss, no priors. It does not depend on the mixture. Starts: the best non-negative
    least-squares (E, A, B) over a grid of (alpha, beta).

    >>> Chinchilla.name, sorted(Chinchilla.needs)
    ('chinchilla', ['params', 'tokens'])
    """

    name = "chinchilla"
    equation = "E + A/N^alpha + B/D^beta"
    source = "Hoffmann et al., 2203.15556; Besiroglu et al., 2404.10102"
    needs = frozenset({"params", "tokens"})
    convex = True
    objective = Objective(huber=1e-3, sigma=1.0, priors=False, checkpoint_weight=1.0, tolerance=1e-13, steps=2000)

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)

    def __call__(self, row: Row) -> jax.Array:
        return self.E + self.A * row.params**-self.alpha + self.B * row.tokens**-self.beta

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        alpha, beta, share = 0.35, 0.35, np.log(0.2 * view.median)
        return {
            "E": Normal(np.log(0.6 * view.lowest), 0.5),
            "A": Normal(share + alpha * np.log(view.params), 1.0),
            "B": Normal(share + beta * np.log(view.tokens), 1.0),
            "alpha": Normal(np.log(alpha), 0.4),
            "beta": Normal(np.log(beta), 0.4),
        }

    @classmethod
    def starts(cls, rows: Row, loss_R: np.ndarray, view: View) -> Sequence[Self]:
        from scipy.optimize import nnls

        found = []
        log_n, log_d = np.log(rows.params / view.params), np.log(rows.tokens / view.tokens)
        for alpha in np.geomspace(0.1, 1.0, 10):
            for beta in np.geomspace(0.1, 1.0, 10):
                x_Rx3 = np.stack([np.ones_like(loss_R), np.exp(-alpha * log_n), np.exp(-beta * log_d)], 1)
                coefficients, residual = nnls(x_Rx3 / loss_R[:, None], np.ones_like(loss_R))
                found.append((residual, alpha, beta, *np.maximum(coefficients, 1e-3 * view.lowest)))
        return [
            cls(E, A * view.params**alpha, B * view.tokens**beta, alpha, beta)
            for _, alpha, beta, E, A, B in sorted(found)[:4]
        ]
