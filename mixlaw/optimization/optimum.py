"""The best mixture under a fitted law, with a certificate.

    argmin_w  sum_k v_k L_k(w; N, D)   over  sum_i w_i = 1,  lower_i <= w_i <= upper_i,  sum_k v_k = 1

and every other `Program`. If law and constraints are convex, the gap is an upper bound on how much any feasible mixture
can improve the objective. For a law that is not convex the best of several starts is taken, and the gap only measures
how nearly stationary it is.
"""

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.mixtures.simplex import minimise_linear
from mixlaw.optimization import fixed_proportions
from mixlaw.optimization.duality_gap import certify
from mixlaw.optimization.fixed_proportions import ReducedOracle
from mixlaw.optimization.interior_point import INITIAL_BARRIER, PrimalDual, solve
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program

ROW_TOLERANCE = 1e-8
"""Tolerance of a constraint row. A row violated by more is solved again with a larger penalty weight."""
PENALTY_FACTOR = 1e4
FEASIBILITY_BARRIER = 1e-6
"""Final barrier weight of a solve that only tests feasibility. With the large penalty weights used there, a smaller one
would round the slack of a violated row to 0."""
ACTIVE_TOLERANCE = 1e-6
"""Tolerance: a share within it of a bound is at the bound, and a row with a larger multiplier is active."""
SAME_OBJECTIVE = 1e-6
"""Relative difference of objectives below which two starts agree."""


@dataclass(frozen=True)
class Optimum:
    """An optimal mixture with its optimality certificate.

    Attributes:
        w_S: the mixture.
        objective: value of the objective, nats per token.
        gap: upper bound on how far the objective is above its optimum, nats per token (convex laws only).
        violation: largest violation of a row, in the unit of that row. Above 1e-8 the program is infeasible.
        price_M: multipliers of the program's rows, nats per unit of each limit.
        agree: share of the starts that reached this objective.
        starts: number of starts.
        cap_S: multiplier of the upper bound minus that of the lower bound, nats per unit of share.
        vertex: True if active bounds and rows leave no degree of freedom: the law only selects a vertex.
        degenerate: True if an active bound has a multiplier of (nearly) 0: other mixtures are (nearly) optimal.
    """

    w_S: np.ndarray
    objective: float
    gap: float
    violation: float = 0.0
    price_M: np.ndarray | None = None
    agree: float = 1.0
    starts: int = 1
    cap_S: np.ndarray | None = None
    vertex: bool = False
    degenerate: bool = False


