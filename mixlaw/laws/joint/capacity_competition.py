"""Capacity competition: sources share a model's parameters so that the training loss is lowest."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, UNIT, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp

SHARE_OFFSET = 1e-4
"""Added to the target's share: the published law is infinite at a share of 0."""
NEWTON_STEPS = 10
"""Number of Newton steps for the multiplier. Convergence is monotone; 6 steps suffice for 60 sources."""


class CapacityCompetition(Law):
    """L = E + A ((r + 0.0001) d)^-a + c_t x_t^-b_t,  r = w_t,  t the source with own_t = 1,
    x = argmin of sum_i w_i c_i x_i^-b_i over sum_i x_i = n + (S - 1) H, x_i >= H,  H = s n,  0 < s < 1

    with n = N/N0 and d = D/D0 (N0, D0: geometric means over the runs); own_i is 1 for the source with the target's
    name. "Explaining Data Mixing Scaling Laws" (2606.08167): H parameters are shared by all S sources, the others are
    divided among them. The paper fits all targets at once; here a law is fitted for each target, so each target has
    its own c_i and b_i of the *other* sources, which are identified only by the capacity that these sources take. Ours:
    H is a share s of N, because there is no solution if H exceeds N; and the added share of 0.0001, which keeps the
    loss of mixtures without the target's source finite. Not convex in w.
    Objective: ours, MAP on log-loss. Priors: s around one half, log c and log b shrunk towards their means.

    >>> CapacityCompetition.name, sorted(CapacityCompetition.needs)
    ('capacity-competition', ['mixture', 'own', 'params', 'tokens'])
    """

    name = "capacity-competition"
    equation = (
        "E + A ((r + 0.0001) d)^-a + c_t x_t^-b_t, own_t = 1, "
        "x = argmin of sum_i w_i c_i x_i^-b_i over sum_i x_i = n + (S - 1) H, x_i >= H, H = s n"
    )
    source = "Explaining Data Mixing Scaling Laws, 2606.08167"
    needs = frozenset({"mixture", "own", "params", "tokens"})
    reads_others = True
    convex = False
    objective = MAP

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    a: Any = parameter(POSITIVE)
    s: Any = parameter(UNIT)
    c: Any = parameter(POSITIVE, per_source=True)
    b: Any = parameter(POSITIVE, per_source=True)
    N0: Any = constant()
    D0: Any = constant()
    own: Any = constant(per_source=True)

    def __call__(self, row: Row) -> jax.Array:
        n = row.params / self.N0
        log_x_S = divide(row.w_S, jnp.log(self.c), self.b, n, self.s * n)
        r = jnp.dot(self.own, row.w_S) + SHARE_OFFSET
        size = jnp.dot(self.own, self.c * jnp.exp(-self.b * log_x_S))
        return self.E + self.A * (r * row.tokens / self.D0) ** -self.a + size

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y, count = view.median, len(view.sources)
        return {
            "E": Normal(np.log(0.5 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "a": Normal(np.log(0.35), 0.4),
            "s": Normal(0.0, 1.0),
            "c": Normal(np.full(count, np.log(0.15 * y)), 1.0, shared_sd=1.0),
            "b": Normal(np.full(count, np.log(0.3)), 0.3, shared_sd=0.5),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens, "own": view.own_S()}


def divide(w_S: Any, log_c_S: Any, b_S: Any, n: Any, H: Any) -> jax.Array:
    """Logarithms of argmin sum_i w_i c_i x_i^-b_i over sum_i x_i = n + (S - 1) H, x_i >= H, for 0 < H < n, (S,).

    At the optimum w_i c_i b_i x_i^-(b_i + 1) = exp(m) or x_i = H. The multiplier m solves a convex decreasing equation,
    so Newton steps from below never overshoot. Two more steps, from the solution as a constant, give m its first and
    second derivatives (implicit differentiation: a Newton step does not depend on the derivative of its start).
    """
    seen_S = w_S > 0
    log_k_S = jnp.log(jnp.where(seen_S, w_S, 1.0)) + log_c_S + jnp.log(b_S)  # log 0 has no derivative, even unused

    def step(m: Any, log_k_S: Any, b_S: Any, n: Any, H: Any) -> Any:
        x_S = jnp.exp((log_k_S - m) / (b_S + 1.0))
        above_S = seen_S & (x_S > H)
        surplus = jnp.sum(jnp.where(above_S, x_S - H, 0.0)) - (n - H)
        return m + surplus / jnp.sum(jnp.where(above_S, x_S / (b_S + 1.0), 0.0))

    known = (log_k_S, b_S, n, H)
    held_k_S, held_b_S, held_n, _ = held = jax.tree.map(jax.lax.stop_gradient, known)
    # Below the solution: here one source takes all of the divided parameters.
    m = jnp.max(jnp.where(seen_S, held_k_S - (held_b_S + 1.0) * jnp.log(held_n), -jnp.inf))
    for _ in range(NEWTON_STEPS):
        m = step(m, *held)
    for _ in range(2):
        m = step(m, *known)
    log_x_S = jnp.maximum((log_k_S - m) / (b_S + 1.0), jnp.log(H))
    return jnp.where(seen_S, log_x_S, jnp.log(H))
