"""score_plan: what a plan predicted beside what the real run came to, and whether the intervals held."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.auditing.interval_coverage import check_difference, check_objective, check_target
from mixlaw.auditing.run_matching import NEAR, Forecast, MatchedRuns, check_fit, forecast, groups
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named, no_nan
from mixlaw.project.plan_like import PlanLike
from mixlaw.runs.measurement import of_provenance, refuse_mixed, unstated
from mixlaw.runs.run_table import Runs

SCHEMA = 1
FAR = 0.10
"""Losses that all differ from the prediction by one factor to within this are likely of another unit."""


@dataclass(frozen=True)
class PlanScore:
    """A plan's predictions beside the outcome. `to_dict` gives what `mixlaw score-plan --json` prints.

    Keys: `targets` by name and `objective`, each {planned {mean, low, high}, as_trained {mean, low, high}, measured,
    held {planned, as_trained}} in nats per token; `differences` by baseline or run, alike, of its objective less the
    plan's run's; `runs`, what each run was taken for; `trained` and `planned`: mixture, N and D; `verdict` of the plan;
    `intervals` {held, of}; `plan`, its hash; `notes`. What is not known is null, with the reason in `notes`.
    """

    content: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return no_nan(self.content)


def score_plan(plan: PlanLike, runs: Runs, fit: Fit | None = None, *, run: str | None = None) -> PlanScore:
    """Compare a plan with runs at its budget.

    `planned` is what the plan says of its own mixture: the law's mean and its bootstrap interval, which holds no noise
    of single runs. `as_trained` is what the fit says of the mixture, N and D that were really trained, with the noise
    of so many runs in its interval, taken as fully correlated over targets, which is the wide side.

    Args:
        plan: as `recommend` or `read_plan` give it.
        runs: one or more rows, of which the last checkpoint of each run counts. A run is the plan's or a baseline's by
            its mixture, or else stands under its own id.
        fit: the fit behind the plan; None: nothing is said of mixtures as trained.
        run: the id of the plan's run, where its mixture is far from the plan's.

    Raises:
        MixlawError: tokenizers, targets or sources differ, or no run is the plan's.
    """
    content = plan.to_dict()
    notes = [*runs.notes, *_measured_alike(content, runs, fit)]
    found = groups(content, runs, run)
    own = found["plan"]
    forecasts = {name: forecast(fit, content, group) for name, group in found.items()} if fit is not None else {}
    planned = None if fit is None else forecast(fit, content, None)
    notes += _remarks(content, own, forecasts.get("plan"), fit)
    targets = list(content["predicted"]["loss"])
    scored = {t: check_target(content, own, forecasts.get("plan"), k) for k, t in enumerate(targets)}
    objective = check_objective(content, own, forecasts.get("plan"), planned)
    differences = {
        name: check_difference(content, (group, own), (forecasts.get(name), forecasts.get("plan")))
        for name, group in found.items()
        if name != "plan"
    }
    held = [entry["held"] for entry in (*scored.values(), objective, *differences.values())]
    counts = {
        key: {"held": sum(h[key] is True for h in held), "of": sum(h[key] is not None for h in held)}
        for key in ("planned", "as_trained")
    }
    return PlanScore(
        {
            "targets": scored,
            "objective": objective,
            "differences": differences,
            "intervals": counts,
            "verdict": content["verdict"],
            "runs": [_run(group, i, content) for group in found.values() for i in range(len(group.runs))],
            "planned": {key: content.get(key) for key in ("mixture", "params", "tokens")},
            "trained": _trained(content, own),
            "plan": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16],
            "notes": list(dict.fromkeys(notes)),
            "schema": SCHEMA,
        }
    )


def behind(plan: PlanLike, fit: Fit) -> bool:
    """Whether a fit is the one behind a plan: it says of the plan's mixture what the plan says."""
    content = plan.to_dict()
    check_fit(fit, content)
    stated_K = np.array([band["mean"] for band in content["predicted"]["loss"].values()])
    return bool(np.allclose(forecast(fit, content, None).point_K, stated_K, rtol=1e-5))


def _measured_alike(content: Mapping[str, Any], runs: Runs, fit: Fit | None) -> list[str]:
    """Refuse what was measured differently; notes on what could not be checked."""
    planned = of_provenance(content.get("provenance"), "the plan")
    refuse_mixed(planned, runs.yardstick)
    if fit is not None:
        refuse_mixed(planned, of_provenance(fit.provenance, "the fit"))
        check_fit(fit, content)
    return unstated(planned, runs.yardstick)


def _remarks(content: Mapping[str, Any], own: MatchedRuns, said: Forecast | None, fit: Fit | None) -> list[str]:
    """What to know before the figures are read."""
    notes = []
    if fit is None:
        notes.append("as_trained is null: the fit is not at hand, so nothing is predicted for mixtures as trained")
    elif not len(fit.replicas_BxKxP):
        notes.append("the fit has no replicas: intervals as trained hold the runs' noise alone")
    if own.moved > NEAR:
        notes.append(f"{own.moved:.0%} of the tokens of the plan's run are elsewhere than planned")
    for key, x_R in zip(("params", "tokens"), own.at(content), strict=True):
        if np.isnan(getattr(own.runs, f"{key}_R")).any() and content.get(key) is not None:
            notes.append(f"{own.runs.name}: no {key} for the plan's run, taken as planned")
        elif content.get(key) is not None and not own.at_plan(content):
            notes.append(f"{key} of the plan's run are {np.mean(x_R) / content[key]:.3g} times the planned")
    if not own.at_plan(content):
        notes.append("the plan's own interval is of another N or D than was trained: whether it held is null")
    for target, loss in zip(content["predicted"]["loss"], own.measured_K, strict=True):
        if math.isnan(loss):
            notes.append(f"target {target} is not measured in the plan's run: null, and so is the objective")
    point_K = np.array([b["mean"] for b in content["predicted"]["loss"].values()]) if said is None else said.point_K
    return notes + _unit(own.measured_K, point_K)


def _unit(measured_K: np.ndarray, point_K: np.ndarray) -> list[str]:
    """A note where losses look like those of another unit."""
    known_K = np.isfinite(measured_K)
    for unit, as_nats in (("bits", measured_K * math.log(2.0)), ("perplexity", np.log(np.maximum(measured_K, 1.0)))):
        close_K = np.abs(as_nats / point_K - 1.0)[known_K] < FAR
        if close_K.all() and (np.abs(measured_K / point_K - 1.0)[known_K] > 2 * FAR).all():
            return [
                f"the measured losses look like {unit} per token: the run table holds nats (`mixlaw import --unit`)"
            ]
    return []


def _run(group: MatchedRuns, i: int, content: Mapping[str, Any]) -> dict[str, Any]:
    params_R, tokens_R = group.at(content)
    about = {
        "run_id": group.ids[i],
        "taken_for": group.name,
        "params": float(params_R[i]),
        "tokens": float(tokens_R[i]),
    }
    return about | {"mixture": named(tuple(content["mixture"]), group.w_RxS[i])}


def _trained(content: Mapping[str, Any], own: MatchedRuns) -> dict[str, Any]:
    params_R, tokens_R = own.at(content)
    return {
        "mixture": named(tuple(content["mixture"]), own.w_RxS.mean(0)),
        "params": float(params_R.mean()),
        "tokens": float(tokens_R.mean()),
        "moved": own.moved,
        "runs": len(own.runs),
    }
