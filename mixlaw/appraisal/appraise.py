"""appraise: what a source is worth of which only a sample was seen, by runs of the other sources or by distance."""

from dataclasses import dataclass, replace
from typing import Any

from mixlaw.appraisal.by_runs import REPLICAS, price
from mixlaw.appraisal.nearest import bounds_of, checked, weights_of
from mixlaw.appraisal.nearness import Counts, nearest_by_counts
from mixlaw.appraisal.texts import Texts
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named, no_nan
from mixlaw.optimization.scale import Scale
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Source, Sources

SCHEMA = 1


@dataclass(frozen=True)
class Appraisal:
    """What a source is worth. `to_dict` gives one JSON object, in which what cannot be said is null, with the reason in
    `notes`."""

    content: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["content"][name]
        except KeyError:
            raise AttributeError(f"an appraisal has no '{name}'") from None

    def to_dict(self) -> dict[str, Any]:
        """The appraisal as JSON types."""
        return no_nan(self.content)


def appraise(
    texts: Texts, project: Project, new: Source, fit: Fit | None = None, *, replicas: int = REPLICAS, seed: int = 0
) -> Appraisal:
    """Price a new source by its text.

    With a fit: theta of the new source (`mixlaw.appraisal.theta`) is predicted from its n-grams by the line that the
    sources of the runs lie on; the plan is then made with it and without. Without: the mixture of all sources whose
    n-grams are nearest to the targets' says its share, and nothing says what that is worth in nats.

    Args:
        texts: of all sources of the project and the new one, and of all targets.
        project: sources (with tokens), targets, budget, constraints.
        new: its name as in `texts`; `tokens` are how many there are, None for as many as are wanted; its bounds and
            cost count.
        fit: of a law of the project's runs.
        replicas: of the bootstrap, where the fit has none.
        seed: of the bootstrap and of what is drawn.

    Raises:
        MixlawError: names do not match, or the problem has no solution.
    """
    _check_names(texts, project, new)
    counts = Counts.of(texts)
    if fit is None:
        return _by_distance(texts, counts, project, new, seed)
    content, notes, scale = price(counts, project, new, fit, replicas, seed)
    return _appraisal(content, texts, project, new, [*texts.notes, *notes], seed, scale)


def _check_names(texts: Texts, project: Project, new: Source) -> None:
    if new.name in project.sources.names:
        raise MixlawError(f"source '{new.name}' is in the project already: give the sample another --name")
    wanted = {*project.sources.names, new.name}
    if set(texts.sources) != wanted or list(texts.sources)[-1] != new.name:
        raise MixlawError(f"texts: are of {list(texts.sources)}; give those of {sorted(wanted)}, the new source last")


def _by_distance(texts: Texts, counts: Counts, project: Project, new: Source, seed: int) -> Appraisal:
    notes, weight_K, names = [*texts.notes], weights_of(texts, project), tuple(counts.sources)
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
    content = {
        "best_share": float(with_it.found.w_S[-1]),
        "best_share_interval": with_it.band(-1),
        "gain_per_token": None,
        "worth_tokens": None if D is None else share * D,
        "worth_tokens_interval": None if D is None else [end * D for end in ends],
        "gain": None,
        "mixture": named(names, with_it.found.w_S),
        "curve": None,
        "basis": "transport",
        "law": None,
        "certificate": {"gap": with_it.found.gap},
        "text": {"by": with_it.by, "without": without.found.value, "with": with_it.found.value},
    }
    return _appraisal(content, texts, project, new, [*notes, *_silences(D)], seed, scale)


def _silences(tokens: float | None) -> list[str]:
    """What cannot be said without runs, and why."""
    notes = [
        "no runs: best_share is that of the mixture whose n-grams are nearest to the targets' text, which knows "
        "nothing of repetition, of how hard text is to learn, or of defects that n-grams do not show",
        "gain_per_token, gain and curve are null: without runs nothing says what a distance is worth in nats",
    ]
    if tokens is None:
        notes.append("worth_tokens is null: the number of training tokens is not known; give --params and --tokens")
    return notes


def _appraisal(
    content: dict[str, Any], texts: Texts, project: Project, new: Source, notes: list[str], seed: int, scale: Scale
) -> Appraisal:
    """The content with what every appraisal says."""
    from mixlaw.version import __version__

    budget = project.budget
    about = {
        "name": new.name,
        "available": new.tokens,
        **content,
        "sample": {"passages": texts.count, "characters": sum(map(len, texts.sources[new.name]))},
        "params": scale.params,
        "tokens": scale.tokens,
        "flops": None if budget is None else budget.compute,
        "provenance": {"sources_hash": project.sources.hash(), "seed": seed, "version": __version__},
        "schema": SCHEMA,
        "notes": list(dict.fromkeys(notes)),
    }
    return Appraisal(about)
