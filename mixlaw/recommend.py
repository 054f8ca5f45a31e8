"""recommend: from a fit, sources and a budget to a Plan with baselines, intervals and a verdict."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixlaw._checks import finite, positive
from mixlaw.bracket import bracket
from mixlaw.compute import path, speed_up
from mixlaw.constraints import Constraints
from mixlaw.errors import MixlawError
from mixlaw.fit import replicate, toward
from mixlaw.fitted import Fit
from mixlaw.goal import Goal
from mixlaw.held_out import HeldOut, held_out
from mixlaw.near_optimal import near_optimal
from mixlaw.optimize import Optimum
from mixlaw.plan import SCHEMA, Plan, interval, named
from mixlaw.problem import MET, Problem, pose
from mixlaw.refusals import refuse_broken
from mixlaw.robust import robust
from mixlaw.scale import Scale
from mixlaw.sizes import choose_scale
from mixlaw.sources import Budget, Sources, Target
from mixlaw.verdict import baselines, distance, epochs_of, extrapolations, losses_of, verdict
from mixlaw.worth import unconstrained, worth

REPLICAS = 200
LARGE_GAP = 1e-4
"""Nats per token: a plan whose gap is larger is no optimum."""
AT_BOUND = 1e-4
"""A share this near to a bound is held by it."""


REGRET = 0.002
"""Nats: mixtures worse by no more are near-optimal, where nothing else is asked."""
LARGE = 1_000_000
"""Sources squared times targets above which near-optimal mixtures are found only when asked for."""


@dataclass(frozen=True)
class Ask:
    """How a plan is chosen and what it holds.

    Attributes:
        replicas: bootstrap refits behind every interval (a fit that holds replicas keeps its own).
        robust: None for the optimum of the fit; "mean" for the least mean regret over the refits; a number in (0, 1) for
            the least such quantile of it.
        regret: by how many nats near-optimal mixtures may be worse; None: 0.002.
        bracket: whether the gain is also told by laws that err to either side, which are fitted for it.

    Raises:
        MixlawError: a value is out of range.
    """

    replicas: int = REPLICAS
    robust: str | float | None = None
    regret: float | None = None
    bracket: bool = False

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise MixlawError(f"recommend: replicas is {self.replicas}: intervals need at least 1, better 200")
        object.__setattr__(self, "regret", positive(self.regret, "recommend: regret"))
        if self.robust is not None and self.robust != "mean":
            quantile = finite(self.robust, "recommend: robust")
            if not 0 < quantile < 1:
                raise MixlawError(f"recommend: robust is {quantile:g}; say mean, or a quantile between 0 and 1")
            object.__setattr__(self, "robust", quantile)


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
    scale = choose_scale(problem, unknown)
    _check_tokens(problem, scale)
    problem.refuse_conflicts(scale.tokens)
    fit = _for_the_plan(problem, scale)
    if not len(fit.replicas_BxKxP):
        fit = replicate(fit, ask.replicas, seed)
    problem = replace(problem, fit=fit)
    notes = [*fit.notes, *unknown, *_seed_noise(problem), *_serving(problem, scale)]
    best = problem.solve(fit.z_KxP[None], scale.pair)[0]
    refuse_broken(problem, scale, best)
    refits = problem.solve(fit.replicas_BxKxP, scale.pair, near_S=best.w_S)
    plain, chosen = best, None
    if ask.robust is not None:
        best, chosen = robust(problem, scale, best, refits, None if ask.robust == "mean" else float(ask.robust))
    content = _content(problem, scale, best, refits, notes, seed)
    more = _beyond(problem, scale, best.w_S, ask, notes, seed)
    more |= {"worth": worth(problem, scale, plain, notes), "unconstrained": unconstrained(problem, scale, plain)}
    if chosen is None:
        notes.append("robust is null: the plan is the optimum of the fit, not chosen over the bootstrap")
    return Plan(content | more | {"robust": chosen, "notes": list(dict.fromkeys(notes))}, fit)


def _beyond(
    problem: Problem, scale: Scale, w_S: np.ndarray, ask: Ask, notes: list[str], seed: int
) -> dict[str, Any]:
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
        "interval": _intervals(fit.sources, best.w_S, np.stack([refit.w_S for refit in refits])),
        **_amounts(problem, scale, best, notes),
        **scale.to_dict(problem.budget, notes),
        "law": {"name": fit.law.name, "held_out": judged.to_dict()},
        "predicted": _predicted(problem, scale, best),
        "baselines": found,
        "verdict": "unknown" if reasons else verdict(found),
        "certificate": _certificate(problem, best),
        "caps": _caps(problem, scale, best),
        "distance": distance(problem, scale, best.w_S),
        "provenance": _provenance(problem, seed),
        "schema": SCHEMA,
        "objective": problem.constraints.objective,
    }


def _doubts(
    problem: Problem, scale: Scale, best: Optimum, found: dict[str, Any], judged: HeldOut
) -> list[str]:
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


def _certificate(problem: Problem, best: Optimum) -> dict[str, Any]:
    """The gap, by what it is proven, and whether the optimum is a vertex of what is feasible."""
    rows = problem.rows(np.array([1.0]))
    dual = problem.fit.law.convex and len(rows.names) > 0
    kind = "stationarity" if not problem.fit.law.convex else "lagrangian dual" if dual else "frank-wolfe"
    return {
        "gap": best.gap,
        "relative": best.gap / max(abs(best.objective), 1e-300),
        "kind": kind,
        "vertex": best.vertex,
        "degenerate": best.degenerate,
        "starts": best.starts,
        "agree": best.agree,
        "broken": best.broken,
    }


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


def _for_the_plan(problem: Problem, scale: Scale) -> Fit:
    """The fit with its runs weighed by their closeness to the planned run, where its law reads unique tokens."""
    fit = problem.fit
    if "unique" not in fit.law.needs or fit.runs is None or None in (scale.params, scale.tokens):
        return fit
    assert scale.tokens is not None
    unique_S = np.broadcast_to(fit.unique_S, len(fit.sources)).tolist()
    goal = Goal(dict(zip(fit.sources, unique_S, strict=True)), scale.tokens, scale.params)
    return fit if goal == fit.goal else toward(fit, goal)


def _check_tokens(problem: Problem, scale: Scale) -> None:
    """A cap in epochs is a cap on tokens, and so is money: it cannot be kept at an unknown number of them."""
    needed = problem.needs_tokens()
    if needed is not None and scale.tokens is None:
        raise MixlawError(
            f"{needed} and the law {problem.fit.law.name} knows no token count: give --params and --tokens"
        )


def _intervals(names: tuple[str, ...], w_S: np.ndarray, w_BxS: np.ndarray) -> dict[str, list[float]]:
    found = {name: interval(w_B, w) for name, w, w_B in zip(names, w_S, w_BxS.T, strict=True)}
    return {name: [band["low"], band["high"]] for name, band in found.items()}


def _predicted(problem: Problem, scale: Scale, best: Optimum) -> dict[str, Any]:
    point_K, replicas_BxK = losses_of(problem, scale, best.w_S)
    loss = {t.name: interval(r, p) for t, r, p in zip(problem.targets, replicas_BxK.T, point_K, strict=True)}
    return {"loss": loss, "objective": float(problem.value(point_K))}


def _amounts(problem: Problem, scale: Scale, best: Optimum, notes: list[str]) -> dict[str, Any]:
    """Epochs and tokens by source, and warnings about repetition the runs have not seen."""
    names, epochs_S = problem.fit.sources, epochs_of(problem, scale, best.w_S)
    if scale.tokens is None:
        notes.append("tokens_by_source and epochs are null: the number of training tokens is not known")
    if problem.sources is None:
        notes.append("epochs and caps are null: without a project the sources' sizes are not known")
    if epochs_S is not None:
        for name, epochs, most in zip(names, epochs_S, problem.fit.support.epochs_S, strict=True):
            if epochs > 1.05 * max(most, 1.0):
                notes.append(f"{name} is used for {epochs:.1f} epochs, more than the {most:.1f} that the runs saw")
    known = epochs_S is not None and np.isfinite(epochs_S).all()
    if epochs_S is not None and not known:
        notes.append("epochs are null: the sources' tokens are not known")
    return {
        "epochs": named(names, epochs_S) if epochs_S is not None and known else None,
        "tokens_by_source": None if scale.tokens is None else named(names, best.w_S * scale.tokens),
    }


def _caps(problem: Problem, scale: Scale, best: Optimum) -> dict[str, Any] | None:
    """By source: its bounds at this budget, the cap in epochs, and which bound holds the share."""
    if problem.sources is None:
        return None
    found, upper_S = {}, problem.upper_S(scale.tokens)
    for source, w, low, high in zip(problem.sources, best.w_S, problem.lower_S, upper_S, strict=True):
        binding = "min" if low > 0 and w - low < AT_BOUND else "max" if high < 1 and high - w < AT_BOUND else None
        if binding == "max" and source.max_epochs is not None and high < source.max - 1e-12:
            binding = "max_epochs"
        bounds = {"min": float(low), "max": float(high), "max_epochs": source.max_epochs, "binding": binding}
        found[source.name] = bounds
    return found


def _provenance(problem: Problem, seed: int) -> dict[str, Any]:
    from mixlaw import __version__

    fit = problem.fit
    return {
        **{k: v for k, v in fit.provenance.items() if k != "seed"},
        "sources_hash": None if problem.sources is None else problem.sources.hash(),
        "seed": seed,
        "fit_seed": fit.provenance.get("seed"),
        "replicas": len(fit.replicas_BxKxP),
        "version": __version__,
        "targets": {t.name: t.weight for t in problem.targets},
    }
