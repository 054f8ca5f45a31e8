"""Where to start a solver that is called at one mixture after another."""

import numpy as np

from mixlaw.typing import Array

KEPT = 16


class WarmStarts:
    """The solutions of the last mixtures; a memory of speed alone, which no result depends on beyond its error."""

    def __init__(self) -> None:
        self._solved: list[tuple[Array, Array]] = []

    def keep(self, w_S: Array, solution: Array) -> None:
        """Remember the solution at a mixture, forgetting the oldest."""
        self._solved = [*self._solved[1 - KEPT :], (np.array(w_S), solution)]

    def nearest(self, w_S: Array) -> Array | None:
        """The solution at the mixture nearest to this one, None where there is none yet."""
        if not self._solved:
            return None
        return min(self._solved, key=lambda solved: float(np.abs(solved[0] - w_S).sum()))[1]
