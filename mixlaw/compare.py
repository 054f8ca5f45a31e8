"""Held-out error of a law on its own runs, and the best run among them."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.stats import spearmanr

from mixlaw import lm
from mixlaw.fit import priors
from mixlaw.fitted import Fit
from mixlaw.laws import parametric
from mixlaw.objective import predict
from mixlaw.observations import Observations, observe

FOLDS = 5
ALIKE = 0.02
"""Relative difference up to which two token counts or sizes are one scale: trainers pack runs to slightly different
lengths."""
BLOWN = 1.5
"""A law whose held-out error exceeds that of the runs' mean by this factor has gone astray. Where mixtures do not
matter an honest fit is worse than the mean too, by the price of its parameters: up to 1.2 in simulations."""
NEGLIGIBLE = 1e-4
"""Nats per token: errors below it are none, whatever their factor."""


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated error of a law, over the runs' targets.

    Attributes:
        mae: mean absolute error, nats per token.
        spearman: mean over targets of the rank correlation within a scale.
        baseline_mae: error of predicting the mean of the training runs of the same scale, of all where it has none.
        folds: number of folds; a mixture and all its checkpoints are in one.
        notes: for the plan.
        distrust: why the fit is not to be trusted, if so.
        doubt: why differences between mixtures are not to be believed, if so.
    """

    mae: float
    spearman: float
    baseline_mae: float
    folds: int
    notes: tuple[str, ...] = ()
    distrust: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any] | None:
        """The plan's `law.held_out`, null where nothing could be held out."""
        if not self.folds:
            return None
        return {k: getattr(self, k) for k in ("mae", "spearman", "baseline_mae", "folds")}


def held_out(fit: Fit, seed: int = 0) -> HeldOut:
    """Refit without each fold of mixtures and predict it: the error to expect on a mixture never run.

    A law that predicts new mixtures far worse than the mean of the runs is not to be trusted with anything; one
    that is no better than the mean supports no claim that a mixture is better, but may well say that none is.
    """
    nothing = HeldOut(np.nan, np.nan, np.nan, 0)
    if fit.runs is None:
        return HeldOut(np.nan, np.nan, np.nan, 0, notes=("law.held_out is null: the fit came without its runs",))
    seen = observe(fit.runs, fit.law)
    mixtures_R = np.unique(np.round(seen.runs.w_RxS, 6), axis=0, return_inverse=True)[1].ravel()
    if "mixture" not in fit.law.needs:
        mixtures_R = seen.runs.cluster_R
    groups = np.unique(mixtures_R)
    if len(groups) < 2 * FOLDS:
        reason = f"law.held_out is null: {len(groups)} mixtures are too few to hold any out"
        return HeldOut(np.nan, np.nan, np.nan, 0, notes=(reason,)) if groups.size else nothing
    order = np.random.default_rng([seed, 2]).permutation(len(groups))
    fold_R = (np.argsort(order) % FOLDS)[np.searchsorted(groups, mixtures_R)]
    predicted_KxR = _predict_folds(fit, seen, fold_R)
    return _score(fit, seen, fold_R, predicted_KxR)


def _predict_folds(fit: Fit, seen: Observations, fold_R: np.ndarray) -> np.ndarray:
    """Each row predicted by the refit that has not seen its fold, (K, R) nats per token."""
    law, targets = parametric(fit.law), len(fit.targets)
    weight_FxKxR = seen.weight_KxR * (fold_R != np.arange(FOLDS)[:, None])[:, None, :]
    with jax.enable_x64(True):
        mean_KxP, precision_KxPxP = priors(law, seen)
        sigma_K = fit.sigma_K if law.objective.priors else np.full(targets, law.objective.sigma)
        spread = lambda x: np.broadcast_to(x, (FOLDS, *x.shape)).reshape(FOLDS * targets, *x.shape[1:])  # noqa: E731
        problems = lm.Problem(
            spread(seen.log_loss_KxR),
            weight_FxKxR.reshape(FOLDS * targets, -1),
            *(spread(x) for x in (sigma_K, mean_KxP, precision_KxPxP)),
        )
        # From the prior's mean where there is one: the full fit has seen the rows that are held out.
        start_KxP = mean_KxP if law.objective.priors else fit.z_KxP
        constants = jax.tree.map(spread, fit.constants)
        solution = lm.solve(law, problems, spread(start_KxP), seen.rows, constants)
        all_FxKxR = np.asarray(predict(law, solution.z_P, seen.rows, constants)).reshape(FOLDS, targets, -1)
    return all_FxKxR[fold_R, :, np.arange(len(fold_R))].T


