"""Metrics of held-out predictions: error, bias, slope, rank correlation, regret, interval coverage."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

FEWEST_RANKED = 5
"""Smallest number of runs at a scale for which rank correlation and regret are computed."""
METRICS = ("mae", "bias", "slope", "spearman", "regret_1", "regret_5", "coverage")


@dataclass(frozen=True)
class Predictions:
    """Held-out predictions of the losses of K targets on R rows, nats per token; nan in rows without a prediction.

    Attributes:
        loss_KxR: predicted losses.
        low_KxR, high_KxR: ends of the prediction intervals for the loss of one run.
    """

    loss_KxR: np.ndarray
    low_KxR: np.ndarray
    high_KxR: np.ndarray


def score(
    found: Predictions, loss_KxR: np.ndarray, scored_KxR: np.ndarray, scale_R: np.ndarray, fold_R: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute every metric of `METRICS` for each target.

    Args:
        found: predictions.
        loss_KxR: observed losses, nats per token.
        scored_KxR: mask of the rows to score.
        scale_R: index of each row's scale. Ranks and differences are taken within a scale.
        fold_R: the fold that predicted each row.

    Returns:
        {metric: (K,)}, nan if undefined: slope, rank correlation and regret need predictions that differ.
        - mae, bias: mean of |p - o| and of p - o for predicted p and observed o, nats per token;
        - slope: least-squares slope of o on p, both centred within the scale. 1 is correct; above 1 the predictions
          underestimate differences between mixtures;
        - spearman: rank correlation, averaged over scales with at least `FEWEST_RANKED` runs, weighted by number of
          runs;
        - regret_1, regret_5: lowest loss among the k runs with the lowest predictions minus the lowest loss of all,
          averaged over scales with at least max(FEWEST_RANKED, 2 k) runs;
        - coverage: share of the observed losses inside the interval.
    """
    each = []
    for k, scored_R in enumerate(scored_KxR):
        p, o = found.loss_KxR[k, scored_R], loss_KxR[k, scored_R]
        inside = (found.low_KxR[k, scored_R] <= o) & (o <= found.high_KxR[k, scored_R])
        each.append((np.mean(np.abs(p - o)), np.mean(p - o), *_within(p, o, scale_R[scored_R], fold_R[scored_R])))
        each[-1] = (*each[-1], np.mean(inside) if np.isfinite(found.low_KxR[k, scored_R]).any() else np.nan)
    return {str(metric): value_K for metric, value_K in zip(METRICS, np.array(each).T, strict=True)}


def _within(p: np.ndarray, o: np.ndarray, scale: np.ndarray, fold: np.ndarray) -> tuple[float, float, float, float]:
    """Slope, rank correlation, regret_1 and regret_5 of one target, computed within scales."""
    if not _differ(p, scale, fold):
        return np.nan, np.nan, np.nan, np.nan
    _, at = np.unique(scale, return_inverse=True)
    count = np.bincount(at)
    x, y = (v - (np.bincount(at, v) / count)[at] for v in (p, o))
    slope = x @ y / (x @ x) if x @ x > 0 else np.nan
    parts = [at == s for s in range(len(count))]
    ranked = [here for here in parts if here.sum() >= FEWEST_RANKED and np.ptp(p[here]) > 0 and np.ptp(o[here]) > 0]
    return float(slope), _rank(p, o, ranked), _regret(p, o, parts, 1), _regret(p, o, parts, 5)


def _differ(p: np.ndarray, scale: np.ndarray, fold: np.ndarray) -> bool:
    """True if some refit predicts different losses within a scale. (The mean of the runs differs by fold only, so it
    does not rank mixtures.)"""
    _, part = np.unique(np.stack([scale, fold], 1), axis=0, return_inverse=True)
    spread = [np.ptp(p[part.ravel() == i]) for i in range(part.max() + 1)]
    return bool(np.max(spread) > 1e-12)


def _rank(p: np.ndarray, o: np.ndarray, parts: list[np.ndarray]) -> float:
    total = sum(here.sum() * spearmanr(p[here], o[here]).statistic for here in parts)
    return float(total / sum(here.sum() for here in parts)) if parts else np.nan


def _regret(p: np.ndarray, o: np.ndarray, parts: list[np.ndarray], k: int) -> float:
    chosen = [
        o[here][np.argsort(p[here], kind="stable")[:k]].min() - o[here].min()
        for here in parts
        if here.sum() >= max(FEWEST_RANKED, 2 * k)
    ]
    return float(np.mean(chosen)) if chosen else np.nan


def fold_errors(
    loss_KxR: np.ndarray, observed_KxR: np.ndarray, scored_KxR: np.ndarray, test_FxR: np.ndarray
) -> np.ndarray:
    """Mean absolute error of each fold (F,), averaged over the targets with scored rows in it; nan if there are
    none."""
    error_KxR = np.where(scored_KxR, np.abs(loss_KxR - observed_KxR), 0.0)
    count_FxK = (test_FxR[:, None] & scored_KxR).sum(-1)
    mean_FxK = np.einsum("kr,fr->fk", error_KxR, test_FxR.astype(float)) / np.maximum(count_FxK, 1)
    targets_F = (count_FxK > 0).sum(1)
    return np.where(targets_F > 0, mean_FxK.sum(1) / np.maximum(targets_F, 1), np.nan)
