"""Information law: the loss falls with the information in the sources; repetition adds ever less of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp


class InfoLaw(Law):
    """L = E + A n^-alpha + B (I/D0)^-b,  I = sum_i f_i M_i (1 - exp(-q R_i)),  q = p log(1 + N/N1),
    M_i = min(U_i, w_i D),  R_i = w_i D/M_i

    with n = N/N0 (N0, D0: geometric means over the runs). Zhou et al. (ICML 2026), from memory of summaries,
    unconfirmed: a info^-b with info = sum_d f_d M_d ln K (1 - exp(-lambda R_d/ln K)), lambda = a' ln N + b'. Ours:
    E + A n^-alpha is added; ln K is absorbed by f, B and q = lambda/ln K; q is a' ln N + b' for N well above N1 and
    positive for smaller N. M_i are the unique tokens *seen*, and R_i >= 1 the passes over them: with U in their place,
    tokens never seen would have an effect. A source that never repeats (U_i infinite) has R_i = 1 and adds
    f_i w_i D (1 - exp(-q)). Limits: infinitely many passes give f_i U_i, and repetition never increases the loss; the
    larger the model, the larger the part of f_i U_i gained in the first pass. Convex in w, because I is concave. The
    mean of log f is not identified, because B absorbs it.
    Objective: ours, MAP on log-loss. Priors: q about .5 at N0 (the gain falls by a factor of e in two passes), f
    around its mean.

    >>> InfoLaw.name, sorted(InfoLaw.needs)
    ('info-law', ['mixture', 'params', 'tokens', 'unique'])
    """

    name = "info-law"
    equation = (
        "E + A n^-alpha + B (I/D0)^-b, I = sum_i f_i M_i (1 - exp(-q R_i)), q = p log(1 + N/N1), "
        "M_i = min(U_i, w_i D), R_i = w_i D/M_i"
    )
    source = "Zhou et al., ICML 2026 (from summaries, unconfirmed)"
    needs = frozenset({"mixture", "params", "tokens", "unique"})
    convex = True
    objective = MAP._replace(sigma=0.01)

    E: Any = parameter(POSITIVE)
    A: Any = parameter(POSITIVE)
    B: Any = parameter(POSITIVE)
    alpha: Any = parameter(POSITIVE)
    b: Any = parameter(POSITIVE)
    p: Any = parameter(POSITIVE)
    N1: Any = parameter(POSITIVE)
    f: Any = parameter(POSITIVE, per_source=True)
    N0: Any = constant()
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        x_S, q = row.w_S * row.tokens, self.p * jnp.log1p(row.params / self.N1)
        again_S = x_S > row.unique_S
        # An infinite U must not enter a quotient, even an unused one: its derivative is not finite.
        U_S = jnp.where(again_S, row.unique_S, 1.0)
        M_S, R_S = jnp.where(again_S, U_S, x_S), jnp.where(again_S, x_S / U_S, 1.0)
        info = -jnp.dot(self.f, M_S * jnp.expm1(-q * R_S)) / self.D0
        return self.E + self.A * (row.params / self.N0) ** -self.alpha + self.B * info**-self.b

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        y = view.median
        return {
            "E": Normal(np.log(0.5 * y), 0.5),
            "A": Normal(np.log(0.1 * y), 1.0),
            "B": Normal(np.log(0.2 * y), 1.0),
            "alpha": Normal(np.log(0.35), 0.5),
            "b": Normal(np.log(0.35), 0.5),
            "p": Normal(np.log(0.2), 1.0),
            "N1": Normal(np.log(0.1 * view.params), 1.5),
            "f": Normal(-1.5 + 1.5 * view.own_S(), 1.0),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"N0": view.params, "D0": view.tokens}
