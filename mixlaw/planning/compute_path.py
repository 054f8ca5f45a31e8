"""The plan over compute: path of the optimum, and the multiple of compute that proportional needs to match it."""

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.io.json import named
from mixlaw.io.notes import Note, null
from mixlaw.mixtures.constraint_rows import stack
from mixlaw.mixtures.infeasibility import mixture_exists
from mixlaw.optimization.problem import CONSTRAINT_TOLERANCE, MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.optimization.size_search import best_scale
from mixlaw.planning.plan_types import PathPoint, SpeedUp

PATH_FACTORS = 4.0 ** np.arange(-2, 3.0)
"""Multiples of the plan's compute on the path."""
GRIDS = 3
"""Grids of N for each budget of the path: neighbours on the last lie 1% apart."""
EQUIVALENT_FACTORS = np.geomspace(1e-2, 1e4, 241)
"""Multiples of the plan's compute among which the equivalent one is searched."""


def speed_up(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, notes: list[Note]) -> SpeedUp | None:
    """How many times the plan's compute the proportional mixture needs to be as good, with a 90% interval.

    The smallest multiple at which the predicted objective of proportional is at most the plan's, computed for the fit
    and for each refit; a value is None if it is above 10,000. The result is None if the sources' tokens, N or D are
    unknown, or if the law does not depend on D.
    """
    other_S = problem.proportional_S
    if other_S is None or "tokens" not in problem.fit.law.needs or None in (scale.params, scale.tokens):
        notes.append(null(("speed_up",), "it needs the sources' tokens, N and D, and a law that depends on D"))
        return None
    fit = problem.fit
    multiple_M, params_M, tokens_M = _along(problem, scale, other_S)
    w_MxS = np.broadcast_to(other_S, (len(multiple_M), len(other_S)))
    value_M, own = problem.value(fit.losses(w_MxS, params_M, tokens_M)), _own(problem, scale, w_S, False)[0]
    point = _equivalent(multiple_M, value_M, own)
    refits_BxM = problem.value(fit.losses(w_MxS, params_M, tokens_M, replicas=True))
    own_B = _own(problem, scale, w_S, True)
    found_B = np.array([_equivalent(multiple_M, *of) for of in zip(refits_BxM, own_B, strict=True)])
    low, high = np.quantile(found_B, [0.05, 0.95], method="nearest")
    what = "tokens" if params_M[0] == params_M[-1] else "parameters and tokens"
    return SpeedUp(point, float(min(low, point)), float(max(high, point)), against="proportional", by=what)


