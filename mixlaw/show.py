"""Tables for a terminal: at most 80 columns, plain when piped."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixlaw.audit import Audit
from mixlaw.fitted import Fit
from mixlaw.plan import Plan

BAR = 12
"""Characters of a bar for a share of 100%."""


def _console() -> Console:
    console = Console(highlight=False, markup=True)
    return console if console.is_terminal and console.width < 80 else Console(highlight=False, width=80)


def _table(*columns: str, title: str | None = None) -> Table:
    """A table whose first column is text and whose others are numbers."""
    table = Table(title=title, box=None, pad_edge=False, title_justify="left", header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", overflow="fold", no_wrap=bool(i))
    return table


def amount(x: float | None) -> str:
    """A count in few characters, such as 3.2M; a dash where there is none."""
    if x is None:
        return "–"
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if x >= size:
            return f"{x / size:.3g}{unit}"
    return f"{x:.3g}"


def _percent(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.1f}"


def print_plan(plan: Plan) -> None:
    """The recommendation as tables: shares, baselines, what to know."""
    console, content = _console(), plan.to_dict()
    console.print(_shares(content))
    console.print()
    console.print(_headline(content))
    console.print(_baselines(content))
    if content.get("check"):
        console.print()
        console.print(_check(content))
    for note in content["notes"]:
        console.print(f"note: {escape(note)}")


def _shares(content: dict[str, Any]) -> Table:
    table = _table("source", "available", "proportional %", "recommended %", "90% interval", "epochs", "")
    table.columns[-1].justify = "left"
    proportional = (content["baselines"]["proportional"] or {}).get("mixture", {})
    epochs, by_source = content["epochs"] or {}, content["tokens_by_source"] or {}
    for name, share in sorted(content["mixture"].items(), key=lambda item: -item[1]):
        passes, (low, high) = epochs.get(name), content["interval"][name]
        available = by_source[name] / passes if passes and name in by_source else None
        table.add_row(
            escape(name),
            amount(available),
            _percent(proportional.get(name)),
            _percent(share),
            f"{100 * low:.1f}–{100 * high:.1f}",
            "–" if passes is None else f"{passes:.2f}",
            "█" * round(BAR * share),
        )
    return table


def _headline(content: dict[str, Any]) -> str:
    law, held = content["law"]["name"], content["law"]["held_out"]
    at = "at the runs' scale"
    if content["params"] is not None:
        at = f"at {amount(content['params'])} parameters, {amount(content['tokens'])} tokens"
    error = (
        ""
        if held is None
        else f", held-out error {held['mae']:.4f} nats (mean of the runs: {held['baseline_mae']:.4f})"
    )
    return (
        f"[bold]verdict: {content['verdict']}[/bold]  {at}, predicted {content['predicted']['objective']:.4f} nats\n"
        f"law {law}{error}, certified within {content['certificate']['gap']:.1e} of its optimum"
    )


def _baselines(content: dict[str, Any]) -> Table:
    table = _table("baseline", "predicted", "worse by", "90% interval", "")
    for name, baseline in content["baselines"].items():
        if baseline is None:
            table.add_row(name, "–", "–", "–", "")
            continue
        d = baseline["difference"]
        flag = "" if baseline["feasible"] else "breaks a bound"
        table.add_row(name, f"{baseline['objective']:.4f}", f"{d['mean']:.4f}", f"{d['low']:.4f}–{d['high']:.4f}", flag)
    return table


def _check(content: dict[str, Any]) -> Table:
    check, predicted = content["check"], content["predicted"]["loss"]
    table = _table("check: trained at the budget", "predicted", "measured", "proportional measured")
    for target, loss in check["recommended"].items():
        table.add_row(
            escape(target),
            f"{predicted[target]['mean']:.4f}",
            f"{loss:.4f}",
            f"{check['proportional'][target]:.4f}",
        )
    d = check["difference"]
    table.add_row(
        "proportional - recommended",
        f"{d['predicted']:.4f} ({d['low']:.4f}–{d['high']:.4f})",
        f"{d['measured']:.4f}",
        "",
    )
    return table


def print_fit(fitted: Fit) -> None:
    """Parameters by target and how far the fit is to be believed."""
    console = _console()
    console.print(f"[bold]{fitted.law.name}[/bold]: {escape(fitted.law.equation)}")
    table = _table("target", "noise %", "starts agree %", "parameters")
    for k, target in enumerate(fitted.targets):
        agree = fitted.diagnostics.starts_agree_K[k]
        degrees = fitted.diagnostics.degrees_K[k]
        table.add_row(
            escape(target), f"{100 * fitted.sigma_K[k]:.2f}", f"{100 * agree:.0f}", f"{degrees:.1f} effective"
        )
    console.print(table)
    for note in fitted.notes:
        console.print(f"note: {escape(note)}")


def print_audit(found: Audit) -> None:
    """Epochs by source, and which caps are broken."""
    console, broken = _console(), {cap["source"]: cap for cap in found.caps}
    table = _table("source", "share %", "tokens", "epochs", "")
    table.columns[-1].justify = "left"
    for name, share in found.mixture.items():
        epochs, cap = found.epochs[name], broken.get(name)
        alarm = "" if cap is None else f"{cap['cap']} {cap['limit']:g} is broken: {cap['value']:.3g}"
        table.add_row(escape(name), _percent(share), amount(found.tokens_by_source[name]), amount(epochs), alarm)
    console.print(table)
    for note in found.notes:
        console.print(f"note: {escape(note)}")


def print_laws(rows: list[dict[str, Any]]) -> None:
    """Every law by its command-line name, with its equation and source."""
    console = _console()
    for row in rows:
        console.print(f"[bold]{row['name']}[/bold]  {escape(row['source'])}; needs {', '.join(row['needs'])}")
        console.print(f"    {escape(row['equation'])}")
