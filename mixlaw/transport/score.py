"""Scores of documents for a target: DSIR's importance weight, the calibrated transport gradient, neighbour ranks.

Lower is better for all scores except `importance`, where a higher log weight is better, as in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mixlaw.errors import MixlawError
from mixlaw.transport.distances.exact import ExactOT
from mixlaw.transport.distances.ngram_kl import frequencies
from mixlaw.transport.features.ngrams import NGrams
from mixlaw.transport.features.samples import Samples
from mixlaw.typing import Array

CELLS_PER_CALL = 2**22


def importance(
    documents: Sequence[str], raw_B: Array, target_B: Array, ngrams: NGrams | None = None, smoothing: float = 1.0
) -> Array:
    """DSIR's log weight of each document (2302.03169), nats: counts . (log q_target - log q_raw), (N,).

    Args:
        documents: documents to score, from the raw text or elsewhere.
        raw_B, target_B: n-gram counts of the raw text and of the target (`NGrams.total`).
        ngrams: the n-grams that were counted; default: DSIR's.
        smoothing: added to every count.

    Raises:
        MixlawError: if the counts' length is not the number of buckets of `ngrams`, or there is no document.

    >>> ngrams = NGrams(words=(1,), buckets=100)
    >>> raw_B, target_B = ngrams.total(["the web page", "the code"]), ngrams.total(["the code"])
    >>> importance(["web page", "code"], raw_B, target_B, ngrams).round(2)
    array([-1.33,  0.03])
    """
    ngrams = ngrams or NGrams()
    for count_B, name in ((raw_B, "the raw text"), (target_B, "the target")):
        if np.shape(count_B) != (ngrams.buckets,):
            raise MixlawError(f"score: counts of {name} of shape {np.shape(count_B)} for {ngrams.buckets} buckets")
    weight_B = np.log(frequencies(target_B, "the target", smoothing)) - np.log(
        frequencies(raw_B, "the raw text", smoothing)
    )
    return ngrams.counts(documents) @ weight_B


def resample(log_weight_N: Array, count: int, seed: int = 0) -> NDArray[np.intp]:
    """Sample documents without replacement, with probability proportional to weight (Gumbel top-k, as in DSIR).

    Returns:
        Indices of `count` documents, ascending.

    Raises:
        MixlawError: if `count` is below 1 or above the number of documents.

    >>> resample(np.array([0.0, -50.0, 0.0]), 2)
    array([0, 2])
    """
    if not 1 <= count <= len(log_weight_N):
        raise MixlawError(f"score: {count} documents of {len(log_weight_N)} cannot be drawn; ask for 1 to all")
    noisy_N = log_weight_N + np.random.default_rng(seed).gumbel(size=len(log_weight_N))
    return np.sort(np.argsort(-noisy_N, kind="stable")[:count])


def transport_gradient(x_NxF: Array, y_MxF: Array) -> Array:
    """GOT-D's score (2405.02774): the change of the pool's exact transport to the target per added mass of a document.

    The calibrated gradient: the potential f_i minus the mean of the other documents' f. Documents with the lowest
    scores move the pool towards the target. LAVA (2305.00054) values samples by the same quantity.

    Args:
        x_NxF: points of the pool, a sample of the model's training text.
        y_MxF: points of the target.

    Raises:
        MixlawError: if there are fewer than two documents, or more pairs than exact transport takes (`ExactOT`).

    >>> transport_gradient(np.array([[0.0], [4.0], [9.0]]), np.array([[4.0], [5.0]]))
    array([ 2.5, -3.5,  1. ])
    """
    if len(x_NxF) < 2:
        raise MixlawError("score: the pool has fewer than two documents; there is nothing to compare")
    f_N = ExactOT(Samples.of({"pool": x_NxF}, y_MxF)).solve(np.ones(1)).f_N
    return (f_N - f_N.mean()) * len(f_N) / (len(f_N) - 1)


@dataclass(frozen=True)
class Neighbours:
    """TAROT's selection of documents.

    Attributes:
        rank_N: the score, lower is better: the smallest rank of the document among the neighbours of any target point
            (1: it is the nearest document of some target point).
        count: number of neighbours per target point at which the distance to held-out target points stops falling.
        distance_K: mean transport distance to held-out target points for 1, 2, ... neighbours, up to the first rise.

    >>> Neighbours(np.array([1, 3, 2]), count=2, distance_K=np.array([0.5, 0.2, 0.4])).chosen_N
    array([ True, False,  True])
    """

    rank_N: NDArray[np.intp]
    count: int
    distance_K: Array

    @property
    def chosen_N(self) -> NDArray[np.bool_]:
        """Mask of the selected documents, rank at most `count`. Their share is TAROT's ratio."""
        return self.rank_N <= self.count


def neighbours(x_NxF: Array, y_MxF: Array, folds: int = 5, seed: int = 0) -> Neighbours:
    """TAROT's ratio estimate (2412.00420): select the target's k nearest documents, with k chosen on held-out points.

    The target is split into folds. For each fold, the documents among the k nearest of any point of the other folds
    form a set; k grows until the mean exact transport distance of the sets to their held-out folds first rises. The k
    before the rise is chosen (the authors' code returns the k after it).

    Args:
        x_NxF: points of the documents, whitened and of unit length (`fit_features`), so that their Euclidean distance
            is sqrt(2 - 2 cos).
        y_MxF: points of the target.
        folds: number of folds.
        seed: seed of the split into folds.

    Raises:
        MixlawError: if there are fewer target points than folds, or fewer than two folds.

    >>> found = neighbours(np.array([[0.0], [1.0], [5.0], [9.0]]), np.array([[0.0], [1.0], [0.5], [0.4]]), folds=2)
    >>> found.rank_N, found.count
    (array([1, 1, 3, 4]), 2)
    """
    if not 2 <= folds <= len(y_MxF):
        raise MixlawError(f"score: {folds} folds of {len(y_MxF)} target points; give 2 or more, and as many points")
    fold_M = np.random.default_rng(seed).permutation(np.arange(len(y_MxF)) % folds)
    ranks_FxN = np.stack([_ranks(x_NxF, y_MxF[fold_M != fold]) for fold in range(folds)])
    distances: list[float] = []
    for k in range(1, len(x_NxF) + 1):
        apart = [_apart(x_NxF[ranks_FxN[fold] <= k], y_MxF[fold_M == fold]) for fold in range(folds)]
        distances.append(float(np.mean(apart)))
        if k > 1 and distances[-1] > distances[-2]:
            return Neighbours(_ranks(x_NxF, y_MxF), k - 1, np.array(distances))
        if (ranks_FxN <= k).all():
            break
    return Neighbours(_ranks(x_NxF, y_MxF), len(distances), np.array(distances))


def _apart(x_NxF: Array, y_MxF: Array) -> float:
    return ExactOT(Samples.of({"chosen": x_NxF}, y_MxF)).solve(np.ones(1)).primal


def _ranks(x_NxF: Array, y_MxF: Array) -> NDArray[np.intp]:
    """Smallest rank, from 1, of each document among the neighbours of any target point; streamed over target points."""
    best_N = np.full(len(x_NxF), len(x_NxF))
    for i in range(0, len(y_MxF), max(1, CELLS_PER_CALL // len(x_NxF))):
        cost_RxN = cdist(y_MxF[i : i + max(1, CELLS_PER_CALL // len(x_NxF))], x_NxF)
        place_RxN = np.argsort(np.argsort(cost_RxN, axis=1, kind="stable"), axis=1)
        best_N = np.minimum(best_N, place_RxN.min(0) + 1)
    return best_N