def _score(fit: Fit, seen: Observations, fold_R: np.ndarray, predicted_KxR: np.ndarray) -> HeldOut:
    scale_R = _scales(seen)
    error_K, baseline_K, rank_K = [], [], []
    for k, log_loss_R in enumerate(seen.log_loss_KxR):
        loss_R = np.exp(log_loss_R)
        judged_R = seen.runs.select_last(seen.weight_KxR[k] > 0)
        plain_R = _mean_of_others(loss_R, judged_R, fold_R, scale_R)
        error_K.append(np.abs(predicted_KxR[k] - loss_R)[judged_R].mean())
        baseline_K.append(np.abs(plain_R - loss_R)[judged_R].mean())
        rank_K.append(_rank_within(predicted_KxR[k], loss_R, judged_R, scale_R))
    mae, baseline_mae = float(np.mean(error_K)), float(np.mean(baseline_K))
    notes, distrust, doubt = (), (), ()
    if mae > 0.5 * baseline_mae and "mixture" in fit.law.needs:
        notes = (f"the law's error on held-out mixtures is {mae / baseline_mae:.0%} of that of the runs' mean",)
    if "mixture" in fit.law.needs:
        errors = zip(fit.targets, error_K, baseline_K, strict=True)
        bad = [t for t, e, b in errors if not np.isfinite(e) or e > BLOWN * b + NEGLIGIBLE]
        if bad:
            distrust = (f"the law predicts unseen mixtures far worse than the runs' mean on {', '.join(bad[:3])}",)
        if mae >= baseline_mae:
            doubt = ("the law predicts unseen mixtures no better than the runs' mean",)
    with np.errstate(invalid="ignore"):
        rank = float(np.mean(rank_K)) if np.isfinite(rank_K).all() else np.nan
    return HeldOut(mae, rank, baseline_mae, FOLDS, notes, distrust, doubt)


def _scales(seen: Observations) -> np.ndarray:
    """The index of each row's scale: rows of nearly the same N and D share one."""
    values_Rx2 = np.stack([seen.runs.params_R, seen.runs.tokens_R], 1)
    steps_Rx2 = np.round(np.log(np.nan_to_num(values_Rx2, nan=1.0)) / ALIKE)
    return np.unique(steps_Rx2, axis=0, return_inverse=True)[1].ravel()


def _mean_of_others(loss_R, used_R, fold_R, scale_R) -> np.ndarray:
    """Mean loss of the training rows at the row's own scale, of all training rows where it has none."""
    plain_R = np.full(len(loss_R), np.nan)
    for r in np.flatnonzero(used_R):
        others_R = used_R & (fold_R != fold_R[r])
        alike_R = others_R & (scale_R == scale_R[r])
        plain_R[r] = (
            loss_R[alike_R if alike_R.any() else others_R].mean() if others_R.any() else np.mean(loss_R[used_R])
        )
    return plain_R


def _rank_within(predicted_R, loss_R, judged_R, scale_R) -> float:
    """Rank correlation within each scale of at least five runs, averaged by their number; nan where there is none."""
    total, runs = 0.0, 0
    for scale in np.unique(scale_R[judged_R]):
        here_R = judged_R & (scale_R == scale)
        if here_R.sum() >= 5 and np.ptp(predicted_R[here_R]) > 0 and np.ptp(loss_R[here_R]) > 0:
            total += here_R.sum() * spearmanr(predicted_R[here_R], loss_R[here_R]).statistic
            runs += here_R.sum()
    return total / runs if runs else np.nan


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