def _along(problem: MixtureProblem, scale: Scale, w_S: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multiples of the plan's compute that leave any tokens once serving is paid, with N and D (M,) of one mixture.

    N is that of the plan where it was given; of the sizes to choose from, the best for the mixture at each; else such
    that tokens per parameter stay the plan's: 6 (D/N) N^2 + 2 N served = C.
    """
    budget = problem.budget
    assert budget is not None, "N and D come from a budget"
    assert scale.params is not None
    assert scale.tokens is not None
    flops_M = budget.compute * EQUIVALENT_FACTORS
    if budget.params is not None:
        params_M = np.full(len(EQUIVALENT_FACTORS), scale.params)
    elif budget.sizes:
        params_M = _best_sizes(problem, np.array(budget.sizes), flops_M, w_S)
    else:
        params_M = budget.params_for(scale.tokens / scale.params, flops_M)
    tokens_M = budget.tokens_for(params_M, flops_M)
    able_M = tokens_M > 0
    return EQUIVALENT_FACTORS[able_M], params_M[able_M], tokens_M[able_M]


def _best_sizes(problem: MixtureProblem, size_Z: np.ndarray, flops_M: np.ndarray, w_S: np.ndarray) -> np.ndarray:
    """The size with the lowest objective of the mixture at each compute, (M,)."""
    assert problem.budget is not None
    tokens_ZxM = np.array([problem.budget.tokens_for(size, flops_M) for size in size_Z])
    value_ZxM = np.full(tokens_ZxM.shape, np.inf)
    for size, tokens_M, value_M in zip(size_Z, tokens_ZxM, value_ZxM, strict=True):
        able_M = tokens_M > 0
        w_MxS = np.broadcast_to(w_S, (able_M.sum(), len(w_S)))
        value_M[able_M] = problem.value(problem.fit.losses(w_MxS, np.full(len(w_MxS), size), tokens_M[able_M]))
    return size_Z[value_ZxM.argmin(0)]


def _own(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, replicas: bool) -> np.ndarray:
    """The plan's objective, of the fit (1,) or of its replicas (B,)."""
    losses = problem.fit.losses(w_S[None], *scale.pair, replicas=replicas)
    return problem.value(losses[:, 0] if replicas else losses)


def _equivalent(multiple_M: np.ndarray, value_M: np.ndarray, goal: float) -> float:
    """The smallest multiple with an objective at or below the goal; inf if there is none."""
    reached_M = value_M <= goal
    if not reached_M.any():
        return np.inf
    m = int(np.argmax(reached_M))
    if m == 0:
        return float(multiple_M[0])
    share = (value_M[m - 1] - goal) / (value_M[m - 1] - value_M[m])
    return float(np.exp(np.interp(share, [0.0, 1.0], np.log(multiple_M[[m - 1, m]]))))


def path(problem: MixtureProblem, scale: Scale, notes: list[Note]) -> tuple[PathPoint, ...] | None:
    """The optimum at multiples of the plan's compute. N is chosen again for each if the budget states compute alone.
    Budgets at which no mixture satisfies the constraints are left out."""
    if not {"params", "tokens"} & problem.fit.law.needs or None in (scale.params, scale.tokens):
        notes.append(null(("path",), "the law does not depend on N and D, or N and D are unknown"))
        return None
    assert problem.budget is not None, "N and D come from a budget"
    flops_F = problem.budget.compute * PATH_FACTORS
    sized = [(flops, at) for flops in flops_F if (at := _sized(problem, scale, float(flops))) is not None]
    z_FxKxP = np.broadcast_to(problem.fit.z_KxP, (len(sized), *problem.fit.z_KxP.shape))
    optima = problem.solve(z_FxKxP, (np.array([n for _, (n, _) in sized]), np.array([d for _, (_, d) in sized])))
    found = []
    for (flops, (params, tokens)), optimum in zip(sized, optima, strict=True):
        if optimum.violation <= CONSTRAINT_TOLERANCE:
            losses_K = problem.fit.losses(optimum.w_S[None], params, tokens)[0]
            mixture = named(problem.fit.sources, optimum.w_S)
            found.append(PathPoint(float(flops), params, tokens, mixture, float(problem.value(losses_K))))
    if len(found) < len(PATH_FACTORS):
        or_served = ", or serving leaves no tokens" if problem.budget.served else ""
        left_out = f"at {len(PATH_FACTORS) - len(found)} of {len(PATH_FACTORS)} budgets"
        notes.append(Note("left-out", ("path",), f"path: {left_out} no mixture keeps the constraints{or_served}"))
    return tuple(found)


def _sized(problem: MixtureProblem, scale: Scale, flops: float) -> tuple[float, float] | None:
    """N and D for this compute: those of the plan at its own compute, the plan's N if it was given, else the best N.
    None if no mixture satisfies the constraints."""
    budget = problem.budget
    assert budget is not None
    assert scale.params is not None
    if flops == budget.compute:
        at = scale
    elif budget.params is not None:
        at = Scale(scale.params, float(budget.tokens_for(scale.params, flops)))
    else:
        try:
            at = best_scale(problem, flops, [], GRIDS)
        except MixlawError:  # so it says that no size leaves a mixture
            return None
    return at.pair if at.tokens and _keepable(problem, at.tokens) else None


def _keepable(problem: MixtureProblem, tokens: float) -> bool:
    """True if some mixture satisfies bounds, groups and money at this number of tokens."""
    rows = stack(problem.linear_rows(np.array([tokens])), len(problem.targets), len(problem.fit.sources))
    rows = rows._replace(limit_M=np.asarray(rows.limit_M).reshape(-1))
    return mixture_exists(len(problem.fit.sources), problem.bounds(tokens), rows, None)
