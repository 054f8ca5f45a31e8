"""Match the runs of a table with a plan and its baselines by mixture, and forecast their losses as trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixlaw.auditing.scored_plan import ScoredPlan
from mixlaw.errors import MixlawError, nearest, shown
from mixlaw.fitting.fit_result import Fit
from mixlaw.runs.run_table import Runs
from mixlaw.typing import Array

SAME_MIXTURE = 0.05
"""Largest share of a run's tokens that may differ from a mixture for the run to be matched with it."""
SAME_SIZE = 0.02
"""Relative difference in N or D up to which two sizes count as the same: trainers round to whole batches."""


@dataclass(frozen=True)
class MatchedRuns:
    """Runs of one mixture, such as the plan's with several seeds: R runs, K targets.

    Attributes:
        name: plan, a baseline's name, or the run's id.
        runs: the last row of each run.
        w_RxS: shares as trained, in the order of the plan's sources.
        moved: largest share of tokens by which a run differs from the matched mixture; nan if matched with none.
        measured_K: mean losses of the plan's targets, nan for a target that a run did not measure.
    """

    name: str
    runs: Runs
    w_RxS: Array
    moved: float
    measured_K: Array

    @property
    def ids(self) -> list[str]:
        """Run ids."""
        return [str(run) for run in self.runs.run_id]

    @property
    def stated_size(self) -> dict[str, Array]:
        """N and D (R,) by key as the table states them, nan if it does not."""
        return {"params": self.runs.params_R, "tokens": self.runs.tokens_R}

    def size(self, plan: ScoredPlan) -> dict[str, Array]:
        """N and D (R,) by key; the plan's if the table has none, nan if neither is known."""
        planned = {key: np.nan if value is None else value for key, value in plan.size.items()}
        return {key: np.where(np.isnan(x_R), planned[key], x_R) for key, x_R in self.stated_size.items()}

    def has_size_of(self, plan: ScoredPlan) -> bool:
        """True if no run has another N or D than the plan; unknown sizes count as the plan's."""
        size = self.size(plan)
        planned = {key: value for key, value in plan.size.items() if value is not None}
        return not any(np.any(np.abs(size[key] / value - 1.0) > SAME_SIZE) for key, value in planned.items())


def match_runs(plan: ScoredPlan, runs: Runs, run: str | None) -> dict[str, MatchedRuns]:
    """The runs of a table by the mixture that they are matched with, the plan's first.

    Args:
        run: the id of the plan's run, if its mixture is too far from the plan's to match.

    Raises:
        MixlawError: no run has the plan's mixture, a source is not the plan's, or no target is measured.

    >>> import pandas as pd
    >>> class Shares:
    ...     def to_dict(self):
    ...         bands = {"web": {"mean": 2.0, "low": 1.9, "high": 2.1}}
    ...         return {"mixture": {"web": 0.7, "code": 0.3}, "verdict": "unknown",
    ...                 "predicted": {"loss": bands, "objective": 2.0}, "provenance": {"targets": {"web": 1.0}}}
    >>> table = pd.DataFrame(
    ...     {"run_id": ["a", "b"], "w:web": [0.71, 0.2], "w:code": [0.29, 0.8], "loss:web": [2.0, 2.3]}
    ... )
    >>> matched = match_runs(ScoredPlan.of(Shares()), Runs.from_frame(table, "real.csv"), None)
    >>> list(matched), round(matched["plan"].moved, 3)
    (['plan', 'b'], 0.01)
    """
    ends = runs.select(runs.last_R)
    w_RxS, loss_RxK = _shares(plan.sources, ends), _losses(plan.targets, ends)
    known = _mixtures(plan)
    apart_RxM = 0.5 * np.abs(w_RxS[:, None, :] - np.stack(list(known.values()))).sum(2)
    labels = [_label(list(known), apart_M, str(i), run) for apart_M, i in zip(apart_RxM, ends.run_id, strict=True)]
    if "plan" not in labels:
        labels = _only_run(labels, ends, apart_RxM[:, 0], run)
    found = {}
    for name in sorted(set(labels), key=lambda n: ([*known, n].index(n), labels.index(n))):
        rows = np.flatnonzero([label == name for label in labels])
        moved = float(apart_RxM[rows, list(known).index(name)].max()) if name in known else np.nan
        found[name] = MatchedRuns(name, ends.select(rows), w_RxS[rows], moved, loss_RxK[rows].mean(0))
    return found


def _shares(names: tuple[str, ...], ends: Runs) -> Array:
    """Mixtures (R, S) in the plan's order; a source without a column has no share."""
    w_RxS = np.zeros((len(ends), len(names)))
    for source, w_R in zip(ends.sources, ends.w_RxS.T, strict=True):
        if source in names:
            w_RxS[:, names.index(source)] = w_R
        elif np.any(w_R > 0):
            raise MixlawError(
                f"{ends.name}: column 'w:{source}' has a share and is no source of the plan; {nearest(source, names)} "
                "(`mixlaw adapt` renames, merges and splits sources of a table)"
            )
    return w_RxS


