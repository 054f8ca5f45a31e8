"""The next runs if the plan must be one of given mixtures (the pool), each of which can be run.

A run replaces the prediction for its mixture: the residual counts as a property of the mixture, not as noise. The
lowest of many predictions tends to be too low, by more than the law's own uncertainty. Therefore the mixture with the
lowest prediction is run first, and the plan is the best of the mixtures that were run.
"""

from collections.abc import Callable

import numpy as np

from mixlaw.designs.acquisition import Belief, knowledge_gradient, report, thompson
from mixlaw.designs.batch_report import BatchReport, PoolReport
from mixlaw.designs.candidates import objective_and_slope, pose_project
from mixlaw.designs.next_batch import NextRuns, pick_size, regret_report, size_report, table_of
from mixlaw.designs.options import Wish
from mixlaw.designs.run_sizes import RunSize, run_sizes
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.posterior import Posterior, posterior
from mixlaw.io.json import named
from mixlaw.io.notes import null
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.project.project_file import Project

BEST_GUESSES, RANDOM_OTHERS = 48, 48
"""Number of mixtures considered: the best by their optimistic objective, and others at random."""
OPTIMISM = 2.0
"""The optimistic objective of a mixture is its expected objective minus this number of standard deviations."""
NO_NOISE = 1e-9
"""Standard deviation of the noise of a log-loss: nearly 0, because the measured loss is used as it is."""
SAME_SHARE = 1e-5
"""A run has a mixture of the pool if no share differs by more than this."""

Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A function from losses (O, K) to objectives (O,) and their derivatives with respect to the losses (O, K)."""


def known_losses(known: Posterior, measured_MxK: np.ndarray) -> np.ndarray:
    """Losses of M mixtures (M, K), nats per token: measured, or predicted if not measured (nan)."""
    return np.where(np.isfinite(measured_MxK), measured_MxK, np.exp(known.log_KxN.T))


def plan_of(known: Posterior, measured_MxK: np.ndarray, objective: Objective) -> int:
    """Index of the plan's mixture: lowest measured objective, or lowest predicted one if no mixture was run."""
    value_M, slope_MxK = objective(known_losses(known, measured_MxK))
    ran_M = (np.isfinite(measured_MxK) | (slope_MxK == 0)).all(1)
    return int(np.argmin(np.where(ran_M, value_M, np.inf) if ran_M.any() else value_M))


def pool_belief(
    known: Posterior, measured_MxK: np.ndarray, objective: Objective, rng: np.random.Generator
) -> tuple[Belief, np.ndarray]:
    """Posterior of the most promising mixtures, and indices of the candidates in the pool, (C,).

    Options are the mixtures with the lowest optimistic objectives, and the one with the lowest expected objective.
    Candidates are the options that were not measured, and others at random.

    Args:
        known: the law's posterior of all M mixtures at the size of a run.
        measured_MxK: measured losses, nats per token; nan if a mixture was not run.
        objective: the objective.
        rng: samples the other candidates.
    """
    ran_MxK = np.isfinite(measured_MxK)
    loss_MxK = known_losses(known, measured_MxK)
    value_M, slope_MxK = objective(loss_MxK)
    option_KxMxP = np.where(ran_MxK.T[:, :, None], 0.0, known.feature_KxNxP) * loss_MxK.T[:, :, None]
    own_MxK = np.where(ran_MxK, 0.0, loss_MxK * known.noise_K)
    spread_M = np.sqrt((slope_MxK**2 * (np.square(option_KxMxP).sum(2).T + own_MxK**2)).sum(1))
    hoped_M = value_M - OPTIMISM * spread_M
    keep_O = np.unique([*np.argsort(hoped_M, kind="stable")[:BEST_GUESSES], int(value_M.argmin())])
    left_M = (~ran_MxK & (slope_MxK != 0)).any(1)
    promising = keep_O[left_M[keep_O]]
    rest = np.setdiff1d(np.flatnonzero(left_M), promising)
    run_C = np.concatenate([promising, rng.permutation(rest)[: RANDOM_OTHERS + BEST_GUESSES - len(promising)]])
    option_M = np.full(len(value_M), -1)
    option_M[keep_O] = np.arange(len(keep_O))
    belief = Belief(
        value_O=value_M[keep_O],
        slope_OxK=slope_MxK[keep_O],
        option_KxOxP=option_KxMxP[:, keep_O],
        run_KxCxP=known.feature_KxNxP[:, run_C],
        noise_K=np.full(len(known.noise_K), NO_NOISE),
        correlation_KxK=known.correlation_KxK,
        option_C=option_M[run_C],
        own_OxK=own_MxK[keep_O],
        loss_OxK=loss_MxK[keep_O],
    )
    return belief, run_C


