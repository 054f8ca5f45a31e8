"""The next runs where the plan is one of given mixtures: each may be run, and a run shows what its mixture is worth.

A pool is looked up, not modelled alone: what a run is off from the law by counts as its mixture's own, not as noise.
The lowest of many predictions is likelier too low than the law's own account has it, so a mixture that is predicted to
be the best is run first, and the plan is the best of those that were run.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mixlaw.designs.acquisition import Belief, knowledge_gradient, report, thompson
from mixlaw.designs.candidates import objective_and_slope, pose_project
from mixlaw.designs.next_batch import NextRuns, pick_size, size_content, table_of
from mixlaw.designs.options import Wish
from mixlaw.designs.run_sizes import RunSize, run_sizes
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.posterior import Posterior, posterior
from mixlaw.io.json import named
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.project.project_file import Project

BEST_GUESSES, RANDOM_OTHERS = 48, 48
"""Options and candidates that a lookahead looks at: the best by an optimistic guess, and others at random."""
OPTIMISM = 2.0
"""Standard deviations below its expected objective at which a mixture is hoped to be."""
NO_NOISE = 1e-9
"""Noise of a log-loss that is looked up: none."""
SAME_SHARE = 1e-5
"""A run is of a mixture of the pool where no share differs by more."""

Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From losses (O, K) to objectives (O,) and their slopes in the losses (O, K), nats per token."""


def known_losses(known: Posterior, measured_MxK: np.ndarray) -> np.ndarray:
    """What is known of M mixtures (M, K), nats per token: measured, or predicted where nothing was (nan)."""
    return np.where(np.isfinite(measured_MxK), measured_MxK, np.exp(known.log_KxN.T))


def plan_of(known: Posterior, measured_MxK: np.ndarray, objective: Objective) -> int:
    """The mixture to take for the plan: the lowest measured objective, the lowest predicted one where none was."""
    value_M, slope_MxK = objective(known_losses(known, measured_MxK))
    ran_M = (np.isfinite(measured_MxK) | (slope_MxK == 0)).all(1)
    return int(np.argmin(np.where(ran_M, value_M, np.inf) if ran_M.any() else value_M))


def pool_belief(
    known: Posterior, measured_MxK: np.ndarray, objective: Objective, rng: np.random.Generator
) -> tuple[Belief, np.ndarray]:
    """What is known of the mixtures worth a look, and which of the pool the candidates are, (C,).

    Options are the mixtures that are best with their uncertainty for them, and the one that is best without. Candidates
    are those of the options that were not measured, and others at random.

    Args:
        known: the law's posterior of all M mixtures at the size of a run.
        measured_MxK: measured losses, nats per token; nan where a mixture was not run.
        objective: the objective.
        rng: draws the other candidates.
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
    worth = keep_O[left_M[keep_O]]
    rest = np.setdiff1d(np.flatnonzero(left_M), worth)
    run_C = np.concatenate([worth, rng.permutation(rest)[: RANDOM_OTHERS + BEST_GUESSES - len(worth)]])
    place_M = np.full(len(value_M), -1)
    place_M[keep_O] = np.arange(len(keep_O))
    parts = option_KxMxP[:, keep_O], known.feature_KxNxP[:, run_C], np.full(len(known.noise_K), NO_NOISE)
    told = known.correlation_KxK, place_M[run_C], own_MxK[keep_O], loss_MxK[keep_O]
    return Belief(value_M[keep_O], slope_MxK[keep_O], *parts, *told), run_C


def knowledge_gradient_of_pool(belief: Belief, count: int, rng: np.random.Generator) -> np.ndarray:
    """The batch, (count,): the best option if it was not run, and what lowers the expected regret most."""
    best = np.flatnonzero(belief.option_C == int(belief.value_O.argmin()))
    return knowledge_gradient(belief, count, rng, int(best[0]) if len(best) else None)


def next_of_pool(fit: Fit, pool_MxS: np.ndarray, project: Project | None = None, wish: Wish | None = None) -> NextRuns:
    """The next batch where the plan will be one of M mixtures, and the mixture to take now.

    The plan is taken to be one of the runs' size. What a run of a mixture was measured at counts as what the mixture is
    worth, and the best of these is the plan now; where another is predicted to be better, it is the first of the batch.
    Three runs are enough to begin with; runs one at a time need the fewest in all.

    Args:
        fit: with its runs, those of the pool among them.
        pool_MxS: the mixtures, in the order of the fit's sources. Those that break the project's bounds, groups or
            other constraints on shares are left out.
        project: sources, targets, constraints; without one each target counts 1. Its budget says at how many tokens
            caps hold, and no more.
        wish: how many runs, by which method, at which size of the table (`largest` by default).

    Raises:
        MixlawError: the fit has no runs, no mixture of the pool is feasible or left to run, or the wish is not for a
            pool.
    """
    wish, notes = wish or Wish(), []
    if wish.candidates is not None or wish.size == "cost":
        raise MixlawError("a pool is itself what may be run, at one size: leave out other candidates and --size cost")
    if np.ndim(pool_MxS) != 2 or np.shape(pool_MxS)[1] != len(fit.sources):
        raise MixlawError(f"the pool: give mixtures of the {len(fit.sources)} sources, one a row")
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
    notes += ["spread and until_verdict are null: the plan is one of the pool, its loss measured or predicted"]
    value_M, _ = objective_and_slope(problem, known_losses(known, measured_MxK))
    content: dict[str, Any] = {
        "method": wish.method,
        "batch": len(row_Q),
        "size": size_content(size, chosen),
        "sizes": [size_content(size, chosen)],
        "regret": {"now": chosen.before, "after": chosen.after, "after_each": chosen.after_Q.tolist()},
        "mixture": named(problem.fit.sources, w_MxS[plan]),
        "pool": {
            "row": int(at_M[plan]) + 1,
            "measured": bool(np.isfinite(measured_MxK[plan]).all()),
            "objective": float(value_M[plan]),
            "rows": (at_M[row_Q] + 1).tolist(),
        },
        "spread": None,
        "until_verdict": None,
        "notes": list(dict.fromkeys([*problem.fit.notes, *notes])),
    }
    return NextRuns(table_of(problem.fit, size, w_MxS[row_Q]), content)


def _feasible(problem: MixtureProblem, w_MxS: np.ndarray, size: RunSize, notes: list[str]) -> np.ndarray:
    """Which mixtures of the pool keep the constraints on shares."""
    budget, none_K = problem.budget, np.zeros(len(problem.targets))  # ceilings are paid for, not kept
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
    """Losses of the pool's mixtures at a size, means where runs repeat, (M, K) nats per token; nan where not run."""
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