def _losses(targets: tuple[str, ...], ends: Runs) -> Array:
    """Losses (R, K) of the plan's targets, nan if not measured."""
    if not set(targets) & set(ends.targets):
        raise MixlawError(
            f"{ends.name}: measures no target of the plan ({', '.join(targets)}); {nearest(targets[0], ends.targets)}"
        )
    empty_R = np.full(len(ends), np.nan)
    return np.stack([ends.loss_RxK[:, ends.targets.index(t)] if t in ends.targets else empty_R for t in targets], 1)


def _mixtures(plan: ScoredPlan) -> dict[str, Array]:
    """Shares (S,) of the plan, then of its baselines, by name."""
    found = {"plan": plan.mixture} | {name: baseline.mixture for name, baseline in plan.baselines.items()}
    return {name: np.array([mixture[source] for source in plan.sources], float) for name, mixture in found.items()}


def _label(known: list[str], apart_M: Array, run_id: str, run: str | None) -> str:
    """The nearest mixture if it is within `SAME_MIXTURE`, else the run's own id."""
    if run is not None and run_id == run:
        return "plan"
    first = 0 if run is None else 1  # if the plan's run is named, no other run is the plan's
    order = first + int(np.argmin(apart_M[first:])) if len(apart_M) > first else 0
    near = len(apart_M) > first and apart_M[order] <= SAME_MIXTURE
    return known[order] if near else run_id


def _only_run(labels: list[str], ends: Runs, apart_R: Array, run: str | None) -> list[str]:
    """Labels of a table in which no run has the plan's mixture: a single run counts as the plan's all the same."""
    if run is not None:
        raise MixlawError(f"{ends.name}: no run is called {shown(run)}; {nearest(run, map(str, ends.run_id))}")
    if len(labels) == 1:
        return ["plan"]
    closest = int(np.argmin(apart_R))
    raise MixlawError(
        f"{ends.name}: no run has the plan's mixture; the nearest, {shown(ends.run_id[closest])}, has "
        f"{apart_R[closest]:.0%} of its tokens elsewhere: name the plan's run with --run RUN_ID"
    )


@dataclass(frozen=True)
class Forecast:
    """A fit's prediction of the mean losses of some runs, nats per token: K targets, B replicas.

    Attributes:
        point_K, replicas_BxK: predicted losses.
        noise_K: standard deviation of the runs' mean around the prediction.

    >>> Forecast(np.array([2.0]), np.array([[1.9], [2.1]]), np.array([0.01])).replicas_BxK.shape
    (2, 1)
    """

    point_K: Array
    replicas_BxK: Array
    noise_K: Array


def forecast(fit: Fit, plan: ScoredPlan, runs: MatchedRuns | None) -> Forecast:
    """The fit's prediction for runs as trained; for the plan's mixture at the plan's N and D if `runs` is None."""
    names = plan.sources
    at = tuple(np.nan if value is None else value for value in plan.size.values())
    w_RxS, count, unique = np.array([list(plan.mixture.values())]), 1, None
    if runs is not None:
        w_RxS, at, count = runs.w_RxS, tuple(runs.size(plan).values()), len(runs.runs)
        unique = _unique(fit, runs.runs) if runs.runs.states_unique else None
    order = [names.index(source) for source in fit.sources]
    index_K = [fit.targets.index(target) for target in plan.targets]
    point_K = fit.losses(w_RxS[:, order], *at, unique=unique).mean(0)[index_K]
    replicas_BxK = fit.losses(w_RxS[:, order], *at, unique=unique, replicas=True).mean(1)[:, index_K]
    if not len(replicas_BxK):
        replicas_BxK = np.tile(point_K, (400, 1))
    return Forecast(point_K, replicas_BxK, fit.sigma_K[index_K] * point_K / np.sqrt(count))


def _unique(fit: Fit, runs: Runs) -> Array:
    """Unique tokens (R, S) in the fit's order; a source without a share never repeats."""
    unique_RxS = np.full((len(runs), len(fit.sources)), np.inf)
    for source, unique_R in zip(runs.sources, runs.unique_RxS.T, strict=True):
        if source in fit.sources:
            unique_RxS[:, fit.sources.index(source)] = unique_R
    return unique_RxS


def check_fit(fit: Fit, plan: ScoredPlan) -> None:
    """Raise if a fit has other sources than the plan, or lacks one of its targets.

    Raises:
        MixlawError: naming the first source or target that differs.
    """
    for kind, stated, known in (("source", plan.sources, fit.sources), ("target", plan.targets, fit.targets)):
        strange = sorted(set(stated) - set(known)) + (sorted(set(known) - set(stated)) if kind == "source" else [])
        if strange:
            raise MixlawError(f"the fit's and the plan's {kind}s differ ({shown(strange[0])}): give the plan's own fit")