def knowledge_gradient_of_pool(belief: Belief, count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of the batch, (count,): first the best option if it was not run, then by expected regret reduction."""
    best = np.flatnonzero(belief.option_C == int(belief.value_O.argmin()))
    return knowledge_gradient(belief, count, rng, int(best[0]) if len(best) else None)


def next_of_pool(fit: Fit, pool_MxS: np.ndarray, project: Project | None = None, wish: Wish | None = None) -> NextRuns:
    """The next batch if the plan must be one of M mixtures, and the best mixture so far.

    The planned run has the size of the runs. Losses of mixtures that were run are taken as measured; the best of these
    mixtures is the current plan. If another mixture is predicted to be better, it is the first of the batch. Three runs
    are enough to start with; batches of one run need the fewest runs in total.

    Args:
        fit: a fit with its runs, including those of the pool.
        pool_MxS: the mixtures, in the order of the fit's sources. Mixtures that violate the project's bounds, groups or
            other constraints on shares are left out.
        project: sources, targets, constraints. If omitted, all targets have weight 1. Of its budget only the tokens are
            used, for caps in epochs.
        wish: number of runs, method and size of the table (`largest` by default).

    Raises:
        MixlawError: the fit has no runs, no mixture of the pool is feasible or left to run, or the options are not for
            a pool.
    """
    wish = wish or Wish()
    notes: list[str] = []
    if wish.candidates is not None or wish.size == "cost":
        raise MixlawError("the pool gives the candidates, all at one size: leave out other candidates and --size cost")
    if np.ndim(pool_MxS) != 2 or np.shape(pool_MxS)[1] != len(fit.sources):
        raise MixlawError(f"the pool: give mixtures of the {len(fit.sources)} sources, one per row")
    size = pick_size(run_sizes(fit), wish)
    problem = pose_project(fit, project)
    at_M = _feasible(problem, pool_MxS, size, notes)
    w_MxS, rng = pool_MxS[at_M], np.random.default_rng([wish.seed, 7])
    known = posterior(problem.fit, w_MxS, size.params, size.tokens, size.unique_S)
    measured_MxK = _measured(problem.fit, w_MxS, size)
    plan = plan_of(known, measured_MxK, lambda loss_OxK: objective_and_slope(problem, loss_OxK))
    belief, run_C = pool_belief(known, measured_MxK, lambda loss_OxK: objective_and_slope(problem, loss_OxK), rng)
    able = len(run_C) if wish.method == "regret" else int((belief.option_C >= 0).sum())
    if not able:
        raise MixlawError(f"the pool: nothing is left to run; take the mixture of its row {at_M[plan] + 1}")
    choose = knowledge_gradient_of_pool if wish.method == "regret" else thompson
    chosen = report(belief, choose(belief, min(wish.batch, able), rng), rng)
    row_Q = run_C[chosen.index_Q]
    notes.append(null(("spread", "until_verdict"), "the plan is one of the pool, its loss measured or predicted"))
    value_M, _ = objective_and_slope(problem, known_losses(known, measured_MxK))
    content = BatchReport(
        method=wish.method,
        batch=len(row_Q),
        size=size_report(size, chosen),
        sizes=(size_report(size, chosen),),
        regret=regret_report(chosen),
        mixture=named(problem.fit.sources, w_MxS[plan]),
        pool=PoolReport(
            row=int(at_M[plan]) + 1,
            measured=bool(np.isfinite(measured_MxK[plan]).all()),
            objective=float(value_M[plan]),
            rows=(at_M[row_Q] + 1).tolist(),
        ),
        spread=None,
        until_verdict=None,
        notes=tuple(dict.fromkeys([*problem.fit.notes, *notes])),
    )
    return NextRuns(table_of(problem.fit, size, w_MxS[row_Q]), content)


def _feasible(problem: MixtureProblem, w_MxS: np.ndarray, size: RunSize, notes: list[str]) -> np.ndarray:
    """Indices of the mixtures of the pool that satisfy the constraints on shares."""
    budget, none_K = problem.budget, np.zeros(len(problem.targets))  # the objective penalises losses above ceilings
    tokens = budget.tokens if budget is not None and budget.tokens is not None else size.tokens
    scale = Scale(None, tokens if np.isfinite(tokens) else None)
    broken = [problem.violated(w_S, scale, none_K) for w_S in w_MxS]
    kept = np.array([m for m, names in enumerate(broken) if not names], int)
    if not len(kept):
        raise MixlawError(f"the pool: no mixture keeps the constraints; its row 1 breaks {broken[0][0]}")
    if len(kept) < len(w_MxS):
        first = next(m for m, names in enumerate(broken) if names)
        notes.append(
            f"{len(w_MxS) - len(kept)} mixtures of the pool break a constraint and are left out "
            f"(row {first + 1}: {broken[first][0]})"
        )
    return kept


def _measured(fit: Fit, w_MxS: np.ndarray, size: RunSize) -> np.ndarray:
    """Measured losses of the pool's mixtures at a size, (M, K) nats per token: the mean if a mixture was run several
    times, nan if it was not run."""
    assert fit.runs is not None, "a fit with a posterior has runs"
    runs = fit.runs.select(fit.runs.last_R)
    at_R = np.isclose(runs.params_R, size.params, rtol=1e-6) if np.isfinite(size.params) else np.ones(len(runs), bool)
    if np.isfinite(size.tokens):
        at_R = at_R & (np.abs(runs.tokens_R - size.tokens) <= 0.02 * size.tokens)
    w_RxS = runs.w_RxS[at_R][:, [runs.sources.index(name) for name in fit.sources]]
    loss_RxK = runs.loss_RxK[at_R][:, [runs.targets.index(name) for name in fit.targets]]
    found_MxK = np.full((len(w_MxS), loss_RxK.shape[1]), np.nan)
    for m, w_S in enumerate(w_MxS):
        own_RxK = loss_RxK[np.abs(w_RxS - w_S).max(1) <= SAME_SHARE]
        count_K = np.isfinite(own_RxK).sum(0)
        found_MxK[m] = np.where(count_K > 0, np.nansum(own_RxK, axis=0) / np.maximum(count_K, 1), np.nan)
    return found_MxK
