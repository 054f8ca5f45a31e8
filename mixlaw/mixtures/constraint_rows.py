"""Constraint rows of a mixture problem: linear terms, losses, and distances from a reference, with a limit."""

from typing import NamedTuple

import numpy as np

ROW_PENALTY = 1e3
"""Penalty weight of violating a row, nats per unit; the solver raises it if the row stays violated."""


class Rows(NamedTuple):
    """M constraint rows R.L(w) + k KL(w|r) + l |w - r|_1 + A.w <= h of a `Program`.

    Attributes:
        names: descriptions of the rows, for messages.
        loss_MxK, kl_M, l1_M, linear_MxS: coefficients R, k, l and A.
        limit_M: h; (B, M) if the B problems differ in it.
        price_M: penalty weight of a violation; inf for a row that the epigraph variable t always satisfies.
        top_M: True if t is added to the right-hand side.
    """

    names: tuple[str, ...]
    loss_MxK: np.ndarray
    kl_M: np.ndarray
    l1_M: np.ndarray
    linear_MxS: np.ndarray
    limit_M: np.ndarray
    price_M: np.ndarray
    top_M: np.ndarray

    def take(self, index_M: np.ndarray) -> "Rows":
        """The rows with these indices."""
        names = tuple(self.names[m] for m in index_M)
        coefficients = (x[index_M] for x in (self.loss_MxK, self.kl_M, self.l1_M, self.linear_MxS))
        loss, kl, l1, linear = coefficients
        return Rows(names, loss, kl, l1, linear, self.limit_M[..., index_M], self.price_M[index_M], self.top_M[index_M])


def row(
    name: str,
    limit: float,
    *,
    losses_K: np.ndarray | int = 0,
    linear_S: np.ndarray | int = 0,
    kl: float = 0.0,
    l1: float = 0.0,
    price: float = ROW_PENALTY,
) -> Rows:
    """One row, `losses_K`.L(w) + `linear_S`.w + `kl` KL + `l1` |w - r| <= `limit`.

    An int in place of an array gives this number of zeros. A row with price inf has t on its right-hand side.
    """
    loss_K, of_S = (np.zeros(x) if isinstance(x, int) else np.asarray(x, float) for x in (losses_K, linear_S))
    one = np.ones(1)
    top = np.array([np.isinf(price)])
    return Rows((name,), loss_K[None], kl * one, l1 * one, of_S[None], limit * one, price * one, top)


def stack(rows: list[Rows], targets: int, sources: int) -> Rows:
    """All rows in one `Rows`, which is empty if the list is."""
    if not rows:
        empty = np.empty(0)
        return Rows((), np.empty((0, targets)), empty, empty, np.empty((0, sources)), empty, empty, empty.astype(bool))
    names = tuple(name for part in rows for name in part.names)
    count = np.broadcast_shapes(*(part.limit_M.shape[:-1] for part in rows))
    limit = np.concatenate([np.broadcast_to(part.limit_M, (*count, len(part.names))) for part in rows], axis=-1)
    loss, kl, l1, linear, price, top = (np.concatenate([part[i] for part in rows]) for i in (1, 2, 3, 4, 6, 7))
    return Rows(names, loss, kl, l1, linear, limit, price, top)
