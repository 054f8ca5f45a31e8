"""The decision problem of the next runs: the plan's problem, the possible plans, and the runs that can be made."""

from dataclasses import dataclass

import numpy as np

from mixlaw.designs.acquisition import Belief
from mixlaw.designs.options import Wish
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.posterior import Posterior, posterior
from mixlaw.io.notes import Note
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.prepare import prepare
from mixlaw.optimization.problem import CONSTRAINT_TOLERANCE, MixtureProblem, pose
from mixlaw.optimization.scale import Scale
from mixlaw.planning.options import REPLICAS
from mixlaw.project.feasible import feasible
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Budget, Source, Sources

MAX_OPTIONS = 48
"""Number of bootstrap optima used as possible plans."""
POOL_SIZE = 200
"""Number of sampled feasible mixtures among the candidates, next to options, their midpoints and vertices."""
CEILING_PENALTY = 10.0
"""Penalty on a loss above its ceiling, nats of objective per nat."""
SAME_SHARE = 1e-3
"""Two mixtures are equal if no share differs by more than this."""


@dataclass(frozen=True)
class Decision:
    """The decision problem of a batch.

    Attributes:
        problem, scale, best: the planning problem with its bootstrap, N and D of the planned run, and the optimum.
        option_OxS: mixtures that the final plan may have; the first is the current optimum.
        candidate_CxS: mixtures that can be run. The options come first, unless the candidates were given.
        option_C: index of the option equal to each candidate, or -1.
        options: posterior of the options' losses at the planned run.
        refit_BxS: optima of the bootstrap refits.
    """

    problem: MixtureProblem
    scale: Scale
    best: Optimum
    option_OxS: np.ndarray
    candidate_CxS: np.ndarray
    option_C: np.ndarray
    options: Posterior
    refit_BxS: np.ndarray


def pose_project(fit: Fit, project: Project | None, budget: Budget | None = None) -> MixtureProblem:
    """The planning problem of a project; `budget` replaces the project's budget if given."""
    if project is None:
        return pose(fit, budget=budget)
    return pose(fit, project.sources, budget or project.budget, project.targets, project.constraints)


def pose_decision(fit: Fit, project: Project | None, budget: Budget | None, wish: Wish) -> tuple[Decision, list[Note]]:
    """The decision that a batch is chosen on, and what to know of it; see `next_runs`."""
    ready = prepare(pose_project(fit, project, budget), REPLICAS, wish.seed, [])
    problem, scale, best = ready.problem, ready.scale, ready.best
    refits = problem.solve(problem.fit.replicas_BxKxP[:MAX_OPTIONS], scale.pair, near_S=best.w_S)
    refit_BxS = np.array([refit.w_S for refit in refits if refit.violation <= CONSTRAINT_TOLERANCE]).reshape(
        -1, len(best.w_S)
    )
    option_OxS = distinct(np.concatenate([best.w_S[None], refit_BxS]))
    candidate_CxS = _candidates(problem, scale, option_OxS, wish)
    options = posterior(problem.fit, option_OxS, *scale.pair)
    option_C = _same(candidate_CxS, option_OxS)
    decision = Decision(problem, scale, best, option_OxS, candidate_CxS, option_C, options, refit_BxS)
    return decision, ready.notes


def _candidates(problem: MixtureProblem, scale: Scale, option_OxS: np.ndarray, wish: Wish) -> np.ndarray:
    """Mixtures that can be run, (C, S): options, midpoints of options, vertices, and samples of the feasible set."""
    if wish.candidates is not None:
        if wish.candidates.ndim != 2 or wish.candidates.shape[1] != option_OxS.shape[1] or not len(wish.candidates):
            raise MixlawError(f"candidates: give mixtures of the {option_OxS.shape[1]} sources, one per row")
        return wish.candidates
    if problem.sources is None:
        sources = Sources(Source(name, None) for name in problem.fit.sources)
    else:
        sources = problem.sources
    where = feasible(sources, problem.constraints, scale.tokens, problem.money)
    rng = np.random.default_rng([wish.seed, 5])
    pairs = rng.integers(len(option_OxS), size=(len(option_OxS), 2))
    between_OxS = option_OxS[pairs].mean(1)
    return distinct(np.concatenate([option_OxS, between_OxS, where.vertices, where.sample(rng, POOL_SIZE)]))


def distinct(w_NxS: np.ndarray) -> np.ndarray:
    """The mixtures without (near) repetitions of earlier ones, in the same order."""
    kept: list[int] = []
    for n, w_S in enumerate(w_NxS):
        if not kept or np.abs(w_NxS[kept] - w_S).max(1).min() > SAME_SHARE:
            kept.append(n)
    return w_NxS[kept]


def _same(candidate_CxS: np.ndarray, option_OxS: np.ndarray) -> np.ndarray:
    """Index of the option equal to each candidate, or -1, (C,)."""
    apart_CxO = np.abs(candidate_CxS[:, None] - option_OxS).max(2)
    return np.where(apart_CxO.min(1) <= SAME_SHARE, apart_CxO.argmin(1), -1)


def beliefs(decision: Decision, runs: Posterior) -> Belief:
    """Posterior of the options' objectives and of candidate runs of one size. A mixture's deviation from the law at
    that size counts as noise, because the plan is made by the law."""
    problem, options = decision.problem, decision.options
    loss_KxO = np.exp(options.log_KxN)
    value_O, slope_OxK = objective_and_slope(problem, loss_KxO.T)
    return Belief(
        value_O=value_O,
        slope_OxK=slope_OxK,
        option_KxOxP=options.feature_KxNxP * loss_KxO[:, :, None],
        run_KxCxP=runs.feature_KxNxP,
        noise_K=runs.noise_K,
        correlation_KxK=runs.correlation_KxK,
        option_C=decision.option_C,
        own_OxK=np.zeros_like(loss_KxO.T),
        loss_OxK=loss_KxO.T,
    )


def objective_and_slope(problem: MixtureProblem, loss_OxK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Objective of options (O,), with a penalty for losses above their ceilings, and its derivative with respect to the
    losses (O, K)."""
    ceiling_K = np.array([np.inf if t.max_loss is None else t.max_loss for t in problem.targets])
    over_OxK = np.maximum(loss_OxK - ceiling_K, 0.0)
    if problem.worst:
        counted_OxK = np.where(problem.weight_K > 0, loss_OxK, -np.inf)
        slope_OxK = np.eye(loss_OxK.shape[1])[counted_OxK.argmax(1)]
    else:
        slope_OxK = np.tile(problem.weight_K, (len(loss_OxK), 1))
    return problem.value(loss_OxK) + CEILING_PENALTY * over_OxK.sum(1), slope_OxK + CEILING_PENALTY * (over_OxK > 0)
