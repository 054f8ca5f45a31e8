"""Other people's procedures, written from their papers' and code's description, as rivals for the benchmarks.

`m4_*` the exponential mixing law of Ye et al. (2403.16952), L = c + k exp(sum_i t_i w_i), as published and batched;
`olmix_*` the same without k, as Olmix (2602.12237) fits it. No line of their code is here.
"""

import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

HUBER = 0.02
"""Nats: where Ye et al. and Olmix let the Huber loss turn linear."""
STEPS = 300
CHUNK = 2000


def random_starts(count: int, sources: int, rng: np.random.Generator) -> np.ndarray:
    """Starts (log c, log k, t_1 .. t_S), (count, S + 2), over the ranges of Ye et al.'s grid."""
    log_c, log_k = rng.uniform(-2.0, 1.5, count), rng.uniform(-10.0, 1.0, count)
    return np.column_stack([log_c, log_k, rng.uniform(-1.0, 1.0, (count, sources))])


def m4_loss(z_P, w_S):
    """c + k exp(t.w) with c and k positive, nats per token."""
    return jnp.exp(z_P[0]) + jnp.exp(z_P[1] + jnp.dot(z_P[2:], w_S))


@jax.jit
def _m4_chunk(z_BxP, w_BxRxS, y_BxR):
    """Damped Gauss–Newton from every start, no priors: parameters (B, P) and their training error (B,)."""

    def robust(r_R):
        return jnp.where(jnp.abs(r_R) <= HUBER, 0.5 * r_R**2, HUBER * (jnp.abs(r_R) - 0.5 * HUBER))

    def error(z_P, w_RxS, y_R):
        return jnp.sum(robust(jax.vmap(m4_loss, (None, 0))(z_P, w_RxS) - y_R))

    def one(z_P, w_RxS, y_R):
        def step(_, state):
            z_P, value, damping = state
            r_R = jax.vmap(m4_loss, (None, 0))(z_P, w_RxS) - y_R
            jac_RxP = jax.vmap(jax.grad(m4_loss), (None, 0))(z_P, w_RxS)
            weighted_RxP = jac_RxP * jnp.minimum(1.0, HUBER / jnp.maximum(jnp.abs(r_R), 1e-300))[:, None]
            H_PxP = weighted_RxP.T @ jac_RxP
            scale_P = jnp.diag(H_PxP) + 1e-12 * jnp.max(jnp.diag(H_PxP)) + 1e-30
            d_P = jnp.linalg.solve(H_PxP + damping * jnp.diag(scale_P), weighted_RxP.T @ r_R)
            trial_P = z_P - d_P * jnp.minimum(1.0, 4.0 / jnp.maximum(jnp.max(jnp.abs(d_P)), 1e-300))
            at_trial = error(trial_P, w_RxS, y_R)
            better = at_trial < value
            damping = jnp.clip(jnp.where(better, damping / 3, damping * 4), 1e-12, 1e12)
            return jnp.where(better, trial_P, z_P), jnp.where(better, at_trial, value), damping

        z_P, value, _ = jax.lax.fori_loop(0, STEPS, step, (z_P, error(z_P, w_RxS, y_R), 1e-2))
        return z_P, value

    return jax.vmap(one)(z_BxP, w_BxRxS, y_BxR)


def m4_batched(w_TxRxS: np.ndarray, y_TxR: np.ndarray, starts: int = 200, seed: int = 0) -> np.ndarray:
    """Fit T problems of R runs from random starts, keeping the lowest training error: parameters (T, S + 2)."""
    problems, _, sources = w_TxRxS.shape
    z_NxP = random_starts(starts, sources, np.random.default_rng(seed))
    found = np.empty((problems, sources + 2))
    whole = max(1, CHUNK // starts)
    with jax.enable_x64(True):
        for first in range(0, problems, whole):
            at = (first + np.arange(whole)) % problems  # one size, compiled once
            z_BxP, value_B = _m4_chunk(
                np.tile(z_NxP, (whole, 1)), np.repeat(w_TxRxS[at], starts, 0), np.repeat(y_TxR[at], starts, 0)
            )
            value_WxN = np.where(np.isfinite(value_B), value_B, np.inf).reshape(whole, starts)
            best_WxP = np.asarray(z_BxP).reshape(whole, starts, -1)[np.arange(whole), value_WxN.argmin(1)]
            kept = at[: problems - first]
            found[kept] = best_WxP[: len(kept)]
    return found


def m4_predict(z_TxP: np.ndarray, w_TxMxS: np.ndarray) -> np.ndarray:
    """Losses (T, M); inf where the exponential overflows."""
    with np.errstate(over="ignore"):
        return np.exp(z_TxP[:, :1]) + np.exp(z_TxP[:, 1:2] + np.einsum("tms,ts->tm", w_TxMxS, z_TxP[:, 2:]))


def m4_grid(own: int, sources: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Ye et al.'s starts: 10 values of log c, 20 of log k and 30 draws of t, 6,000 in all; the target's own source
    starts with a negative coefficient. [memory of their notebook]"""
    for log_c in np.linspace(-2.0, 1.5, 10):
        for log_k in np.linspace(-10.0, 1.0, 20):
            for _ in range(30):
                yield np.array([log_c, log_k, *_own_first(own, sources, rng)])


def olmix_grid(own: int, sources: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Olmix's starts: 10 values of log c and 30 draws of t, 300 in all. [memory of their code]"""
    for log_c in np.linspace(-2.0, 1.5, 10):
        for _ in range(30):
            yield np.array([log_c, 0.0, *_own_first(own, sources, rng)])


def _own_first(own: int, sources: int, rng: np.random.Generator) -> np.ndarray:
    t_S = 0.1 * rng.uniform(size=sources)
    if own >= 0:
        t_S[own] = -rng.uniform()
    return t_S


def torch_multistart(
    starts: list[np.ndarray], w_RxS: np.ndarray, y_R: np.ndarray, free_k: bool, rounds: int = 100
) -> tuple[np.ndarray, float]:
    """Their way of fitting: for each start, one after another, up to `rounds` calls of PyTorch's L-BFGS (20 iterations
    each, strong Wolfe line search, float32) on the mean Huber loss, ended when a call no longer lowers it; the start
    with the lowest training error is kept.

    Args:
        free_k: fit log k too (Ye et al.); else it stays 0 (Olmix).

    Returns:
        the parameters (S + 2,) and the seconds a start took in the mean.
    """
    import torch

    w, y = torch.tensor(w_RxS, dtype=torch.float32), torch.tensor(y_R, dtype=torch.float32)
    huber = torch.nn.HuberLoss(delta=HUBER)
    best, kept = np.inf, starts[0]
    began = time.perf_counter()
    for start in starts:
        z = torch.nn.Parameter(torch.tensor(start, dtype=torch.float32))
        held = torch.ones(len(start))
        held[1] = float(free_k)
        solver = torch.optim.LBFGS([z], lr=0.01, max_iter=20, history_size=10, line_search_fn="strong_wolfe")

        def closure(z=z, solver=solver, held=held):
            solver.zero_grad()
            used = z * held
            value = huber(torch.exp(used[0]) + torch.exp(used[1] + w @ used[2:]), y)
            value.backward()
            return value

        last = np.inf
        for _ in range(rounds):
            value = float(solver.step(closure).detach())
            if not np.isfinite(value) or value >= last:
                break
            last = value
        if last < best:
            best, kept = last, (z * held).detach().numpy().astype(float)
    return kept, (time.perf_counter() - began) / len(starts)
