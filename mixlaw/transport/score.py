"""What each document is worth for a target: DSIR's importance weight, the calibrated transport gradient, neighbours.

Lower distance is better throughout the package; of these scores too, the lowest is the best, but for DSIR's, whose sign
is the paper's: a log weight, the highest best.
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

CELLS = 2**22


def importance(
    documents: Sequence[str], raw_B: Array, target_B: Array, ngrams: NGrams | None = None, smoothing: float = 1.0
) -> Array:
    """DSIR's log weight of each document (2302.03169), nats: counts . (log q_target - log q_raw), (N,).

    Args:
        documents: to be scored; of the raw text or not.
        raw_B, target_B: n-gram counts of the raw text and of the target (`NGrams.total`).
        ngrams: those of the counts; DSIR's where not given.
        smoothing: added to every count.

    Raises:
        MixlawError: counts that are not those of `ngrams`, or no document.
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
    """`count` documents drawn without replacement with chances as their weights, in rising order: Gumbel top-k, which
    is how DSIR selects.

    Raises:
        MixlawError: more are asked for than there are, or none.
    """
    if not 1 <= count <= len(log_weight_N):
        raise MixlawError(f"score: {count} documents of {len(log_weight_N)} cannot be drawn; ask for 1 to all")
    noisy_N = log_weight_N + np.random.default_rng(seed).gumbel(size=len(log_weight_N))
    return np.sort(np.argsort(-noisy_N, kind="stable")[:count])


def transport_gradient(x_NxF: Array, y_MxF: Array) -> Array:
    """GOT-D's score (2405.02774): the change of the pool's exact transport to the target per added mass of a document.

    f_i less the mean of the other documents' f, the calibrated gradient. Documents with the lowest pull the pool
    towards the target; LAVA (2305.00054) values samples by the same.

    Args:
        x_NxF: points of the pool, which stands for what the model was trained on.
        y_MxF: points of the target.

    Raises:
        MixlawError: fewer than two documents, or more pairs than exact transport takes (`ExactOT`).
    """
    if len(x_NxF) < 2:
        raise MixlawError("score: the pool has fewer than two documents; there is nothing to compare")
    f_N = ExactOT(Samples.of({"pool": x_NxF}, y_MxF)).solve(np.ones(1)).f_N
    return (f_N - f_N.mean()) * len(f_N) / (len(f_N) - 1)


@dataclass(frozen=True)
class Neighbours:
    """TAROT's selection.

    Attributes:
        rank_N: the number of neighbours a target point must have for a document to be among them (1: it is the
            nearest of some target point); the score, lowest best.
        count: the number of neighbours after which the distance to held-out target points first rises.
        distance_K: mean transport distance to them for 1, 2, ... neighbours, the last one the first that rose.
    """

    rank_N: NDArray[np.intp]
    count: int
    distance_K: Array

    @property
    def chosen_N(self) -> NDArray[np.bool_]:
        """Which documents are chosen: neighbours up to `count`. Their share is TAROT's ratio."""
        return self.rank_N <= self.count


def neighbours(x_NxF: Array, y_MxF: Array, folds: int = 5, seed: int = 0) -> Neighbours:
    """TAROT's ratio estimate (2412.00420): neighbours of target points, as many as bring held-out ones nearer.

    The target is dealt into folds. For each fold, the documents among the k nearest of the other folds' points form a
    set; k grows until the mean exact transport distance of the sets to their held-out folds first rises. The k before
    the rise counts (the authors' code returns the one after it).

    Args:
        x_NxF: points of the documents, whitened and of unit length (`fit_features`), so that their Euclidean distance
            is sqrt(2 - 2 cos).
        y_MxF: points of the target.
        folds: how many.
        seed: of the dealing.

    Raises:
        MixlawError: fewer target points than folds, or fewer than two folds.
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
    """The best place of each document among the neighbours of any target point, from 1; streamed over target points."""
    best_N = np.full(len(x_NxF), len(x_NxF))
    for i in range(0, len(y_MxF), max(1, CELLS // len(x_NxF))):
        cost_RxN = cdist(y_MxF[i : i + max(1, CELLS // len(x_NxF))], x_NxF)
        place_RxN = np.argsort(np.argsort(cost_RxN, axis=1, kind="stable"), axis=1)
        best_N = np.minimum(best_N, place_RxN.min(0) + 1)
    return best_N
