"""N and D for a budget: given, or found by a one-dimensional search over N at fixed compute."""

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.io.notes import Note, null
from mixlaw.optimization.infeasible_ceilings import refuse_infeasible
from mixlaw.optimization.problem import CONSTRAINT_TOLERANCE, MixtureProblem
from mixlaw.optimization.scale import Scale

SIZES_PER_GRID = 17
"""Sizes per grid. Each next grid lies between the neighbours of the best size so far."""
GRIDS = 6
"""Number of grids: neighbouring sizes on the last one differ by less than a thousandth of a percent."""


def choose_scale(problem: MixtureProblem, notes: list[Note]) -> Scale:
    """N and D for the budget: as given, or the N whose best mixture has the lowest objective at the D that is left.

    Raises:
        MixlawError: the law depends on N or D and there is no budget, or no size leaves a feasible mixture.
    """
    budget, fit = problem.budget, problem.fit
    if budget is not None and budget.params is not None:
        if not fit.knows_scale:
            text = f"the law {fit.law.name} does not depend on N and D: losses and mixture are at the runs' scale"
            notes.append(Note("no-scale", ("predicted",), text))
        return Scale(budget.params, budget.tokens)
    if not fit.knows_scale:
        reason = f"the law {fit.law.name} does not depend on N and D, the mixture is at the runs' scale"
        notes.append(null(("params", "tokens"), reason))
        return Scale(None, None)
    if budget is None or budget.flops is None:
        raise MixlawError(f"no budget: the law {fit.law.name} plans for one: give --flops, or --params and --tokens")
    if not {"params", "tokens"} <= fit.law.needs:
        raise MixlawError(f"the law {fit.law.name} cannot tell the best size for --flops: give --params and --tokens")
    return best_scale(problem, budget.flops, notes)


def best_scale(problem: MixtureProblem, flops: float, notes: list[Note], rounds: int = GRIDS) -> Scale:
    """The best N, with its D, at this compute: among the budget's sizes if it has any, else by search.

    Raises:
        MixlawError: no size leaves a feasible mixture.
    """
    budget = problem.budget
    assert budget is not None, "compute comes from a budget"
    least, most = np.log(0.1 * problem.fit.support.params[0]), np.log(1000.0 * problem.fit.support.params[1])
    if budget.sizes:
        params_B = np.array(budget.sizes)
        best = _best(problem, params_B, flops)
        return Scale(float(params_B[best]), float(budget.tokens_for(params_B[best], flops)))
    low, high, params = least, most, np.nan
    for _ in range(rounds):
        params_B = np.exp(np.linspace(low, high, SIZES_PER_GRID))
        best = _best(problem, params_B, flops)
        params = float(params_B[best])
        # A neighbour may be infeasible. The last feasible size then lies before it, and the next grid finds it.
        low, high = np.log(params_B[max(best - 1, 0)]), np.log(params_B[min(best + 1, SIZES_PER_GRID - 1)])
    if not least + 0.1 < np.log(params) < most - 0.1:
        text = "N is at the edge of the sizes searched: the runs hardly determine it; give --params and --tokens"
        notes.append(Note("edge", ("params",), text))
    return Scale(params, float(budget.tokens_for(params, flops)))


def _best(problem: MixtureProblem, params_B: np.ndarray, flops: float) -> int:
    """Index of the best size."""
    assert problem.budget is not None
    tokens_B = problem.budget.tokens_for(params_B, flops)
    found = np.full(len(params_B), np.inf)
    able = np.flatnonzero(tokens_B > 0)
    upper_BxS = np.array([problem.upper_S(tokens) for tokens in tokens_B[able]]).reshape(
        len(able), len(problem.lower_S)
    )
    if len(able):
        box_B = (upper_BxS.sum(1) >= 1.0 - 1e-9) & (upper_BxS >= problem.lower_S - 1e-9).all(1)
        box_B &= problem.has_room(upper_BxS)
        able, upper_BxS = able[box_B], upper_BxS[box_B]
    if len(able):
        z_BxKxP = np.broadcast_to(problem.fit.z_KxP, (len(able), *problem.fit.z_KxP.shape))
        optima = problem.solve(z_BxKxP, (params_B[able], tokens_B[able]), upper_BxS)
        found[able] = [optimum.objective if optimum.violation <= CONSTRAINT_TOLERANCE else np.inf for optimum in optima]
        if not np.isfinite(found).any():
            nearest = int(np.argmin([optimum.violation for optimum in optima]))
            scale = Scale(float(params_B[able[nearest]]), float(tokens_B[able[nearest]]))
            try:
                problem.refuse_conflicts(scale.tokens)
                refuse_infeasible(problem, scale, optima[nearest])
            except MixlawError as error:
                at = f"at {scale.params:.3g} parameters and {scale.tokens:.3g} tokens, the nearest to keeping all,"
                raise MixlawError(f"budget of {flops:.3g} FLOP: {at} {error}") from None
    if not np.isfinite(found).any():
        raise MixlawError(
            f"budget of {flops:.3g} FLOP: at no size from {params_B[0]:.2g} to {params_B[-1]:.2g} parameters "
            "do the sources' caps allow enough tokens: raise max_epochs or max, lower min, served or the budget"
        )
    return int(np.argmin(found))
