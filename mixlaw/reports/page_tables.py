"""Tables of the page: sources, targets, shadow prices, near-optimal mixtures, path, leaderboard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_types import Alternative, Prediction, SourcePrice
from mixlaw.reports.formats import known
from mixlaw.reports.inputs import ReportInputs
from mixlaw.validation.leaderboard import EntryRecord


@dataclass(frozen=True)
class SourceRow:
    """One source of the plan; None for what is not known.

    Attributes:
        at: position in the plan's order of sources.
        share, low, high: share of the tokens, with its 90% interval.
        tokens, epochs: of the planned run.
        proportional: share in the proportional mixture.
        near: smallest and largest share in near-optimal mixtures.
        binding: name of the bound that the share is at.
        cap, max: largest number of epochs, and largest share.
        seen: largest number of epochs in the runs.
        available: unique tokens.
    """

    at: int
    name: str
    share: float
    low: float
    high: float
    tokens: float | None
    epochs: float | None
    proportional: float | None
    near: Sequence[float] | None
    binding: str | None
    cap: float | None
    seen: float | None
    max: float | None
    available: float | None


def source_rows(inputs: ReportInputs) -> list[SourceRow]:
    """One row for each source, the largest share first."""
    plan, fit = inputs.plan, inputs.fit
    other = plan.baselines.get("proportional")
    proportional = {} if other is None else other.mixture
    near = {} if plan.near_optimal is None else plan.near_optimal.range
    seen = {} if fit is None else dict(zip(fit.sources, fit.support.epochs_S.tolist(), strict=True))
    rows = []
    for at, (name, share) in enumerate(plan.mixture.items()):
        cap = (plan.caps or {}).get(name)
        epochs, tokens = (plan.epochs or {}).get(name), (plan.tokens_by_source or {}).get(name)
        low, high = (plan.interval or {})[name]
        rows.append(
            SourceRow(
                at=at,
                name=name,
                share=share,
                low=low,
                high=high,
                tokens=tokens,
                epochs=epochs,
                proportional=proportional.get(name),
                near=near.get(name),
                binding=None if cap is None else cap.binding,
                cap=None if cap is None else cap.max_epochs,
                seen=seen.get(name),
                max=None if cap is None else cap.max,
                available=tokens / epochs if tokens and epochs else None,
            )
        )
    return sorted(rows, key=lambda row: -row.share)


def scale_of(values: Iterable[float | None]) -> float:
    """The largest of some numbers, for the common scale of bars; 1 if none is above 0."""
    return max((float(x) for x in values if x is not None and known(x)), default=0.0) or 1.0


def share_scale(rows: Sequence[SourceRow]) -> float:
    """Share at the right end of the bars."""
    return scale_of(x for row in rows for x in (row.high, row.share, row.proportional))


def epochs_scale(rows: Sequence[SourceRow]) -> float:
    """Epochs at the right end of the bars. Caps far above the epochs are ignored: they would shorten all bars."""
    most = max(scale_of(row.epochs for row in rows), 1.0)
    near = [row.cap for row in rows if row.cap is not None and row.cap <= max(1.5, 2 * most)]
    return 1.05 * max([most, *near])


@dataclass(frozen=True)
class TargetRow:
    """One target: weight, predicted loss with its 90% interval, and losses measured by `--check`, nats per token."""

    name: str
    weight: float
    mean: float
    low: float
    high: float
    recommended: float | None
    proportional: float | None


def target_rows(plan: Plan, predicted: Prediction) -> list[TargetRow]:
    """One row for each target, in the plan's order."""
    weights, check = plan.provenance.targets, plan.check
    measured, plain = ({}, {}) if check is None else (check.recommended, check.proportional)
    return [
        TargetRow(name, weights[name], band.mean, band.low, band.high, measured.get(name), plain.get(name))
        for name, band in predicted.loss.items()
    ]


def price_rows(plan: Plan) -> list[tuple[str, SourcePrice]]:
    """Sources with a shadow price or a gain from more tokens, the largest effect first."""
    prices = {} if plan.worth is None else plan.worth.sources or {}
    rows = [(name, price) for name, price in prices.items() if price.per_share or price.doubled]
    return sorted(rows, key=lambda row: -max(row[1].doubled or 0.0, abs(row[1].per_share or 0.0) * 0.01))


@dataclass(frozen=True)
class ShareRange:
    """Share of a source in the plan, and its range among near-optimal mixtures."""

    name: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Alternatives:
    """Near-optimal mixtures.

    Attributes:
        regret: nats per token by which they may be worse than the plan.
        ranges: of each source. scale: share at the right end of the bars.
        mixtures: some of them.
    """

    regret: float
    ranges: list[ShareRange]
    scale: float
    mixtures: tuple[Alternative, ...]


def alternatives(plan: Plan, rows: Sequence[SourceRow]) -> Alternatives | None:
    """Near-optimal mixtures, with sources in the order of the rows; None if the plan has none."""
    near = plan.near_optimal
    if near is None:
        return None
    ranges = [ShareRange(row.name, row.share, *near.range[row.name]) for row in rows]
    return Alternatives(near.regret, ranges, scale_of(one.high for one in ranges), near.mixtures)


def path_rows(plan: Plan) -> list[tuple[str, list[float]]]:
    """For each source its shares in the optimum at each budget of the path, the sources that change most first.

    Empty if the path has fewer than two budgets.
    """
    path = plan.path or ()
    if len(path) < 2:
        return []
    rows = [(name, [point.mixture[name] for point in path]) for name in plan.mixture]
    return sorted(rows, key=lambda row: min(row[1]) - max(row[1]))


@dataclass(frozen=True)
class BoardTable:
    """One table of the leaderboard. targets: how many it has; scale: error at the right end of the bars."""

    title: str
    targets: int
    entries: tuple[EntryRecord, ...]
    scale: float


def board_tables(inputs: ReportInputs) -> list[BoardTable]:
    """The tables of the leaderboard; empty without one."""
    titles = {"mixtures": "Mixtures held out"}
    found = []
    for board in () if inputs.leaderboard is None else inputs.leaderboard.boards:
        title = titles.get(board.judged, "Fitted on smaller sizes, judged at the largest, on mixtures held out")
        scale = scale_of(entry.mean["mae"] for entry in board.entries)
        found.append(BoardTable(title, len(board.targets), board.entries, scale))
    return found
