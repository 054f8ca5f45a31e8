"""Predicted beside measured: intervals of targets, of the objective and of differences, and whether they held."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm

from mixlaw.auditing.run_matching import Forecast, MatchedRuns
from mixlaw.fitting.bootstrap import interval

LEVEL = 1.645
"""Standard deviations on either side that hold 90% of a normal distribution."""
NORMAL = norm.ppf((np.arange(101) + 0.5) / 101)
"""What noise is taken to be, in its standard deviations: each with the same probability."""


def _entry(planned: dict[str, Any] | None, as_trained: dict[str, Any] | None, measured: float) -> dict[str, Any]:
    def held(band: dict[str, Any] | None) -> bool | None:
        if band is None or band["low"] is None or not math.isfinite(measured):
            return None
        return bool(band["low"] <= measured <= band["high"])

    return {
        "planned": planned,
        "as_trained": as_trained,
        "measured": measured if math.isfinite(measured) else None,
        "held": {"planned": held(planned), "as_trained": held(as_trained)},
    }


def _judged(entry: dict[str, Any], at_plan: bool) -> dict[str, Any]:
    """The entry; at another N or D than planned the plan's own interval is not judged."""
    return entry if at_plan else entry | {"held": entry["held"] | {"planned": None}}


def check_target(content: Mapping[str, Any], own: MatchedRuns, said: Forecast | None, k: int) -> dict[str, Any]:
    """A target of the plan's runs: what the plan says, what the fit says of them as trained, what they came to."""
    planned = dict(list(content["predicted"]["loss"].values())[k])
    band = None
    if said is not None:
        band = interval(np.add.outer(said.replicas_BxK[:, k], said.noise_K[k] * NORMAL), said.point_K[k])
    return _judged(_entry(planned, band, float(own.measured_K[k])), own.at_plan(content))


def _value(content: Mapping[str, Any], losses: np.ndarray) -> np.ndarray:
    """The plan's objective of losses (..., K): the targets' weighted mean, or the largest that counts."""
    weights = content["provenance"]["targets"]
    weight_K = np.array([weights[target] for target in content["predicted"]["loss"]], float)
    if content.get("objective") == "worst":
        return losses[..., weight_K > 0].max(-1)
    return losses[..., weight_K > 0] @ (weight_K[weight_K > 0] / weight_K.sum())


def _noisy(content: Mapping[str, Any], said: Forecast) -> np.ndarray:
    """The objective in each replica, with the noise of the runs, (B, Q)."""
    return _value(content, said.replicas_BxK[:, None, :] + np.multiply.outer(NORMAL, said.noise_K))


def check_objective(
    content: Mapping[str, Any],
    own: MatchedRuns,
    said: Forecast | None,
    planned: Forecast | None,
) -> dict[str, Any]:
    """The objective alike; the plan holds no interval of it: that is the fit's (`planned`), where there is one."""
    stated = {"mean": content["predicted"]["objective"], "low": None, "high": None}
    if planned is not None:
        band = interval(_value(content, planned.replicas_BxK), stated["mean"])
        stated = stated | {"low": band["low"], "high": band["high"]}
    band = None
    if said is not None:
        band = interval(_noisy(content, said), float(_value(content, said.point_K)))
    entry = _entry(stated, band, float(_value(content, own.measured_K)))
    return _judged(entry, own.at_plan(content))


def check_difference(
    content: Mapping[str, Any],
    pair: tuple[MatchedRuns, MatchedRuns],
    said: tuple[Forecast | None, Forecast | None],
) -> dict[str, Any]:
    """The objective of another group's runs less that of the plan's, alike; `noise` is the standard deviation of that
    difference between runs of equal losses, `beyond_noise` whether what was measured is outside its 90%."""
    (other, own), (of_other, of_own) = pair, said
    measured = float(_value(content, other.measured_K) - _value(content, own.measured_K))
    stated = ((content.get("baselines") or {}).get(other.name) or {}).get("difference")
    band = noise = None
    if of_other is not None and of_own is not None:
        gap = float(_value(content, of_other.point_K) - _value(content, of_own.point_K))
        noise = math.hypot(*(float(_spread(content, forecast)) for forecast in (of_other, of_own)))
        gap_B = _value(content, of_other.replicas_BxK) - _value(content, of_own.replicas_BxK)
        band = interval(np.add.outer(gap_B, noise * NORMAL), gap)
    entry = _entry(stated, band, measured)
    beyond = None if noise is None or math.isnan(measured) else bool(abs(measured) > LEVEL * noise)
    more = {"run_ids": other.ids, "noise": noise, "beyond_noise": beyond}
    return _judged(entry, own.at_plan(content) and other.at_plan(content)) | more


def _spread(content: Mapping[str, Any], said: Forecast) -> float:
    """Standard deviation of the objective from the runs' noise, to first order."""
    return float(_value(content, said.point_K + said.noise_K) - _value(content, said.point_K))
