"""Value of a new source from runs of the others: predict its law parameter theta from its text, then compare the plans
with and without it."""

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.appraisal.appraisal_sections import CurvePoint, Gain, LawName, Optimality, SourceValue, TextEvidence
from mixlaw.appraisal.extend import source_slices
from mixlaw.appraisal.nearness import Counts
from mixlaw.appraisal.offers import Offers, Optima, optima
from mixlaw.appraisal.unseen import with_unseen
from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named
from mixlaw.io.notes import Note, null
from mixlaw.optimization.prepare import prepare
from mixlaw.optimization.problem import MixtureProblem, pose
from mixlaw.optimization.scale import Scale
from mixlaw.project.constraints import Constraints
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Source, Target

SMALLEST_SHARE = 1e-3
"""Optimal shares below this are treated as 0: the source adds nothing."""
GAIN_CURVE_PARTS = (0.125, 0.25, 0.5, 1.0)
"""Points of the gain curve, as parts of the tokens that the optimal plan uses."""


@dataclass(frozen=True)
class _Posed:
    """The plan without the new source: its problem, size, and optima."""

    problem: MixtureProblem
    scale: Scale
    found: Optima
    notes: list[Note]


def _ready(fit: Fit, project: Project, replicas: int, seed: int) -> _Posed:
    notes: list[Note] = []
    targets = project.targets or tuple(Target(name) for name in fit.targets)
    constraints = _without_near(project.constraints, notes)
    problem = pose(fit, project.sources, project.budget, targets, constraints)
    source_slices(problem.fit)
    ready = prepare(problem, replicas, seed, notes)
    without = optima(ready.problem, ready.scale, best=ready.best)
    return _Posed(ready.problem, ready.scale, without, ready.notes)


def price(
    counts: Counts, project: Project, new: Source, fit: Fit, replicas: int, seed: int
) -> tuple[SourceValue, list[Note], Scale]:
    """Returns the value of the source, notes, and N and D of the plan.

    Args:
        counts: n-grams of the project's sources, of the new one, and of the targets.
        project, new, fit, replicas, seed: see `appraise`.

    Raises:
        MixlawError: the fit does not match, its law has no parameter to predict, or no mixture is feasible.
    """
    posed = _ready(fit, project, replicas, seed)
    problem, scale, notes = posed.problem, posed.scale, [*posed.notes]
    longer, evidence = with_unseen(problem.fit, counts, new, seed)
    notes += _remarks(new.name, evidence)
    priced = Offers(problem, scale, longer, evidence.similar_source, evidence.old_part)
    free = priced.solved(replace(new, tokens=None, max_epochs=None))
    held = free if new.tokens is None else priced.solved(new)
    gain, share = _gains(posed, held), float(held.best.w_S[-1])
    share_B = np.array([refit.w_S[-1] for refit in held.refits])
    wanted = bootstrap_interval(np.array([refit.w_S[-1] for refit in free.refits]), float(free.best.w_S[-1]))
    if share >= SMALLEST_SHARE and bootstrap_interval(gain[1:], float(gain[0]))["low"] <= 0:
        text = f"the interval of the gain contains 0: {new.name} may add nothing, or do harm; runs would tell"
        notes.append(Note("harm", ("gain",), text))
    per_token, worth = _per_token(new, scale, gain, share, wanted, notes)
    value = SourceValue(
        best_share=share,
        best_share_interval=_ends(bootstrap_interval(share_B, share)),
        gain_per_token=per_token,
        worth_tokens=None if worth is None else worth["mean"],
        worth_tokens_interval=None if worth is None else _ends(worth),
        gain=Gain(**bootstrap_interval(gain[1:], float(gain[0]))),
        mixture=named(longer.sources, held.best.w_S),
        curve=None if scale.tokens is None else _curve(priced, posed, new, wanted["mean"], scale.tokens),
        basis="runs",
        law=LawName(problem.fit.law.name),
        certificate=Optimality(held.best.gap),
        text=evidence,
    )
    return value, notes, scale


def _remarks(name: str, evidence: TextEvidence) -> list[Note]:
    """Notes on the assumptions behind the estimate."""
    error, similar = evidence.left_out_error, evidence.similar_source
    known = "" if error is None else f"; for the runs' sources, each left out, this has an error of {error:.2f}"
    texts = [f"no run contains {name}: its value for the law (theta) is predicted from its n-grams{known}"]
    if similar is not None:
        texts.append(
            f"the text of {name} resembles a mixture of known sources, most of it {similar}. Two cases are compared, "
            f"the better is used: a new source of {evidence.novelty:.0%} the weight, or {evidence.old_part:.0%} of its "
            f"tokens added to {similar}"
        )
    return [Note("assumption", ("text",), text) for text in texts]


def _curve(priced: Offers, posed: _Posed, new: Source, share: float, tokens: float) -> list[CurvePoint]:
    """Gain as a function of the number of tokens used, up to the optimum, without repetition."""
    found = []
    for part in GAIN_CURVE_PARTS if share >= SMALLEST_SHARE else ():
        most = max(part * share, new.min)
        offer = replace(new, tokens=None, max_epochs=None, share=None, min=new.min, max=most)
        gain = _gains(posed, priced.solved(offer, replicas=False))[0]
        found.append(CurvePoint(most * tokens, most, float(gain)))
    return found


def _gains(posed: _Posed, found: Optima) -> np.ndarray:
    """Fall of the objective from the plan without the source to the plan with it, nats per token: in the fit, then in
    every replica. The plans are the fit's own, so the gain of a replica may be negative."""
    if found.best.w_S[-1] < SMALLEST_SHARE:
        return np.zeros(1 + len(found.value_B))
    without = posed.found
    count = len(found.value_B)
    return np.append(without.best.objective - found.best.objective, without.value_B[:count] - found.value_B)


def _ends(band: dict[str, float]) -> list[float]:
    return [band["low"], band["high"]]


def _per_token(
    new: Source, scale: Scale, gain: np.ndarray, share: float, wanted: dict[str, float], notes: list[Note]
) -> tuple[Gain | None, dict[str, float] | None]:
    """Gain per token of the source, and the unique tokens that the plan would use, each with its 90% interval.

    Args:
        gain: of the fit, then of its replicas.
        share: of the source in the plan. wanted: the same if the source had unlimited tokens.
    """
    if scale.tokens is None:
        reason = "the number of training tokens is not known"
        notes.append(null(("gain_per_token", "worth_tokens", "curve"), reason))
        return None, None
    used = min(share * scale.tokens, np.inf if new.tokens is None else new.tokens)
    each = gain / used if share >= SMALLEST_SHARE else 0.0 * gain
    if share < SMALLEST_SHARE:
        notes.append(Note("no-share", ("best_share",), f"{new.name} adds nothing: its share in the optimal plan is 0"))
    tokens = {key: 0.0 if value < SMALLEST_SHARE else value * scale.tokens for key, value in wanted.items()}
    return Gain(**bootstrap_interval(each[1:], float(each[0]))), tokens


def _without_near(constraints: Constraints, notes: list[Note]) -> Constraints:
    """Constraints without `near`, whose reference mixture does not contain the new source."""
    if constraints.near is None:
        return constraints
    notes.append(Note("ignored", (), "near is ignored: its reference mixture does not contain the new source"))
    return replace(constraints, near=None)
