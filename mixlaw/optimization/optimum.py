"""The best mixture under a fitted law, with a certificate.

    argmin_w  sum_k v_k L_k(w; N, D)   over  sum_i w_i = 1,  lower_i <= w_i <= upper_i,  sum_k v_k = 1

and every other `Program`. Where law and program are convex the gap bounds how much lower any feasible mixture can be.
For a law that is not convex the best of several starts is taken, and the gap says only how nearly stationary it is.
"""

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.mixtures.simplex import minimise_linear
from mixlaw.optimization import fixed_proportions
from mixlaw.optimization.duality_gap import certify
from mixlaw.optimization.fixed_proportions import ReducedOracle
from mixlaw.optimization.interior_point import FIRST, PrimalDual, solve
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program

KEPT = 1e-8
"""A row broken by no more is kept; one broken by more is made dearer, in case its price was too low."""
PENALTY_FACTOR = 1e4
COARSE = 1e-6
"""The barrier's last weight where it is asked only whether rows can be kept: at such prices the slack of a row that is
broken would vanish in rounding under a finer one."""
ACTIVE = 1e-6
"""A share this near to a bound is held by it; a row with a larger multiplier is active."""
AGREE = 1e-6
"""Starts whose objectives differ by less than this share of them agree."""


@dataclass(frozen=True)
class Optimum:
    """A mixture and how near it is to the best.

    Attributes:
        w_S: the mixture.
        objective: what was minimised, nats per token.
        gap: no feasible mixture is better by more, nats per token (for convex laws).
        broken: the most by which a row of the program is broken, in its unit; above 1e-8 no mixture keeps them all.
        price_M: multipliers of the program's rows: what a unit of each limit is worth, nats.
        agree: share of the starts that reached this objective.
        starts: their number.
        cap_S: multipliers of the largest shares less those of the smallest: what a unit of them is worth, nats.
        vertex: whether bounds and rows that hold leave no freedom, so that the law only chooses a corner.
        degenerate: whether a bound that holds a share is worth nothing: another mixture is (nearly) as good.
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
    """Bounds that the other sources' bounds imply: a share that cannot move gets equal ones."""
    others_lower_BxS = lower_BxS.sum(1, keepdims=True) - lower_BxS
    others_upper_BxS = upper_BxS.sum(1, keepdims=True) - upper_BxS
    upper = np.minimum(upper_BxS, np.maximum(1.0 - others_lower_BxS, lower_BxS))
    return np.maximum(lower_BxS, np.minimum(1.0 - others_upper_BxS, upper)), upper


def middle(lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> np.ndarray:
    """Mixtures strictly inside the bounds wherever they leave room: lower + t (upper - lower)."""
    width_BxS = upper_BxS - lower_BxS
    total_Bx1 = width_BxS.sum(1, keepdims=True)
    t_Bx1 = np.divide(
        1.0 - lower_BxS.sum(1, keepdims=True), total_Bx1, out=np.zeros_like(total_Bx1), where=total_Bx1 > 0
    )
    return lower_BxS + width_BxS * t_Bx1


def _starts(lower_BxS: np.ndarray, upper_BxS: np.ndarray, convex: bool) -> list[np.ndarray]:
    """Where to start: the middle, and for a law that is not convex a point towards each source's largest share too."""
    middle_BxS = middle(lower_BxS, upper_BxS)
    if convex:
        return [middle_BxS]
    towards = []
    for s in range(middle_BxS.shape[1]):
        cost_S = -np.eye(middle_BxS.shape[1])[s]
        corner_BxS = np.stack([minimise_linear(cost_S, lo, up) for lo, up in zip(lower_BxS, upper_BxS, strict=True)])
        towards.append(0.1 * middle_BxS + 0.9 * corner_BxS)
    return [middle_BxS, *towards]


def optimize_program(
    oracle: Oracle | ReducedOracle,
    program: Program,
    near_BxS: np.ndarray | None = None,
    share: float = FIRST,
    last: float = 0.0,
) -> list[Optimum]:
    """Optima of the B problems of a program whose bounds are tight.

    Args:
        near_BxS: mixtures to start from, moved inside; by default the middle, and for laws that are not convex points
            towards each source's largest share too.
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
    agree_B = (objective_TxB <= objective_TxB.min(0) + AGREE * np.abs(objective_TxB.min(0))).mean(0)
    found = []
    for b, t in enumerate(best_B):
        solution, objective_B, gap_B, violation_B = tries[t]
        at = solution.w_BxS[b], float(objective_B[b]), float(gap_B[b]), float(violation_B[b]), solution.z_BxM[b]
        cap_S = solution.high_BxS[b] - solution.low_BxS[b]
        flags = _corner(program, b, solution.w_BxS[b], solution.z_BxM[b], cap_S)
        found.append(Optimum(*at, float(agree_B[b]), len(tries), cap_S, *flags))
    return found


def _optimize_reduced(
    oracle: Oracle | ReducedOracle, program: Program, near_BxS: np.ndarray | None, weights: tuple[float, float]
) -> list[Optimum]:
    """Optima of a program with kept proportions, found in one variable for each group of them."""
    T, inner = program.proportions_SxJ, fixed_proportions.reduced(program)
    assert T is not None
    assert isinstance(oracle, Oracle)
    # Only what cannot move gets tight bounds: of two that say the same, neither would have the whole price.
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


def _corner(program: Program, b: int, w_S: np.ndarray, z_M: np.ndarray, cap_S: np.ndarray) -> tuple[bool, bool]:
    """Whether an optimum is a vertex, and whether it is degenerate."""
    open_S = program.upper_BxS[b] - program.lower_BxS[b] > ACTIVE
    free_S = (w_S - program.lower_BxS[b] > ACTIVE) & (program.upper_BxS[b] - w_S > ACTIVE)
    freedom = np.sum(free_S) - 1 + bool(program.rows.top_M.any()) - np.sum(z_M > ACTIVE)
    vertex = bool(open_S.any() and freedom <= 0)
    return vertex, bool(np.any(open_S & ~free_S & (np.abs(cap_S) < ACTIVE)))


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
    """Solutions with objective, gap and breach; rows that stay broken are made dearer before that is believed.

    `weights`: the barrier's first and last, see `solve`.
    """
    solution = _tidy(program, solve(program, oracle, start_BxS, *weights))
    judged = certify(program, oracle, solution)
    broken = np.flatnonzero(judged[2] > KEPT) if np.isfinite(program.rows.price_M).any() else np.empty(0, int)
    for last in (COARSE, 0.0):
        # Rows that the dear and coarse problem keeps can be kept: then the dear and fine one is the answer.
        again = broken if last else broken[judged[2][broken] <= KEPT]
        if not len(again):
            break
        part, asked = program.take(again).with_penalty(PENALTY_FACTOR), oracle.take(again)
        other = _tidy(part, solve(part, asked, start_BxS[again], FIRST, last))
        pairs = [*zip(vars(solution).values(), vars(other).values(), strict=True)]
        pairs += zip(judged, certify(part, asked, other), strict=True)
        for whole, new in pairs:
            whole[again] = new
    return solution, *judged


def _tidy(program: Program, found: PrimalDual) -> PrimalDual:
    """The solver keeps the sum to rounding. Bounds are kept exactly, also by a share divided by .999...9."""
    w_BxS = found.w_BxS / found.w_BxS.sum(1, keepdims=True)
    return replace(found, w_BxS=np.clip(w_BxS, program.lower_BxS, program.upper_BxS))
