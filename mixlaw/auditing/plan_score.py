"""score_plan: compare a plan's predictions with real runs, and check whether the intervals contained the losses."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mixlaw.auditing.interval_coverage import check_difference, check_objective, check_target
from mixlaw.auditing.run_matching import SAME_MIXTURE, Forecast, MatchedRuns, check_fit, forecast, match_runs
from mixlaw.auditing.score_sections import (
    Count,
    Counts,
    DifferenceScore,
    PlannedRun,
    Score,
    ScoredRun,
    TrainedRun,
)
from mixlaw.auditing.scored_plan import ScoredPlan
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named, no_nan
from mixlaw.io.notes import null
from mixlaw.project.plan_like import PlanLike
from mixlaw.runs.measurement import check_comparable, of_provenance, unchecked
from mixlaw.runs.run_table import Runs
from mixlaw.typing import Array

SCHEMA = 1
OTHER_UNIT = 0.10
"""Losses that all match the prediction within this relative error after conversion are likely in another unit."""


@dataclass(frozen=True)
class PlanScore:
    """A plan's predictions compared with real runs. What is not known is None, with the reason in `notes`.

    Attributes:
        targets: by target, planned and as-trained interval, measured loss, and whether each interval contained it.
        objective: the same for the plan's objective.
        differences: by baseline or run, the same for its objective minus that of the plan's runs.
        intervals: number of intervals that contained the measured value, of those checked.
        verdict: the plan's.
        runs: each run, and the mixture that it was matched with.
        planned, trained: mixture, N and D of the plan, and of its runs.
        plan: hash of the plan.
        notes: what to consider when reading the figures.
        schema: version of the JSON object.

    >>> score = Score.of(None, None, 2.1)
    >>> counts, run = Counts(Count(0, 0), Count(0, 0)), TrainedRun({"web": 1.0}, 3e8, 6e9, 0.0, 1)
    >>> planned = PlannedRun({"web": 1.0}, 3e8, 6e9)
    >>> found = PlanScore({"web": score}, score, {}, counts, "tie", (), planned, run, "0123", ())
    >>> found.objective.measured, found.to_dict()["planned"]["tokens"]
    (2.1, 6000000000.0)
    """

    targets: dict[str, Score]
    objective: Score
    differences: dict[str, DifferenceScore]
    intervals: Counts
    verdict: str
    runs: tuple[ScoredRun, ...]
    planned: PlannedRun
    trained: TrainedRun
    plan: str
    notes: tuple[str, ...]
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that `mixlaw score-plan --json` prints."""
        return no_nan(asdict(self))


def score_plan(plan: PlanLike, runs: Runs, fit: Fit | None = None, *, run: str | None = None) -> PlanScore:
    """Compare a plan with runs at its budget.

    `planned` is the plan's prediction for its own mixture: the law's mean and its bootstrap interval, without the noise
    of single runs. `as_trained` is the fit's prediction for the mixture, N and D that were trained; its interval
    includes the noise of the runs, taken as fully correlated over targets, which makes it conservative.

    Args:
        plan: from `recommend` or `read_plan`.
        runs: one or more rows, of which the last checkpoint of each run counts. A run is matched with the plan or a
            baseline by its mixture; other runs are listed under their own id.
        fit: the fit behind the plan. None: `as_trained` is None.
        run: the id of the plan's run, if its mixture is too far from the plan's to match.

    Raises:
        MixlawError: tokenizers, targets or sources differ, no run is the plan's, or the plan predicts no losses.

    >>> import pandas as pd
    >>> class Shares:
    ...     def to_dict(self):
    ...         bands = {"web": {"mean": 2.0, "low": 1.9, "high": 2.1}}
    ...         return {"mixture": {"web": 0.7, "code": 0.3}, "verdict": "better",
    ...                 "predicted": {"loss": bands, "objective": 2.0}, "provenance": {"targets": {"web": 1.0}}}
    >>> table = pd.DataFrame({"run_id": ["real"], "w:web": [0.7], "w:code": [0.3], "loss:web": [2.05]})
    >>> score = score_plan(Shares(), Runs.from_frame(table, "real.csv"))
    >>> score.targets["web"].held.planned, score.intervals.planned
    (True, Count(held=1, of=1))
    """
    read = ScoredPlan.of(plan)
    notes = [*runs.notes, *_check_measurement(read, runs, fit)]
    found = match_runs(read, runs, run)
    own = found["plan"]
    forecasts = {name: forecast(fit, read, matched) for name, matched in found.items()} if fit is not None else {}
    trained, planned = forecasts.get("plan"), None if fit is None else forecast(fit, read, None)
    notes += _remarks(read, own, trained, fit)
    targets = {target: check_target(read, own, trained, k) for k, target in enumerate(read.targets)}
    objective = check_objective(read, own, trained, planned)
    differences = {
        name: check_difference(read, (matched, own), (forecasts.get(name), trained))
        for name, matched in found.items()
        if name != "plan"
    }
    held = [score.held for score in (*targets.values(), objective, *differences.values())]
    return PlanScore(
        targets=targets,
        objective=objective,
        differences=differences,
        intervals=Counts(
            Count.of_checks([one.planned for one in held]), Count.of_checks([one.as_trained for one in held])
        ),
        verdict=read.verdict,
        runs=tuple(run for matched in found.values() for run in _scored_runs(matched, read)),
        planned=PlannedRun(read.mixture, read.params, read.tokens),
        trained=_trained(read, own),
        plan=read.digest,
        notes=tuple(dict.fromkeys(notes)),
    )


