"""The verbs `mixlaw adapt` (run tables), `reuse` (runs for new sources) and `stale` (a plan out of date)."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.inputs import check_tokenizer, counted
from mixlaw.cli.output import out_file, written
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.changes import Changes

Many = list[str] | None
PlanFile = Annotated[Path, typer.Argument(help="plan.json, or the folder that `recommend --out` wrote")]
ProjectFile = Annotated[Path, typer.Argument(help="project file")]


def adapt(
    runs: Annotated[list[Path], typer.Argument(help="run tables; several are joined, a missing source has no share")],
    out: Annotated[Path, typer.Option(help="run table to write, CSV or Parquet")],
    rename: Annotated[Many, typer.Option(help="OLD=NEW, of a source and its target; may be repeated")] = None,
    merge: Annotated[Many, typer.Option(help="NEW=A+B, or NEW=A:3e9+B:1e9 with their tokens")] = None,
    split: Annotated[Many, typer.Option(help="OLD=A:3e9+B:1e9, with the tokens of the parts")] = None,
    drop: Annotated[Many, typer.Option(help="a source that was removed; may be repeated")] = None,
    add: Annotated[Many, typer.Option(help="a source that no run contains; may be repeated")] = None,
    changes: Annotated[Path | None, typer.Option(help="YAML file with rename, merge, split, drop, add")] = None,
    plan: Annotated[Path | None, typer.Option(help="plan.json that records the tokens of merged parts")] = None,
    fit: Annotated[
        Path | None, typer.Option(help="fit.json of the old table, to correct losses that are not exact")
    ] = None,
) -> None:
    """Rewrite run tables for renamed, merged, split, dropped or added sources; notes say which rows are exact."""
    from mixlaw.changes import adapt as carry
    from mixlaw.changes import join_runs
    from mixlaw.cli.output import say
    from mixlaw.fitting.fit_result import read_fit
    from mixlaw.runs.run_table import read_runs

    out, stated = out_file(out), _changes(changes, (rename, merge, split), (drop, add))
    if not stated and len(runs) == 1:
        raise MixlawError("adapt: no change was stated: give --rename, --merge, --split, --drop, --add or --changes")
    name = runs[0].name if len(runs) == 1 else out.name
    table = join_runs([read_runs(path) for path in runs], name)
    if stated:
        table = carry(table, stated, tokens=_tokens(plan), fit=None if fit is None else read_fit(fit))
    table.write(out)
    for note in table.notes:
        say(f"note: {note}")
    say(f"wrote {len(table)} rows, {len(table.sources)} sources to {out}")


def _changes(file: Path | None, pairs: tuple[Many, Many, Many], names: tuple[Many, Many]) -> "Changes":
    """The changes of the command line, or of a file."""
    from mixlaw.changes import Changes, read_changes
    from mixlaw.cli.options import parse_pairs

    if file is not None:
        if any(option for option in (*pairs, *names)):
            raise MixlawError("--changes states all changes: leave out --rename, --merge, --split, --drop and --add")
        return read_changes(file)
    kinds = zip(pairs, ("--rename", "--merge", "--split"), strict=True)
    rename, merge, split = (dict(parse_pairs(given, option)) for given, option in kinds)
    merged, parted = ({name: _parts(text) for name, text in stated.items()} for stated in (merge, split))
    drop, add = (tuple(option or ()) for option in names)
    return Changes(rename, merged, parted, drop, add)


def _parts(text: str) -> Any:
    """The parts in A+B (a list) or A:3e9+B:1e9 (a mapping), names stripped."""
    pieces = [piece.rpartition(":") for piece in re.split(r"(?<!\d[eE])\+", text)]
    if any(colon for _, colon, _ in pieces):
        return {(name or tokens).strip(): tokens.strip() if colon else None for name, colon, tokens in pieces}
    return [name.strip() for _, _, name in pieces]


def _tokens(plan: Path | None) -> dict[str, float]:
    """The sources' tokens as a plan records them."""
    from mixlaw.cli.inputs import read_plan_at

    if plan is None:
        return {}
    recorded = (read_plan_at(plan).to_dict().get("provenance") or {}).get("sources")
    if not recorded:
        raise MixlawError(f"{plan}: records no sources; give the tokens in --merge NEW=A:3e9+B:1e9")
    return {name: source["tokens"] for name, source in recorded.items() if source.get("tokens") is not None}


def reuse(
    plan: PlanFile,
    project: ProjectFile,
    runs: Annotated[int, typer.Option(help="number of mixtures", min=2)],
    out: Annotated[Path, typer.Option(help="CSV with run_id and w: columns, for `mixlaw sweep --design`")],
    seed: Annotated[int, typer.Option(help="seed of everything random", min=0)] = 0,
) -> None:
    """Design runs for a project with new sources: the plan's mixture counts as one source, mixed with the new ones."""
    from mixlaw.changes.reuse import reuse_design
    from mixlaw.cli.inputs import read_plan_at
    from mixlaw.cli.output import say
    from mixlaw.project.project_file import read_project
    from mixlaw.runs.measurement import of_provenance

    out, read, earlier = out_file(out), read_project(project), read_plan_at(plan)
    check_tokenizer(read, of_provenance(earlier.to_dict().get("provenance"), "the plan"))
    read = counted(read)
    made = reuse_design(earlier, read.sources, runs, seed=seed, tokens=read.budget.tokens if read.budget else None)
    written(out, lambda file: made.frame.to_csv(file, index=False))
    for note in made.notes:
        say(f"note: {note}")


def stale(
    plan: PlanFile,
    project: ProjectFile,
    runs: Annotated[Path | None, typer.Option(help="run table; default: runs.csv next to the plan")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """List the parts of a plan that are out of date after project changes, and how to update them."""
    from rich.markup import escape

    from mixlaw.changes import stale as compare
    from mixlaw.cli.inputs import read_plan_at
    from mixlaw.cli.tables import make_console
    from mixlaw.project.project_file import read_project
    from mixlaw.project.sources import Target
    from mixlaw.runs.measurement import of_provenance
    from mixlaw.runs.run_table import read_runs

    read, earlier = read_project(project), read_plan_at(plan)
    content = earlier.to_dict()
    origin = content.get("provenance") or {}
    check_tokenizer(read, of_provenance(origin, "the plan"))
    read = counted(read)
    beside = (plan if plan.is_dir() else plan.parent) / "runs.csv"
    table = read_runs(runs or beside) if runs is not None or beside.exists() else None
    if table is not None:
        predicted = (content.get("predicted") or {}).get("loss") or table.targets
        table = table.with_targets([name for name in predicted if name in table.targets])
    targets = read.targets or tuple(Target(name) for name in origin.get("targets") or ())  # each counts 1
    found = compare(
        content, read.sources, targets=targets, runs=table, budget=read.budget, constraints=read.constraints
    )
    if as_json:
        print(json.dumps({"stale": [one.to_dict() for one in found], "schema": 1}, indent=1))
        return
    console = make_console()
    for one in found:
        console.print(f"[bold]{one.kind}[/bold]: {escape(str(one))}")
    if not found:
        stated = "" if read.budget is None else ", budget"
        console.print(f"nothing is stale: the plan's sources, targets{stated} and constraints are the project's")
