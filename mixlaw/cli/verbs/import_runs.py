"""The verb `mixlaw import`: options into `ImportOptions`, the run table to a file, what was read to the terminal."""

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from mixlaw.cli.options import parse_pairs
from mixlaw.cli.output import answer, out_file, tell
from mixlaw.errors import MixlawError, listed

WIDTH = 80


def import_table(
    format: Annotated[str, typer.Argument(help="regmix, olmix or wandb")],
    files: Annotated[
        list[Path],
        typer.Argument(help="regmix: mixtures, losses; olmix: ratios, metrics; wandb: runs, then charts or histories"),
    ],
    out: Annotated[Path, typer.Option(help="run table to write, CSV or Parquet")],
    params: Annotated[float | None, typer.Option(help="N of all runs")] = None,
    tokens: Annotated[float | None, typer.Option(help="D of all runs")] = None,
    tokens_per_step: Annotated[float | None, typer.Option(help="D is a row's step times this")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="COLUMN=NAME in the run table, 'eval/*/loss=loss:*'; may be repeated"),
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="the same as a YAML file {COLUMN: NAME}")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="COLUMN to leave out; may be repeated")] = None,
    rename: Annotated[list[str] | None, typer.Option(help="OLD=NEW, a source or target; may be repeated")] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="nats, bits, perplexity, nats-per-byte or bits-per-byte; of one target: TARGET=UNIT"),
    ] = None,
    bytes_per_token: Annotated[
        list[str] | None, typer.Option(help="mean bytes of a token, for units per byte; of one target: TARGET=MEAN")
    ] = None,
    id_prefix: Annotated[str, typer.Option(help="prefix of every run_id")] = "",
    normalise: Annotated[bool, typer.Option("--normalise", help="weights are relative: divide by their sum")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="allow runs that only one of the two files has")] = False,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="keep W&B runs that did not finish")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Turn the tables of another tool into a run table: rows joined by run, losses in nats per token.

    Weights & Biases: --map 'config.mix.*=w:*' --map 'eval/*/loss=loss:*' (or 'config.mix=w:*' for a column of JSON).
    """
    from mixlaw.importers import ImportOptions, import_runs
    from mixlaw.io.table import check_kind

    out = out_file(out)
    options = ImportOptions(
        columns=_mapping(mapping) | dict(parse_pairs(columns, "--map")) | dict.fromkeys(ignore or ()),
        rename=dict(parse_pairs(rename, "--rename")),
        params=params,
        tokens=tokens,
        tokens_per_step=tokens_per_step,
        units=dict(parse_pairs(unit, "--unit", alone=True)),
        bytes_per_token={
            key: _number(value) for key, value in parse_pairs(bytes_per_token, "--bytes-per-token", alone=True)
        },
        id_prefix=id_prefix,
        normalise=normalise,
        partial=partial,
        unfinished=unfinished,
    )
    check_kind(out)  # before the answer is printed
    found = import_runs(format, files, options)
    content = found.to_dict()
    shown = json.dumps(content, indent=1) if as_json else _summary(content)
    answer(lambda: tell(shown), lambda: found.runs.write(out))
    if not as_json:
        tell(f"wrote {out}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MixlawError(f"--bytes-per-token {text}: not a number") from None


def _mapping(path: Path | None) -> dict[str, str | None]:
    from mixlaw.io.files import read_text
    from mixlaw.io.yaml import parse_yaml

    if path is None:
        return {}
    content: Any = parse_yaml(read_text(path), str(path))
    if not isinstance(content, dict) or not all(isinstance(ours, (str, type(None))) for ours in content.values()):
        raise MixlawError(f"{path}: a mapping file holds COLUMN: NAME, a line each (nothing after the colon: left out)")
    return content


def _summary(content: dict[str, Any]) -> str:
    lines = [
        f"{content['runs']} runs in {content['rows']} rows, {content['not_measured']} losses not measured",
        f"{len(content['sources'])} sources: {listed(content['sources'], 40)}",
        f"{len(content['targets'])} targets: {listed(content['targets'], 40)}",
        *(f"note: {note}" for note in content["notes"]),
    ]
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in lines)
