"""N and D of a plan, None where they are not known."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.sources import Budget


@dataclass(frozen=True)
class Scale:
    """N and D of a plan, None where they are not known."""

    params: float | None
    tokens: float | None

    @property
    def params_or_nan(self) -> float:
        """N, nan where it is not known."""
        return np.nan if self.params is None else self.params

    @property
    def tokens_or_nan(self) -> float:
        """D, nan where it is not known."""
        return np.nan if self.tokens is None else self.tokens

    @property
    def pair(self) -> tuple[float, float]:
        """N and D, nan where they are not known."""
        return self.params_or_nan, self.tokens_or_nan

    def to_dict(self, budget: Budget | None, notes: list[str]) -> dict[str, Any]:
        """The plan's `params`, `tokens` and `flops`."""
        if budget is None:
            notes.append("flops is null: no budget was given")
        flops = None if budget is None else budget.compute
        return {"params": self.params, "tokens": self.tokens, "flops": flops}
