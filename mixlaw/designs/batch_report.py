"""Sections of the report on a batch of next runs: one frozen dataclass for each object that `mixlaw design` prints."""

from dataclasses import dataclass, field

from mixlaw.io.section import OPTIONAL_KEY, Section
from mixlaw.planning.plan_types import Band


@dataclass(frozen=True, eq=False)
class SizeReport(Section):
    """The batch at one size.

    Attributes:
        params, tokens: N and D of each run; None if not known.
        flops: compute of all runs of the batch.
        gain: expected decrease of the plan's regret, nats per token.

    >>> SizeReport(1e7, 2e8, 9.6e16, 0.002).gain
    0.002
    """

    params: float | None
    tokens: float | None
    flops: float | None
    gain: float


@dataclass(frozen=True, eq=False)
class RegretReport(Section):
    """Expected regret of the plan in nats per token: now, after the batch, and after each of its runs.

    >>> RegretReport(0.01, 0.006, [0.008, 0.006]).after
    0.006
    """

    now: float
    after: float
    after_each: list[float]


@dataclass(frozen=True, eq=False)
class PoolReport(Section):
    """The plan, if it is one of a pool of mixtures.

    Attributes:
        row: row of the plan in the pool, from 1.
        measured: True if runs of it have a loss on every target.
        objective: measured or predicted, nats per token.
        rows: rows of the batch.

    >>> PoolReport(3, True, 2.1, [1, 2]).row
    3
    """

    row: int
    measured: bool
    objective: float
    rows: list[int]


@dataclass(frozen=True, eq=False)
class Until(Section):
    """How many more runs until the verdict is likely to be other than a tie.

    Attributes:
        verdict: the present one, by the fit's intervals (better, tie or unknown).
        rival: the best feasible baseline; None if there is none.
        difference: the rival's predicted objective minus the plan's.
        runs: number of further runs; None if it cannot be predicted.
        eventually: probability that the verdict is *better* after any number of such runs.
        reason: in words.

    >>> Until("tie", "uniform", Band(0.01, -0.01, 0.03), 12, 0.8, "more runs are needed").runs
    12
    """

    verdict: str
    rival: str | None
    difference: Band | None
    runs: int | None
    eventually: float | None
    reason: str


@dataclass(frozen=True, eq=False)
class BatchReport(Section):
    """A batch of next runs and the reasons for it.

    Attributes:
        method: how it was chosen. batch: number of runs.
        size, sizes: the batch at the size to run at, and at every size of the table.
        regret: of the plan, now and after the batch.
        mixture: of the present plan.
        pool: the plan's place in the pool, if it is one of a pool.
        spread: median share of tokens by which optima of the bootstrap refits differ from the plan; None for a pool.
        until_verdict: None for a pool.
        notes: for the user, one line each.

    >>> BatchReport.from_dict({"method": "thompson", "batch": 1}).method
    'thompson'
    """

    method: str
    batch: int
    size: SizeReport
    sizes: tuple[SizeReport, ...]
    regret: RegretReport
    mixture: dict[str, float]
    pool: PoolReport | None = field(metadata=OPTIONAL_KEY)
    spread: float | None
    until_verdict: Until | None
    notes: tuple[str, ...]
