"""appraise: estimate the value of a new source from a text sample, with runs of the other sources or by distance."""

from collections.abc import Iterable
from dataclasses import replace

from mixlaw.appraisal.appraisal_sections import (
    SCHEMA,
    Appraisal,
    DistanceEvidence,
    Optimality,
    Provenance,
    Sample,
    SourceValue,
)
from mixlaw.appraisal.by_runs import price
from mixlaw.appraisal.nearest import bounds_of, checked, weights_of
from mixlaw.appraisal.nearness import Counts, nearest_by_counts
from mixlaw.appraisal.texts import Texts
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named
from mixlaw.io.notes import Note, as_notes, null
from mixlaw.optimization.scale import Scale
from mixlaw.planning.options import REPLICAS
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Source, Sources


def appraise(
    texts: Texts, project: Project, new: Source, fit: Fit | None = None, *, replicas: int = REPLICAS, seed: int = 0
) -> Appraisal:
    """Estimate the value of a new source from a sample of its text.

    With a fit: the law parameter theta of the new source (`mixlaw.appraisal.theta`) is predicted from its n-grams by a
    regression over the sources of the runs, and the optimal plans with and without the source are compared. Without a
    fit: its share is that in the mixture of all sources whose n-grams are nearest to the targets'; gains in nats are
    then unknown.

    Args:
        texts: of all sources of the project, then of the new one, and of all targets.
        project: sources (with tokens), targets, budget, constraints.
        new: the new source, named as in `texts`; its bounds and cost apply. `tokens` None: unlimited.
        fit: of a law of the project's runs.
        replicas: number of bootstrap refits, if the fit has none.
        seed: of the bootstrap and of all sampling.

    Raises:
        MixlawError: names do not match, or no mixture satisfies the constraints.

    >>> from mixlaw.appraisal import sample_texts
    >>> from mixlaw.project.project_file import Project
    >>> from mixlaw.project.sources import Source, Sources, Target
    >>> names = ("web", "code", "maths")
    >>> documents = {name: [f"{name} text about {name} {i} " * 20 for i in range(20)] for name in names}
    >>> texts = sample_texts(documents, {"maths": [f"more text about maths {i} " * 20 for i in range(20)]})
    >>> sources = Sources([Source("web", 1e9), Source("code", 1e9)])
    >>> project = Project(sources, (Target("maths"),), None, None, "mixlaw.yaml")
    >>> appraisal = appraise(texts, project, Source("maths", None))
    >>> appraisal.best_share > 0.5, appraisal.basis, appraisal.gain
    (True, 'transport', None)
    """
    _check_names(texts, project, new)
    counts = Counts.of(texts)
    if fit is None:
        return _by_distance(texts, counts, project, new, seed)
    value, notes, scale = price(counts, project, new, fit, replicas, seed)
    return _appraisal(value, texts, project, new, [*texts.notes, *notes], seed, scale)


def _check_names(texts: Texts, project: Project, new: Source) -> None:
    if new.name in project.sources.names:
        raise MixlawError(f"source '{new.name}' is in the project already: give the sample another --name")
    wanted = {*project.sources.names, new.name}
    if set(texts.sources) != wanted or list(texts.sources)[-1] != new.name:
        raise MixlawError(f"texts: are of {list(texts.sources)}; give those of {sorted(wanted)}, the new source last")


def _by_distance(texts: Texts, counts: Counts, project: Project, new: Source, seed: int) -> Appraisal:
    notes, weight_K, names = [*as_notes(texts.notes)], weights_of(texts, project), tuple(counts.sources)
    checked(project, notes)
    bounds = bounds_of(Sources((*project.sources, new)), names, project.budget, notes)
    with_it = nearest_by_counts(counts, weight_K, bounds, seed)
    rest = bounds_of(project.sources, names[:-1], project.budget, [])
    without = nearest_by_counts(counts.without(new.name), weight_K, rest, seed, 0)
    free = with_it
    if new.max_epochs is not None:
        endless = Sources((*project.sources, replace(new, tokens=None, max_epochs=None)))
        free = nearest_by_counts(counts, weight_K, bounds_of(endless, names, project.budget, []), seed)
    D = None if project.budget is None else project.budget.tokens
    scale = Scale(None if project.budget is None else project.budget.params, D)
    share, ends = float(free.found.w_S[-1]), free.band(-1)
    value = SourceValue(
        best_share=float(with_it.found.w_S[-1]),
        best_share_interval=with_it.band(-1),
        gain_per_token=None,
        worth_tokens=None if D is None else share * D,
        worth_tokens_interval=None if D is None else [end * D for end in ends],
        gain=None,
        mixture=named(names, with_it.found.w_S),
        curve=None,
        basis="transport",
        law=None,
        certificate=Optimality(with_it.found.gap),
        text=DistanceEvidence(with_it.by, without.found.value, with_it.found.value),
    )
    return _appraisal(value, texts, project, new, [*notes, *_missing_values(D)], seed, scale)


def _missing_values(tokens: float | None) -> list[Note]:
    """Notes on what is not known without runs."""
    text = (
        "no runs: best_share is that of the mixture whose n-grams are nearest to the targets' text, which ignores "
        "repetition, how hard text is to learn, and defects that n-grams do not show"
    )
    notes = [
        Note("assumption", ("best_share",), text),
        null(("gain_per_token", "gain", "curve"), "without runs nothing says what a distance is worth in nats"),
    ]
    if tokens is None:
        reason = "the number of training tokens is not known; give --params and --tokens"
        notes.append(null(("worth_tokens",), reason))
    return notes


def _appraisal(
    value: SourceValue, texts: Texts, project: Project, new: Source, notes: Iterable[str], seed: int, scale: Scale
) -> Appraisal:
    """The value of the source with the fields that do not depend on how it was estimated."""
    from mixlaw.version import __version__

    return Appraisal(
        name=new.name,
        available=new.tokens,
        **vars(value),
        sample=Sample(texts.count, sum(map(len, texts.sources[new.name]))),
        params=scale.params,
        tokens=scale.tokens,
        flops=None if project.budget is None else project.budget.compute,
        provenance=Provenance(project.sources.hash(), seed, __version__),
        schema=SCHEMA,
        notes=list(dict.fromkeys(notes)),
    )
