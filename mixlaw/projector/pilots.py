"""Pilots: small runs of a few mixtures at one or more scales, with the mixtures' distances to the target."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.transport import Distance
from mixlaw.typing import Array

SHARE_DECIMALS = 6  # mixtures whose shares agree after rounding to this number of decimals are the same


@dataclass(frozen=True)
class Pilots:
    """R runs of S sources.

    Attributes:
        sources: names, in the order of mixtures.
        w_RxS: mixtures.
        n_R: scale of each run, in tokens, examples or any other unit, the same for all runs.
        performance_R: error or loss of each run on the target: above 0, lower is better. (For an accuracy use
            1 - accuracy.)
        distance_R: distance of each mixture to the target.

    >>> from mixlaw.transport import EnergyDistance, Samples
    >>> points = {"web": [[0.0], [1.0]], "code": [[3.0], [4.0]]}
    >>> distance = EnergyDistance(Samples.of(points, [[1.0], [1.0], [3.0]]))
    >>> w_RxS = [[0.2, 0.8], [0.6, 0.4], [0.8, 0.2], [0.6, 0.4]]
    >>> pilots = Pilots.of(distance, w_RxS, n=[100, 100, 100, 400], performance=[4.0, 3.0, 3.2, 2.5])
    >>> pilots.scales, pilots.group_R.tolist(), pilots.distance_R.round(2).tolist()
    ((100.0, 400.0), [0, 1, 2, 1], [1.21, 0.28, 0.41, 0.28])
    """

    sources: tuple[str, ...]
    w_RxS: Array
    n_R: Array
    performance_R: Array
    distance_R: Array

    @classmethod
    def of(cls, distance: Distance, w_RxS: ArrayLike, n: ArrayLike, performance: ArrayLike) -> "Pilots":
        """Build pilots, computing the distance once per mixture. `n` is one scale, or one per run.

        Raises:
            MixlawError: shapes do not match, a row is not a mixture, or a value is not finite and above 0. The message
                names the pilot.
        """
        w_RxS = mixtures(w_RxS, distance.sources)
        performance_R, n_R = _numbers(performance, "performances"), _numbers(n, "scales")
        n_R = np.full(len(w_RxS), float(n_R)) if n_R.ndim == 0 else n_R
        for values_R, name in ((n_R, "scale"), (performance_R, "performance")):
            if values_R.shape != (len(w_RxS),):
                raise MixlawError(f"pilots: {name} of shape {values_R.shape} for {len(w_RxS)} mixtures; give one each")
            odd_R = ~(np.isfinite(values_R) & (values_R > 0))
            if odd_R.any():
                row = int(np.argmax(odd_R))
                raise MixlawError(f"pilots: {name} of pilot {row} is {values_R[row]:g}; it must be finite and above 0")
        return cls(distance.sources, w_RxS, n_R, performance_R, distances(distance, w_RxS))

    def __len__(self) -> int:
        return len(self.n_R)

    @cached_property
    def scales(self) -> tuple[float, ...]:
        """The distinct scales, smallest first."""
        return tuple(np.unique(self.n_R).tolist())

    @cached_property
    def group_R(self) -> NDArray[np.intp]:
        """Index of each run's mixture, shared by its runs at several scales or seeds."""
        return np.unique(self.w_RxS.round(SHARE_DECIMALS), axis=0, return_inverse=True)[1].ravel()

    def of_rows(self, rows_R: NDArray[np.bool_]) -> "Pilots":
        """The pilots selected by a mask."""
        parts = (self.w_RxS, self.n_R, self.performance_R, self.distance_R)
        taken = Pilots(self.sources, *(part[rows_R] for part in parts))
        taken.__dict__["group_R"] = np.unique(self.group_R[rows_R], return_inverse=True)[1]  # the cached property
        return taken


def mixtures(w_QxS: ArrayLike, sources: tuple[str, ...]) -> Array:
    """Check that each row of `w_QxS` is a mixture of these sources, and return them as floats.

    Raises:
        MixlawError: a row is not a mixture, or has another number of sources.
    """
    rows = np.atleast_2d(_numbers(w_QxS, "mixtures"))
    if rows.ndim != 2 or rows.shape[1] != len(sources) or not len(rows):
        raise MixlawError(f"mixtures: shape {rows.shape} for {len(sources)} sources; give a row for each mixture")
    return np.stack([as_mixture(row, f"mixture {i}") for i, row in enumerate(rows)])


def _numbers(values: ArrayLike, name: str) -> Array:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise MixlawError(f"pilots: {name} must be numbers, as many for each pilot") from None


def distances(distance: Distance, w_QxS: Array) -> Array:
    """Distances of all rows, evaluating each distinct mixture once."""
    each_UxS, at_Q = np.unique(w_QxS, axis=0, return_inverse=True)
    return np.array([distance(w_S).value for w_S in each_UxS])[at_Q.ravel()]
