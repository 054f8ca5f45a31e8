"""Robust mixture over the bootstrap refits: minimises the mean of the regret, or a quantile of it.

The regret of a mixture in a refit is its objective minus that of the refit's optimum. The mean regret is convex in the
mixture. A quantile q is not convex: minimising starts from the mean of the worst 1 - q (Rockafellar and Uryasev 2000),
which is convex, and then minimises the largest regret among the refits that are within the quantile so far.

The feasible mixtures are the same in every refit: loss ceilings apply to the losses of the plan's own fit, which the
program contains along with those of the refits.
"""

from dataclasses import replace

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.mixtures.constraint_rows import Rows, stack
from mixlaw.optimization.optimum import Optimum, optimize_program
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.program import Program
from mixlaw.optimization.scale import Scale
from mixlaw.planning.plan_types import RobustChoice

POLISH_ROUNDS = 4
"""Largest number of improvement rounds for a quantile of the regret."""
MAX_REFIT_TARGETS = 4000
"""Largest number of targets times refits in one program; above it fewer refits are used."""


def robust(
    problem: MixtureProblem, scale: Scale, best: Optimum, refits: list[Optimum], quantile: float | None
) -> tuple[Optimum, RobustChoice]:
    """The robust optimum, and its regrets compared with those of the plain optimum.

    Args:
        quantile: quantile of the regret to minimise, in (0, 1); None: its mean.

    Raises:
        MixlawError: the objective is the worst target, whose regret this does not minimise.
    """
    if problem.worst:
        raise MixlawError("robust: goes with the mean objective; leave out robust, or objective: worst")
    count = max(1, min(len(refits), MAX_REFIT_TARGETS // len(problem.targets)))
    least_B = _least(problem, scale, best, refits[:count])
    z_LxP = np.concatenate([*problem.fit.replicas_BxKxP[:count], problem.fit.z_KxP])
    oracle = Oracle(problem.fit, z_LxP[None], *(np.array([x]) for x in scale.pair))
    weight_BxK = np.tile(problem.weight_K, (count, 1))
    if quantile is None:
        found = optimize_program(oracle, _program(problem, scale, weight_BxK / count))[0]
    else:
        tail = _regrets(weight_BxK, least_B, np.full(count, 1.0 / ((1.0 - quantile) * count)), problem)
        found = optimize_program(oracle, _program(problem, scale, 0 * weight_BxK, [tail]))[0]
        level_of = [np.quantile(_regret(problem, scale, x.w_S, least_B), quantile) for x in (found, best)]
        found = _polished(problem, scale, oracle, (found, best)[int(np.argmin(level_of))], least_B, quantile)
    level = 0.9 if quantile is None else quantile
    measure = "mean" if quantile is None else f"quantile {quantile:g}"
    own, plain = (_regret_of(_regret(problem, scale, x.w_S, least_B), level) for x in (found, best))
    return found, RobustChoice(measure, count, own, plain)


def _regret_of(regret_B: np.ndarray, level: float) -> dict[str, float]:
    """Mean and quantile of the regret over the refits, nats per token."""
    return {"mean": float(regret_B.mean()), f"quantile_{level:g}": float(np.quantile(regret_B, level))}


def _least(problem: MixtureProblem, scale: Scale, best: Optimum, refits: list[Optimum]) -> np.ndarray:
    """Lowest objective of the feasible mixtures in each refit, nats per token.

    With loss ceilings, the optima of the refits cannot be used: they satisfy the ceilings by the refits' own losses.
    """
    if all(target.max_loss is None for target in problem.targets):
        return np.array([refit.objective for refit in refits])
    count = len(refits)
    z_BxLxP = np.stack([np.concatenate([z_KxP, problem.fit.z_KxP]) for z_KxP in problem.fit.replicas_BxKxP[:count]])
    oracle = Oracle(problem.fit, z_BxLxP, *(np.full(count, x) for x in scale.pair))
    program = _program(problem, scale, problem.weight_K[None], count=count)
    near_BxS = np.tile(best.w_S, (count, 1)) if oracle.convex else None
    return np.array([found.objective for found in optimize_program(oracle, program, near_BxS)])


def _regret(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, least_B: np.ndarray) -> np.ndarray:
    """Regret of a mixture in each refit, nats per token, including the penalty on its distance from a reference."""
    losses_BxK = problem.fit.losses(w_S[None], *scale.pair, replicas=True)[: len(least_B), 0]
    program = problem.program(np.array([scale.tokens_or_nan]), problem.upper_S(scale.tokens)[None])
    return problem.value(losses_BxK) + program.smooth(w_S[None], np.zeros((1, len(problem.targets)))) - least_B


def _program(
    problem: MixtureProblem, scale: Scale, weight_BxK: np.ndarray, more: list[Rows] | None = None, count: int = 1
) -> Program:
    """`count` equal problems over the losses of B refits and, last, of the fit, to which the constraints apply."""
    (refits, K), S = weight_BxK.shape, len(problem.fit.sources)
    program = problem.program(np.full(count, scale.tokens_or_nan), np.tile(problem.upper_S(scale.tokens), (count, 1)))
    of_fit_MxL = np.hstack([np.zeros((len(program.rows.names), refits * K)), program.rows.loss_MxK])
    rows = stack([program.rows._replace(loss_MxK=of_fit_MxL), *(more or [])], (refits + 1) * K, S)
    return replace(program, weight_K=np.append(weight_BxK.ravel(), np.zeros(K)), rows=rows)


def _regrets(weight_BxK: np.ndarray, least_B: np.ndarray, price_B: np.ndarray, problem: MixtureProblem) -> Rows:
    """One row per refit: its regret is at most t, or the row is violated at a penalty."""
    (count, K), S = weight_BxK.shape, len(problem.fit.sources)
    loss_BxL = np.zeros((count, (count + 1) * K))
    for b in range(count):
        loss_BxL[b, b * K : (b + 1) * K] = weight_BxK[b]
    zero_B = np.zeros(count)
    names = tuple(f"refit {b}" for b in range(count))
    top_B = np.ones(count, bool)
    return Rows(names, loss_BxL, zero_B, zero_B, np.zeros((count, S)), least_B, price_B, top_B)


def _polished(
    problem: MixtureProblem, scale: Scale, oracle: Oracle, found: Optimum, least_B: np.ndarray, quantile: float
) -> Optimum:
    """Lower the quantile as long as the largest regret of the refits within it can be reduced."""
    count, K = len(least_B), len(problem.targets)
    for _ in range(POLISH_ROUNDS):
        regret_B = _regret(problem, scale, found.w_S, least_B)
        within = np.sort(np.argsort(regret_B, kind="stable")[: max(1, int(np.ceil(quantile * count)))])
        weight_BxK = np.zeros((count, K))
        weight_BxK[within] = problem.weight_K
        rows = _regrets(weight_BxK, least_B, np.full(count, np.inf), problem).take(within)
        other = optimize_program(oracle, _program(problem, scale, 0 * weight_BxK, [rows]))[0]
        if np.quantile(_regret(problem, scale, other.w_S, least_B), quantile) >= np.quantile(regret_B, quantile):
            break
        found = other
    return found
