"""The price of a new source by runs of the others: its theta read off its text, then the plan with it and without."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixlaw.appraisal.extend import source_slices
from mixlaw.appraisal.nearness import Counts
from mixlaw.appraisal.offers import Offers, Optima, optima
from mixlaw.appraisal.unseen import with_unseen
from mixlaw.errors import MixlawError
from mixlaw.fitting.bootstrap import bootstrap_interval, replicate
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named
from mixlaw.optimization.infeasible_ceilings import refuse_broken
from mixlaw.optimization.problem import Problem, pose
from mixlaw.optimization.scale import Scale, fit_toward
from mixlaw.optimization.size_search import choose_scale
from mixlaw.project.constraints import Constraints
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Source, Target

REPLICAS = 200
"""Bootstrap refits, where the fit has none."""
NONE = 1e-3
"""A best share below it is none: no token of the source is worth having."""
PARTS = (0.125, 0.25, 0.5, 1.0)
"""Of the tokens worth having, at which the gain is told."""


@dataclass(frozen=True)
class _Posed:
    """The plan without the new source: its problem, size, and optima."""

    problem: Problem
    scale: Scale
    found: Optima
    notes: list[str]


def _ready(fit: Fit, project: Project, replicas: int, seed: int) -> _Posed:
    notes: list[str] = []
    targets = project.targets or tuple(Target(name) for name in fit.targets)
    constraints = _without_near(project.constraints, notes)
    problem = pose(fit, project.sources, project.budget, targets, constraints)
    source_slices(problem.fit)
    scale = choose_scale(problem, notes)
    needed = problem.needs_tokens()
    if needed is not None and scale.tokens is None:
        raise MixlawError(f"{needed} and the law {fit.law.name} knows no token count: give --params and --tokens")
    problem.refuse_conflicts(scale.tokens)
    found = fit_toward(problem.fit, scale)
    found = found if len(found.replicas_BxKxP) else replicate(found, replicas, seed)
    problem = replace(problem, fit=found)
    without = optima(problem, scale)
    refuse_broken(problem, scale, without.best)
    return _Posed(problem, scale, without, [*found.notes, *notes])


def price(
    counts: Counts, project: Project, new: Source, fit: Fit, replicas: int, seed: int
) -> tuple[dict[str, Any], list[str], Scale]:
    """What an appraisal says by runs, what to know of it, and N and D of the plan.

    Args:
        counts: n-grams of the project's sources, of the new one, and of the targets.
        project, new, fit, replicas, seed: see `appraise`.

    Raises:
        MixlawError: the fit does not match, its law has no parameter to predict, or no mixture keeps the constraints.
    """
    posed = _ready(fit, project, replicas, seed)
    problem, scale, notes = posed.problem, posed.scale, [*posed.notes]
    longer, told = with_unseen(problem.fit, counts, new, seed)
    notes += _remarks(new.name, told)
    priced = Offers(problem, scale, longer, _like(told), told["old_part"])
    free = priced.solved(replace(new, tokens=None, max_epochs=None))
    held = free if new.tokens is None else priced.solved(new)
    gain, share = _gains(posed, held), float(held.best.w_S[-1])
    share_B = np.array([refit.w_S[-1] for refit in held.refits])
    wanted = bootstrap_interval(np.array([refit.w_S[-1] for refit in free.refits]), float(free.best.w_S[-1]))
    if share >= NONE and bootstrap_interval(gain[1:], float(gain[0]))["low"] <= 0:
        notes.append(f"the interval of the gain holds 0: {new.name} may be worth nothing, or do harm; runs would tell")
    content = {
        "best_share": share,
        "best_share_interval": _ends(bootstrap_interval(share_B, share)),
        **_per_token(new, scale, gain, share, wanted, notes),
        "gain": bootstrap_interval(gain[1:], float(gain[0])),
        "mixture": named(longer.sources, held.best.w_S),
        "curve": None if scale.tokens is None else _curve(priced, posed, new, wanted["mean"], scale.tokens),
        "basis": "runs",
        "law": {"name": problem.fit.law.name},
        "certificate": {"gap": held.best.gap},
        "text": told,
    }
    return content, notes, scale


def _remarks(name: str, told: dict[str, Any]) -> list[str]:
    """On what the price rests."""
    stray, like = told["left_out_error"], _like(told)
    known = "" if stray is None else f", as is that of the runs' sources with an error of {stray:.2f}, each left out"
    notes = [f"no run holds {name}: what it is worth (theta) is read off its n-grams{known}"]
    if like is not None:
        notes.append(
            f"{name} reads much like a mixture of known sources, most of it {like}: it counts as a source of its own "
            f"of {told['novelty']:.0%} the weight, or {told['old_part']:.0%} of it as more tokens of {like}, whichever "
            "is worth more"
        )
    return notes


def _like(told: dict[str, Any]) -> str | None:
    """The known source of which the new one may be more of the same; None where it is new."""
    return max(told["nearest"], key=told["nearest"].get) if told["old_part"] > 0 else None


def _curve(priced: Offers, posed: _Posed, new: Source, share: float, tokens: float) -> list[dict[str, float]]:
    """The gain of fewer tokens than are worth having, each used once: what the first bring, and what the last."""
    found = []
    for part in PARTS if share >= NONE else ():
        most = max(part * share, new.min)
        offer = replace(new, tokens=None, max_epochs=None, share=None, min=new.min, max=most)
        gain = _gains(posed, priced.solved(offer, replicas=False))[0]
        found.append({"tokens": most * tokens, "share": most, "gain": float(gain)})
    return found


def _gains(posed: _Posed, found: Optima) -> np.ndarray:
    """By how much the objective falls from the plan without the source to that with it, nats per token: in the fit, and
    then in every replica. Both plans are those of the fit: the source may turn out to do harm."""
    if found.best.w_S[-1] < NONE:
        return np.zeros(1 + len(found.value_B))
    without = posed.found
    count = len(found.value_B)
    return np.append(without.best.objective - found.best.objective, without.value_B[:count] - found.value_B)


def _ends(band: dict[str, float]) -> list[float]:
    return [band["low"], band["high"]]


def _per_token(
    new: Source, scale: Scale, gain: np.ndarray, share: float, wanted: dict[str, float], notes: list[str]
) -> dict[str, Any]:
    """`gain_per_token` and `worth_tokens`, in tokens of the source; gains first of the fit, then of its replicas."""
    if scale.tokens is None:
        notes.append("gain_per_token, worth_tokens and curve are null: the number of training tokens is not known")
        return {"gain_per_token": None, "worth_tokens": None, "worth_tokens_interval": None}
    used = min(share * scale.tokens, np.inf if new.tokens is None else new.tokens)
    each = gain / used if share >= NONE else 0.0 * gain
    tokens = {key: 0.0 if value < NONE else value * scale.tokens for key, value in wanted.items()}
    if share < NONE:
        notes.append(f"no token of {new.name} is worth having: the plan with it leaves it out")
    return {
        "gain_per_token": bootstrap_interval(each[1:], float(each[0])),
        "worth_tokens": tokens["mean"],
        "worth_tokens_interval": _ends(tokens),
    }


def _without_near(constraints: Constraints, notes: list[str]) -> Constraints:
    """Constraints without a distance from a reference mixture, which a new source has no place in."""
    if constraints.near is None:
        return constraints
    notes.append("near is not kept: the reference mixture does not hold the new source")
    return replace(constraints, near=None)
