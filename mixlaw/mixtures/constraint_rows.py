"""Constraint rows of a mixture problem: linear terms, losses, and distances from a reference, with a limit."""

from typing import NamedTuple

import numpy as np

ROW_PENALTY = 1e3
"""Of breaking a row, nats per unit; the solver raises it where a row stays broken."""


class Rows(NamedTuple):
    """M rows of the program; a distance may enter each.

    Attributes:
        names: what each says, for messages.
        loss_MxK, kl_M, l1_M, linear_MxS: coefficients R, k, l and A.
        limit_M: h, or (B, M) where problems differ.
        price_M: of breaking it, inf for a row that is met by t.
        top_M: whether t stands on its right hand side.
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
        """Some of the rows."""
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
    """One row, `losses_K`.L(w) + `linear_S`.w + `kl` KL + `l1` |w - r| <= `limit`. An int is a row of so many zeros.

    A row of price inf has t on its right hand side.
    """
    loss_K, of_S = (np.zeros(x) if isinstance(x, int) else np.asarray(x, float) for x in (losses_K, linear_S))
    one = np.ones(1)
    top = np.array([np.isinf(price)])
    return Rows((name,), loss_K[None], kl * one, l1 * one, of_S[None], limit * one, price * one, top)


def stack(rows: list[Rows], targets: int, sources: int) -> Rows:
    """Rows one below another; none at all is a valid stack."""
    if not rows:
        empty = np.empty(0)
        return Rows((), np.empty((0, targets)), empty, empty, np.empty((0, sources)), empty, empty, empty.astype(bool))
    names = tuple(name for part in rows for name in part.names)
    count = np.broadcast_shapes(*(part.limit_M.shape[:-1] for part in rows))
    limit = np.concatenate([np.broadcast_to(part.limit_M, (*count, len(part.names))) for part in rows], axis=-1)
    loss, kl, l1, linear, price, top = (np.concatenate([part[i] for part in rows]) for i in (1, 2, 3, 4, 6, 7))
    return Rows(names, loss, kl, l1, linear, limit, price, top)
