"""recommend: from a fit, sources and a budget to a Plan with baselines, intervals and a verdict."""

from dataclasses import replace
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.support import since_fit, unseen
from mixlaw.io.json import named
from mixlaw.io.progress import stage
from mixlaw.optimization.infeasible_ceilings import refuse_broken
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MET, REFIT, Problem, pose
from mixlaw.optimization.scale import Scale, fit_toward
from mixlaw.optimization.size_search import choose_scale
from mixlaw.planning.compute_path import path, speed_up
from mixlaw.planning.law_sensitivity import bracket
from mixlaw.planning.near_optimal import near_optimal
from mixlaw.planning.options import REPLICAS, Ask
from mixlaw.planning.plan import SCHEMA, Plan
from mixlaw.planning.plan_sections import amounts, caps, certificate, intervals, predicted, provenance
from mixlaw.planning.robust import robust
from mixlaw.planning.shadow_prices import unconstrained, worth
from mixlaw.planning.verdict import baselines, distance, extrapolations, verdict
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Budget, Sources, Target
from mixlaw.validation.held_out import HeldOut, held_out

LARGE_GAP = 1e-4
"""Nats per token: a plan whose gap is larger is no optimum."""


REGRET = 0.002
"""Nats: mixtures worse by no more are near-optimal, where nothing else is asked."""
LARGE = 1_000_000
"""Sources squared times targets above which near-optimal mixtures are found only when asked for."""


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
    """The mixture with the lowest predicted objective at a budget, and how sure that is.

    Args:
        fit: a fitted law.
        sources: availability and bounds; without them every mixture is feasible and what needs sizes is null.
        budget: compute, or N and D; may be left out where the law knows no scale.
        targets: weights and ceilings of the targets; without them each counts 1.
        constraints: the objective, groups, and the distance from a reference mixture.
        ask: what the plan is to hold; `replicas` is short for Ask(replicas=...).
        seed: of the bootstrap and of the cross-validation.

    Raises:
        MixlawError: sources or targets do not match the fit, a budget is missing, the constraints leave no mixture, or
            the fit is that of a reference.
    """
    problem = pose(fit, sources, budget, targets, constraints)
    ask = ask or Ask(replicas)
    if "unique" in fit.law.needs and not np.isfinite(problem.fit.unique_S).all():
        unknown = [f"the law {fit.law.name} takes sources whose tokens are not known as never repeating"]
    else:
        unknown = []
    stage("finding N and D for the budget")
    scale = choose_scale(problem, unknown)
    _check_tokens(problem, scale)
    problem.refuse_conflicts(scale.tokens)
    stated, fit = fit.goal, fit_toward(problem.fit, scale)
    if not len(fit.replicas_BxKxP):
        fit = replicate(fit, ask.replicas, seed)
    problem = replace(problem, fit=fit)
    old = [*(unseen(fit.runs) if fit.runs is not None else ()), *since_fit(stated, problem.sources)]
    notes = [*fit.notes, *unknown, *old, *_seed_noise(problem), *_serving(problem, scale)]
    stage("optimizing the mixture")
    best = problem.solve(fit.z_KxP[None], scale.pair)[0]
    refuse_broken(problem, scale, best)
    stage(f"optimizing the mixture for {len(fit.replicas_BxKxP)} bootstrap refits")
    refits = problem.solve(fit.replicas_BxKxP, scale.pair, near_S=best.w_S, last=REFIT)
    plain, chosen = best, None
    if ask.robust is not None:
        best, chosen = robust(problem, scale, best, refits, None if ask.robust == "mean" else float(ask.robust))
    content = _content(problem, scale, best, refits, notes, seed)
    stage("near-optimal mixtures, path over compute")
    more = _beyond(problem, scale, best.w_S, ask, notes, seed)
    stage("what constraints and more tokens are worth")
    more |= {"worth": worth(problem, scale, plain, notes), "unconstrained": unconstrained(problem, scale, plain)}
    if chosen is None:
        notes.append("robust is null: it was not asked for")
    more |= {"robust": chosen, "stale": old, "notes": list(dict.fromkeys(notes))}
    return Plan(content | more, fit)


