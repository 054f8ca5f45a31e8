"""What samples of text say, for a terminal: a plan without runs, the price of a new source."""

from rich.markup import escape

from mixlaw.appraisal import Appraisal
from mixlaw.cli.tables import amount, make_console, make_table, percent
from mixlaw.planning.plan import Plan


def print_nearest(plan: Plan) -> None:
    """A plan without runs: the nearest mixtures side by side, the one that is recommended first."""
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
    """The price of a new source, and what it does to the other shares."""
    console, content = make_console(), found.to_dict()
    each, gain, low_high = content["gain_per_token"], content["gain"], content["best_share_interval"]
    table = make_table(escape(content["name"]), "", "90% interval", names=["loss it takes off, nats"])
    table.add_row("best share", percent(content["best_share"]), "–".join(map(percent, low_high)))
    worth, ends = content["worth_tokens"], content["worth_tokens_interval"]
    table.add_row("tokens worth having", amount(worth), "–" if ends is None else "–".join(map(amount, ends)))
    for name, band, digits in (("loss it takes off, nats", gain, ".4f"), ("the same per token of it", each, ".2e")):
        told = (
            ("–", "–")
            if band is None
            else (f"{band['mean']:{digits}}", f"{band['low']:{digits}}–{band['high']:{digits}}")
        )
        table.add_row(name, *told)
    console.print(table)
    for point in content["curve"] or ():
        console.print(f"the first {amount(point['tokens'])} tokens take off {point['gain']:.4f} nats")
    shares = sorted(content["mixture"].items(), key=lambda item: -item[1])
    console.print(f"mixture with it: {', '.join(f'{escape(name)} {percent(share)}' for name, share in shares)}")
    for note in content["notes"]:
        console.print(f"note: {escape(note)}")
