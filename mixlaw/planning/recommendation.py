"""recommend: a Plan with baselines, intervals and a verdict from a fit, sources and a budget."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.support import since_fit, unseen
from mixlaw.io.json import named
from mixlaw.io.notes import UNIQUE, Note, as_notes, doubt, not_asked, null
from mixlaw.io.progress import stage
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.prepare import prepare
from mixlaw.optimization.problem import CONSTRAINT_TOLERANCE, REFIT_BARRIER, MixtureProblem, pose
from mixlaw.optimization.scale import Scale
from mixlaw.planning.compute_path import path, speed_up
from mixlaw.planning.law_sensitivity import bracket
from mixlaw.planning.near_optimal import near_optimal
from mixlaw.planning.options import REPLICAS, Ask
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_sections import (
    caps,
    certificate,
    compute,
    epochs_by_source,
    intervals,
    predicted,
    provenance,
    swept,
    tokens_by_source,
)
from mixlaw.planning.plan_types import Baseline, Bracket, HeldOutError, LawRecord, NearOptimal, best_feasible
from mixlaw.planning.robust import robust
from mixlaw.planning.shadow_prices import shadow_prices, unconstrained
from mixlaw.planning.verdict import baselines, distance, extrapolations, verdict
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Budget, Sources, Target
from mixlaw.validation.held_out import HeldOut, held_out

LARGE_GAP = 1e-4
"""Gap (nats per token) above which the verdict is unknown: the optimiser stopped short."""

NEAR_OPTIMAL_REGRET = 0.002
"""Default regret (nats per token) within which mixtures are near-optimal."""
LARGE_SEARCH = 1_000_000
"""Sources squared times targets above which near-optimal mixtures are searched only if the request states a regret."""


def recommend(
    fit: Fit,
    sources: Sources | None = None,
    budget: Budget | None = None,
    *,
    targets: tuple[Target, ...] = (),
    constraints: Constraints | None = None,
    ask: Ask | None = None,
    replicas: int = REPLICAS,
    seed: int = 0,
) -> Plan:
    """The mixture with the lowest predicted objective at a budget, with intervals, baselines and a verdict.

    Args:
        fit: a fitted law.
        sources: availability and bounds. Without them every mixture is feasible, and keys that need sizes are null.
        budget: compute, or N and D. May be left out if the law does not depend on scale.
        targets: weights and ceilings of the targets. Default: every target has weight 1.
        constraints: the objective, groups, and the distance from a reference mixture.
        ask: optional parts of the plan; `replicas` is short for Ask(replicas=...).
        seed: seed of the bootstrap and of the cross-validation.

    Raises:
        MixlawError: sources or targets do not match the fit, a budget is missing, the constraints leave no mixture, or
            the fit is that of a reference.

    >>> import pandas as pd, mixlaw
    >>> web = np.linspace(0.1, 0.9, 12)
    >>> table = pd.DataFrame({"w:web": web, "w:code": 1 - web, "loss:web": 2.0 + np.exp(-1.5 * web)})
    >>> found = mixlaw.fit(mixlaw.Runs.from_frame(table), "log-linear")
    >>> from mixlaw.project.sources import Source
    >>> plan = recommend(found, Sources([Source("web", 1e9, max=0.8), Source("code", 1e9)]), replicas=10)
    >>> round(plan.mixture["web"], 3), plan.verdict, plan.certificate.gap < 1e-6
    (0.8, 'better', True)
    """
    problem = pose(fit, sources, budget, targets, constraints)
    ask = ask or Ask(replicas)
    if "unique" in fit.law.needs and not np.isfinite(problem.fit.unique_S).all():
        text = f"the law {fit.law.name} takes sources whose tokens are not known as never repeating"
        unknown = [Note(UNIQUE, (), text)]
    else:
        unknown = []
    ready = prepare(problem, ask.replicas, seed, unknown)
    problem, scale, best = ready.problem, ready.scale, ready.best
    stated, fit = fit.goal, problem.fit
    old = [*(unseen(fit.runs) if fit.runs is not None else ()), *since_fit(stated, problem.sources)]
    notes = [*ready.notes, *as_notes(old), *_seed_noise(problem), *_serving(problem, scale)]
    stage(f"optimizing the mixture for {len(fit.replicas_BxKxP)} bootstrap refits")
    refits = problem.solve(fit.replicas_BxKxP, scale.pair, near_S=best.w_S, last=REFIT_BARRIER)
    plain, chosen = best, None
    if ask.robust is not None:
        best, chosen = robust(problem, scale, best, refits, None if ask.robust == "mean" else float(ask.robust))
    plan = _at_optimum(problem, scale, best, refits, notes, seed)
    stage("near-optimal mixtures, path over compute")
    plan = replace(
        plan,
        near_optimal=_near_optimal(problem, scale, best.w_S, ask, notes),
        bracket=_bracket(problem, scale, best.w_S, ask, notes, seed),
        speed_up=speed_up(problem, scale, best.w_S, notes),
        path=path(problem, scale, notes),
    )
    stage("shadow prices of constraints, gains from more tokens")
    plan = replace(
        plan,
        worth=shadow_prices(problem, scale, plain, notes),
        unconstrained=unconstrained(problem, scale, plain),
        robust=chosen,
        stale=tuple(old),
    )
    if chosen is None:
        notes.append(not_asked("robust"))
    return swept(replace(plan, notes=as_notes(notes), fit=fit))


def _near_optimal(
    problem: MixtureProblem, scale: Scale, w_S: np.ndarray, ask: Ask, notes: list[Note]
) -> NearOptimal | None:
    """Near-optimal mixtures; None for large problems, unless the request states a regret."""
    size = len(problem.fit.sources) ** 2 * len(problem.targets)
    if ask.regret is None and size > LARGE_SEARCH:
        notes.append(
            null(("near_optimal",), "it takes long with so many sources and targets; to compute it, set --regret")
        )
        return None
    return near_optimal(problem, scale, w_S, ask.regret or NEAR_OPTIMAL_REGRET)


def _bracket(
    problem: MixtureProblem, scale: Scale, w_S: np.ndarray, ask: Ask, notes: list[Note], seed: int
) -> Bracket | None:
    """Range of the gain under other laws, if requested."""
    if ask.bracket:
        return bracket(problem, scale, w_S, notes, seed)
    notes.append(not_asked("bracket"))
    return None


def _at_optimum(
    problem: MixtureProblem, scale: Scale, best: Optimum, refits: list[Optimum], notes: list[Note], seed: int
) -> Plan:
    """The plan with the sections that every plan has."""
    fit, error = problem.fit, held_out(problem.fit, seed=seed)
    notes += error.notes
    violating = sum(refit.violation > CONSTRAINT_TOLERANCE for refit in refits)
    if violating:
        text = f"in {violating} of {len(refits)} refits no mixture keeps the constraints: the nearest one counts"
        notes.append(Note("refits", ("interval",), text))
    found = baselines(problem, scale, best.w_S, notes)
    reasons = _doubts(problem, scale, best, found, error)
    notes += _of_optimum(problem, best)
    notes += [doubt(reason) for reason in reasons]
    tokens = tokens_by_source(problem, scale, best, notes)
    held = HeldOutError(error.mae, error.spearman, error.baseline_mae, error.folds) if error.folds else None
    return Plan(
        mixture=named(fit.sources, best.w_S),
        interval=intervals(fit.sources, best.w_S, np.stack([refit.w_S for refit in refits])),
        epochs=epochs_by_source(problem, scale, best, notes),
        tokens_by_source=tokens,
        params=scale.params,
        tokens=scale.tokens,
        flops=compute(problem, notes),
        law=LawRecord(fit.law.name, held),
        predicted=predicted(problem, scale, best),
        baselines=found,
        verdict="unknown" if reasons else verdict(found),
        certificate=certificate(problem, best),
        caps=caps(problem, scale, best),
        distance=distance(problem, scale, best.w_S),
        provenance=provenance(problem, seed),
        objective=problem.constraints.objective,
    )


def _doubts(
    problem: MixtureProblem, scale: Scale, best: Optimum, found: Mapping[str, Baseline | None], error: HeldOut
) -> list[str]:
    """Reasons why the verdict is unknown."""
    reasons = []
    if best_feasible(found) is None:
        reasons.append("no baseline keeps the bounds: there is nothing to compare the plan with")
    reasons += extrapolations(problem, scale, best.w_S) + list(error.distrust)
    if best.gap > LARGE_GAP:
        reasons.append(f"the optimizer stopped {best.gap:.2g} nats short of a certified optimum")
    return reasons + list(error.doubt if verdict(found) == "better" else ())


def _of_optimum(problem: MixtureProblem, best: Optimum) -> list[Note]:
    """Notes on the optimum itself."""
    texts, law = [], problem.fit.law
    if not law.convex:
        texts.append(
            f"the law {law.name} is not convex in the mixture: this is the best of {best.starts} starts, of which "
            f"{best.agree:.0%} reached it, stationary within the gap, and not certified as the optimum"
        )
    if best.vertex:
        texts.append("the optimum is a vertex: bounds and constraints fix every share, the law only chooses the corner")
    if best.degenerate:
        texts.append("the optimum is degenerate: a share could leave its bound at (nearly) no cost, see near_optimal")
    return [Note("optimum", ("certificate",), text) for text in texts]


def _serving(problem: MixtureProblem, scale: Scale) -> list[Note]:
    """Share of the compute for serving, if the budget pays for it."""
    budget = problem.budget
    if budget is None or budget.served is None or scale.params is None:
        return []
    share = 2.0 * scale.params * budget.served / budget.compute
    text = f"{share:.0%} of the compute is for serving {budget.served:.3g} tokens"
    return [Note("serving", ("flops",), text)]


def _seed_noise(problem: MixtureProblem) -> list[Note]:
    """A note on the seed noise of the objective, to compare gains with; empty if no run was repeated."""
    found, at = problem.fit.diagnostics, problem.fit.runs
    if at is None or not np.isfinite(found.seed_noise_K).all():
        return []
    nats = float(problem.weight_K @ (found.seed_noise_K * np.nanmedian(at.loss_RxK, axis=0)))
    text = f"runs with another seed differ by {nats:.4f} nats (standard deviation, {found.repeats_K[0]:.0f} repeats)"
    return [Note("seed-noise", ("predicted",), text)]
