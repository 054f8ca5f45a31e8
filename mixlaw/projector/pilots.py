"""Pilots: small runs on a few mixtures at one scale or more, and how far these mixtures are from the target."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.transport import Distance
from mixlaw.typing import Array

DECIMALS = 6  # of shares up to which two mixtures are one


@dataclass(frozen=True)
class Pilots:
    """R runs of S sources.

    Attributes:
        sources: names, in the order of mixtures.
        w_RxS: mixtures.
        n_R: the scale of each run, tokens or examples: any unit, the same throughout.
        performance_R: what each run reached on the target, an error or a loss: lower is better, above 0. (Of an
            accuracy take 1 - accuracy.)
        distance_R: of each mixture to the target.
    """

    sources: tuple[str, ...]
    w_RxS: Array
    n_R: Array
    performance_R: Array
    distance_R: Array

    @classmethod
    def of(cls, distance: Distance, w_RxS: ArrayLike, n: ArrayLike, performance: ArrayLike) -> "Pilots":
        """Pilots with their distances, which are computed once a mixture. `n`: one scale, or one for each run.

        Raises:
            MixlawError: shapes that do not fit, shares that are none, or values that are not finite and above 0; the
                message names the pilot.
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
        """The scales that occur, smallest first."""
        return tuple(np.unique(self.n_R).tolist())

    @cached_property
    def group_R(self) -> NDArray[np.intp]:
        """The index of each run's mixture: runs of one mixture at several scales or seeds share it."""
        return np.unique(self.w_RxS.round(DECIMALS), axis=0, return_inverse=True)[1].ravel()

    def of_rows(self, rows_R: NDArray[np.bool_]) -> "Pilots":
        """The pilots under a mask."""
        parts = (self.w_RxS, self.n_R, self.performance_R, self.distance_R)
        taken = Pilots(self.sources, *(part[rows_R] for part in parts))
        taken.__dict__["group_R"] = np.unique(self.group_R[rows_R], return_inverse=True)[1]  # the cached property
        return taken


def mixtures(w_QxS: ArrayLike, sources: tuple[str, ...]) -> Array:
    """`w_QxS` as mixtures of these sources, one a row.

    Raises:
        MixlawError: rows that are no mixtures, or of another number of sources.
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
    """The distance of every row, each mixture evaluated once."""
    each_UxS, at_Q = np.unique(w_QxS, axis=0, return_inverse=True)
    return np.array([distance(w_S).value for w_S in each_UxS])[at_Q.ravel()]
