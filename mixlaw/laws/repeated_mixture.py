"""Mixture law for sources that repeat: worth less each epoch, and harmful in the end."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Law, Normal, Row, View, between, constant, parameter

FEW = 20
"""Runs below which eta is held near 1."""


class RepeatedMixture(Law):
    """L = E + A n^-alpha + B (sum_i rho_i h_i/D0)^-beta + sum_i P_i w_i^eta R_i^delta (N/U_i)^kappa,
    h_i = min(x_i, U_i) + U_i tau (1 - exp(-R_i/tau)),  R_i = max(x_i/U_i - 1, 0),  x_i = w_i D

    with n = N/N0 (N0, D0: geometric means over the runs). Ours, on the laws data-constrained and overfit-penalty: each
    source's tokens x_i saturate with its epochs, and overfitting is added. Convex in w at fixed N and D: h_i is
    concave, and w^eta R^delta convex for 1 < delta < 3 and 0 < eta < 3. kappa lies in (0, 2). A source that never
    repeats (U_i infinite) has h_i = x_i and no penalty. The mean of log rho is a gauge that B absorbs.
    Objective: ours, MAP on log-loss. Priors: delta and eta 1.5 +- .5 (eta 1 +- .1 for fewer than 20 runs), kappa
    1 +- .3, log tau 2 +- 1, log P -3.5 +- 2, log rho -1.5 +- 1 (0 for the target's own source).
    """

    name = "repeated-mixture"
    equation = (
        "E + A n^-alpha + B (sum_i rho_i h_i/D0)^-beta + sum_i P_i w_i^eta R_i^delta (N/U_i)^kappa, "
        "h_i = min(x_i, U_i) + U_i tau (1 - exp(-R_i/tau)), R_i = max(x_i/U_i - 1, 0), x_i = w_i D"
    )
    source = "ours"
    needs = frozenset({"mixture", "params", "tokens", "unique"})
    convex = True
    objective = MAP._replace(sigma=0.01)

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    beta: Any = parameter(POSITIVE)
    tau: Any = parameter(POSITIVE)
    eta: Any = parameter(between(0.0, 3.0))
    delta: Any = parameter(between(1.0, 3.0))
    kappa: Any = parameter(between(0.0, 2.0))
    rho: Any = parameter(POSITIVE, per_source=True)
    P: Any = parameter(POSITIVE, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        x_S = row.w_S * row.tokens
        again_S = x_S > row.unique_S
        # Where a source does not repeat, values with finite derivatives stand in for w, U and R and are not used.
        w_S, U_S = jnp.where(again_S, row.w_S, 1.0), jnp.where(again_S, row.unique_S, 1.0)
        R_S = jnp.where(again_S, x_S / U_S - 1.0, 1.0)
        h_S = jnp.where(again_S, U_S * (1.0 - self.tau * jnp.expm1(-R_S / self.tau)), x_S)
        log_S = self.eta * jnp.log(w_S) + self.delta * jnp.log(R_S) + self.kappa * jnp.log(row.params / U_S)
        penalty = jnp.dot(self.P, jnp.where(again_S, jnp.exp(log_S), 0.0))
        data = self.B * (jnp.dot(self.rho, h_S) / self.D0) ** -self.beta
        return self.E + self.A * (row.params / self.N0) ** -self.alpha + data + penalty

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y, few = view.median, view.runs < FEW
        return {
            "E": Normal(np.log(0.5 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.2 * y), 1.0),
            "alpha": Normal(np.log(0.35), 0.5),
            "beta": Normal(np.log(0.35), 0.5),
            "tau": Normal(2.0, 1.0),
            # Means and deviations of the docstring, carried to unconstrained space.
            "eta": Normal(np.log(0.5), 0.15) if few else Normal(0.0, 0.67),
            "delta": Normal(np.log(1 / 3), 1.3),
            "kappa": Normal(0.0, 0.6),
            "rho": Normal(-1.5 + 1.5 * view.own_S(), 1.0),
            "P": Normal(np.full(len(view.sources), -3.5), 2.0),
        }

    @classmethod
    def constants(cls, view: View) -> dict[str, Any]:
        return {"N0": view.params, "D0": view.tokens}
