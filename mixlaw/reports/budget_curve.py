"""Objective over the budget, along the plan's path: of the optimum, the plan's mixture and proportional."""

from typing import Any

import numpy as np

from mixlaw.fitting.fit_result import Fit
from mixlaw.reports.charts import band, dots, line, linear, logarithmic
from mixlaw.reports.intervals import interval

POINTS = 25


def objective(losses: np.ndarray, weight_K: np.ndarray, worst: bool) -> np.ndarray:
    """Objective of losses (..., K): their weighted mean, or the largest among targets with weight."""
    return losses[..., weight_K > 0].max(-1) if worst else losses @ weight_K


def weights(plan: dict[str, Any]) -> np.ndarray:
    """Weights of the plan's targets (K,), summing to 1."""
    stated = plan["provenance"]["targets"]
    weight_K = np.array([stated[target] for target in plan["predicted"]["loss"]], float)
    return weight_K / weight_K.sum()


def budget_curve(plan: dict[str, Any], fit: Fit | None) -> dict[str, Any] | None:
    """The plot and its table; None if the plan's path has fewer than two budgets.

    Between the path's budgets, N is interpolated in the logarithms and D follows from C = 6 N D. The band is the 90%
    interval of the plan's mixture over the replicas.
    """
    path = plan.get("path") or []
    if len(path) < 2:
        return None
    path = [point | {"flops": 6.0 * point["params"] * point["tokens"]} for point in path]  # without serving
    flops_P = np.array([point["flops"] for point in path])
    best_P = np.array([point["objective"] for point in path])
    x = logarithmic(flops_P)
    curves = {} if fit is None else _curves(plan, fit, flops_P, np.array([point["params"] for point in path]))
    y = linear(np.concatenate([best_P, *(values for values in curves.values())]))
    drawn = {"optimum": line(x, y, flops_P, best_P), "points": dots(x, y, flops_P, best_P)}
    if curves:
        flops_M = _grid(flops_P)
        drawn |= {name: line(x, y, flops_M, curves[name]) for name in ("own", "proportional") if name in curves}
        if "low" in curves:
            drawn["band"] = band(x, y, flops_M, curves["low"], curves["high"])
    here = 6.0 * plan["params"] * plan["tokens"]
    return {
        "x": x.marks(),
        "y": y.marks(),
        "drawn": drawn,
        "here": float(100 * x.at(here)) if x.low <= here <= x.high else None,
        "rows": [point | _at(point["flops"], flops_P, curves) for point in path],
        "has": list(curves),
    }


def _at(flops: float, flops_P: np.ndarray, curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Value of each curve at one budget, interpolated in the logarithm of compute."""
    return {name: float(np.interp(np.log(flops), np.log(_grid(flops_P)), x_M)) for name, x_M in curves.items()}


def _grid(flops_P: np.ndarray) -> np.ndarray:
    return np.geomspace(flops_P.min(), flops_P.max(), POINTS)


def _curves(plan: dict[str, Any], fit: Fit, flops_P: np.ndarray, params_P: np.ndarray) -> dict[str, np.ndarray]:
    """Objectives (M,) along the path: the plan's mixture with its interval, and proportional."""
    flops_M, order = _grid(flops_P), np.argsort(flops_P)
    params_M = np.exp(np.interp(np.log(flops_M), np.log(flops_P[order]), np.log(params_P[order])))
    tokens_M = flops_M / (6.0 * params_M)
    weight_K, worst = weights(plan), plan.get("objective") == "worst"

    def of(mixture: dict[str, float], replicas: bool) -> np.ndarray:
        w_MxS = np.broadcast_to([mixture[name] for name in fit.sources], (POINTS, len(fit.sources)))
        return objective(fit.losses(w_MxS, params_M, tokens_M, replicas=replicas), weight_K, worst)

    found = {"own": of(plan["mixture"], False)}
    if len(fit.replicas_BxKxP):
        found["low"], found["high"] = interval(found["own"], of(plan["mixture"], True), True)
    proportional = plan["baselines"]["proportional"]
    if proportional is not None:
        found["proportional"] = of(proportional["mixture"], False)
    return found
