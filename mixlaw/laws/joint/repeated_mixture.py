"""Mixture law with repetition, the default if a source repeats: repeated tokens count less, and repetition adds
loss."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Constants, Law, Normal, Row, View, between, constant, parameter
from mixlaw.laws.joint.mixture_index import MixtureIndex
from mixlaw.laws.lazy_jax import jax, jnp

FEW_RUNS = 20
"""Number of runs below which the prior keeps eta near 1."""


class RepeatedMixture(Law):
    """L = E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD + sum_i P_i w_i^eta R_i^delta (N/U_i)^kappa,
    u = a0 + sum_i exp(theta_i) (h_i/D)^(a_i),  h_i = min(x_i, U_i) + U_i tau (1 - exp(-R_i/tau)),
    R_i = max(x_i/U_i - 1, 0),  x_i = w_i D

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: the law mixture-index (equal to it if no
    source repeats), in which the tokens x_i of each source saturate as they repeat (data-constrained) and a penalty for
    overfitting is added (overfit-penalty). Convex in w at fixed N and D: h_i and therefore u are concave, and
    w^eta R^delta is convex for 1 < delta < 3 and 0 < eta < 3. kappa lies in (0, 2). U_i affects the fit only for
    sources that repeat in some run. With F = 0, kN = 0, kD = beta and a_i = 1 the law becomes the simpler
    E + A n^-alpha + B (sum_i rho_i h_i)^-beta + penalty; its error on published runs is lower than that of the simpler
    one, except for unmatched runs of one size (`analysis/NOTES.md`).
    Objective: ours, MAP on log-loss. Priors: those of mixture-index; delta and eta 1.5 +- .5 (eta 1 +- .1 for fewer
    than 20 runs), kappa 1 +- .3, log tau 2 +- 1, log P -3.5 +- 2.

    >>> RepeatedMixture.name, sorted(RepeatedMixture.needs)
    ('repeated-mixture', ['mixture', 'params', 'tokens', 'unique'])
    """

    name = "repeated-mixture"
    equation = (
        "E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD + sum_i P_i w_i^eta R_i^delta (N/U_i)^kappa, "
        "u = a0 + sum_i exp(theta_i) (h_i/D)^a_i, h_i = min(x_i, U_i) + U_i tau (1 - exp(-R_i/tau)), "
        "R_i = max(x_i/U_i - 1, 0), x_i = w_i D"
    )
    source = "ours"
    needs = frozenset({"mixture", "params", "tokens", "unique"})
    worth = "theta"
    harm = "P"
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
    tau: Any = parameter(POSITIVE)
    eta: Any = parameter(between(0.0, 3.0))
    delta: Any = parameter(between(1.0, 3.0))
    kappa: Any = parameter(between(0.0, 2.0))
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT, per_source=True)
    P: Any = parameter(POSITIVE, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        x_S = row.w_S * row.tokens
        again_S = x_S > row.unique_S
        # If a source does not repeat, w, U and R are replaced by values with finite derivatives, which are not used.
        w_S, U_S = jnp.where(again_S, row.w_S, 1.0), jnp.where(again_S, row.unique_S, 1.0)
        R_S = jnp.where(again_S, x_S / U_S - 1.0, 1.0)
        share_S = jnp.where(again_S, U_S * (1.0 - self.tau * jnp.expm1(-R_S / self.tau)) / row.tokens, row.w_S)
        log_S = self.eta * jnp.log(w_S) + self.delta * jnp.log(R_S) + self.kappa * jnp.log(row.params / U_S)
        penalty = jnp.dot(self.P, jnp.where(again_S, jnp.exp(log_S), 0.0))
        index = MixtureIndex(**{f.name: getattr(self, f.name) for f in fields(MixtureIndex)})
        return index(row._replace(w_S=share_S)) + penalty

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        few = view.runs < FEW_RUNS
        return MixtureIndex.prior(view) | {
            "tau": Normal(2.0, 1.0),
            # Means and standard deviations of the docstring, transformed to unconstrained space.
            "eta": Normal(np.log(0.5), 0.15) if few else Normal(0.0, 0.67),
            "delta": Normal(np.log(1 / 3), 1.3),
            "kappa": Normal(0.0, 0.6),
            "P": Normal(np.full(len(view.sources), -3.5), 2.0),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return MixtureIndex.constants(view)
