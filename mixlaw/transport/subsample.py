"""Exact transport where all points are too many: on disjoint subsamples, with the error that sampling leaves.

The points are dealt at random into folds of so many a source and so many of the target; folds share no point, so their
distances are independent draws, and their spread says how far the mean is from that of all such folds. It does not say
how far it is from the distance of more points: fewer points are farther apart, by an amount that is nearly the same for
all mixtures as long as every source gives equally many.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from mixlaw.errors import MixlawError
from mixlaw.transport.bundle import TOLERANCE, Bounds, minimize
from mixlaw.transport.distances.base import checked_mixture
from mixlaw.transport.distances.exact import ExactOT
from mixlaw.transport.features.samples import Samples
from mixlaw.typing import Array


@dataclass(frozen=True)
class Estimate:
    """A mean over folds.

    Attributes:
        mean: distance (a number), or mixture (S,).
        half_width: of the 90% interval of the mean over all folds of this size.
        folds: how many there were.
    """

    mean: Array
    half_width: Array
    folds: int


def subsampled(
    samples: Samples, w_S: Array, count: int, target_count: int, cost: str = "euclidean", seed: int = 0
) -> Estimate:
    """Exact transport at a mixture on `count` points of each source and `target_count` of the target.

    Raises:
        MixlawError: the points give fewer than two folds.
    """
    w_S = checked_mixture(w_S, samples.sources)
    folds = _folds(samples, count, target_count, seed)
    return _mean(np.array([ExactOT(fold, cost)(w_S).value for fold in folds]))


def minimize_subsampled(
    samples: Samples,
    count: int,
    target_count: int,
    bounds: Bounds | None = None,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> Estimate:
    """The mean of the nearest mixtures of the folds, within bounds as they are, and the error of each share.

    Raises:
        MixlawError: the points give fewer than two folds, or no mixture meets the bounds.
    """
    folds = _folds(samples, count, target_count, seed)
    return _mean(np.stack([minimize(ExactOT(fold), bounds, tolerance).w_S for fold in folds]))


def _folds(samples: Samples, count: int, target_count: int, seed: int) -> list[Samples]:
    folds = samples.folds(count, target_count, seed)
    if len(folds) < 2:
        raise MixlawError(
            f"subsamples of {count} and {target_count} points: {samples.x_SxNxF.shape[1]} a source and "
            f"{len(samples.y_MxF)} of the target give no two without a common point; take half as many or fewer"
        )
    return folds


def _mean(found: Array) -> Estimate:
    folds = len(found)
    error = found.std(0, ddof=1) / np.sqrt(folds)
    return Estimate(found.mean(0), student.ppf(0.95, folds - 1) * error, folds)