def behind(plan: PlanLike, fit: Fit) -> bool:
    """True if a plan was made from this fit: the fit predicts the losses that the plan states.

    Raises:
        MixlawError: the fit has other sources or targets than the plan.
    """
    read = ScoredPlan.of(plan)
    check_fit(fit, read)
    return bool(np.allclose(forecast(fit, read, None).point_K, read.mean_K, rtol=1e-5))


def _check_measurement(plan: ScoredPlan, runs: Runs, fit: Fit | None) -> list[str]:
    """Raise if plan, runs and fit use different tokenizers or texts; returns notes on what could not be checked."""
    check_comparable(plan.measurement, runs.measurement)
    if fit is not None:
        check_comparable(plan.measurement, of_provenance(fit.provenance, "the fit"))
        check_fit(fit, plan)
    return unchecked(plan.measurement, runs.measurement)


def _remarks(plan: ScoredPlan, own: MatchedRuns, trained: Forecast | None, fit: Fit | None) -> list[str]:
    """Notes on missing values and on differences between the plan and its runs."""
    notes = []
    if fit is None:
        reason = "no fit was given, so nothing is predicted for mixtures as trained"
        notes.append(null(("as_trained",), reason))
    elif not len(fit.replicas_BxKxP):
        notes.append("the fit has no replicas: intervals as trained contain only the noise of runs")
    if own.moved > SAME_MIXTURE:
        notes.append(f"{own.moved:.0%} of the tokens of the plan's run are elsewhere than planned")
    for key, x_R in own.size(plan).items():
        planned = plan.size[key]
        if planned is not None and np.isnan(own.stated_size[key]).any():
            notes.append(f"{own.runs.name}: no {key} for the plan's run, taken as planned")
        elif planned is not None and not own.has_size_of(plan):
            notes.append(f"{key} of the plan's run are {np.mean(x_R) / planned:.3g} times the planned")
    if not own.has_size_of(plan):
        notes.append("the plan's own interval is for another N or D than was trained: whether it held is null")
    for target, loss in zip(plan.targets, own.measured_K, strict=True):
        if math.isnan(loss):
            notes.append(f"target {target} is not measured in the plan's run: null, and so is the objective")
    return notes + _check_unit(own.measured_K, plan.mean_K if trained is None else trained.point_K)


def _check_unit(measured_K: Array, point_K: Array) -> list[str]:
    """A note if measured losses look like bits per token or perplexities."""
    known_K = np.isfinite(measured_K)
    for unit, as_nats_K in (("bits", measured_K * math.log(2.0)), ("perplexity", np.log(np.maximum(measured_K, 1.0)))):
        close_K = np.abs(as_nats_K / point_K - 1.0)[known_K] < OTHER_UNIT
        if close_K.all() and (np.abs(measured_K / point_K - 1.0)[known_K] > 2 * OTHER_UNIT).all():
            return [
                f"the measured losses look like {unit} per token: the run table holds nats (`mixlaw import --unit`)"
            ]
    return []


def _scored_runs(matched: MatchedRuns, plan: ScoredPlan) -> list[ScoredRun]:
    """One entry for each run."""
    size = matched.size(plan)
    return [
        ScoredRun(run_id, matched.name, float(size["params"][i]), float(size["tokens"][i]), named(plan.sources, w_S))
        for i, (run_id, w_S) in enumerate(zip(matched.ids, matched.w_RxS, strict=True))
    ]


def _trained(plan: ScoredPlan, own: MatchedRuns) -> TrainedRun:
    size = own.size(plan)
    return TrainedRun(
        named(plan.sources, own.w_RxS.mean(0)),
        float(size["params"].mean()),
        float(size["tokens"].mean()),
        own.moved,
        len(own.runs),
    )
