"""Objective over the budget, along the plan's path: of the optimum, the plan's mixture and proportional."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixlaw.fitting.fit_result import Fit
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_types import PathPoint
from mixlaw.reports.charts import band, dots, line, linear, logarithmic
from mixlaw.reports.intervals import interval

POINTS = 25
"""Number of points of each curve."""


def objective(losses: np.ndarray, weight_K: np.ndarray, worst: bool) -> np.ndarray:
    """Objective of losses (..., K): their weighted mean, or the largest among targets with weight."""
    return losses[..., weight_K > 0].max(-1) if worst else losses @ weight_K


def weights(plan: Plan, targets: tuple[str, ...]) -> np.ndarray:
    """Weights of the plan's targets (K,), summing to 1."""
    weight_K = np.array([plan.provenance.targets[target] for target in targets], float)
    return weight_K / weight_K.sum()


@dataclass(frozen=True)
class BudgetRow:
    """One budget of the path.

    Attributes:
        flops: FLOP of training, without serving. params, tokens: N and D.
        objective: of the optimum, nats per token.
        curves: by curve (`own`, `low`, `high`, `proportional`), the objective of another mixture.
    """

    flops: float
    params: float
    tokens: float
    objective: float
    curves: Mapping[str, float]


@dataclass(frozen=True)
class BudgetCurve:
    """The plot and its table.

    Attributes:
        x, y: ticks by their positions in percent.
        drawn: by curve, an SVG path.
        here: position of the plan's budget in percent; None if it is outside the plot.
        rows: one for each budget of the path.
        has: names of the curves besides the optimum's.
    """

    x: list[tuple[float, str]]
    y: list[tuple[float, str]]
    drawn: Mapping[str, str]
    here: float | None
    rows: list[BudgetRow]
    has: list[str]


def budget_curve(plan: Plan, fit: Fit | None) -> BudgetCurve | None:
    """The plot and its table; None if the plan's path has fewer than two budgets.

    Between the path's budgets, N is interpolated in the logarithms and D follows from C = 6 N D. The band is the 90%
    interval of the plan's mixture over the replicas.
    """
    path = plan.path or ()
    if len(path) < 2 or plan.params is None or plan.tokens is None:
        return None
    flops_P = np.array([_training(point) for point in path])
    best_P = np.array([point.objective for point in path])
    x = logarithmic(flops_P)
    curves = {} if fit is None else _curves(plan, fit, flops_P, np.array([point.params for point in path]))
    y = linear(np.concatenate([best_P, *(values for values in curves.values())]))
    drawn = {"optimum": line(x, y, flops_P, best_P), "points": dots(x, y, flops_P, best_P)}
    if curves:
        flops_M = _grid(flops_P)
        drawn |= {name: line(x, y, flops_M, curves[name]) for name in ("own", "proportional") if name in curves}
        if "low" in curves:
            drawn["band"] = band(x, y, flops_M, curves["low"], curves["high"])
    here = 6.0 * plan.params * plan.tokens
    return BudgetCurve(
        x=x.marks(),
        y=y.marks(),
        drawn=drawn,
        here=float(100 * x.at(here)) if x.low <= here <= x.high else None,
        rows=[
            BudgetRow(flops, point.params, point.tokens, point.objective, _at(flops, flops_P, curves))
            for flops, point in zip(flops_P.tolist(), path, strict=True)
        ],
        has=list(curves),
    )


def _training(point: PathPoint) -> float:
    """FLOP of training at one budget, without serving."""
    return 6.0 * point.params * point.tokens


def _at(flops: float, flops_P: np.ndarray, curves: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Value of each curve at one budget, interpolated in the logarithm of compute."""
    return {name: float(np.interp(np.log(flops), np.log(_grid(flops_P)), x_M)) for name, x_M in curves.items()}


def _grid(flops_P: np.ndarray) -> np.ndarray:
    return np.geomspace(flops_P.min(), flops_P.max(), POINTS)


def _curves(plan: Plan, fit: Fit, flops_P: np.ndarray, params_P: np.ndarray) -> dict[str, np.ndarray]:
    """Objectives (M,) along the path: the plan's mixture with its interval, and proportional."""
    flops_M, order = _grid(flops_P), np.argsort(flops_P)
    params_M = np.exp(np.interp(np.log(flops_M), np.log(flops_P[order]), np.log(params_P[order])))
    tokens_M = flops_M / (6.0 * params_M)
    weight_K, worst = weights(plan, fit.targets), plan.objective == "worst"

    def of(mixture: Mapping[str, float], replicas: bool) -> np.ndarray:
        w_MxS = np.broadcast_to([mixture[name] for name in fit.sources], (POINTS, len(fit.sources)))
        return objective(fit.losses(w_MxS, params_M, tokens_M, replicas=replicas), weight_K, worst)

    found = {"own": of(plan.mixture, False)}
    if len(fit.replicas_BxKxP):
        found["low"], found["high"] = interval(found["own"], of(plan.mixture, True), True)
    proportional = plan.baselines.get("proportional")
    if proportional is not None:
        found["proportional"] = of(proportional.mixture, False)
    return found
