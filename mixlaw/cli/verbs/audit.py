"""The verb `mixlaw audit`: weights, sources and tokens into an `Audit`, printed as one table with its errors last."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixlaw.cli.inputs import counted, plan_sources, read_plan_at, with_documents
from mixlaw.cli.options import reads_text
from mixlaw.cli.verbs.export import Samples
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from rich.console import Console

    from mixlaw.auditing.audit_weights import Audit
    from mixlaw.fitting.fit_result import Fit
    from mixlaw.planning.plan import Plan
    from mixlaw.project.sources import Sources


@reads_text
def audit_weights(
    weights: Annotated[Path, typer.Argument(help="weights file of a trainer, or a plan.json")],
    project: Annotated[
        Path | None, typer.Option(help="project file; default: that of --plan, else mixlaw.yaml")
    ] = None,
    tokens: Annotated[
        float | None, typer.Option(help="D, the training tokens; default: the plan's or the project's")
    ] = None,
    trainer: Annotated[
        str | None, typer.Option("--from", help="trainer whose format the file has; default: detected")
    ] = None,
    samples: Samples = None,
    plan: Annotated[Path | None, typer.Option(help="plan.json or its folder, to compare with")] = None,
    fit: Annotated[Path | None, typer.Option(help="fit.json to predict losses with; default: the plan's")] = None,
    params: Annotated[float | None, typer.Option(help="N of the run; default: the plan's")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit with code 2 if there is an error")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Check weights before a run: epochs of every source, violated caps, and the losses that a fit predicts."""
    from mixlaw.auditing.audit_weights import AuditOptions, audit
    from mixlaw.cli.output import say

    read = None if plan is None else read_plan_at(plan)
    D = tokens if tokens is not None else _stated_tokens(read, project)
    sources = _sources(weights, project, read, D, trainer, samples)
    found = audit(weights, sources, D, AuditOptions(trainer, samples, read, _fit(fit, plan), params))
    print(json.dumps(found.to_dict(), indent=1)) if as_json else print_audit(found)
    if as_json or _goes_elsewhere():  # errors are printed to stderr too, for those who redirect the report
        for error in found.errors[int(strict) :]:  # a strict audit exits with the first
            say(f"ERROR {error}")
    if strict and found.errors:
        first, *others = found.errors
        raise MixlawError(f"{weights}: {first}{f' (and {len(others)} more)' * bool(others)}")


def _stated_tokens(plan: "Plan | None", project: Path | None) -> float:
    """D of the plan, else of the project's budget."""
    from mixlaw.project.project_file import read_project

    D = None if plan is None else plan.to_dict().get("tokens")
    project = project or (_here() if plan is None else None)
    if D is None and project is not None and (budget := read_project(project).budget) is not None:
        D = budget.tokens
    if D is None:
        raise MixlawError(
            "audit: --tokens is missing: give D, the training tokens, a --plan that has them, or a --project whose "
            "budget states them"
        )
    return D


def _here() -> Path | None:
    """The mixlaw.yaml of this folder, which is the project if none is named."""
    return Path("mixlaw.yaml") if Path("mixlaw.yaml").exists() else None


def _goes_elsewhere() -> bool:
    """True if stdout is redirected to another place than stderr, such as a file."""
    if sys.stdout.isatty():
        return False
    try:
        out, err = (os.fstat(stream.fileno()) for stream in (sys.stdout, sys.stderr))
    except OSError:  # no files at all, as in a test or a notebook
        return True
    return not os.path.samestat(out, err)


def _sources(
    weights: Path, project: Path | None, plan: "Plan | None", D: float, trainer: str | None, samples: str | None
) -> "Sources":
    """The audited sources, with their documents counted if the weights count documents."""
    from mixlaw.exporters.reading import counts_of
    from mixlaw.project.project_file import read_project

    if plan is not None:
        sources, folder = plan_sources(plan, project, D)
    elif (project := project or _here()) is not None:
        read = counted(read_project(project))
        sources, folder = read.sources, read.folder
    else:
        raise MixlawError("audit: give --project, or a --plan that records its sources")
    if counts_of(weights, trainer, samples) == "documents":
        sources = with_documents(sources, sources.names, folder)
    return sources


def _fit(fit: Path | None, plan: Path | None) -> "Fit | None":
    """The named fit, else the one next to the plan; None, with a note, if that cannot be read."""
    from mixlaw.cli.output import say
    from mixlaw.fitting.fit_result import read_fit

    if fit is not None or plan is None:
        return None if fit is None else read_fit(fit)
    beside = (plan if plan.is_dir() else plan.parent) / "fit.json"
    try:
        return read_fit(beside)
    except MixlawError as error:
        say(f"note: losses are not predicted, give --fit: {error}")
        return None


def print_audit(found: "Audit") -> None:
    """Shares, epochs and caps by source next to the plan's; losses, notes, and errors last."""
    from rich.markup import escape

    from mixlaw.auditing.audit_weights import USELESS_EPOCHS, passes
    from mixlaw.cli.tables import amount, make_console, make_table, percent

    console, violated = make_console(), {cap.source: cap for cap in found.caps}
    beside = ("plan", "its epochs") if found.plan else ()
    asked = found.asked.mixture if found.trainer is not None and found.asked is not None else None
    shares = ("share",) if asked is None else ("asked", "realised")
    table = make_table("source", *shares, "tokens", "epochs", *beside, "", names=found.mixture)
    table.columns[-1].justify = "left"
    for name, share in found.mixture.items():
        cap, cells = violated.get(name), []
        if found.plan:
            cells = [percent(found.plan.mixture[name]), _passes(found.plan.epochs[name])]
        useless = (found.epochs[name] or 0.0) > USELESS_EPOCHS
        alarm = f"[red]no gain past {USELESS_EPOCHS:g}[/red]" if useless else ""
        if cap is not None:
            alarm = f"[red]{cap.cap} {cap.limit:g} is broken: {passes(cap.value)}[/red]"
        given = [] if asked is None else [percent(asked[name])]
        row = (*given, percent(share), amount(found.tokens_by_source[name]), _passes(found.epochs[name]), *cells, alarm)
        table.add_row(escape(name), *row)
    console.print(table)
    _print_losses(console, found)
    for note in found.notes:
        console.print(f"note: {escape(note)}")
    for error in found.errors:
        console.print(f"[bold red]ERROR[/bold red] {escape(error)}", soft_wrap=True)


def _passes(epochs: float | None) -> str:
    from mixlaw.auditing.audit_weights import passes

    return "–" if epochs is None else passes(epochs)


def _print_losses(console: "Console", found: "Audit") -> None:
    """Predicted losses under the weights and under the plan."""
    from rich.markup import escape

    from mixlaw.cli.tables import make_table, nats

    if found.predicted is None:
        return
    columns = ("plan", "worse by", "90% interval") if found.plan else ()
    rows = found.predicted.loss | {"objective": found.predicted.objective}
    table = make_table("predicted", "loss", *columns, names=rows)
    for name, row in rows.items():
        cells = [nats(row.audited)]
        if row.difference is not None:
            gap = row.difference
            span = "–" if gap.low is None else f"{nats(gap.low)}–{nats(gap.high)}"
            cells += [nats(row.plan), nats(gap.mean), span]
        table.add_row(escape(name), *cells)
    console.print()
    console.print(table)
