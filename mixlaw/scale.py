"""N and D of a plan: given, or found for a compute budget by a one-dimensional search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitted import Fit
from mixlaw.optimize import optimize_batch
from mixlaw.sources import Budget

GRID = 49
"""Sizes tried at once; each later grid of as many lies between the neighbours of the best so far."""
ROUNDS = 4
"""Grids: neighbours on the last lie closer than a thousandth of a percent."""


@dataclass(frozen=True)
class Scale:
    """N and D of a plan, None where they are not known."""

    params: float | None
    tokens: float | None

    @property
    def params_or_nan(self) -> float:
        return np.nan if self.params is None else self.params

    @property
    def tokens_or_nan(self) -> float:
        return np.nan if self.tokens is None else self.tokens

    def to_dict(self, budget: Budget | None, notes: list[str]) -> dict[str, Any]:
        """The plan's `params`, `tokens` and `flops`."""
        if budget is None:
            notes.append("flops is null: no budget was given")
        flops = None if budget is None else budget.compute
        return {"params": self.params, "tokens": self.tokens, "flops": flops}


def choose_scale(
    fit: Fit,
    weight_K: np.ndarray,
    lower_S: np.ndarray,
    upper_S: Callable[[float | None], np.ndarray],
    budget: Budget | None,
    notes: list[str],
) -> Scale:
    """N and D for the budget: as given, or the minimiser over N of the best mixture's objective at D = C/(6N).

    Raises:
        MixlawError: the law knows scale and there is no budget, or no size leaves a feasible mixture.
    """
    if budget is not None and budget.params is not None:
        if not fit.knows_scale:
            notes.append(f"the law {fit.law.name} knows no scale: losses and the mixture are at the runs' scale")
        return Scale(budget.params, budget.tokens)
    if not fit.knows_scale:
        notes.append(
            f"params and tokens are null: the law {fit.law.name} knows no scale, the mixture is at the runs' scale"
        )
        return Scale(None, None)
    if budget is None or budget.flops is None:
        raise MixlawError(f"no budget: the law {fit.law.name} plans for one: give --flops, or --params and --tokens")
    if not {"params", "tokens"} <= fit.law.needs:
        raise MixlawError(f"the law {fit.law.name} cannot tell the best size for --flops: give --params and --tokens")
    return _search(fit, weight_K, lower_S, upper_S, budget.flops, notes)


def _search(fit: Fit, weight_K: np.ndarray, lower_S: np.ndarray, upper_S: Any, flops: float, notes: list[str]) -> Scale:
    least, most = np.log(0.1 * fit.support.params[0]), np.log(1000.0 * fit.support.params[1])
    low, high, params = least, most, np.nan
    for _ in range(ROUNDS):
        params_B = np.exp(np.linspace(low, high, GRID))
        tokens_B = flops / (6.0 * params_B)
        upper_BxS = np.stack([upper_S(tokens) for tokens in tokens_B])
        fits_B = (upper_BxS.sum(1) >= 1.0 - 1e-9) & (upper_BxS >= lower_S - 1e-9).all(1)
        if not fits_B.any():
            raise MixlawError(
                f"budget of {flops:.3g} FLOP: at no size from {params_B[0]:.2g} to {params_B[-1]:.2g} parameters "
                "do the sources' caps allow enough tokens: raise max_epochs or max, lower min or the budget"
            )
        z_BxKxP = np.broadcast_to(fit.z_KxP, (fits_B.sum(), *fit.z_KxP.shape))
        optima = optimize_batch(fit, z_BxKxP, weight_K, params_B[fits_B], tokens_B[fits_B], lower_S, upper_BxS[fits_B])
        best = int(np.flatnonzero(fits_B)[np.argmin([optimum.objective for optimum in optima])])
        params = float(params_B[best])
        # A neighbour may be infeasible: the edge where a cap starts to hold lies before it, and is found next.
        low, high = np.log(params_B[max(best - 1, 0)]), np.log(params_B[min(best + 1, GRID - 1)])
    if not least + 0.1 < np.log(params) < most - 0.1:
        notes.append("N is at the edge of the sizes searched: the runs hardly determine it; give --params and --tokens")
    return Scale(params, flops / (6.0 * params))
