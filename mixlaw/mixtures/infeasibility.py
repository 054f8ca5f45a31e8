"""Infeasible constraints: an irreducible set of them, found before a plan is computed.

A set of constraints is infeasible if no mixture satisfies all of them. It is irreducible if a mixture satisfies the
rest when any one of them is left out. The deletion filter (Chinneck and Dravnieks 1991) finds such a set: leave out
each constraint in turn, permanently if the rest are still infeasible. A linear program (HiGHS) tests linear sets; the
planner's own solver tests the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.mixtures.constraint_rows import Rows

TOLERANCE = 1e-9
"""Slack of bounds and rows, as a share of the limit if that is above 1: rounding is not a conflict."""


@dataclass(frozen=True)
class Bound:
    """A bound of one share.

    Attributes:
        name: name of the bound in messages.
        source: index of the source.
        upper: True for an upper bound.
        value: the bound.
    """

    name: str
    source: int
    upper: bool
    value: float


def irreducible(count: int, feasible: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Indices of an irreducible infeasible subset of `count` constraints that are infeasible together.

    Args:
        feasible: a function of a mask (count,): True if a mixture satisfies the constraints of the mask.
    """
    kept = np.ones(count, bool)
    for i in range(count):
        kept[i] = False
        if feasible(kept):
            kept[i] = True
    return np.flatnonzero(kept)


def mixture_exists(sources: int, bounds: Sequence[Bound], rows: Rows, reference_S: np.ndarray | None) -> bool:
    """True if a mixture satisfies bounds and linear rows, including those of |w - r|: a linear program over w and e.

    Raises:
        FloatingPointError: the linear program could not be solved.
    """
    from scipy.optimize import linprog

    S, spread = sources, sources * bool(np.any(rows.l1_M > 0))
    limits_Nx2 = np.tile([0.0, 1.0], (S + spread, 1))
    limits_Nx2[S:, 1] = np.inf
    for bound in bounds:
        side = int(bound.upper)
        pick = min if bound.upper else max
        limits_Nx2[bound.source, side] = pick(limits_Nx2[bound.source, side], bound.value)
    if (limits_Nx2[:, 0] > limits_Nx2[:, 1] + TOLERANCE).any():
        return False
    limits_Nx2[:, 1] = np.maximum(limits_Nx2[:, 0], limits_Nx2[:, 1])
    A_MxN = np.hstack([rows.linear_MxS, np.tile(rows.l1_M[:, None], spread)])
    limit_M = np.array(rows.limit_M, float).reshape(-1)
    if spread:
        assert reference_S is not None
        far_2SxN = np.vstack([np.hstack([np.eye(S), -np.eye(S)]), np.hstack([-np.eye(S), -np.eye(S)])])
        A_MxN = np.vstack([A_MxN, far_2SxN])
        limit_M = np.concatenate([limit_M, reference_S, -reference_S])
    sum_1xN = np.concatenate([np.ones(S), np.zeros(spread)])[None]
    slack_M = TOLERANCE * np.maximum(1.0, np.abs(limit_M))  # caps whose sum is 1 up to rounding are feasible
    given = (A_MxN, limit_M + slack_M) if len(A_MxN) else (None, None)
    sides = [(float(low), float(high)) for low, high in limits_Nx2]
    found = linprog(
        np.zeros(S + spread), *given, sum_1xN, np.ones(1), sides, options={"primal_feasibility_tolerance": 1e-10}
    )
    if found.status not in (0, 2):
        raise FloatingPointError(f"the linear program of the constraints ended with: {found.message}")
    return found.status == 0


def refuse(sources: int, bounds: Sequence[Bound], rows: Rows, reference_S: np.ndarray | None) -> None:
    """Raise if no mixture satisfies the bounds and linear rows.

    Raises:
        MixlawError: names an irreducible infeasible subset.
    """

    def feasible(kept: np.ndarray) -> bool:
        chosen = [bound for bound, keep in zip(bounds, kept, strict=False) if keep]
        return mixture_exists(sources, chosen, rows.take(np.flatnonzero(kept[len(bounds) :])), reference_S)

    count = len(bounds) + len(rows.names)
    if not feasible(np.ones(count, bool)):
        names = [*(bound.name for bound in bounds), *rows.names]
        raise MixlawError(message([names[i] for i in irreducible(count, feasible)]))


def message(names: Sequence[str]) -> str:
    """Message for an irreducible infeasible set of constraints with these names."""
    if len(names) == 1:
        return f"no mixture keeps {names[0]}: relax it"
    return f"no mixture keeps all of these: {listed(names, 20)}; without any one of them there is one: relax one"
