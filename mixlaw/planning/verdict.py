"""Verdict on the plan (better, tie or unknown) against its baselines, and its distance from the runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.fitting.fit_result import Fit
from mixlaw.io.json import named
from mixlaw.io.notes import NULL, Note
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.plan_types import Band, Baseline, Distance, best_feasible

FAR_SCALE_FACTOR = 30.0
"""Multiple of the runs' largest N or D above which the runs do not support a plan."""
FAR_RATIO_FACTOR = 8.0
"""Factor by which a plan's D/N may lie outside the range of the runs' D/N."""
SINGLE_RATIO_FACTOR = 1.5
"""Ratio of the runs' largest to smallest D/N below which the effects of N and D cannot be separated."""
FAR_EPOCHS = 4.0
"""Epochs up to which repeated text is nearly as good as new (Muennighoff et al., 2305.16264). Above this, and above
twice the runs' largest, a law without repetition does not support a verdict."""
FAR_SHARE = 0.15
"""Distance of a share from the range of the runs' shares above which it is an extrapolation."""


def losses_of(problem: MixtureProblem, scale: Scale, w_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predicted losses (K,) of one mixture and their replicas (B, K), nats per token."""
    fit = problem.fit
    return fit.losses(w_S[None], *scale.pair)[0], fit.losses(w_S[None], *scale.pair, replicas=True)[:, 0]


def band(values_B: np.ndarray, point: float) -> Band:
    """A prediction with its 90% interval over the bootstrap, widened to contain the prediction.

    >>> band(np.array([1.0, 1.0]), 2.0)
    Band(mean=2.0, low=1.0, high=2.0)
    """
    return Band.from_dict(bootstrap_interval(values_B, point))


def baselines(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, notes: list[Note]) -> dict[str, Baseline | None]:
    """Proportional, uniform and the best run: objective, feasibility, and the paired difference from the plan."""
    fit, w_bySxS = problem.fit, {}
    if problem.proportional_S is not None:
        w_bySxS["proportional"] = problem.proportional_S
    else:
        text = "baseline proportional is null: the sources' tokens are not known"
        notes.append(Note(NULL, ("baselines",), text))
    w_bySxS["uniform"] = np.full(len(fit.sources), 1.0 / len(fit.sources))
    seen = best_run(fit, problem.weight_K)
    if seen is None:
        text = "baseline best_run is null: no run has a loss on every target, or the run table is not given"
        notes.append(Note(NULL, ("baselines",), text))
    else:
        w_bySxS["best_run"] = seen.w_S
    found: dict[str, Baseline | None] = {"proportional": None, "uniform": None, "best_run": None}
    for name, other_S in w_bySxS.items():
        baseline = compared(problem, scale, w_S, other_S)
        if name == "best_run" and seen is not None:
            baseline = replace(baseline, run_id=seen.run_id)
        found[name] = baseline
    return found


def compared(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, other_S: np.ndarray) -> Baseline:
    """Another mixture compared with the plan's: objective, feasibility, and difference paired over the bootstrap."""
    (plan_K, plan_BxK), (point_K, replicas_BxK) = (losses_of(problem, scale, w) for w in (w_S, other_S))
    value, plan = float(problem.value(point_K)), float(problem.value(plan_K))
    return Baseline(
        mixture=named(problem.fit.sources, as_mixture(other_S)),
        objective=value,
        feasible=not problem.violated(other_S, scale, point_K),
        difference=band(problem.value(replicas_BxK) - problem.value(plan_BxK), value - plan),
    )


def verdict(found: Mapping[str, Baseline | None]) -> str:
    """ "better" if the interval of the difference from the best feasible baseline lies above 0, else "tie".

    >>> verdict({"uniform": Baseline({"web": 1.0}, 2.2, True, Band(0.1, 0.05, 0.15))})
    'better'
    """
    rival = best_feasible(found)
    sure = rival is not None and rival[1].difference is not None and rival[1].difference.low > 0
    return "better" if sure else "tie"


def epochs_of(problem: MixtureProblem, scale: Scale, w_S: np.ndarray) -> np.ndarray | None:
    """Epochs of each source (S,), nan if its tokens are not known; None without sources or D."""
    if problem.sources is None or scale.tokens is None:
        return None
    return w_S * scale.tokens / problem.sources.tokens_S


def extrapolations(problem: MixtureProblem, scale: Scale, w_S: np.ndarray) -> list[str]:
    """Reasons why the runs do not support a verdict on this plan."""
    support, fit, reasons = problem.fit.support, problem.fit, []
    for name, value, (least, most) in (("N", scale.params, support.params), ("D", scale.tokens, support.tokens)):
        if fit.knows_scale and value is not None and value > FAR_SCALE_FACTOR * most:
            reasons.append(f"{name} = {value:.3g} is {value / most:.0f} times the largest of the runs ({most:.3g})")
        if fit.knows_scale and value is not None and value < least / FAR_SCALE_FACTOR:
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


def _far_ratio(problem: MixtureProblem, scale: Scale) -> list[str]:
    """The reason, if there is one, why the plan's tokens per parameter are beyond the runs."""
    least, most = problem.fit.support.tokens_per_param
    if not problem.fit.knows_scale or scale.params is None or scale.tokens is None or not np.isfinite(most):
        return []
    ratio, found = scale.tokens / scale.params, problem.budget is not None and problem.budget.params is None
    if found and most < SINGLE_RATIO_FACTOR * least:
        return [
            f"all runs have about {least:.3g} tokens per parameter, so the effects of N and D cannot be separated: "
            "give --params and --tokens"
        ]
    if not least / FAR_RATIO_FACTOR <= ratio <= most * FAR_RATIO_FACTOR:
        return [f"{ratio:.3g} tokens per parameter are far from the runs' {least:.3g} to {most:.3g}"]
    return []


def distance(problem: MixtureProblem, scale: Scale, w_S: np.ndarray) -> Distance:
    """Distance of the plan from the runs."""
    fit, support = problem.fit, problem.fit.support
    mixture, mixture_of_runs = _from_nearest_run(fit, w_S)
    beyond_S = np.maximum(np.maximum(w_S - support.most_S, support.least_S - w_S), 0.0)
    epochs_S = epochs_of(problem, scale, w_S)
    known = epochs_S is not None and np.isfinite(epochs_S).all()
    return Distance(
        params=_multiple(scale.params, support.params[1]),
        tokens=_multiple(scale.tokens, support.tokens[1]),
        mixture=mixture,
        mixture_of_runs=mixture_of_runs,
        epochs=named(fit.sources, epochs_S / np.maximum(support.epochs_S, 1e-300)) if known else None,
        beyond_shares={name: float(x) for name, x in zip(fit.sources, beyond_S, strict=True) if x > 1e-6},
    )


def _multiple(value: float | None, most: float) -> float | None:
    return float(value / most) if value is not None and np.isfinite(most) else None


def _from_nearest_run(fit: Fit, w_S: np.ndarray) -> tuple[float | None, float | None]:
    """Distance of a mixture from the nearest run, and the median of the same between the runs; None if not known."""
    if fit.runs is None:
        return None, None
    order = [fit.runs.sources.index(name) for name in fit.sources]
    w_RxS = np.unique(fit.runs.w_RxS[:, order], axis=0)
    nearest = float(0.5 * np.abs(w_RxS - w_S).sum(1).min())
    if len(w_RxS) < 2:
        return nearest, None
    apart_RxR = 0.5 * np.stack([np.abs(w_RxS - w).sum(1) for w in w_RxS])
    np.fill_diagonal(apart_RxR, np.inf)
    return nearest, float(np.median(apart_RxR.min(1)))


@dataclass(frozen=True)
class BestRun:
    """The run with the lowest weighted mean loss at the largest scale of the table.

    >>> BestRun("r1", np.array([0.5, 0.5]), 2.1).run_id
    'r1'
    """

    run_id: str
    w_S: np.ndarray
    objective: float


def best_run(fit: Fit, weight_K: np.ndarray) -> BestRun | None:
    """The best of the runs with the most compute and a loss on every target; None without a table or such a run."""
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
