"""Real runs beside a plan: which run is of the plan's mixture and which of a baseline's, and what a fit says of each
as it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, nearest, shown
from mixlaw.fitting.fit_result import Fit
from mixlaw.runs.run_table import Runs

NEAR = 0.05
"""A run is of a mixture from which at most so large a share of its tokens differs."""
SAME = 0.02
"""N or D that differ by no more are the same: trainers round to whole batches."""


@dataclass(frozen=True)
class MatchedRuns:
    """Runs of one mixture, such as the plan's with several seeds: n runs, K targets.

    Attributes:
        name: plan, a baseline's name, or the run's id.
        runs: their last rows.
        w_RxS: their mixtures in the order of the plan's sources.
        moved: the largest share of tokens by which one differs from the mixture it is of, nan where it is of none.
        measured_K: mean losses of the plan's targets, nan where some run has none.
    """

    name: str
    runs: Runs
    w_RxS: np.ndarray
    moved: float
    measured_K: np.ndarray

    @property
    def ids(self) -> list[str]:
        """Their run ids."""
        return [str(run) for run in self.runs.run_id]

    def at(self, content: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """N and D of each run, (R,); the plan's where the table has none, nan where neither has."""
        planned = (np.nan if content.get(key) is None else content[key] for key in ("params", "tokens"))
        stated = self.runs.params_R, self.runs.tokens_R
        params_R, tokens_R = (np.where(np.isnan(x_R), y, x_R) for x_R, y in zip(stated, planned, strict=True))
        return params_R, tokens_R

    def at_plan(self, content: Mapping[str, Any]) -> bool:
        """Whether all runs have the plan's N and D, as far as both are known."""
        found = self.at(content)
        for key, x_R in zip(("params", "tokens"), found, strict=True):
            planned = content.get(key)
            if planned is not None and np.any(np.abs(x_R / planned - 1.0) > SAME):
                return False
        return True


def groups(content: Mapping[str, Any], runs: Runs, run: str | None) -> dict[str, MatchedRuns]:
    """The runs of a table by what their mixture is of, the plan's first.

    Args:
        content: of plan.json.
        run: the id of the plan's run, where its mixture does not tell.

    Raises:
        MixlawError: no run is of the plan's mixture, a source is not the plan's, or no target is measured.
    """
    names = tuple(content["mixture"])
    ends = runs.select(runs.last_R)
    w_RxS = _aligned(names, ends)
    loss_RxK = _losses(content, ends)
    known = _mixtures(content, names)
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


def _aligned(names: tuple[str, ...], ends: Runs) -> np.ndarray:
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


def _losses(content: Mapping[str, Any], ends: Runs) -> np.ndarray:
    """Losses (R, K) of the plan's targets, nan where not measured."""
    targets = tuple(content["predicted"]["loss"])
    if not set(targets) & set(ends.targets):
        raise MixlawError(
            f"{ends.name}: measures no target of the plan ({', '.join(targets)}); {nearest(targets[0], ends.targets)}"
        )
    empty_R = np.full(len(ends), np.nan)
    return np.stack([ends.loss_RxK[:, ends.targets.index(t)] if t in ends.targets else empty_R for t in targets], 1)


def _mixtures(content: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The plan's mixture and its baselines', (S,) each."""
    found = {"plan": content["mixture"]}
    found |= {name: b["mixture"] for name, b in (content.get("baselines") or {}).items() if b is not None}
    return {name: np.array([mixture[source] for source in names], float) for name, mixture in found.items()}


def _label(known: list[str], apart_M: np.ndarray, run_id: str, run: str | None) -> str:
    """What a run's mixture is of: the nearest mixture that is near enough, else the run's own id."""
    if run is not None and run_id == run:
        return "plan"
    first = 0 if run is None else 1  # a run that is named leaves no other to be the plan's
    order = first + int(np.argmin(apart_M[first:])) if len(apart_M) > first else 0
    near = len(apart_M) > first and apart_M[order] <= NEAR
    return known[order] if near else run_id


def _only_run(labels: list[str], ends: Runs, apart_R: np.ndarray, run: str | None) -> list[str]:
    """The labels of a table in which no mixture is the plan's: a run alone is the plan's all the same."""
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
    """What a fit says of a group's mean losses.

    Attributes:
        point_K, replicas_BxK: predicted losses, nats per token.
        noise_K: standard deviation of the mean of so many runs around the law.
    """

    point_K: np.ndarray
    replicas_BxK: np.ndarray
    noise_K: np.ndarray


def forecast(fit: Fit, content: Mapping[str, Any], group: MatchedRuns | None) -> Forecast:
    """What the fit predicts of a group as trained; of the plan's own mixture at its own size where there is none."""
    names, targets = tuple(content["mixture"]), list(content["predicted"]["loss"])
    at, unique = tuple(np.nan if content.get(k) is None else content[k] for k in ("params", "tokens")), None
    w_RxS, count = np.array([[content["mixture"][name] for name in names]]), 1
    if group is not None:
        w_RxS, at, count = group.w_RxS, group.at(content), len(group.runs)
        unique = _unique(fit, group.runs) if group.runs.states_unique else None
    order = [names.index(source) for source in fit.sources]
    index_K = [fit.targets.index(target) for target in targets]
    point_K = fit.losses(w_RxS[:, order], *at, unique=unique).mean(0)[index_K]
    replicas_BxK = fit.losses(w_RxS[:, order], *at, unique=unique, replicas=True).mean(1)[:, index_K]
    if not len(replicas_BxK):
        replicas_BxK = np.tile(point_K, (400, 1))
    return Forecast(point_K, replicas_BxK, fit.sigma_K[index_K] * point_K / np.sqrt(count))


def _unique(fit: Fit, runs: Runs) -> np.ndarray:
    """Unique tokens (R, S) in the fit's order; a source without a share never repeats."""
    unique_RxS = np.full((len(runs), len(fit.sources)), np.inf)
    for source, unique_R in zip(runs.sources, runs.unique_RxS.T, strict=True):
        if source in fit.sources:
            unique_RxS[:, fit.sources.index(source)] = unique_R
    return unique_RxS


def check_fit(fit: Fit, content: Mapping[str, Any]) -> None:
    """Refuse a fit of other sources or targets than the plan's."""
    for kind, stated, known in (
        ("source", content["mixture"], fit.sources),
        ("target", content["predicted"]["loss"], fit.targets),
    ):
        strange = sorted(set(stated) - set(known)) + (sorted(set(known) - set(stated)) if kind == "source" else [])
        if strange:
            raise MixlawError(f"the fit's and the plan's {kind}s differ ({shown(strange[0])}): give the plan's own fit")
