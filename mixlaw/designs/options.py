"""Options of `next_runs`."""

from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError, nearest

METHODS = ("regret", "thompson")
SIZES = ("largest", "cost")


@dataclass(frozen=True)
class Wish:
    """Options of `next_runs`.

    Attributes:
        batch: number of runs to propose.
        method: "regret", the largest expected regret reduction of the plan (knowledge gradient), or "thompson".
        size: "largest", the table's largest size; "cost", the size with the largest expected reduction per compute; or
            the params of runs in the table.
        candidates: mixtures to choose from (M, S), in the order of the fit's sources; None: all feasible ones.
        seed: of the bootstrap, the draws and the pool.

    Raises:
        MixlawError: a value is out of range.

    >>> Wish(batch=4, method="thompson").size
    'largest'
    """

    batch: int = 8
    method: str = "regret"
    size: str | float = "largest"
    candidates: np.ndarray | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise MixlawError(f"--batch {self.batch}: give 1 or more")
        if self.method not in METHODS:
            raise MixlawError(f"--method {self.method}: {nearest(self.method, METHODS)}")
        if isinstance(self.size, str) and self.size not in SIZES:
            raise MixlawError(f"--size {self.size}: give largest, cost, or the params of runs of the table")
