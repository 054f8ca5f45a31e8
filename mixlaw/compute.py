"""The plan against compute: the path of the optimum over it, and how much more of it proportional would need."""

from typing import Any

import numpy as np

from mixlaw.conflicts import mixture_exists
from mixlaw.plan import named
from mixlaw.problem import MET, Problem
from mixlaw.program import stack
from mixlaw.scale import Scale

FACTORS = 4.0 ** np.arange(-2, 3.0)
"""Of the plan's compute, for the path."""
MULTIPLES = np.geomspace(1e-2, 1e4, 241)
"""Of the plan's compute, among which the equivalent one is sought."""


def along(problem: Problem, scale: Scale, multiple_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """N and D at multiples of the plan's compute: at its N where that was given, else at its tokens per parameter."""
    assert scale.params is not None
    assert scale.tokens is not None
    given = problem.budget is not None and problem.budget.params is not None
    params_M = np.full(len(multiple_M), scale.params) if given else scale.params * np.sqrt(multiple_M)
    return params_M, scale.params * scale.tokens * multiple_M / params_M


def speed_up(problem: Problem, scale: Scale, w_S: np.ndarray, notes: list[str]) -> dict[str, Any] | None:
    """How many times the plan's compute the proportional mixture needs to be as good, with a 90% interval.

    The multiple is the smallest at which the predicted objective of proportional is down to the plan's, refit by refit;
    None (beyond 10,000) where it never is. None altogether where sizes, or the law's view of compute, are missing.
    """
    other_S = problem.proportional_S
    if other_S is None or "tokens" not in problem.fit.law.needs or None in (scale.params, scale.tokens):
        notes.append("speed_up is null: it needs the sources' tokens, N and D, and a law that reads D")
        return None
    params_M, tokens_M = along(problem, scale, MULTIPLES)
    fit, w_MxS = problem.fit, np.broadcast_to(other_S, (len(MULTIPLES), len(other_S)))
    point = _equivalent(problem.value(fit.losses(w_MxS, params_M, tokens_M)), _own(problem, scale, w_S, False)[0])
    refits_BxM = problem.value(fit.losses(w_MxS, params_M, tokens_M, replicas=True))
    own_B = _own(problem, scale, w_S, True)
    found_B = np.array([_equivalent(value_M, own) for value_M, own in zip(refits_BxM, own_B, strict=True)])
    low, high = np.quantile(found_B, [0.05, 0.95], method="nearest")
    what = "tokens" if params_M[0] == params_M[-1] else "parameters and tokens"
    return {
        **{"mean": point, "low": float(min(low, point)), "high": float(max(high, point))},
        "against": "proportional",
        "by": what,
    }


def _own(problem: Problem, scale: Scale, w_S: np.ndarray, replicas: bool) -> np.ndarray:
    """The plan's objective, of the fit (1,) or of its replicas (B,)."""
    losses = problem.fit.losses(w_S[None], *scale.pair, replicas=replicas)
    return problem.value(losses[:, 0] if replicas else losses)


def _equivalent(value_M: np.ndarray, goal: float) -> float:
    """The smallest multiple at which the objective is down to the goal, inf where none is."""
    reached_M = value_M <= goal
    if not reached_M.any():
        return np.inf
    m = int(np.argmax(reached_M))
    if m == 0:
        return float(MULTIPLES[0])
    share = (value_M[m - 1] - goal) / (value_M[m - 1] - value_M[m])
    return float(np.exp(np.interp(share, [0.0, 1.0], np.log(MULTIPLES[[m - 1, m]]))))


def path(problem: Problem, scale: Scale, notes: list[str]) -> list[dict[str, Any]] | None:
    """The optimum at multiples of the plan's compute: how the mixture moves; unkeepable budgets are left out."""
    if not {"params", "tokens"} & problem.fit.law.needs or None in (scale.params, scale.tokens):
        notes.append("path is null: the law knows no scale, or N and D are not known")
        return None
    params_F, tokens_F = along(problem, scale, FACTORS)
    able_F = np.array([_keepable(problem, tokens) for tokens in tokens_F])
    params_F, tokens_F = params_F[able_F], tokens_F[able_F]
    z_FxKxP = np.broadcast_to(problem.fit.z_KxP, (len(params_F), *problem.fit.z_KxP.shape))
    optima = problem.solve(z_FxKxP, (params_F, tokens_F))
    found = []
    for params, tokens, optimum in zip(params_F, tokens_F, optima, strict=True):
        if optimum.broken <= MET:
            at = {"flops": float(6 * params * tokens), "params": float(params), "tokens": float(tokens)}
            losses_K = problem.fit.losses(optimum.w_S[None], params, tokens)[0]
            mixture = named(problem.fit.sources, optimum.w_S)
            found.append(at | {"mixture": mixture, "objective": float(problem.value(losses_K))})
    if len(found) < len(FACTORS):
        notes.append(f"path: at {len(FACTORS) - len(found)} of {len(FACTORS)} budgets no mixture keeps the constraints")
    return found


def _keepable(problem: Problem, tokens: float) -> bool:
    """Whether bounds, groups and money leave a mixture at so many tokens."""
    rows = stack(problem.linear_rows(np.array([tokens])), len(problem.targets), len(problem.fit.sources))
    rows = rows._replace(limit_M=np.asarray(rows.limit_M).reshape(-1))
    return mixture_exists(len(problem.fit.sources), problem.bounds(tokens), rows, None)
