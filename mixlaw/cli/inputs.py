"""Inputs of several verbs: budgets, projects, plans and texts."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mixlaw.cli.output import say
from mixlaw.errors import MixlawError, listed, shown

if TYPE_CHECKING:
    from mixlaw.appraisal import Texts
    from mixlaw.changes import Stale
    from mixlaw.planning.plan import Plan
    from mixlaw.project.project_file import Project
    from mixlaw.project.sources import Budget, Source, Sources
    from mixlaw.runs.measurement import Measurement
    from mixlaw.runs.run_table import Runs


def stated_budget(flops: float | None, params: float | None, tokens: float | None) -> "Budget | None":
    from mixlaw.project.sources import Budget

    if flops is None and params is None and tokens is None:
        return None
    return Budget(flops=flops, params=params, tokens=tokens)


def project_at(path: Path | None, needed: bool) -> "Project | None":
    from mixlaw.project.project_file import read_project

    if path is None and not Path("mixlaw.yaml").exists():
        if needed:
            raise MixlawError("no project: name a mixlaw.yaml, give --runs runs.csv, or try --demo")
        return None
    return read_project(path or Path("mixlaw.yaml"))


def counted(project: "Project") -> "Project":
    """The project with missing token counts of sources counted from their text; prints the counts."""
    unknown = [source for source in project.sources if source.tokens is None]
    if not unknown:
        return project
    from proxies.text.shards import count_documents
    from proxies.text.tokenizer import project_tokenizer

    kind = project_tokenizer(project)
    counts = {
        s.name: float(count_documents(s.paths, base=project.folder, tokenizer=kind, within=project.within)[1])
        for s in unknown
    }
    unit = "bytes" if kind.name == "bytes" else f"tokens of {kind.name}"
    say(f"counted in {unit}: {', '.join(f'{name} {count:,.0f} tokens' for name, count in counts.items())}")
    return replace(project, sources=project.sources.with_tokens(counts))


def read_texts(project: "Project", seed: int, new: "Source | None" = None) -> "Texts":
    """Samples of the text of a project's sources and targets; a new source comes last.

    Raises:
        MixlawError: a source or target has no text.
    """
    from mixlaw.appraisal import sample_texts
    from mixlaw.project.sources import Target
    from proxies.text.readers import project_documents, read_documents

    sources: dict[str, Iterable[str]] = {}
    for source in project.sources:
        if not source.paths:
            raise MixlawError(
                f"{project.path}: source '{source.name}' has no paths: its value is estimated from its text"
            )
        sources[source.name] = project_documents(project, source.paths)
    if new is not None:
        sources[new.name] = read_documents(new.paths)
    stated = project.targets or tuple(Target(name) for name in project.sources.names)
    targets = {t.name: project_documents(project, t.paths) if t.paths else None for t in stated}
    return sample_texts(sources, targets, seed)


def since(folder: Path, project: "Project", runs: "Runs") -> "tuple[Stale, ...]":
    """Changes since the plan in the folder of a run table; empty if there is no such plan.

    Raises:
        MixlawError: the runs have other sources than the project, and the plan shows how they changed.
    """
    from mixlaw.changes import stale as compare
    from mixlaw.planning.plan import read_plan

    path = folder / "plan.json"
    if not path.exists():
        return ()
    try:
        content = read_plan(path).to_dict()
    except MixlawError as error:  # it was not named: the shell may just have made it for this command's own output
        if os.path.getsize(path):
            say(f"note: the plan in the runs' folder was not compared with this one: {error}")
        return ()
    if not set(content["mixture"]) & {*project.sources.names, *runs.sources}:  # a plan of something else
        return ()
    found = compare(content, project.sources, targets=project.targets)
    differ = set(runs.sources) != set(project.sources.names)
    moved = [one for one in found if one.kind in ("renamed", "merged", "split", "gone", "new")]
    if differ and moved:
        raise MixlawError(f"{runs.name}: its sources are not the project's: {'; '.join(map(str, moved[:3]))}")
    return found


def with_stale(plan: "Plan", found: "tuple[Stale, ...]") -> "Plan":
    """The plan with the changes since an earlier plan added to its notes."""
    if not found:
        return plan
    lines = [f"since the plan in the runs' folder: {one.what}" for one in found]
    return plan.with_values({"stale": (*plan.stale, *lines)}).with_notes(lines)


def check_tokenizer(project: "Project", stated: "Measurement") -> None:
    """Raise if a project's tokenizer, or the unit of its token counts, differs from that of runs or a plan.

    Raises:
        MixlawError: names both tokenizers.
    """
    name = stated.tokenizer
    uncounted = [source.name for source in project.sources if source.tokens is None]
    if name is None or (project.tokenizer is None and not uncounted):
        return
    if project.tokenizer is None:
        if name != "bytes":
            raise MixlawError(
                f"{project.path}: the tokens of {listed(uncounted)} would be counted in bytes, and {stated.name} is in "
                f"tokens of {shown(name)}: state their tokens, or name that tokenizer"
            )
        return
    from proxies.text.tokenizer import project_tokenizer

    file = Path(project.tokenizer)
    if name not in (project.tokenizer, file.name, file.stem) and name != (known := project_tokenizer(project).name):
        raise MixlawError(
            f"{project.path}: its tokenizer is {shown(known)}, that of {stated.name} {shown(name)}: token counts, "
            "shares and losses of different tokenizers cannot be combined; run the proxies again, or name the other one"
        )


def read_plan_at(path: Path) -> "Plan":
    """The plan in a file, or in the plan.json of a folder."""
    from mixlaw.planning.plan import read_plan

    return read_plan(path / "plan.json" if path.is_dir() else path)


def plan_sources(plan: "Plan", project: Path | None, tokens: float | None) -> "tuple[Sources, Path]":
    """The sources of a plan for its export, and the folder to which their relative paths refer.

    They are those of --project; else those that the plan records; else those of the mixlaw.yaml in this folder; else
    the ones that an older plan implies.
    """
    from mixlaw.exporters import recorded_sources
    from mixlaw.project.project_file import read_project

    recorded = (plan.to_dict().get("provenance") or {}).get("sources")
    if project is None and not recorded and Path("mixlaw.yaml").exists():
        project = Path("mixlaw.yaml")
    if project is not None:
        from mixlaw.cli.inputs import check_tokenizer
        from mixlaw.runs.measurement import of_provenance

        read = read_project(project)
        check_tokenizer(read, of_provenance(plan.to_dict().get("provenance"), "the plan"))
        read = counted(read)
        return read.sources, read.folder
    content = plan.to_dict()
    return recorded_sources(content, at=content.get("tokens") if tokens is None else tokens), Path(".")


def with_documents(sources: "Sources", names: Iterable[str], folder: Path) -> "Sources":
    """`sources` with missing document counts of those in `names` counted from their text; prints the counts."""
    from mixlaw.cli.output import say
    from mixlaw.project.project_file import reach_of
    from mixlaw.project.sources import Sources
    from proxies.text.shards import count_documents

    found: dict[str, int] = {}
    for source in sources:
        if source.name in names and source.documents is None and source.paths:
            try:
                found[source.name] = count_documents(source.paths, base=folder, within=reach_of(folder))[0]
            except MixlawError as error:
                raise MixlawError(
                    f"source {source.name}: states no documents and they cannot be counted ({error})"
                ) from None
    if not found:
        return sources
    say(f"counted: {', '.join(f'{name} {count:,} documents' for name, count in found.items())}")
    return Sources(replace(s, documents=found.get(s.name, s.documents)) for s in sources)
