"""The verb `mixlaw score-plan`: a plan and the table of the real run into a `PlanScore`, printed as tables."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixlaw.cli.output import say
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from rich.table import Table

    from mixlaw.auditing.plan_score import PlanScore
    from mixlaw.auditing.score_sections import DifferenceScore, Score
    from mixlaw.fitting.fit_result import Fit
    from mixlaw.planning.plan import Plan


def score_plan(
    plan: Annotated[Path, typer.Argument(help="plan.json, or the folder that `recommend --out` wrote")],
    outcome: Annotated[Path, typer.Argument(help="run table of the real run and, if trained, of baselines")],
    fit: Annotated[
        Path | None, typer.Option(help="fit.json that the plan was made from; default: the one next to the plan")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="run_id of the plan's run, if its mixture is far from the plan's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Compare a plan's predictions with real runs: did the intervals contain the measured losses?"""
    from mixlaw.auditing.plan_score import score_plan as score
    from mixlaw.cli.inputs import read_plan_at
    from mixlaw.runs.run_table import read_runs

    read = read_plan_at(plan)
    found = score(read, read_runs(outcome), _fit(read, plan, fit), run=run)
    print(json.dumps(found.to_dict(), indent=1)) if as_json else print_score(found)


def _fit(plan: "Plan", path: Path, fit: Path | None) -> "Fit | None":
    """The fit of --fit, else the one in the plan's folder, which must be the fit that the plan was made from."""
    from mixlaw.auditing.plan_score import behind
    from mixlaw.fitting.fit_result import read_fit

    if fit is not None:
        return read_fit(fit)
    beside = (path if path.is_dir() else path.parent) / "fit.json"
    if not beside.exists():
        return None
    try:
        found = read_fit(beside)
    except MixlawError as error:
        say(f"note: the fit beside the plan was left out: {error}")
        return None
    if not behind(plan, found):
        raise MixlawError(
            f"{beside}: is not the fit that the plan was made from; give that fit with --fit, or recommend again"
        )
    return found


def print_score(found: "PlanScore") -> None:
    """Losses by target, differences from baselines, coverage of the intervals, and notes."""
    from rich.markup import escape

    from mixlaw.cli.tables import amount, make_console

    console, trained, planned = make_console(), found.trained, found.planned
    sizes = [
        f"{amount(trained.params)} params (planned {amount(planned.params)})",
        f"{amount(trained.tokens)} tokens (planned {amount(planned.tokens)})",
    ]
    moved = f"{100 * trained.moved:.1f}% of the tokens elsewhere than planned"
    console.print(f"{trained.runs} run{'s' * (trained.runs != 1)} of the plan: {', '.join(sizes)}, {moved}")
    console.print()
    console.print(_score_table("loss", found.targets | {"objective": found.objective}))
    if found.differences:
        console.print()
        console.print(_score_table("worse by", found.differences))
    console.print()
    counts = found.intervals
    for count, words in ((counts.planned, "the plan's"), (counts.as_trained, "as trained, with the runs' noise")):
        if count.of:
            console.print(f"[bold]{count.held} of {count.of} intervals held[/bold] ({words})")
    console.print(f"the plan's verdict was: {escape(found.verdict)}{escape(_confirmed(found))}")
    for note in found.notes:
        console.print(f"note: {escape(note)}")


def _score_table(title: str, scores: "Mapping[str, Score | DifferenceScore]") -> "Table":
    """One row per score: planned and as-trained prediction, whether each interval held, measured value."""
    from rich.markup import escape

    from mixlaw.cli.tables import make_table, nats

    table = make_table(title, "planned", "held", "as trained", "90% interval", "held", "measured", names=scores)
    for name, score in scores.items():
        cells = ["–" if score.planned is None else nats(score.planned.mean), _held(score.held.planned)]
        trained = score.as_trained
        cells += ["–", "–"] if trained is None else [nats(trained.mean), f"{nats(trained.low)}–{nats(trained.high)}"]
        table.add_row(escape(name), *cells, _held(score.held.as_trained), nats(score.measured))
    return table


def _held(held: bool | None) -> str:
    return "–" if held is None else "yes" if held else "[red]no[/red]"


def _confirmed(found: "PlanScore") -> str:
    """A line that says whether the plan's run is measured to be better than the best of the others."""
    known = {name: row.measured for name, row in found.differences.items() if row.measured is not None}
    if not known:
        return ""
    name = min(known, key=known.__getitem__)
    gap, beyond = known[name], found.differences[name].beyond_noise
    noise = {None: "", True: ", beyond the runs' noise", False: ", within the runs' noise"}[beyond]
    return f"; measured, its run is {'better' if gap > 0 else 'worse'} than {name} by {abs(gap):.4f} nats{noise}"
