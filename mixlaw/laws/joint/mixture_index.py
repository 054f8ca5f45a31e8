"""Mixture-index law, the default over several scales."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, REAL, UNIT, Law, Normal, Row, View, constant, parameter, power


def log_index(w_S: Any, a0: Any, theta_S: Any, a_S: Any) -> jax.Array:
    """Log of the index a0 + sum_i exp(theta_i) w_i^(a_i) of one mixture, a scalar; a_S may be one exponent for all."""
    return jnp.log(a0 + jnp.dot(jnp.exp(theta_S), power(w_S, a_S)))


class MixtureIndex(Law):
    """L = E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD,  u = a0 + sum_i exp(theta_i) w_i^(a_i)

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs). Ours: one concave index of the mixture
    scales the floor, the size term and the token term, each with its own exponent. Convex in w, since u is
    concave and positive and every exponent is positive. The mean of theta is a gauge that F, A and B absorb:
    only the priors fix it.
    Objective: MAP on log-loss, Huber at 1.345 sigma, checkpoints before a run's last one weighted .05.
    """

    name = "mixture-index"
    equation = "E + F u^-kF + A n^-alpha u^-kN + B d^-beta u^-kD, u = a0 + sum_i exp(theta_i) w_i^a_i"
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
    kF: Any = parameter(POSITIVE)
    kN: Any = parameter(POSITIVE)
    kD: Any = parameter(POSITIVE)
    a0: Any = parameter(POSITIVE)
    theta: Any = parameter(REAL, per_source=True)
    a: Any = parameter(UNIT, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        log_u = log_index(row.w_S, self.a0, self.theta, self.a)
        log_n, log_d = jnp.log(row.params / self.N0), jnp.log(row.tokens / self.D0)
        floor = self.E + self.F * jnp.exp(-self.kF * log_u)
        size = self.A * jnp.exp(-self.alpha * log_n - self.kN * log_u)
        return floor + size + self.B * jnp.exp(-self.beta * log_d - self.kD * log_u)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y, exponent = view.median, np.log(0.4)
        return {
            "E": Normal(np.log(0.3 * y), 0.5),
            "F": Normal(np.log(0.08 * y), 1.0),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.1 * y), 1.0),
            "alpha": Normal(np.log(0.3), 0.4),
            "beta": Normal(np.log(0.4), 0.4),
            "kF": Normal(exponent, 0.7),
            "kN": Normal(exponent, 0.7),
            "kD": Normal(exponent, 0.7),
            "a0": Normal(-1.0, 2.0),
            "theta": Normal(np.full(len(view.sources), -1.0), 1.5),
            "a": Normal(np.zeros(len(view.sources)), 1.0),
        }

    @classmethod
    def constants(cls, view: View) -> dict[str, float]:
        return {"N0": view.params, "D0": view.tokens}
