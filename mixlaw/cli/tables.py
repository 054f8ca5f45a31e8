"""Tables for a terminal: at most 80 columns; piped, plain text without colours or blanks at the ends of lines."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mixlaw.errors import printable, short

if TYPE_CHECKING:  # `mixlaw laws` prints its table without importing JAX and pandas
    from mixlaw.fitting.fit_result import Fit
    from mixlaw.laws import Law, Reference
    from mixlaw.planning.plan import Plan
    from mixlaw.planning.plan_types import Band, Check, CheckedDifference
    from mixlaw.validation.leaderboard import Leaderboard

BAR_CHARACTERS = 8
"""Length in characters of the bar for the largest share."""
EIGHTHS = " ▏▎▍▌▋▊▉"
"""Last characters of a bar, by eighths."""
ASCII = {**dict.fromkeys("–−", "-"), "█": "#", **dict.fromkeys(EIGHTHS[5:], "#"), **dict.fromkeys(EIGHTHS[1:5], "")}
"""Replacements for characters that the output's encoding lacks."""
WIDTH = 80
MAX_NAME = 32
"""Largest number of characters of a name on one line."""


class _Output:
    """Standard output for Rich: characters that its encoding lacks are replaced; if piped, lines have no trailing
    blanks."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.encoding = stream, stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        if not self.isatty():
            text = re.sub(r" +$", "", text, flags=re.MULTILINE)
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            plain = text.translate(str.maketrans(ASCII))
            text = plain.encode(self.encoding, "replace").decode(self.encoding)
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()


class _Printed(Console):
    """A console that prints no control character of names and notes; `escape` leaves them in."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def make_console() -> Console:
    out: Any = _Output(sys.stdout)
    options = {"file": out, "highlight": False, "emoji": False}
    console = _Printed(**options)
    return console if console.is_terminal and console.width < WIDTH else _Printed(**options, width=WIDTH)


