"""Capacity competition: sources share a model's parameters, each getting what lowers the training loss most."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Law, Normal, Row, View, constant, parameter

LEAST = 1e-4
"""Added to the target's share: the published law is infinite at a share of 0."""
STEPS = 24
"""Newton steps for the multiplier; it rises monotonely to its value, which 16 reach for 60 sources."""


class CapacityCompetition(Law):
    """L = E + A ((r + 0.0001) d)^-a + c_t x_t^-b_t,  r = w_t,  t the source with own_t = 1,
    x = argmin of sum_i w_i c_i x_i^-b_i over sum_i x_i = n + (S - 1) h, x_i >= h,  h = min(H, n)

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs); own_i is 1 for the source that carries the
    target's name. "Explaining Data Mixing Scaling Laws" (2606.08167): H parameters serve all S sources, the others
    are divided among them. The paper fits all targets at once; here a law is fitted for each target, so each target
    holds its own c_i, b_i of the *other* sources, seen only through the capacity that they take. The small share
    keeps mixtures without the target's source finite; a model below H has no parameters to divide. Not convex in w.
    Objective: ours, MAP on log-loss. Priors: H a tenth of N0, log c and log b a ridge around their means.
    """

    name = "capacity-competition"
    equation = (
        "E + A ((r + 0.0001) d)^-a + c_t x_t^-b_t, own_t = 1, "
        "x = argmin of sum_i w_i c_i x_i^-b_i over sum_i x_i = n + (S - 1) h, x_i >= h, h = min(H, n)"
    )
    source = "Explaining Data Mixing Scaling Laws, 2606.08167"
    needs = frozenset({"mixture", "own", "params", "tokens"})
    reads_others = True
    convex = False
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    a: Any = parameter(POSITIVE)
    H: Any = parameter(POSITIVE)
    c: Any = parameter(POSITIVE, per_source=True)
    b: Any = parameter(POSITIVE, per_source=True)
    N0: Any = constant()
    D0: Any = constant()
    own: Any = constant(per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        log_x_S = divide(row.w_S, jnp.log(self.c), self.b, row.params / self.N0, self.H)
        r = jnp.dot(self.own, row.w_S) + LEAST
        size = jnp.dot(self.own, self.c * jnp.exp(-self.b * log_x_S))
        return self.E + self.A * (r * row.tokens / self.D0) ** -self.a + size

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y, count = view.median, len(view.sources)
        return {
            "E": Normal(np.log(0.5 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "a": Normal(np.log(0.35), 0.4),
            "H": Normal(np.log(0.1), 1.0),
            "c": Normal(np.full(count, np.log(0.15 * y)), 1.0, shared_sd=1.0),
            "b": Normal(np.full(count, np.log(0.3)), 0.3, shared_sd=0.5),
        }

    @classmethod
    def constants(cls, view: View) -> dict[str, Any]:
        return {"N0": view.params, "D0": view.tokens, "own": view.own_S()}


def divide(w_S: Any, log_c_S: Any, b_S: Any, n: Any, H: Any) -> jax.Array:
    """Logarithms of argmin sum_i w_i c_i x_i^-b_i over sum_i x_i = n + (S - 1) h, x_i >= h, h = min(H, n), (S,).

    At the optimum w_i c_i b_i x_i^-(b_i + 1) = exp(m) or x_i = h. The multiplier m solves a convex decreasing equation,
    so Newton's steps from below never overshoot. Two more, from the solution held constant, give m its
    first and second derivatives (implicit differentiation: a Newton step forgets the derivative of where it began).
    """
    shared = n <= H
    h, free = jnp.where(shared, 0.5 * n, H), jnp.where(shared, 0.5 * n, n - H)  # where shared: a stand-in, not used
    seen_S = w_S > 0
    log_k_S = jnp.where(seen_S, jnp.log(jnp.where(seen_S, w_S, 1.0)) + log_c_S + jnp.log(b_S), -jnp.inf)
    over_S = 1.0 / (b_S + 1.0)

    def step(m: Any, log_k_S: Any, over_S: Any, h: Any, free: Any) -> Any:
        x_S = jnp.exp((jnp.where(seen_S, log_k_S, 0.0) - m) * over_S)
        active_S = seen_S & (x_S > h)
        surplus = jnp.sum(jnp.where(active_S, x_S - h, 0.0)) - free
        slope = jnp.sum(jnp.where(active_S, x_S * over_S, 0.0))
        return m + surplus / slope

    known = (log_k_S, over_S, h, free)
    held = jax.tree.map(jax.lax.stop_gradient, known)
    m = jnp.max(held[0] - jnp.log(held[2] + held[3]) / held[1])  # one source takes all: at least its due
    for _ in range(STEPS):
        m = step(m, *held)
    for _ in range(2):
        m = step(m, *known)
    log_x_S = (jnp.where(seen_S, log_k_S, 0.0) - m) * over_S
    log_x_S = jnp.where(seen_S, jnp.maximum(log_x_S, jnp.log(h)), jnp.log(h))
    return jnp.where(shared, jnp.log(n), log_x_S)
