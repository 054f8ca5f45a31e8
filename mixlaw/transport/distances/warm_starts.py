"""Starting points for a solver that is called at a sequence of mixtures."""

import numpy as np

from mixlaw.typing import Array

STORED_STARTS = 16


class WarmStarts:
    """Cache of the solutions at the last mixtures; it saves time and changes results only within their error."""

    def __init__(self) -> None:
        self._solved: list[tuple[Array, Array]] = []

    def keep(self, w_S: Array, solution: Array) -> None:
        """Store the solution at a mixture; drop the oldest one if the cache is full."""
        self._solved = [*self._solved[1 - STORED_STARTS :], (np.array(w_S), solution)]

    def nearest(self, w_S: Array) -> Array | None:
        """The stored solution of the mixture nearest to this one; None if nothing is stored yet."""
        if not self._solved:
            return None
        return min(self._solved, key=lambda solved: float(np.abs(solved[0] - w_S).sum()))[1]