def make_table(*columns: str, names: Iterable[str] = (), most: int = MAX_NAME) -> Table:
    """A table with `names` in its first column, folded beyond `most` characters, and numbers in the others."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    widest = min(most, max(map(cell_len, (columns[0], *names))))
    table.add_column(columns[0], overflow="fold", min_width=widest)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def amount(x: float | None) -> str:
    """A count in few characters, such as 3.2M; a dash for None."""
    return "–" if x is None else short(x)


def percent(x: float | None) -> str:
    return "–" if x is None else f"{100 * x:.1f}%"


def nats(x: float | None) -> str:
    return "–" if x is None else f"{x:.4f}"


def print_plan(plan: Plan) -> None:
    """Print the recommendation as tables of shares and baselines, with notes."""
    console = make_console()
    console.print(_shares(plan))
    console.print()
    console.print(_headline(plan))
    for line in _value_lines(plan):
        console.print(line)
    console.print(_baselines(plan))
    if plan.check is not None:
        console.print()
        console.print(_check(plan, plan.check))
    for note in plan.remarks:
        console.print(f"note: {escape(note)}")


def _value_lines(plan: Plan) -> list[str]:
    """The gain as a multiple of compute, near-optimal ranges of the shares, and the gain under other laws."""
    lines, near, span = [], plan.near_optimal, plan.bracket
    if plan.speed_up is not None:
        low = plan.speed_up.low
        mean, least, most = (_multiple(x) for x in (plan.speed_up.mean, low, plan.speed_up.high))
        needs = f"{mean} ({least}–{most})" if low is not None and np.isfinite(low) else "over 10,000"
        lines.append(f"proportional needs {needs} times the compute to be as good")
    if near is not None:
        order = sorted(near.range, key=lambda name: near.range[name][0] - near.range[name][1])
        ranges = [f"{escape(n)} {100 * near.range[n][0]:.0f}–{100 * near.range[n][1]:.0f}%" for n in order[:4]]
        lines.append(f"within {near.regret:g} nats: {', '.join(ranges)}")
    if span is not None:
        lines.append(f"gain on {span.against} by law: {span.low:.4f}–{span.high:.4f} nats")
    return lines


def _multiple(x: float | None) -> str:
    """A multiple of compute as text; None and infinity are above the largest multiple searched."""
    return ">10,000" if x is None or not np.isfinite(x) else f"{x:.3g}"


def _shares(plan: Plan) -> Table:
    """One row per source, the largest share first; bars are relative to it. Long names take several lines."""
    mixture = dict(sorted(plan.mixture.items(), key=lambda item: -item[1]))
    columns = ("source", "unique", "proportional", "  plan", "90% interval", "epochs")  # no number is wider
    table = make_table(
        *columns, names=mixture, most=WIDTH - sum(map(len, columns[1:])) - BAR_CHARACTERS - 2 * len(columns)
    )
    table.add_column("", no_wrap=True, min_width=BAR_CHARACTERS)
    other = plan.baselines.get("proportional")
    proportional = {} if other is None else other.mixture
    epochs, by_source, interval = plan.epochs or {}, plan.tokens_by_source or {}, plan.interval or {}
    largest = max(mixture.values())
    for name, share in mixture.items():
        passes, (low, high) = epochs.get(name), interval[name]
        available = by_source[name] / passes if passes and name in by_source else None
        table.add_row(
            escape(name),
            amount(available),
            percent(proportional.get(name)),
            percent(share),
            f"{100 * low:.1f}–{100 * high:.1f}%",
            "–" if passes is None else f"{passes:.2f}" if passes < 999 else short(passes),
            _bar(share / largest),
        )
    return table


def _bar(part: float) -> str:
    """A bar for a part of the largest share, to an eighth of a character."""
    whole, eighths = divmod(round(8 * BAR_CHARACTERS * part), 8)
    return "█" * whole + (EIGHTHS[eighths] if eighths else "")


def _headline(plan: Plan) -> str:
    verdict, rest = f"verdict: {plan.verdict}", escape(plan.summary())
    return f"[bold]{verdict}[/bold]{rest.removeprefix(verdict)}"


def _baselines(plan: Plan) -> Table:
    table = make_table("baseline", "predicted", "worse by", "90% interval", "")
    for name, baseline in plan.baselines.items():
        if baseline is None or baseline.difference is None:
            table.add_row(name, "–", "–", "–", "")
            continue
        d = baseline.difference
        flag = "" if baseline.feasible else "breaks a bound"
        table.add_row(name, nats(baseline.objective), f"{d.mean:.4f}", f"{d.low:.4f}–{d.high:.4f}", flag)
    return table


def _check(plan: Plan, check: Check) -> Table:
    predicted = check.interval  # earlier versions wrote no intervals of single runs
    if predicted is None:
        predicted = {} if plan.predicted is None else plan.predicted.loss
    table = make_table("check", "predicted", "90% interval", "measured", "proportional", "", names=predicted)
    for target, loss in check.recommended.items():
        p, other = predicted[target], check.proportional[target]
        table.add_row(escape(target), f"{p.mean:.4f}", *_band(p, loss, f"{other:.4f}"))
    d = check.difference
    table.add_row("proportional worse by", f"{d.predicted:.4f}", *_band(d, d.measured, ""))
    return table


def _band(found: Band | CheckedDifference, measured: float, other: str) -> tuple[str, str, str, str]:
    """Cells for an interval, the measured value, another value, and "outside" if the interval misses the measured."""
    flag = "" if found.low <= measured <= found.high else "outside"
    return f"{found.low:.4f}–{found.high:.4f}", f"{measured:.4f}", other, flag


def print_fit(fitted: Fit) -> None:
    """Print the noise, agreement of the starts and effective parameters of each target, and notes."""
    console = make_console()
    console.print(f"[bold]{fitted.law.name}[/bold]: {escape(fitted.law.equation)}")
    table = make_table("target", "noise", "starts agree", "parameters", names=fitted.targets)
    for k, target in enumerate(fitted.targets):
        agree = fitted.diagnostics.starts_agree_K[k]
        degrees = fitted.diagnostics.degrees_K[k]
        known = (f"{100 * agree:.0f}%", f"{degrees:.1f} effective") if np.isfinite(degrees) else ("–", "none")
        table.add_row(escape(target), f"{100 * fitted.sigma_K[k]:.2f}%", *known)
    console.print(table)
    if stated := fitted.to_dict()["objective"]:
        deltas = sorted(stated["huber_delta"].values())
        span = f"{deltas[0]:.2g}" if deltas[0] == deltas[-1] else f"{deltas[0]:.2g} to {deltas[-1]:.2g}"
        console.print(f"{stated['kind']}, Huber's delta {span} of log-loss")
    for note in fitted.notes:
        console.print(f"note: {escape(note)}")


LEGEND = (
    "MAE, bias, rg@k in nats per token, means over targets. slope: of observed on predicted differences between "
    "mixtures (1 is right). rank: Spearman. rg@k: loss of the best of the k mixtures predicted lowest, above the best. "
    "cov: of 90% intervals. s: seconds."
)


def print_leaderboard(board: Leaderboard) -> None:
    """Print each board as a table, best first, with notes."""
    console = make_console()
    for part in board.boards:
        title = f"mixtures held out ({len(part.targets)} targets)"
        if part.name != "mixtures":
            title = "fitted on smaller sizes, tested on held-out mixtures at the largest"
        console.print(f"[bold]{title}[/bold]")
        columns = ("MAE", "bias", "slope", "rank", "rg@1", "rg@5", "cov", "s")
        table = make_table("law", *columns, names=[entry.name for entry in part.entries])
        for entry, mean in zip(part.entries, part.means, strict=True):
            table.add_row(
                f"[bold]{entry.name}[/bold]" if entry.kind == "auto" else escape(entry.name),
                *(_figure(mean[m], digits) for m, digits in (("mae", 4), ("bias", 3), ("slope", 2), ("spearman", 2))),
                *(_figure(mean[m], 3) for m in ("regret_1", "regret_5")),
                f"{100 * mean['coverage']:.0f}%",
                f"{entry.seconds:.0f}",
            )
        console.print(table)
        console.print()
    console.print(LEGEND)
    reasons: dict[str, list[str]] = {}
    for name, reason in board.skipped.items():
        reasons.setdefault(reason.replace(f"the law {name}", "the law").replace(name, "the law"), []).append(name)
    for reason, names in reasons.items():
        console.print(f"note: {', '.join(names)} skipped: {escape(reason)}")
    for note in board.notes:
        console.print(f"note: {escape(note)}")


def _figure(x: float, digits: int) -> str:
    return "–" if x != x else f"{x:.{digits}f}" if abs(x) < 100 else f"{x:.0e}"


def print_laws(laws: Iterable[type[Law]], references: Iterable[type[Reference]]) -> None:
    """Every law and reference by its command-line name, with its equation and source."""
    console = make_console()
    for heading, kind in (("laws", laws), ("references, to compare laws with; they cannot make plans", references)):
        console.print(f"[bold]{heading}[/bold]")
        for law in kind:
            needs = ", ".join(sorted(law.needs))
            console.print(f"[bold]{law.name}[/bold]  {escape(law.source)}; needs {needs}")
            console.print(f"    {escape(law.equation)}")
