"""N and D of a plan, and the fit weighted towards them."""

from dataclasses import dataclass

import numpy as np

from mixlaw.estimation.goals import Goal
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.fit_runs import toward


@dataclass(frozen=True)
class Scale:
    """N and D of a plan, None if not known."""

    params: float | None
    tokens: float | None

    @property
    def params_or_nan(self) -> float:
        """N, nan if not known."""
        return np.nan if self.params is None else self.params

    @property
    def tokens_or_nan(self) -> float:
        """D, nan if not known."""
        return np.nan if self.tokens is None else self.tokens

    @property
    def pair(self) -> tuple[float, float]:
        """N and D, nan if not known."""
        return self.params_or_nan, self.tokens_or_nan


def fit_toward(fit: Fit, scale: Scale) -> Fit:
    """The fit with its runs weighted by their closeness to the planned run, if its law reads unique tokens."""
    if "unique" not in fit.law.needs or fit.runs is None or scale.params is None or scale.tokens is None:
        return fit
    unique_S = np.broadcast_to(fit.unique_S, len(fit.sources)).tolist()
    goal = Goal(dict(zip(fit.sources, unique_S, strict=True)), scale.tokens, scale.params)
    return fit if goal == fit.goal else toward(fit, goal)