def _beyond(problem: Problem, scale: Scale, w_S: np.ndarray, ask: Ask, notes: list[str], seed: int) -> dict[str, Any]:
    """The keys that say what would change the plan, and what it may be worth."""
    near = span = None
    size = len(problem.fit.sources) ** 2 * len(problem.targets)
    if ask.regret is None and size > LARGE:
        notes.append("near_optimal is null: with so many sources and targets it takes long; ask by a regret")
    else:
        near = near_optimal(problem, scale, w_S, ask.regret or REGRET)
    if ask.bracket:
        span = bracket(problem, scale, w_S, notes, seed)
    else:
        notes.append("bracket is null: it was not asked for")
    return {
        "near_optimal": near,
        "speed_up": speed_up(problem, scale, w_S, notes),
        "path": path(problem, scale, notes),
        "bracket": span,
    }


def _content(
    problem: Problem, scale: Scale, best: Optimum, refits: list[Optimum], notes: list[str], seed: int
) -> dict[str, Any]:
    """The keys of the contract."""
    fit, judged = problem.fit, held_out(problem.fit, seed=seed)
    notes += judged.notes
    unkept = sum(refit.broken > MET for refit in refits)
    if unkept:
        notes.append(f"in {unkept} of {len(refits)} refits no mixture keeps the constraints: the nearest one counts")
    found = baselines(problem, scale, best.w_S, notes)
    reasons = _doubts(problem, scale, best, found, judged)
    notes += _remarks(problem, best)
    notes += [f"verdict unknown: {reason}" for reason in reasons]
    return {
        "mixture": named(fit.sources, best.w_S),
        "interval": intervals(fit.sources, best.w_S, np.stack([refit.w_S for refit in refits])),
        **amounts(problem, scale, best, notes),
        **scale.to_dict(problem.budget, notes),
        "law": {"name": fit.law.name, "held_out": judged.to_dict()},
        "predicted": predicted(problem, scale, best),
        "baselines": found,
        "verdict": "unknown" if reasons else verdict(found),
        "certificate": certificate(problem, best),
        "caps": caps(problem, scale, best),
        "distance": distance(problem, scale, best.w_S),
        "provenance": provenance(problem, seed),
        "schema": SCHEMA,
        "objective": problem.constraints.objective,
    }


def _doubts(problem: Problem, scale: Scale, best: Optimum, found: dict[str, Any], judged: HeldOut) -> list[str]:
    """Why the verdict is unknown, if it is."""
    rivals = any(b is not None and b["feasible"] for b in found.values())
    reasons = [] if rivals else ["no baseline keeps the bounds: there is nothing to compare the plan with"]
    reasons += extrapolations(problem, scale, best.w_S) + list(judged.distrust)
    if best.gap > LARGE_GAP:
        reasons.append(f"the optimizer stopped {best.gap:.2g} nats short of a certified optimum")
    return reasons + list(judged.doubt if verdict(found) == "better" else ())


def _remarks(problem: Problem, best: Optimum) -> list[str]:
    """What to know of the optimum itself."""
    notes, law = [], problem.fit.law
    if not law.convex:
        notes.append(
            f"the law {law.name} is not convex in the mixture: this is the best of {best.starts} starts, of which "
            f"{best.agree:.0%} reached it, stationary within the gap, and not certified as the optimum"
        )
    if best.vertex:
        notes.append("the optimum is a vertex: bounds and constraints fix every share, the law only chooses the corner")
    if best.degenerate:
        notes.append("the optimum is degenerate: a share could leave its bound at (nearly) no cost, see near_optimal")
    return notes


def _serving(problem: Problem, scale: Scale) -> list[str]:
    """How the compute is split where serving is paid for."""
    budget = problem.budget
    if budget is None or budget.served is None or scale.params is None:
        return []
    share = 2.0 * scale.params * budget.served / budget.compute
    return [f"{share:.0%} of the compute is for serving {budget.served:.3g} tokens"]


def _seed_noise(problem: Problem) -> list[str]:
    """What gains are to be seen beside: how far one more run with another seed may be, where runs repeat."""
    found, at = problem.fit.diagnostics, problem.fit.runs
    if at is None or not np.isfinite(found.seed_noise_K).all():
        return []
    nats = float(problem.weight_K @ (found.seed_noise_K * np.nanmedian(at.loss_RxK, axis=0)))
    return [f"runs with another seed differ by {nats:.4f} nats (standard deviation, {found.repeats_K[0]:.0f} repeats)"]


def _check_tokens(problem: Problem, scale: Scale) -> None:
    """A cap in epochs is a cap on tokens, and so is money: it cannot be kept at an unknown number of them."""
    needed = problem.needs_tokens()
    if needed is not None and scale.tokens is None:
        raise MixlawError(
            f"{needed} and the law {problem.fit.law.name} knows no token count: give --params and --tokens"
        )
