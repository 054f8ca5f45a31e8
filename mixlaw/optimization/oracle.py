"""Losses of many mixtures under many parameter vectors, with gradients and weighted Hessians, for the solver.

JAX evaluates batches of one compiled size. Nothing here loops or factorises inside XLA, because its CPU runtime hung
on that (`analysis/NOTES.md`).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import Law, Row, parametric
from mixlaw.laws.base import constrain

MAX_HESSIAN_ENTRIES = 250_000
"""Largest number of Hessian entries in one compiled call: twice as many no longer fit in the CPU cache."""
MAX_PROBLEMS = 32
"""Largest number of problems in one compiled call. A single problem is compiled separately."""


def _value(law: type[Law], z_P: Any, known: dict, row: Row, w_S: Any) -> Any:
    return constrain(law, z_P, known, w_S.shape[0])(row._replace(w_S=w_S))


@partial(jax.jit, static_argnums=0)
def _losses(law: type[Law], known_CxK: dict, z_CxKxP: Any, rows_C: Row) -> Any:
    def lane(known_K: dict, z_KxP: Any, row: Row) -> Any:
        return jax.vmap(lambda z, known: _value(law, z, known, row, row.w_S))(z_KxP, known_K)

    return jax.vmap(lane)(known_CxK, z_CxKxP, rows_C)


@partial(jax.jit, static_argnums=0)
def _derivatives(law: type[Law], known_CxK: dict, z_CxKxP: Any, rows_C: Row, weight_CxK: Any) -> tuple:
    def lane(known_K: dict, z_KxP: Any, row: Row, weight_K: Any) -> tuple:
        def slopes(w_S: Any) -> tuple:
            one = partial(_value, law)
            losses_K, J_KxS = jax.vmap(lambda z, known: jax.value_and_grad(one, 3)(z, known, row, w_S))(z_KxP, known_K)
            return weight_K @ J_KxS, (losses_K, J_KxS)

        H_SxS, (losses_K, J_KxS) = jax.jacfwd(slopes, has_aux=True)(row.w_S)
        return losses_K, J_KxS, H_SxS

    return jax.vmap(lane)(known_CxK, z_CxKxP, rows_C, weight_CxK)


@dataclass(frozen=True)
class Oracle:
    """Losses and derivatives of a law in B problems, each with its own parameters, N and D.

    Attributes:
        fit: provides the law, its constants and the unique tokens.
        z_BxKxP: unconstrained parameters (K may be a multiple of the fit's targets, for several replicas of each).
        params_B, tokens_B: N and D, nan if the law does not depend on them.
    """

    fit: Fit
    z_BxKxP: np.ndarray
    params_B: np.ndarray
    tokens_B: np.ndarray

    @property
    def convex(self) -> bool:
        """True if every loss is convex in the mixture."""
        return parametric(self.fit.law).convex

    def take(self, index_B: np.ndarray) -> "Oracle":
        """The problems at these indices."""
        return Oracle(self.fit, self.z_BxKxP[index_B], self.params_B[index_B], self.tokens_B[index_B])

    def _sizes(self, count: int) -> tuple[int, int]:
        """Number of targets per block and of problems per call, so that the Hessians of a call fit in the cache."""
        targets = self.z_BxKxP.shape[1]
        square = len(self.fit.sources) ** 2
        blocks = -(-targets * square // MAX_HESSIAN_ENTRIES)
        block = -(-targets // blocks)
        return block, 1 if count == 1 else max(1, min(MAX_PROBLEMS, MAX_HESSIAN_ENTRIES // (block * square)))

    def _call(self, function: Any, of_B: np.ndarray, w_BxS: np.ndarray, weight_BxK: np.ndarray | None) -> list[list]:
        """Results of a compiled function for each block of targets (outer) and problems (inner), all of one shape."""
        K, (block, lanes) = self.z_BxKxP.shape[1], self._sizes(len(of_B))
        law, unique_S, found = parametric(self.fit.law), np.asarray(self.fit.unique_S, float), []
        with jax.enable_x64(True):
            for start in range(0, K, block):
                targets, real = np.arange(start, start + block) % K, np.arange(start, start + block) < K
                known = {name: x[targets % len(x)] for name, x in self.fit.constants.items()}
                known = {name: np.broadcast_to(x, (lanes, *x.shape)) for name, x in known.items()}
                parts = []
                for first in range(0, len(of_B), lanes):
                    at = np.arange(first, first + lanes) % len(of_B)
                    w_CxS, of_C = w_BxS[at], of_B[at]
                    row = Row(w_CxS, self.params_B[of_C], self.tokens_B[of_C], np.broadcast_to(unique_S, w_CxS.shape))
                    weights = () if weight_BxK is None else (weight_BxK[at][:, targets] * real,)
                    part = function(law, known, self.z_BxKxP[of_C][:, targets], row, *weights)
                    parts.append(jax.tree.map(np.asarray, part))
                found.append(parts)
        return found

    def losses(self, of_B: np.ndarray, w_BxS: np.ndarray) -> np.ndarray:
        """Losses (B', K), nats per token, of one mixture for each of the B' problems of_B."""
        found = self._call(_losses, of_B, w_BxS, None)
        joined = np.concatenate([np.concatenate(parts) for parts in found], axis=1)
        return joined[: len(of_B), : self.z_BxKxP.shape[1]]

    def derivatives(
        self, of_B: np.ndarray, w_BxS: np.ndarray, weight_BxK: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Losses (B', K), their gradients (B', K, S), and the Hessian of their weighted sum (B', S, S)."""
        found = self._call(_derivatives, of_B, w_BxS, weight_BxK)
        count, K = len(of_B), self.z_BxKxP.shape[1]
        losses, J = (np.concatenate([np.concatenate([p[i] for p in parts]) for parts in found], axis=1) for i in (0, 1))
        H_BxSxS = np.sum([np.concatenate([p[2] for p in parts]) for parts in found], axis=0)[:count]
        return losses[:count, :K], J[:count, :K], H_BxSxS
