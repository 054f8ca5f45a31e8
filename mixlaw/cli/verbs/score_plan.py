"""The verb `mixlaw score-plan`: a plan and the table of the real run into a `PlanScore`, printed as tables."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.auditing.plan_score import PlanScore
    from mixlaw.fitting.fit_result import Fit
    from mixlaw.planning.plan import Plan


def score_plan(
    plan: Annotated[Path, typer.Argument(help="plan.json, or the folder that `recommend --out` wrote")],
    outcome: Annotated[Path, typer.Argument(help="run table of the real run and, if there are any, of baselines")],
    fit: Annotated[Path | None, typer.Option(help="fit.json behind the plan; the one beside it by default")] = None,
    run: Annotated[str | None, typer.Option(help="run_id of the plan's run, where its mixture does not tell")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Compare a plan's predictions with the real run, and say whether the intervals held."""
    from mixlaw.auditing.plan_score import score_plan as score
    from mixlaw.cli.inputs import read_plan_at
    from mixlaw.runs.run_table import read_runs

    read = read_plan_at(plan)
    found = score(read, read_runs(outcome), _fit(read, plan, fit), run=run)
    print(json.dumps(found.to_dict(), indent=1)) if as_json else print_score(found)


def _fit(plan: "Plan", path: Path, fit: Path | None) -> "Fit | None":
    """The fit named, else the one beside the plan, which must be the plan's own."""
    from mixlaw.auditing.plan_score import behind
    from mixlaw.fitting.fit_result import read_fit

    if fit is not None:
        return read_fit(fit)
    beside = (path if path.is_dir() else path.parent) / "fit.json"
    if not beside.exists():
        return None
    found = read_fit(beside)
    if not behind(plan, found):
        raise MixlawError(
            f"{beside}: is not the fit behind the plan beside it; name one with --fit, or recommend again"
        )
    return found


def print_score(found: "PlanScore") -> None:
    """Losses by target, differences from baselines, and what to know of them."""
    from rich.markup import escape

    from mixlaw.cli.tables import amount, make_console

    console, content = make_console(), found.to_dict()
    trained, planned = content["trained"], content["planned"]
    sizes = [f"{amount(trained[k])} {k} (planned {amount(planned[k])})" for k in ("params", "tokens")]
    moved = f"{100 * trained['moved']:.1f}% of the tokens elsewhere than planned"
    console.print(f"{trained['runs']} run{'s' * (trained['runs'] != 1)} of the plan: {', '.join(sizes)}, {moved}")
    console.print()
    console.print(_losses(content["targets"] | {"objective": content["objective"]}))
    if content["differences"]:
        console.print()
        console.print(_differences(content["differences"]))
    console.print()
    for key, words in (("planned", "the plan's"), ("as_trained", "as trained, with the runs' noise")):
        count = content["intervals"][key]
        if count["of"]:
            console.print(f"[bold]{count['held']} of {count['of']} intervals held[/bold] ({words})")
    console.print(f"the plan's verdict was: {content['verdict']}{_confirmed(content)}")
    for note in content["notes"]:
        console.print(f"note: {escape(note)}")


def _losses(rows: dict[str, Any]) -> Any:
    from rich.markup import escape

    from mixlaw.cli.tables import make_table, nats

    table = make_table("loss", "planned", "held", "as trained", "90% interval", "held", "measured", names=rows)
    for name, row in rows.items():
        planned, trained = row["planned"], row["as_trained"]
        cells = [nats(planned["mean"]), _held(row["held"]["planned"]), "–", "–", _held(row["held"]["as_trained"])]
        if trained is not None:
            cells[2:4] = [nats(trained["mean"]), _span(trained)]
        table.add_row(escape(name), *cells, nats(row["measured"]))
    return table


def _differences(rows: dict[str, Any]) -> Any:
    from rich.markup import escape

    from mixlaw.cli.tables import make_table, nats

    table = make_table("worse by", "planned", "held", "as trained", "90% interval", "held", "measured", names=rows)
    for name, row in rows.items():
        planned, trained = row["planned"], row["as_trained"]
        cells = ["–" if planned is None else nats(planned["mean"]), _held(row["held"]["planned"])]
        cells += ["–", "–"] if trained is None else [nats(trained["mean"]), _span(trained)]
        table.add_row(escape(name), *cells, _held(row["held"]["as_trained"]), nats(row["measured"]))
    return table


def _held(held: bool | None) -> str:
    return "–" if held is None else "yes" if held else "[red]no[/red]"


def _span(band: dict[str, Any]) -> str:
    from mixlaw.cli.tables import nats

    return f"{nats(band['low'])}–{nats(band['high'])}"


def _confirmed(content: dict[str, Any]) -> str:
    """Whether the plan's run is the better one of those measured."""
    known = {name: row for name, row in content["differences"].items() if row["measured"] is not None}
    if not known:
        return ""
    name = min(known, key=lambda name: known[name]["measured"])
    gap, beyond = known[name]["measured"], known[name]["beyond_noise"]
    noise = {None: "", True: ", beyond the runs' noise", False: ", within the runs' noise"}[beyond]
    return f"; measured, its run is {'better' if gap > 0 else 'worse'} than {name} by {abs(gap):.4f} nats{noise}"
