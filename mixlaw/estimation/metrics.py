"""How good held-out predictions are: error, bias, differences between mixtures, ranks, regret, coverage."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

RANKED = 5
"""Fewest runs of a scale in which ranks are taken."""
METRICS = ("mae", "bias", "slope", "spearman", "regret_1", "regret_5", "coverage")


@dataclass(frozen=True)
class Predictions:
    """Losses of K targets on R rows, predicted by refits that have not seen them, nats per token; nan where no
    refit predicts a row.

    Attributes:
        loss_KxR: the prediction.
        low_KxR, high_KxR: ends of its interval for the loss of one run.
    """

    loss_KxR: np.ndarray
    low_KxR: np.ndarray
    high_KxR: np.ndarray


def score(
    found: Predictions, loss_KxR: np.ndarray, scored_KxR: np.ndarray, scale_R: np.ndarray, fold_R: np.ndarray
) -> dict[str, np.ndarray]:
    """Every metric of `METRICS` by target.

    Args:
        found: predictions.
        loss_KxR: observed losses, nats per token.
        scored_KxR: the rows that count.
        scale_R: index of each row's scale. Ranks and differences are taken within a scale.
        fold_R: the fold that predicted each row.

    Returns:
        {metric: (K,)}, nan where a metric has no meaning: slopes, ranks and regret need predictions that differ.
        - mae, bias: mean of |p - o| and of p - o for predicted p and observed o, nats per token;
        - slope: of o on p, both centred on their mean within the scale. 1 is right; above 1 the differences between
          mixtures are underestimated;
        - spearman: rank correlation, mean over scales of `RANKED` runs and more, by their number;
        - regret_1, regret_5: lowest loss among the k runs with the lowest predictions less the lowest of all, mean
          over scales of max(RANKED, 2 k) runs and more;
        - coverage: share of the losses inside the interval.
    """
    each = []
    for k, scored_R in enumerate(scored_KxR):
        p, o = found.loss_KxR[k, scored_R], loss_KxR[k, scored_R]
        inside = (found.low_KxR[k, scored_R] <= o) & (o <= found.high_KxR[k, scored_R])
        each.append((np.mean(np.abs(p - o)), np.mean(p - o), *_within(p, o, scale_R[scored_R], fold_R[scored_R])))
        each[-1] = (*each[-1], np.mean(inside) if np.isfinite(found.low_KxR[k, scored_R]).any() else np.nan)
    return {str(metric): value_K for metric, value_K in zip(METRICS, np.array(each).T, strict=True)}


def _within(p: np.ndarray, o: np.ndarray, scale: np.ndarray, fold: np.ndarray) -> tuple[float, float, float, float]:
    """Slope, rank correlation and regrets of one target, from differences within scales."""
    if not _differ(p, scale, fold):
        return np.nan, np.nan, np.nan, np.nan
    _, at = np.unique(scale, return_inverse=True)
    count = np.bincount(at)
    x, y = (v - (np.bincount(at, v) / count)[at] for v in (p, o))
    slope = x @ y / (x @ x) if x @ x > 0 else np.nan
    parts = [at == s for s in range(len(count))]
    ranked = [here for here in parts if here.sum() >= RANKED and np.ptp(p[here]) > 0 and np.ptp(o[here]) > 0]
    return float(slope), _rank(p, o, ranked), _regret(p, o, parts, 1), _regret(p, o, parts, 5)


def _differ(p: np.ndarray, scale: np.ndarray, fold: np.ndarray) -> bool:
    """Whether any refit predicts differences at all: the mean of the runs differs by fold, but says nothing of
    mixtures."""
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
        if here.sum() >= max(RANKED, 2 * k)
    ]
    return float(np.mean(chosen)) if chosen else np.nan


def fold_errors(
    loss_KxR: np.ndarray, observed_KxR: np.ndarray, scored_KxR: np.ndarray, test_FxR: np.ndarray
) -> np.ndarray:
    """Mean absolute error of each fold, the mean over the targets that have judged rows in it, (F,); nan where none
    has."""
    error_KxR = np.where(scored_KxR, np.abs(loss_KxR - observed_KxR), 0.0)
    count_FxK = (test_FxR[:, None] & scored_KxR).sum(-1)
    mean_FxK = np.einsum("kr,fr->fk", error_KxR, test_FxR.astype(float)) / np.maximum(count_FxK, 1)
    targets_F = (count_FxK > 0).sum(1)
    return np.where(targets_F > 0, mean_FxK.sum(1) / np.maximum(targets_F, 1), np.nan)
