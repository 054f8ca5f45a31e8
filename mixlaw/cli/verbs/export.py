"""The verb `mixlaw export`: a plan in a trainer's format to the terminal or a file, what to know of it to stderr."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.inputs import counted, out_file, written
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.planning.plan import Plan
    from mixlaw.project.sources import Sources

TRAINERS = (
    "megatron, olmo-core, levanter, streaming, datasets, maxtext, nanotron, torchtitan, llama-factory, axolotl, "
    "datatrove, doremi, regmix, olmix"
)
Samples = Annotated[
    str | None,
    typer.Option(help="what a sample is: packed (all of one length) or documents; the trainer's usual by default"),
]


def export_plan(
    plan: Annotated[Path, typer.Argument(help="plan.json, or the folder that `recommend --out` wrote")],
    to: Annotated[str, typer.Option(help=TRAINERS)],
    out: Annotated[Path | None, typer.Option(help="file to write; the terminal by default")] = None,
    project: Annotated[Path | None, typer.Option(help="project file, in place of what the plan records of it")] = None,
    samples: Samples = None,
    tokens: Annotated[float | None, typer.Option(help="D, in place of the plan's")] = None,
    path: Annotated[list[str] | None, typer.Option(help="SOURCE=PATH to write for a source; may be repeated")] = None,
    batch_tokens: Annotated[int, typer.Option(help="tokens of a batch, which OLMo-core's file states")] = 4_194_304,
    short: Annotated[str, typer.Option(help="word in RegMix's keys, train_<word>_<source>")] = "mix",
    seed: Annotated[int, typer.Option(help="seed of the trainer's sampling", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Write a plan as a trainer's own file, its shares in the trainer's unit, rounded so that no cap is broken."""
    from mixlaw.cli.verbs.import_runs import _pairs
    from mixlaw.cli.verbs.sweep import say
    from mixlaw.exporters import ExportOptions, by_name, export

    out = None if out is None else out_file(out)
    kind, read = by_name(to), read_plan_at(plan)
    options = ExportOptions(samples, tokens, dict(_pairs(path, "--path")), batch_tokens, short, seed)
    sources, folder = plan_sources(read, project, tokens)
    if kind.counted(samples) == "documents":
        used = [name for name, share in read.mixture.items() if share > 0]
        sources = with_documents(sources, used, folder)
    made = export(read, to, sources, options)
    if out is not None:
        written(out, made.save)
    if as_json:
        print(json.dumps(made.to_dict(), indent=1))
    elif out is None:
        print(made.text, end="")
    for note in made.notes:
        say(f"note: {note}")
    if out is not None:
        say(f"wrote {out}{'' if made.comments else f' and {out}.mixlaw.json, as the format has no comments'}")


def read_plan_at(path: Path) -> "Plan":
    """The plan in a file, or in the plan.json of a folder."""
    from mixlaw.planning.plan import read_plan

    return read_plan(path / "plan.json" if path.is_dir() else path)


def plan_sources(plan: "Plan", project: Path | None, tokens: float | None) -> "tuple[Sources, Path]":
    """The sources that a plan is exported with, and the folder their relative paths start at.

    Of --project; else as the plan records them; else of the mixlaw.yaml in this folder; else as far as an older plan
    tells of them.
    """
    from mixlaw.exporters import recorded_sources
    from mixlaw.project.sources import read_project

    recorded = (plan.to_dict().get("provenance") or {}).get("sources")
    if project is None and not recorded and Path("mixlaw.yaml").exists():
        project = Path("mixlaw.yaml")
    if project is not None:
        from mixlaw.cli.verbs.changes import check_tokenizer
        from mixlaw.runs.measurement import of_provenance

        read = read_project(project)
        check_tokenizer(read, of_provenance(plan.to_dict().get("provenance"), "the plan"))
        read = counted(read)
        return read.sources, read.folder
    content = plan.to_dict()
    return recorded_sources(content, at=content.get("tokens") if tokens is None else tokens), Path(".")


def with_documents(sources: "Sources", names: Iterable[str], folder: Path) -> "Sources":
    """`sources`, with the documents of those in `names` that state none counted from their text, which is announced."""
    from mixlaw.cli.verbs.sweep import say
    from mixlaw.project.sources import Sources
    from proxies.text.shards import count_documents

    found: dict[str, Any] = {}
    for source in sources:
        if source.name in names and source.documents is None and source.paths:
            try:
                found[source.name] = count_documents(source.paths, base=folder)[0]
            except MixlawError as error:
                raise MixlawError(
                    f"source {source.name}: states no documents and they cannot be counted ({error})"
                ) from None
    if not found:
        return sources
    say(f"counted: {', '.join(f'{name} {count:,} documents' for name, count in found.items())}")
    return Sources(replace(s, documents=found.get(s.name, s.documents)) for s in sources)
