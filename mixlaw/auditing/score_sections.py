"""The sections of a `PlanScore`: one frozen dataclass for each object that `mixlaw score-plan --json` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixlaw.fitting.bootstrap import bootstrap_interval


@dataclass(frozen=True)
class Interval:
    """A mean with its 90% interval, nats per token; ends are None if the interval is not known.

    >>> Interval(2.0, 1.9, 2.1).contains(2.05), Interval(2.0).contains(2.05), Interval(2.0, 1.9, 2.1).contains(None)
    (True, None, None)
    """

    mean: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, band: Mapping[str, float] | None) -> Interval | None:
        """The interval that a plan's JSON holds; None for null."""
        return None if band is None else cls(band["mean"], band["low"], band["high"])

    @classmethod
    def of(cls, values: np.ndarray, point: float) -> Interval:
        """The 90% interval of values over bootstrap replicas (any shape), widened to contain the point prediction."""
        return cls(**bootstrap_interval(values, point))

    def contains(self, measured: float | None) -> bool | None:
        """True if the interval contains the measured value; None if either is not known."""
        if self.low is None or self.high is None or measured is None:
            return None
        return bool(self.low <= measured <= self.high)


@dataclass(frozen=True)
class Held:
    """Whether each interval contained the measured value; None if the interval or the value is not known.

    >>> Held(planned=True, as_trained=None).planned
    True
    """

    planned: bool | None
    as_trained: bool | None


@dataclass(frozen=True)
class Score:
    """One predicted number compared with the measured one, nats per token.

    Attributes:
        planned: the plan's prediction for its own mixture, without the noise of single runs.
        as_trained: the fit's prediction for the mixture, N and D as trained, with that noise; None without a fit.
        measured: mean over the runs; None if not measured.
        held: whether each interval contained `measured`.

    >>> score = Score.of(Interval(2.0, 1.9, 2.1), None, 2.2)
    >>> score.held.planned, score.held.as_trained
    (False, None)
    """

    planned: Interval | None
    as_trained: Interval | None
    measured: float | None
    held: Held

    @classmethod
    def of(
        cls, planned: Interval | None, as_trained: Interval | None, measured: float, *, same_size: bool = True
    ) -> Score:
        """The score of a measured value; nan counts as not measured.

        Args:
            same_size: False if the runs have another N or D than the plan. The planned interval then does not apply,
                and `held.planned` is None.
        """
        known = measured if math.isfinite(measured) else None
        inside = [None if band is None else band.contains(known) for band in (planned, as_trained)]
        return cls(planned, as_trained, known, Held(inside[0] if same_size else None, inside[1]))


@dataclass(frozen=True)
class DifferenceScore:
    """The objective of other runs minus that of the plan's runs; fields as in `Score`, and these:

    Attributes:
        run_ids: the other runs.
        noise: standard deviation of the difference between runs with equal expected losses; None without a fit.
        beyond_noise: True if the measured difference lies outside the 90% interval of that noise.

    >>> DifferenceScore(None, None, 0.02, Held(None, None), ("base-0",), 0.01, True).beyond_noise
    True
    """

    planned: Interval | None
    as_trained: Interval | None
    measured: float | None
    held: Held
    run_ids: tuple[str, ...]
    noise: float | None
    beyond_noise: bool | None


@dataclass(frozen=True)
class Count:
    """Number of intervals that contained the measured value, of those that could be checked.

    >>> Count.of_checks([True, None, False])
    Count(held=1, of=2)
    """

    held: int
    of: int

    @classmethod
    def of_checks(cls, held: list[bool | None]) -> Count:
        """Counted over checks; None was not checked."""
        return cls(sum(one is True for one in held), sum(one is not None for one in held))


@dataclass(frozen=True)
class Counts:
    """How many intervals held, of the plan's own and of those for the runs as trained.

    >>> Counts(Count(4, 4), Count(3, 4)).as_trained.held
    3
    """

    planned: Count
    as_trained: Count


@dataclass(frozen=True)
class ScoredRun:
    """A run of the table, and which mixture it was matched with: plan, a baseline's name, or its own id.

    >>> ScoredRun("real-0", "plan", 3e8, 6e9, {"web": 1.0}).taken_for
    'plan'
    """

    run_id: str
    taken_for: str
    params: float
    tokens: float
    mixture: dict[str, float]


@dataclass(frozen=True)
class PlannedRun:
    """The run that the plan is for: shares, N and D; None if the plan has none.

    >>> PlannedRun({"web": 1.0}, None, 6e9).tokens
    6000000000.0
    """

    mixture: dict[str, float]
    params: float | None
    tokens: float | None


@dataclass(frozen=True)
class TrainedRun:
    """The plan's runs as trained: mean shares, N and D; `moved`, the largest share of tokens that differs from the
    plan's mixture; number of runs.

    >>> TrainedRun({"web": 1.0}, 3e8, 6e9, 0.0, 2).runs
    2
    """

    mixture: dict[str, float]
    params: float
    tokens: float
    moved: float
    runs: int
