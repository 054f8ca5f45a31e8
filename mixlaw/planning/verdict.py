"""Better, tie or unknown: the plan against its baselines, and how far it lies from the runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.optimization.problem import Problem
from mixlaw.optimization.scale import Scale

FAR = 30.0
"""A plan at more than so many times the runs' largest N or D is beyond what the runs support."""
FAR_RATIO = 8.0
"""A plan's D/N may leave the range of the runs' by so much."""
ONE_RATIO = 1.5
"""Runs whose D/N differ by less cannot tell what N and D are worth apart."""
FAR_EPOCHS = 4.0
"""Up to so many epochs repeated text is nearly as good as new (Muennighoff et al., 2305.16264): beyond them, and
beyond twice what the runs saw, a law without repetition is not to be trusted."""
FAR_SHARE = 0.15
"""A share may exceed the largest one seen, or fall below the smallest, by so much before that is extrapolation."""


def losses_of(problem: Problem, scale: Scale, w_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predicted losses (K,) of one mixture and their replicas (B, K), nats per token."""
    fit = problem.fit
    return fit.losses(w_S[None], *scale.pair)[0], fit.losses(w_S[None], *scale.pair, replicas=True)[:, 0]


def baselines(problem: Problem, scale: Scale, w_S: np.ndarray, notes: list[str]) -> dict[str, Any]:
    """Proportional, uniform and the best run: objective, feasibility, and the paired difference from the plan."""
    fit, w_bySxS = problem.fit, {}
    if problem.proportional_S is not None:
        w_bySxS["proportional"] = problem.proportional_S
    else:
        notes.append("baseline proportional is null: the sources' tokens are not known")
    w_bySxS["uniform"] = np.full(len(fit.sources), 1.0 / len(fit.sources))
    seen = best_run(fit, problem.weight_K)
    if seen is None:
        notes.append(
            "baseline best_run is null: no run of the table has a loss on every target, or no table is at hand"
        )
    else:
        w_bySxS["best_run"] = seen.w_S
    found: dict[str, Any] = {"proportional": None, "uniform": None, "best_run": None}
    for name, other_S in w_bySxS.items():
        found[name] = compared(problem, scale, w_S, other_S)
    if seen is not None:
        found["best_run"]["run_id"] = seen.run_id
    return found


def compared(problem: Problem, scale: Scale, w_S: np.ndarray, other_S: np.ndarray) -> dict[str, Any]:
    """Another mixture beside the plan's: its objective, whether it keeps the constraints, and by how much it is worse,
    paired over the bootstrap."""
    (plan_K, plan_BxK), (point_K, replicas_BxK) = (losses_of(problem, scale, w) for w in (w_S, other_S))
    value, plan = float(problem.value(point_K)), float(problem.value(plan_K))
    return {
        "mixture": named(problem.fit.sources, as_mixture(other_S)),
        "objective": value,
        "feasible": not problem.broken(other_S, scale, point_K),
        "difference": bootstrap_interval(problem.value(replicas_BxK) - problem.value(plan_BxK), value - plan),
    }


def verdict(found: dict[str, Any]) -> str:
    """Against the best feasible baseline: better where the whole interval of the difference is above 0."""
    feasible = [b for b in found.values() if b is not None and b["feasible"]]
    rival = min(feasible, key=lambda b: b["objective"], default=None)
    return "better" if rival is not None and rival["difference"]["low"] > 0 else "tie"


def epochs_of(problem: Problem, scale: Scale, w_S: np.ndarray) -> np.ndarray | None:
    """Passes over each source (S,), nan where its tokens are not known; None without sources or D."""
    if problem.sources is None or scale.tokens is None:
        return None
    return w_S * scale.tokens / problem.sources.tokens_S


def extrapolations(problem: Problem, scale: Scale, w_S: np.ndarray) -> list[str]:
    """Why the runs do not support a verdict on this plan, one reason a line."""
    support, fit, reasons = problem.fit.support, problem.fit, []
    for name, value, (least, most) in (("N", scale.params, support.params), ("D", scale.tokens, support.tokens)):
        if fit.knows_scale and value is not None and value > FAR * most:
            reasons.append(f"{name} = {value:.3g} is {value / most:.0f} times the largest of the runs ({most:.3g})")
        if fit.knows_scale and value is not None and value < least / FAR:
            reasons.append(f"{name} = {value:.3g} is a {least / value:.0f}th of the smallest of the runs ({least:.3g})")
    reasons += _far_ratio(problem, scale)
    for name, w, least, most in zip(fit.sources, w_S, support.least_S, support.most_S, strict=True):
        if w > most + FAR_SHARE:
            reasons.append(f"share {w:.2f} of {name} is far above the largest of the runs ({most:.2f})")
        if w < least - FAR_SHARE:
            reasons.append(f"share {w:.2f} of {name} is far below the smallest of the runs ({least:.2f})")
    epochs_S = epochs_of(problem, scale, w_S)
    if epochs_S is not None:
        for name, epochs, most in zip(fit.sources, epochs_S, support.epochs_S, strict=True):
            if epochs > max(FAR_EPOCHS, 2 * most):
                reasons.append(f"{epochs:.1f} epochs of {name}, the runs saw {most:.1f} at most")
    return reasons


def _far_ratio(problem: Problem, scale: Scale) -> list[str]:
    """Why the runs say little about the plan's tokens per parameter."""
    least, most = problem.fit.support.tokens_per_param
    if not problem.fit.knows_scale or scale.params is None or scale.tokens is None or not np.isfinite(most):
        return []
    ratio, found = scale.tokens / scale.params, problem.budget is not None and problem.budget.params is None
    if found and most < ONE_RATIO * least:
        return [
            f"all runs have about {least:.3g} tokens a parameter, so they cannot tell what N and D are worth apart: "
            "give --params and --tokens"
        ]
    if not least / FAR_RATIO <= ratio <= most * FAR_RATIO:
        return [f"{ratio:.3g} tokens a parameter are far from the runs' {least:.3g} to {most:.3g}"]
    return []


def distance(problem: Problem, scale: Scale, w_S: np.ndarray) -> dict[str, Any]:
    """How far the plan lies from the runs.

    `params` and `tokens` are multiples of the runs' largest; `mixture` is the share of tokens in which the plan differs
    from the nearest run, `mixture_of_runs` the median of the same between each run and its nearest other;
    `beyond_shares` are the sources whose share lies outside the runs' range, and by how much; `epochs` multiples of the
    runs' most. None where it is not known.
    """
    fit, support, runs = problem.fit, problem.fit.support, problem.fit.runs
    found: dict[str, Any] = dict.fromkeys(("params", "tokens", "mixture", "mixture_of_runs", "epochs"))
    for name, value, most in (("params", scale.params, support.params[1]), ("tokens", scale.tokens, support.tokens[1])):
        if value is not None and np.isfinite(most):
            found[name] = float(value / most)
    if runs is not None:
        order = [runs.sources.index(name) for name in fit.sources]
        w_RxS = np.unique(runs.w_RxS[:, order], axis=0)
        found["mixture"] = float(0.5 * np.abs(w_RxS - w_S).sum(1).min())
        if len(w_RxS) > 1:
            apart_RxR = 0.5 * np.stack([np.abs(w_RxS - w).sum(1) for w in w_RxS])
            np.fill_diagonal(apart_RxR, np.inf)
            found["mixture_of_runs"] = float(np.median(apart_RxR.min(1)))
    beyond_S = np.maximum(np.maximum(w_S - support.most_S, support.least_S - w_S), 0.0)
    found["beyond_shares"] = {name: float(x) for name, x in zip(fit.sources, beyond_S, strict=True) if x > 1e-6}
    epochs_S = epochs_of(problem, scale, w_S)
    if epochs_S is not None and np.isfinite(epochs_S).all():
        found["epochs"] = named(fit.sources, epochs_S / np.maximum(support.epochs_S, 1e-300))
    return found


@dataclass(frozen=True)
class BestRun:
    """The run with the lowest weighted mean loss at the largest scale of the table."""

    run_id: str
    w_S: np.ndarray
    objective: float


def best_run(fit: Fit, weight_K: np.ndarray) -> BestRun | None:
    """The best run seen: among the runs of the most compute that have a loss on every target. None where no table
    is at hand or no such run is in it."""
    if fit.runs is None:
        return None
    runs = fit.runs
    index_K = [runs.targets.index(t) for t in fit.targets]
    loss_RxK = runs.loss_RxK[:, index_K]
    able_R = runs.last_R & np.isfinite(loss_RxK).all(1)
    if not able_R.any():
        return None
    compute_R = np.nan_to_num(runs.params_R, nan=1.0) * np.nan_to_num(runs.tokens_R, nan=1.0)
    able_R &= compute_R >= 0.9 * compute_R[able_R].max()
    objective_R = np.where(able_R, np.where(able_R[:, None], loss_RxK, 0.0) @ weight_K, np.inf)
    r = int(np.argmin(objective_R))
    w_S = np.array([runs.w_RxS[r, runs.sources.index(s)] for s in fit.sources])
    return BestRun(str(runs.run_id[r]), w_S, float(objective_R[r]))
