"""Near-optimal mixtures: range of each share within a stated regret of the plan, and some mixtures that differ."""

from dataclasses import replace

import numpy as np

from mixlaw.io.json import named
from mixlaw.mixtures.constraint_rows import Rows, row, stack
from mixlaw.optimization.optimum import optimize_program
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.problem import CONSTRAINT_TOLERANCE, MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.plan_types import Alternative, NearOptimal
from mixlaw.planning.verdict import compared, losses_of

ALTERNATIVES = 3


def near_optimal(problem: MixtureProblem, scale: Scale, own_S: np.ndarray, regret: float) -> NearOptimal:
    """Ranges of the shares, and alternatives far from each other, among mixtures worse by at most `regret` nats.

    For every source its smallest and largest share are found under the plan's constraints and one more row, the
    objective within the regret: 2 S convex problems for a convex law. Alternatives are chosen among their solutions,
    each the farthest from the plan and the earlier alternatives.
    """
    extreme_CxS = _extremes(problem, scale, own_S, regret)
    range_Sx2 = np.stack([extreme_CxS.min(0), extreme_CxS.max(0)], 1)
    chosen, picked = [own_S], []
    for _ in range(min(ALTERNATIVES, len(extreme_CxS) - 1)):
        far_C = np.min([np.abs(extreme_CxS - w_S).sum(1) for w_S in chosen], axis=0)
        if far_C.max() < 1e-3:
            break
        chosen.append(extreme_CxS[np.argmax(far_C)])
        picked.append(_alternative(problem, scale, own_S, chosen[-1]))
    names = problem.fit.sources
    ranges = {name: [float(low), float(high)] for name, (low, high) in zip(names, range_Sx2, strict=True)}
    return NearOptimal(regret, ranges, tuple(picked))


def _alternative(problem: MixtureProblem, scale: Scale, own_S: np.ndarray, w_S: np.ndarray) -> Alternative:
    found = compared(problem, scale, own_S, w_S)
    assert found.objective is not None
    assert found.difference is not None
    moved = float(0.5 * np.abs(w_S - own_S).sum())
    return Alternative(named(problem.fit.sources, w_S), found.objective, found.difference, moved)


def _extremes(problem: MixtureProblem, scale: Scale, own_S: np.ndarray, regret: float) -> np.ndarray:
    """The mixtures (C, S) with the smallest and the largest share of each source, and the plan's own."""
    S, upper_S, tokens = len(problem.fit.sources), problem.upper_S(scale.tokens), scale.tokens_or_nan
    program = problem.program(np.full(2 * S, tokens), np.broadcast_to(upper_S, (2 * S, S)))
    rows = program.rows.take(np.flatnonzero(~program.rows.top_M))
    rows = stack([rows, *_regret_rows(problem, scale, own_S, regret)], len(problem.targets), S)
    linear_BxS = np.concatenate([np.eye(S), -np.eye(S)])
    program = replace(program, weight_K=0 * program.weight_K, rows=rows, linear_BxS=linear_BxS, kl=0.0, l1=0.0)
    z_BxKxP = np.broadcast_to(problem.fit.z_KxP, (2 * S, *problem.fit.z_KxP.shape))
    oracle = Oracle(problem.fit, z_BxKxP, np.full(2 * S, scale.params_or_nan), np.full(2 * S, tokens))
    near_BxS = None if problem.fit.law.convex else np.broadcast_to(own_S, (2 * S, S))
    optima = optimize_program(oracle, program, near_BxS)
    return np.stack([own_S, *(optimum.w_S for optimum in optima if optimum.violation <= CONSTRAINT_TOLERANCE)])


def _regret_rows(problem: MixtureProblem, scale: Scale, own_S: np.ndarray, regret: float) -> list[Rows]:
    """The objective within the regret: of the mean, or of every target that counts."""
    losses_K, _ = losses_of(problem, scale, own_S)
    K, S, limit = len(problem.targets), len(problem.fit.sources), float(problem.value(losses_K)) + regret
    counted = np.flatnonzero(problem.weight_K > 0)
    weights = [np.eye(K)[k] for k in counted] if problem.worst else [problem.weight_K]
    return [row("regret", limit, losses_K=weight_K, linear_S=S) for weight_K in weights]
