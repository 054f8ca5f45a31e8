"""The verb `mixlaw export`: a plan in a trainer's format to the terminal or a file, notes to stderr."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mixlaw.cli.inputs import plan_sources, read_plan_at, with_documents
from mixlaw.cli.options import reads_text
from mixlaw.cli.output import answer, out_file, tell

TRAINERS = (
    "megatron, olmo-core, levanter, streaming, datasets, maxtext, nanotron, torchtitan, llama-factory, axolotl, "
    "datatrove, doremi, regmix, olmix"
)
Samples = Annotated[
    str | None,
    typer.Option(help="one sample is: packed (all of one length) or documents; default: the trainer's"),
]


@reads_text
def export_plan(
    plan: Annotated[Path, typer.Argument(help="plan.json, or the folder that `recommend --out` wrote")],
    to: Annotated[str, typer.Option(help=TRAINERS)],
    out: Annotated[Path | None, typer.Option(help="file to write; default: the terminal")] = None,
    project: Annotated[
        Path | None, typer.Option(help="project file; default: the project recorded in the plan")
    ] = None,
    samples: Samples = None,
    tokens: Annotated[float | None, typer.Option(help="D; default: the plan's")] = None,
    path: Annotated[list[str] | None, typer.Option(help="SOURCE=PATH to write for a source; may be repeated")] = None,
    batch_tokens: Annotated[int, typer.Option(help="tokens per batch, for OLMo-core")] = 4_194_304,
    short: Annotated[str, typer.Option(help="word in RegMix's keys, train_<word>_<source>")] = "mix",
    version: Annotated[
        str | None,
        typer.Option(
            help="format, if the trainer has several: components or configs for Levanter; default: the newest"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of the trainer's sampling", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Write a plan in a trainer's format: weights in the trainer's unit, rounded so that no cap is violated."""
    from mixlaw.cli.options import parse_pairs
    from mixlaw.cli.output import say
    from mixlaw.exporters import ExportOptions, by_name, export

    out = None if out is None else out_file(out)
    kind, read = by_name(to), read_plan_at(plan)
    options = ExportOptions(samples, tokens, dict(parse_pairs(path, "--path")), batch_tokens, short, seed, version)
    sources, folder = plan_sources(read, project, tokens)
    if kind.counted(samples) == "documents":
        used = [name for name, share in read.mixture.items() if share > 0]
        sources = with_documents(sources, used, folder)
    made = export(read, to, sources, options)

    def show() -> None:
        if as_json:
            print(json.dumps(made.to_dict(), indent=1))
        elif out is None:
            tell(made.text, end="")

    answer(show, None if out is None else lambda: made.save(out))
    for note in made.notes:
        say(f"note: {note}")
    if out is not None:
        say(f"wrote {out}{'' if made.comments else f' and {out}.mixlaw.json, as the format has no comments'}")
