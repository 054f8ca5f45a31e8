"""A plan without any run: the mixture whose text is nearest to the targets', labelled as such."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from mixlaw.appraisal.nearness import DISTANCES, Counts, Nearest, nearest_by_counts, nearest_by_points, points
from mixlaw.appraisal.texts import Texts
from mixlaw.errors import MixlawError, listed, nearest
from mixlaw.io.json import named
from mixlaw.io.notes import NULL, Note, as_notes, doubt, null
from mixlaw.planning.plan import SCHEMA, Plan
from mixlaw.planning.plan_types import Baseline, Cap, NearestMixture
from mixlaw.project.project_file import Project
from mixlaw.project.request import question
from mixlaw.project.sources import Budget, Sources, Target
from mixlaw.transport import Bounds
from mixlaw.typing import Array

AT_BOUND = 1e-4
"""A share nearer than this to a bound counts as being at it."""


def nearest_plan(texts: Texts, project: Project, by: str = DISTANCES[0], seed: int = 0) -> Plan:
    """The mixture nearest to the targets' text under the sources' bounds, as a `Plan` without a law.

    Args:
        texts: of the project's sources and targets.
        project: sources, targets with weights, budget.
        by: the distance that chooses the mixture; results for the others are under `transport`.
        seed: of the bootstrap.

    Raises:
        MixlawError: the distance is unknown, a constraint needs runs, or no mixture satisfies the bounds.

    >>> from mixlaw.appraisal import sample_texts
    >>> from mixlaw.project.sources import Source
    >>> documents = {name: [f"{name} text about {name} {i} " * 20 for i in range(20)] for name in ("web", "code")}
    >>> texts = sample_texts(documents, {"code": [f"text about code {i} " * 20 for i in range(20)]})
    >>> sources = Sources([Source("web", 1e9), Source("code", 1e9)])
    >>> plan = nearest_plan(texts, Project(sources, (Target("code"),), None, None, "mixlaw.yaml"))
    >>> plan.mixture["code"] > 0.9, plan.verdict, plan.law
    (True, 'unknown', None)
    """
    if by not in DISTANCES:
        raise MixlawError(f"distance {by}: {nearest(by, DISTANCES)}")
    notes = [*as_notes(texts.notes)]
    checked(project, notes)
    names, weight_K = project.sources.names, weights_of(texts, project)
    if tuple(texts.sources) != names:
        raise MixlawError(f"texts: are of {listed(texts.sources)}; give those of {listed(names)}, in this order")
    bounds = bounds_of(project.sources, names, project.budget, notes)
    found = {"ngram-kl": nearest_by_counts(Counts.of(texts), weight_K, bounds, seed)}
    samples = points(texts, weight_K, seed)
    found |= {other: nearest_by_points(samples, bounds, other) for other in DISTANCES[1:]}
    return Plan.from_dict(_content(found, by, texts, project, bounds, notes, seed))


def checked(project: Project, notes: list[Note]) -> None:
    """Raise if a constraint needs runs; add notes on settings that have no effect without runs.

    Raises:
        MixlawError: the project has groups, near or money.
    """
    stated = [("groups", bool(project.constraints.groups)), ("near", project.constraints.near is not None)]
    stated.append(("money", project.budget is not None and project.budget.money is not None))
    kept = [name for name, there in stated if there]
    if kept:
        raise MixlawError(
            f"{project.path}: {listed(kept)} only a plan from runs keeps; give --runs, or leave {listed(kept)} out"
        )
    if project.constraints.objective != "mean":
        text = "objective worst says nothing without runs: the targets' weighted mean distance is minimised"
        notes.append(Note("no-effect", ("objective",), text))
    ceilings = [target.name for target in project.targets if target.max_loss is not None]
    if ceilings:
        text = f"max_loss of {listed(ceilings)} is not kept: without runs losses are not known"
        notes.append(Note("no-effect", (), text))


def weights_of(texts: Texts, project: Project) -> Array:
    """Weights of the texts' targets (K,), summing to 1; equal if the project names no targets.

    Raises:
        MixlawError: the targets of the texts and of the project differ.
    """
    stated = project.targets or tuple(Target(name) for name in project.sources.names)
    weights = {target.name: target.weight for target in stated}
    if set(weights) != set(texts.targets):
        odd = listed(sorted(set(weights) ^ set(texts.targets)))
        raise MixlawError(f"targets of the project and of the texts differ: {odd}; give both the same")
    weight_K = np.array([weights[name] for name in texts.targets], float)
    return weight_K / weight_K.sum()


def bounds_of(sources: Sources, names: tuple[str, ...], budget: Budget | None, notes: list[Note]) -> Bounds:
    """Bounds of the shares. Caps on epochs need D; without it a note says that they do not apply."""
    tokens = None if budget is None else budget.tokens
    capped = [source.name for source in sources if source.max_epochs is not None]
    if capped and tokens is None:
        text = f"max_epochs of {listed(capped)} is not kept: D is not known; give --params and --tokens"
        notes.append(Note("no-effect", (), text))
    return Bounds.of(sources, names, tokens)


def _content(
    found: dict[str, Nearest], by: str, texts: Texts, project: Project, bounds: Bounds, notes: list[Note], seed: int
) -> Mapping[str, object]:
    """The keys of a plan; those that need runs are null."""
    from mixlaw.version import __version__

    names, chosen, budget = project.sources.names, found[by], project.budget
    w_S, D, alone = chosen.found.w_S, None if budget is None else budget.tokens, not len(chosen.w_DxS)
    silent = ("law", "predicted", "distance", "near_optimal", "speed_up", "path", "bracket", "worth", "unconstrained")
    sized = D is not None and np.isfinite(project.sources.tokens_S).all()
    _explain(found, by, alone, D, bool(sized), notes)
    weights = {target.name: target.weight for target in project.targets} or dict.fromkeys(names, 1.0)
    return {
        "mixture": named(names, w_S),
        "interval": None if alone else {name: chosen.band(i) for i, name in enumerate(names)},
        "epochs": named(names, w_S * D / project.sources.tokens_S) if sized and D is not None else None,
        "tokens_by_source": None if D is None else named(names, w_S * D),
        "params": None if budget is None else budget.params,
        "tokens": D,
        "flops": None if budget is None else budget.compute,
        **dict.fromkeys((*silent, "robust")),
        "stale": [],
        "baselines": _baselines(project, bounds),
        "verdict": "unknown",
        "certificate": {"gap": chosen.found.gap, "kind": "level bundle", "unit": f"distance {by}"},
        "caps": _caps(project, w_S, bounds),
        "basis": "transport",
        "transport": {"by": by, "distances": {name: _record(one, names) for name, one in found.items()}},
        "provenance": {
            "runs": None,
            "runs_hash": None,
            "tokenizer": None,
            "passages": texts.count,
            "sources_hash": project.sources.hash(),
            "sources": {source.name: asdict(source) for source in project.sources},
            **question(project.budget, project.constraints, project.targets),
            "seed": seed,
            "version": __version__,
            "targets": weights,
        },
        "schema": SCHEMA,
        "objective": project.constraints.objective,
        "notes": list(dict.fromkeys(notes)),
    }


def _explain(found: dict[str, Nearest], by: str, alone: bool, D: float | None, sized: bool, notes: list[Note]) -> None:
    """Add notes: the reasons why keys are null, and how the mixture was found."""
    text = (
        f"transport optimum, no runs: the mixture whose text is nearest to the targets' by {by}; it ignores "
        "repetition, how hard text is to learn, and defects that text features do not show"
    )
    notes.append(Note("basis", ("mixture",), text))
    notes.append(doubt("there are no runs, so no mixture's loss is known"))
    reason = "there are no runs"
    text = f"law, predicted, distance and all that is said in nats are null: {reason}"
    notes.append(Note(NULL, ("law", "predicted", "distance"), text, reason))
    if alone:
        notes.append(null(("interval",), f"it is not computed for the distance {by}"))
    if D is None:
        notes.append(null(("tokens_by_source", "epochs"), "the number of training tokens is not known"))
    elif not sized:
        notes.append(null(("epochs",), "the sources' tokens are not known", "are"))
    shares = np.stack([one.found.w_S for one in found.values()])
    apart = max(float(0.5 * np.abs(a - b).sum()) for a in shares for b in shares)
    text = f"the nearest mixtures by {', '.join(found)} differ by up to {apart:.0%} of the tokens"
    notes.append(Note("distances", ("transport",), text))
    for name, one in found.items():
        if not one.found.converged:
            text = f"{name}: stopped at a gap of {one.found.gap:.2g}, above its tolerance"
            notes.append(Note("gap", ("transport",), text))


def _record(one: Nearest, names: tuple[str, ...]) -> NearestMixture:
    return NearestMixture(named(names, one.found.w_S), one.found.value, one.found.gap)


def _baselines(project: Project, bounds: Bounds) -> dict[str, Baseline | None]:
    """Proportional and uniform, and whether they satisfy the bounds; without runs their losses are unknown."""
    S = len(project.sources)
    others: dict[str, Array] = {"uniform": np.full(S, 1 / S)}
    if np.isfinite(project.sources.tokens_S).all():
        others["proportional"] = project.sources.proportional()
    found: dict[str, Baseline | None] = {"proportional": None, "uniform": None, "best_run": None}
    for name, w_S in others.items():
        feasible = bool((w_S >= bounds.lower_S - 1e-9).all() and (w_S <= bounds.upper_S + 1e-9).all())
        found[name] = Baseline(named(project.sources.names, w_S), None, feasible, None)
    return found


def _caps(project: Project, w_S: Array, bounds: Bounds) -> dict[str, Cap]:
    """By source: its bounds, and the bound that its share is at."""
    found = {}
    for source, w, low, high in zip(project.sources, w_S, bounds.lower_S, bounds.upper_S, strict=True):
        binding = "min" if low > 0 and w - low < AT_BOUND else "max" if high < 1 and high - w < AT_BOUND else None
        if binding == "max" and source.max_epochs is not None and high < source.max - 1e-12:
            binding = "max_epochs"
        epochs = None if source.max_epochs is None else float(source.max_epochs)
        found[source.name] = Cap(float(low), float(min(high, 1.0)), epochs, binding)
    return found
