"""Quality-decay law: the utility of each source decays with its epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.laws.base import MAP, POSITIVE, Constants, Law, Normal, Row, View, constant, parameter
from mixlaw.laws.lazy_jax import jax, jnp

DECAYING_EPOCHS = 32
"""Number of epochs over which the utility decays; later epochs keep that of the last, so their product is a power."""


class QualityDecay(Law):
    """L = [(a V/D0)^-m + d] prod_i prod_{k=1}^{32} s_ik^-(w_i b_i 2^(-k/(p tau_i))),  m = sum_i w_i b_i,
    V = sum_i min(x_i, U_i),  x_i = w_i D,  p = 1/sum_i w_i^2,  s_ik = min(max(x_i/(k U_i), 1), 1 + 1/k)

    (no upper limit on s_i32; D0: geometric mean over the runs). Goyal et al. (2404.07177): a pool's utility b halves
    every tau epochs, and y = [(a n_1)^-b + d] prod_k (n_{k+1}/n_k)^-b_k after whole epochs of n_1 tokens, with p
    equal pools mixed at b_k = mean_i b_i 2^(-k/(p tau_i)). Here pools are sources. A partial last epoch is a power of
    its tokens, so the loss is continuous in D and equals the paper's at whole epochs. Ours, for unequal weights and
    sizes: utilities are weighted by w, p is the effective number of sources, each source counts its own epochs, and V
    is the number of unique tokens seen. A source that never repeats (U_i infinite) enters only through V. The law does
    not depend on N. Beyond 32 epochs the utility no longer decays. d shrinks with repetition, as published.
    Objective: ours, MAP on log-loss. Priors: b around .15, tau around 5, a such that (a)^-.15 is .4 of the median loss.

    >>> QualityDecay.name, sorted(QualityDecay.needs)
    ('quality-decay', ['mixture', 'tokens', 'unique'])
    """

    name = "quality-decay"
    equation = (
        "[(a V/D0)^-m + d] prod_i prod_k s_ik^-(w_i b_i 2^(-k/(p tau_i))), m = sum_i w_i b_i, V = sum_i min(x_i, U_i), "
        "x_i = w_i D, p = 1/sum_i w_i^2, s_ik = min(max(x_i/(k U_i), 1), 1 + 1/k)"
    )
    source = "Goyal et al., 2404.07177"
    needs = frozenset({"mixture", "tokens", "unique"})
    convex = False
    objective = MAP._replace(sigma=0.01)

    a: Any = parameter(POSITIVE)
    d: Any = parameter(POSITIVE)
    b: Any = parameter(POSITIVE, per_source=True)
    tau: Any = parameter(POSITIVE, per_source=True)
    D0: Any = constant()

    def __call__(self, row: Row) -> jax.Array:
        x_S, m = row.w_S * row.tokens, jnp.dot(row.w_S, self.b)
        again_S = x_S > row.unique_S
        U_S = jnp.where(again_S, row.unique_S, 1.0)
        seen = jnp.sum(jnp.where(again_S, U_S, x_S))
        epochs_S = jnp.where(again_S, x_S / U_S, 1.0)
        k_T = jnp.arange(1.0, DECAYING_EPOCHS + 1)
        most_T = jnp.where(k_T < DECAYING_EPOCHS, 1.0 + 1.0 / k_T, jnp.inf)
        log_s_SxT = jnp.log(jnp.clip(epochs_S[:, None] / k_T, 1.0, most_T))
        pools = 1.0 / jnp.sum(row.w_S**2)
        decay_SxT = jnp.exp(-jnp.log(2.0) * k_T / (pools * self.tau[:, None]))
        gain = jnp.dot(row.w_S * self.b, jnp.sum(decay_SxT * log_s_SxT, axis=1))
        first = jnp.exp(-m * jnp.log(self.a * seen / self.D0)) + self.d
        return first * jnp.exp(-gain)

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        count, y, b = len(view.sources), view.median, 0.15
        return {
            "a": Normal(-np.log(0.4 * y) / b, 3.0),
            "d": Normal(np.log(0.6 * y), 0.5),
            "b": Normal(np.full(count, np.log(b)), 0.7),
            "tau": Normal(np.full(count, np.log(5.0)), 1.0),
        }

    @classmethod
    def constants(cls, view: View) -> Constants:
        return {"D0": view.tokens}
