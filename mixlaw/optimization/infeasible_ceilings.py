"""Raise an error if nonlinear constraints (loss ceilings, KL) leave no feasible mixture."""

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.mixtures.constraint_rows import stack
from mixlaw.mixtures.infeasibility import irreducible, message
from mixlaw.optimization.optimum import Optimum, optimize_program, tighten
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.problem import CONSTRAINT_TOLERANCE, MixtureProblem
from mixlaw.optimization.program import Program
from mixlaw.optimization.scale import Scale


def refuse_infeasible(problem: MixtureProblem, scale: Scale, best: Optimum) -> None:
    """Raise if even the best mixture violates a constraint.

    Raises:
        MixlawError: the message names an irreducible infeasible set of constraints, and the losses reached by the
            mixture with the smallest violation.
    """
    if best.violation <= CONSTRAINT_TOLERANCE:
        return
    bounds, S, K = problem.bounds(scale.tokens), len(problem.fit.sources), len(problem.targets)
    tokens_B = np.array([scale.tokens_or_nan])
    rows = stack([*problem.linear_rows(tokens_B), *problem.curved_rows()], K, S)
    rows = rows._replace(limit_M=rows.limit_M.reshape(-1))
    oracle = Oracle(problem.fit, problem.fit.z_KxP[None], np.array([scale.params_or_nan]), tokens_B)

    def feasible(kept: np.ndarray) -> bool:
        low_S, high_S = np.zeros(S), np.ones(S)
        for bound, keep in zip(bounds, kept, strict=False):
            if keep:
                (high_S if bound.upper else low_S)[bound.source] = bound.value
        held = rows.take(np.flatnonzero(kept[len(bounds) :]))
        if low_S.sum() > 1 + 1e-9 or high_S.sum() < 1 - 1e-9 or (low_S > high_S).any():
            return False
        if not len(held.names):
            return True
        program = Program(
            np.zeros(K),
            *tighten(low_S[None], high_S[None]),
            held,
            reference_S=problem.reference_S,
            proportions_SxJ=problem.proportions_SxJ,
        )
        return optimize_program(oracle, program)[0].violation <= CONSTRAINT_TOLERANCE

    count = len(bounds) + len(rows.names)
    names = [*(bound.name for bound in bounds), *rows.names]
    conflict = irreducible(count, feasible)
    nearest = _nearest(problem, scale, best, [names[i] for i in conflict])
    sure = "" if problem.fit.law.convex else f"; the law {problem.fit.law.name} is not convex, so this is not proven"
    raise MixlawError(message([names[i] for i in conflict]) + nearest + sure)


def _nearest(problem: MixtureProblem, scale: Scale, best: Optimum, conflict: list[str]) -> str:
    """Predicted losses of the targets in conflict for the mixture with the smallest violation, as text."""
    losses_K = problem.fit.losses(best.w_S[None], *scale.pair)[0]
    pairs = zip(problem.targets, losses_K, strict=True)
    reached = [f"{t.name} {loss:.4g}" for t, loss in pairs if any(x.startswith(f"target {t.name} ") for x in conflict)]
    return f" (the mixture that breaks least is predicted to reach {', '.join(reached)})" if reached else ""
