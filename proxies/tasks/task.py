"""Task of a sweep: corpus, sources, targets, budget and proxy sizes; and the mixtures of its runs."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mixlaw.designs.space_filling import design
from mixlaw.errors import MixlawError
from mixlaw.project.budget import TOKENS_PER_PARAM, Budget
from mixlaw.project.constraints import Constraints
from mixlaw.project.feasible import feasible
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Source, Sources, Target
from mixlaw.runs.run_table import read_runs
from proxies.data.corpus import Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.sweep.run_sweep import Progress, sweep
from proxies.tasks.proxy_sizes import Proposal, ProxySize, demo_scales, propose
from proxies.tasks.run_specs import run_specs, shortfalls, spec_at
from proxies.tasks.stated_sizes import names_sizes, stated_proposal
from proxies.text.demo_text import demo_documents, demo_targets
from proxies.text.readers import project_documents
from proxies.text.shards import Build, count_documents
from proxies.text.tokenizer import Tokenizer, project_tokenizer
from proxies.training.run_spec import marks
from proxies.training.train import RunSpec

DEFAULT_RUNS = 28
OTHER_SCALES = 4
"""Sizes of a proposal (five) less one: a design's first mixture is run at every size."""


@dataclass(frozen=True)
class Task:
    """Text and decision problem of a sweep.

    Attributes:
        corpus: training and held-out tokens.
        sources: sources with their unique tokens, as stated or counted.
        targets: targets with their weights.
        budget: budget of the planned run.
        proposal: sizes of the proxies.
        notes: remarks for the user.
        constraints: satisfied by the proxies' mixtures in addition to the sources' bounds, as by the plan.
    """

    corpus: Corpus
    sources: Sources
    targets: tuple[Target, ...]
    budget: Budget
    proposal: Proposal
    notes: tuple[str, ...]
    constraints: Constraints = field(default_factory=Constraints)


def demo_task(seed: int) -> Task:
    """Task of the demo: text found in every installation, and a budget that two cores can train in minutes."""
    documents = demo_documents()
    targets = tuple(Target(name, weight) for name, weight in demo_targets(list(documents)).items())
    corpus = build_corpus(documents, seed, targets=dict.fromkeys(target.name for target in targets))
    proposal = demo_scales()
    assert proposal.target is not None
    budget = Budget(params=proposal.target.params, tokens=proposal.target.tokens)
    sources = Sources(tuple(Source(name, float(count)) for name, count in corpus.tokens.items()))
    return Task(corpus, sources, targets, budget, proposal, tuple(corpus.notes))


def project_task(
    project: Project,
    budget: Budget | None,
    seed: int,
    seconds: float,
    runs: int = DEFAULT_RUNS,
    build: Build | None = None,
) -> Task:
    """Task of a user's project, whose text is read with its tokenizer.

    Args:
        project: sources, targets and text.
        budget: None: the project's.
        seed: of the held-out split.
        seconds, runs: allowance for the proxies and their number, see `propose`.
        build: how text is tokenized and cached.

    Raises:
        MixlawError: if a source has no paths, a target has no text, or there is no budget.
    """

    def sized(corpus: Corpus, params: float, tokens: float, unique: dict[str, float]) -> Proposal:
        found = propose(params, tokens, seconds=seconds, runs=runs, marks=marks(corpus))
        return replace(found, notes=(*found.notes, *shortfalls(found, corpus, unique)))

    return _project_task(project, budget, seed, build, sized)


def _project_task(
    project: Project, budget: Budget | None, seed: int, build: Build | None, sized: Callable[..., Proposal]
) -> Task:
    """A project's task; `sized` chooses proxy sizes from the corpus, N, D and the sources' unique tokens."""
    budget = budget or project.budget
    if budget is None:
        raise MixlawError(f"{project.path}: has no budget: add one, or give --flops, or --params and --tokens")
    for source in project.sources:
        if not source.paths:
            raise MixlawError(f"{project.path}: source '{source.name}' has no paths: add them, or give --runs runs.csv")
    documents = {s.name: project_documents(project, s.paths) for s in project.sources}
    targets = project.targets or tuple(Target(name) for name in project.sources.names)
    text = {t.name: project_documents(project, t.paths) if t.paths else None for t in targets}
    for target in targets:
        if not target.paths and target.name not in documents:
            raise MixlawError(f"{project.path}: target '{target.name}' is no source and has no paths: add its text")
    build = replace(build or Build(), tokenizer=project_tokenizer(project))
    corpus = build_corpus(documents, seed, targets=text, build=build)
    counted = {s.name: _count(project, s, corpus, build.tokenizer) for s in project.sources if s.tokens is None}
    sources = project.sources.with_tokens(counted)
    params, tokens, notes = _planned_size(budget)
    proposal = sized(corpus, params, tokens, _stated(sources))
    notes += [*corpus.notes, *proposal.notes]
    if counted:
        unit = "bytes" if corpus.tokenizer == "bytes" else f"tokens of {corpus.tokenizer}"
        notes.append(f"tokens of {', '.join(counted)} counted in {unit}, the proxies' tokens")
    return Task(corpus, sources, targets, budget, proposal, tuple(notes), project.constraints)


def _count(project: Project, source: Source, corpus: Corpus, tokenizer: Tokenizer) -> float:
    """Training tokens of a source. If the corpus holds only its beginning, the whole text is counted."""
    if source.name not in corpus.cut_short:
        return float(corpus.tokens[source.name])
    counted = count_documents(source.paths, base=project.folder, tokenizer=tokenizer, within=project.within)
    return float(counted[1])