def tighten(lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tighten the bounds using sum(w) = 1. A share with one feasible value gets equal lower and upper bounds."""
    others_lower_BxS = lower_BxS.sum(1, keepdims=True) - lower_BxS
    others_upper_BxS = upper_BxS.sum(1, keepdims=True) - upper_BxS
    upper = np.minimum(upper_BxS, np.maximum(1.0 - others_lower_BxS, lower_BxS))
    return np.maximum(lower_BxS, np.minimum(1.0 - others_upper_BxS, upper)), upper


def middle(lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> np.ndarray:
    """Mixtures lower + t (upper - lower), strictly inside the bounds in every share whose bounds differ."""
    width_BxS = upper_BxS - lower_BxS
    total_Bx1 = width_BxS.sum(1, keepdims=True)
    t_Bx1 = np.divide(
        1.0 - lower_BxS.sum(1, keepdims=True), total_Bx1, out=np.zeros_like(total_Bx1), where=total_Bx1 > 0
    )
    return lower_BxS + width_BxS * t_Bx1


def _starts(lower_BxS: np.ndarray, upper_BxS: np.ndarray, convex: bool) -> list[np.ndarray]:
    """Starts: the middle and, if the law is not convex, a point near each source's upper bound too."""
    middle_BxS = middle(lower_BxS, upper_BxS)
    if convex:
        return [middle_BxS]
    towards = []
    for s in range(middle_BxS.shape[1]):
        cost_S = -np.eye(middle_BxS.shape[1])[s]
        vertex_BxS = np.stack([minimise_linear(cost_S, lo, up) for lo, up in zip(lower_BxS, upper_BxS, strict=True)])
        towards.append(0.1 * middle_BxS + 0.9 * vertex_BxS)
    return [middle_BxS, *towards]


def optimize_program(
    oracle: Oracle | ReducedOracle,
    program: Program,
    near_BxS: np.ndarray | None = None,
    share: float = INITIAL_BARRIER,
    last: float = 0.0,
) -> list[Optimum]:
    """Solve the B problems of a program whose bounds are tight (see `tighten`).

    Args:
        near_BxS: mixtures to start from, moved towards the middle. By default the starts are the middle and, if the law
            is not convex, a point near each source's upper bound too.
        share, last: see `solve`.
    """
    if program.proportions_SxJ is not None:
        return _optimize_reduced(oracle, program, near_BxS, (share, last))
    tries = [_certified(oracle, program, start, (share, last)) for start in _all_starts(oracle, program, near_BxS)]
    objective_TxB = np.nan_to_num([objective_B for _, objective_B, *_ in tries], nan=np.inf)
    best_B = np.argmin(objective_TxB, axis=0)
    if not np.isfinite(objective_TxB.min(0)).all():
        name = oracle.fit.law.name
        raise FloatingPointError(f"the law {name} is not finite at {np.sum(~np.isfinite(objective_TxB.min(0)))} optima")
    agree_B = (objective_TxB <= objective_TxB.min(0) + SAME_OBJECTIVE * np.abs(objective_TxB.min(0))).mean(0)
    found = []
    for b, t in enumerate(best_B):
        solution, objective_B, gap_B, violation_B = tries[t]
        at = solution.w_BxS[b], float(objective_B[b]), float(gap_B[b]), float(violation_B[b]), solution.z_BxM[b]
        cap_S = solution.high_BxS[b] - solution.low_BxS[b]
        flags = _vertex_flags(program, b, solution.w_BxS[b], solution.z_BxM[b], cap_S)
        found.append(Optimum(*at, float(agree_B[b]), len(tries), cap_S, *flags))
    return found


def _optimize_reduced(
    oracle: Oracle | ReducedOracle, program: Program, near_BxS: np.ndarray | None, weights: tuple[float, float]
) -> list[Optimum]:
    """Optima under fixed within-group proportions, solved with one variable per group."""
    T, inner = program.proportions_SxJ, fixed_proportions.reduced(program)
    assert T is not None
    assert isinstance(oracle, Oracle)
    # Bounds are tightened only if they fix the variable: two redundant bounds would split the multiplier between them.
    tight = tighten(inner.lower_BxS, inner.upper_BxS)
    fixed_BxJ = tight[1] - tight[0] <= 1e-12
    lower_BxJ, upper_BxJ = (
        np.where(fixed_BxJ, t, x) for t, x in zip(tight, (inner.lower_BxS, inner.upper_BxS), strict=True)
    )
    inner = replace(inner, lower_BxS=lower_BxJ, upper_BxS=upper_BxJ)
    near_BxJ = None if near_BxS is None else fixed_proportions.gathered(T, near_BxS)
    found = optimize_program(ReducedOracle(oracle, T), inner, near_BxJ, *weights)
    bounds = zip(found, program.lower_BxS, program.upper_BxS, strict=True)
    return [
        replace(one, w_S=T @ one.w_S, cap_S=fixed_proportions.caps(T, np.asarray(one.cap_S), lower_S, upper_S))
        for one, lower_S, upper_S in bounds
    ]


def _vertex_flags(program: Program, b: int, w_S: np.ndarray, z_M: np.ndarray, cap_S: np.ndarray) -> tuple[bool, bool]:
    """`vertex` and `degenerate` of an optimum (see `Optimum`)."""
    open_S = program.upper_BxS[b] - program.lower_BxS[b] > ACTIVE_TOLERANCE
    free_S = (w_S - program.lower_BxS[b] > ACTIVE_TOLERANCE) & (program.upper_BxS[b] - w_S > ACTIVE_TOLERANCE)
    freedom = np.sum(free_S) - 1 + bool(program.rows.top_M.any()) - np.sum(z_M > ACTIVE_TOLERANCE)
    vertex = bool(open_S.any() and freedom <= 0)
    return vertex, bool(np.any(open_S & ~free_S & (np.abs(cap_S) < ACTIVE_TOLERANCE)))


def _all_starts(oracle: Oracle | ReducedOracle, program: Program, near_BxS: np.ndarray | None) -> list[np.ndarray]:
    if near_BxS is None:
        return _starts(program.lower_BxS, program.upper_BxS, oracle.convex)
    middle_BxS = middle(program.lower_BxS, program.upper_BxS)
    inside_BxS = np.clip(near_BxS, program.lower_BxS, program.upper_BxS)
    inside_BxS = np.where(abs(inside_BxS.sum(1, keepdims=True) - 1) < 1e-9, inside_BxS, middle_BxS)
    return [0.05 * middle_BxS + 0.95 * inside_BxS]


def _certified(
    oracle: Oracle | ReducedOracle, program: Program, start_BxS: np.ndarray, weights: tuple[float, float]
) -> tuple[PrimalDual, np.ndarray, np.ndarray, np.ndarray]:
    """Solve and certify: solutions, objectives, gaps and violations (B,).

    Violated rows are solved again with larger penalty weights before they are reported as infeasible. `weights` are
    the initial and final barrier weights, see `solve`.
    """
    solution = _tidy(program, solve(program, oracle, start_BxS, *weights))
    judged = certify(program, oracle, solution)
    broken = np.flatnonzero(judged[2] > ROW_TOLERANCE) if np.isfinite(program.rows.price_M).any() else np.empty(0, int)
    for last in (FEASIBILITY_BARRIER, 0.0):
        # Rows satisfied at large penalties with a coarse barrier are feasible: solve again with the fine barrier.
        again = broken if last else broken[judged[2][broken] <= ROW_TOLERANCE]
        if not len(again):
            break
        part, asked = program.take(again).with_penalty(PENALTY_FACTOR), oracle.take(again)
        other = _tidy(part, solve(part, asked, start_BxS[again], INITIAL_BARRIER, last))
        pairs = [*zip(vars(solution).values(), vars(other).values(), strict=True)]
        pairs += zip(judged, certify(part, asked, other), strict=True)
        for whole, new in pairs:
            whole[again] = new
    return solution, *judged


def _tidy(program: Program, found: PrimalDual) -> PrimalDual:
    """Normalise the sum, which the solver satisfies up to rounding, and clip the result to the bounds."""
    w_BxS = found.w_BxS / found.w_BxS.sum(1, keepdims=True)
    return replace(found, w_BxS=np.clip(w_BxS, program.lower_BxS, program.upper_BxS))
