"""Results of text samples, for a terminal: a plan without runs, the value of a new source."""

from rich.markup import escape

from mixlaw.appraisal import Appraisal
from mixlaw.cli.tables import amount, make_console, make_table, percent
from mixlaw.planning.plan import Plan


def print_nearest(plan: Plan) -> None:
    """A plan without runs: the nearest mixture by each distance, the recommended one first."""
    console, content = make_console(), plan.to_dict()
    by = content["transport"]["by"]
    others = [name for name in content["transport"]["distances"] if name != by]
    mixture = dict(sorted(content["mixture"].items(), key=lambda item: -item[1]))
    table = make_table("source", "proportional", by, "90% interval", "epochs", *others, names=mixture)
    proportional = (content["baselines"]["proportional"] or {}).get("mixture", {})
    for name, share in mixture.items():
        band = (content["interval"] or {}).get(name)
        passes = (content["epochs"] or {}).get(name)
        table.add_row(
            escape(name),
            percent(proportional.get(name)),
            percent(share),
            "–" if band is None else f"{100 * band[0]:.1f}–{100 * band[1]:.1f}%",
            "–" if passes is None else f"{passes:.2f}",
            *(percent(content["transport"]["distances"][other]["mixture"][name]) for other in others),
        )
    console.print(table)
    console.print(f"\n[bold]verdict: {content['verdict']}[/bold], transport optimum without runs")
    for note in content["notes"]:
        console.print(f"note: {escape(note)}")


def print_appraisal(found: Appraisal) -> None:
    """The value of a new source, and the shares of the plan with it."""
    console = make_console()
    table = make_table(escape(found.name), "", "90% interval", names=["loss it takes off, nats"])
    table.add_row("best share", percent(found.best_share), "–".join(map(percent, found.best_share_interval)))
    ends = found.worth_tokens_interval
    tokens = "–" if ends is None else "–".join(map(amount, ends))
    table.add_row("tokens worth having", amount(found.worth_tokens), tokens)
    gains = (("loss it takes off, nats", found.gain, ".4f"), ("the same per token of it", found.gain_per_token, ".2e"))
    for name, gain, digits in gains:
        cells = ("–", "–")
        if gain is not None:
            cells = (f"{gain.mean:{digits}}", f"{gain.low:{digits}}–{gain.high:{digits}}")
        table.add_row(name, *cells)
    console.print(table)
    for point in found.curve or ():
        console.print(f"the first {amount(point.tokens)} tokens take off {point.gain:.4f} nats")
    shares = sorted(found.mixture.items(), key=lambda item: -item[1])
    console.print(f"mixture with it: {', '.join(f'{escape(name)} {percent(share)}' for name, share in shares)}")
    for note in found.notes:
        console.print(f"note: {escape(note)}")