def _planned_size(budget: Budget) -> tuple[float, float, list[str]]:
    """N and D of the planned run, from which the proxies' sizes follow. For a budget in FLOP, N is not known yet."""
    if budget.params is not None and budget.tokens is not None:
        return budget.params, budget.tokens, []
    params = float(budget.params_for())
    note = f"proxies are matched to {params:.3g} parameters at {TOKENS_PER_PARAM:.0f} tokens each, N being open"
    return params, TOKENS_PER_PARAM * params, [note]


def _stated(sources: Sources) -> dict[str, float]:
    return {s.name: s.tokens for s in sources if s.tokens is not None}


def mixtures(task: Task, seed: int) -> list[Mixture]:
    """One mixture per run in the order of the proposal's sizes: a space-filling design, with two repeated mixtures.

    The proportional mixture is run at all sizes. The targets' own text, by their weights, is run at the sizes of the
    budget's N/D (left out if no source is a target). These runs show a law how their difference changes with size;
    recommended mixtures usually lie between the two.
    """
    sources, names = task.sources, task.sources.names
    weight_S = np.array([sum(t.weight for t in task.targets if t.name == name) for name in names], float)
    aimed = [scale.on_ray and scale.runs > 1 and weight_S.sum() > 0 for scale in task.proposal.scales]
    count = task.proposal.runs - OTHER_SCALES - sum(aimed)
    kept = {"tokens": task.budget.tokens, "constraints": task.constraints, "money": task.budget.money}
    table = design(sources, count, seed=seed, **kept)
    w_MxS = table[[f"w:{name}" for name in names]].to_numpy()
    dealt = assign_to_sizes(
        task, w_MxS, [scale.runs - also for scale, also in zip(task.proposal.scales, aimed, strict=True)]
    )
    if any(aimed):
        where = feasible(sources, task.constraints, task.budget.tokens, task.budget.money)
        aim_S = where.nearest(weight_S / weight_S.sum())
        for part in itertools.compress(dealt, aimed):
            part.append(Mixture.of(names, aim_S))
    return list(itertools.chain.from_iterable(dealt))


def sweep_task(
    project: Project,
    chosen: Path | None,
    runs: int | None,
    seed: int,
    seconds: float,
    build: Build | None = None,
) -> tuple[Task, list[Mixture] | None]:
    """A project's task and the mixture of each run from a design's file (None: use `mixtures`).

    A design that states params and tokens is run at these sizes (`stated_sizes`); for others, sizes are chosen.

    Raises:
        MixlawError: if both a number of runs and a design are given, if the design has other sources, or if its sizes
            cannot be trained.
    """
    if runs is not None and chosen is not None:
        raise MixlawError("--runs and --design both state the runs: give one of them")
    if chosen is None:
        return project_task(project, None, seed, seconds, runs or DEFAULT_RUNS, build), None
    table = read_runs(chosen, losses=False)
    unknown = sorted(set(table.sources) ^ set(project.sources.names))
    if unknown:
        raise MixlawError(f"{chosen}: source '{unknown[0]}' is not in both the design and the project: make them agree")
    if names_sizes(table):
        at_sizes = lambda corpus, _, tokens, unique: stated_proposal(table, corpus, tokens, unique)  # noqa: E731
        task = _project_task(project, None, seed, build, at_sizes)
        order = [table.sources.index(name) for name in task.sources.names]
        return task, [Mixture.of(task.sources.names, w_S) for w_S in table.w_RxS[:, order]]
    w_MxS = table.w_RxS[:, [table.sources.index(name) for name in project.sources.names]]
    task = project_task(project, None, seed, seconds, len(w_MxS) + OTHER_SCALES, build)
    dealt = assign_to_sizes(task, w_MxS, [scale.runs for scale in task.proposal.scales])
    return task, list(itertools.chain.from_iterable(dealt))


def assign_to_sizes(task: Task, w_MxS: np.ndarray, runs: list[int]) -> list[list[Mixture]]:
    """Mixtures of each size, `runs` of each; the first mixture goes to every size, so M = sum(runs) - len(runs) + 1.

    A design lists the mixtures that are farthest apart first. They are assigned to the sizes in turn, so that the
    mixtures of each size are spread out too.
    """
    dealt = [[0] for _ in runs]
    for m in range(1, len(w_MxS)):
        neediest = max(range(len(runs)), key=lambda s: (runs[s] - 1) / len(dealt[s]))
        dealt[neediest].append(m)
    assert [len(part) for part in dealt] == runs
    return [[Mixture.of(task.sources.names, w_MxS[m]) for m in part] for part in dealt]


def proxy_specs(task: Task, seed: int, chosen: list[Mixture] | None = None) -> list[RunSpec]:
    """Run specs of the task's proxies; `chosen`: their mixtures, None: those of `mixtures`."""
    return run_specs(
        task.proposal, chosen or mixtures(task, seed), task.corpus, seed=seed, tokens=_stated(task.sources)
    )


def measure(
    task: Task,
    named: Mapping[str, Mixture],
    store: Path,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Losses of mixtures trained at the demo's budget, {name: {target: nats per token}}.

    Raises:
        MixlawError: if a run failed.
    """
    target = task.proposal.target
    assert isinstance(target, ProxySize)
    specs = [spec_at(target, mixture, task.corpus, name, seed=seed) for name, mixture in named.items()]
    result = sweep(specs, task.corpus, store, progress=progress)
    for run, failure in result.failed.items():
        raise MixlawError(f"the check's {run} run failed, the plan is kept: {failure.reason}")
    rows = result.table.to_dict("records")
    return {str(row["run_id"]): {t.name: float(row[f"loss:{t.name}"]) for t in task.targets} for row in rows}
