"""Exact transport on disjoint subsamples, for samples too large for one solve, with its sampling error.

The points are split at random into folds, each with a given number of points per source and of the target. Folds share
no point, so their distances are independent, and the spread over folds estimates the sampling error of the mean. It
does not include the bias of small samples: fewer points are farther apart on average, by nearly the same amount for all
mixtures if every source has the same number of points.
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
    """Mean over folds, with its interval.

    Attributes:
        mean: distance (a number), or mixture (S,).
        half_width: half the width of the 90% Student t interval of the mean, in the unit of `mean`.
        folds: number of folds.

    >>> estimate = Estimate(np.array(2.0), np.array(0.5), folds=4)
    >>> float(estimate.mean - estimate.half_width)
    1.5
    """

    mean: Array
    half_width: Array
    folds: int


def subsampled(
    samples: Samples, w_S: Array, count: int, target_count: int, cost: str = "euclidean", seed: int = 0
) -> Estimate:
    """Exact transport at a mixture, as a mean over folds of `count` points per source and `target_count` of the target.

    Raises:
        MixlawError: if the points give fewer than two folds.

    >>> samples = Samples.of({"web": [[0.0], [0.0]], "code": [[4.0], [4.0]]}, [[4.0], [4.0]])
    >>> estimate = subsampled(samples, np.array([0.5, 0.5]), count=1, target_count=1)
    >>> float(estimate.mean), float(estimate.half_width), estimate.folds
    (2.0, 0.0, 2)
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
    """Mean over folds of the nearest mixture (which satisfies the bounds too), with the error of each share.

    Raises:
        MixlawError: if the points give fewer than two folds, or no mixture satisfies the bounds.

    >>> samples = Samples.of({"web": [[0.0], [0.0]], "code": [[4.0], [4.0]]}, [[4.0], [4.0]])
    >>> minimize_subsampled(samples, count=1, target_count=1).mean.round(3)
    array([0., 1.])
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
