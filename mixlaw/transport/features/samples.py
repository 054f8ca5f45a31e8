"""Equal samples of points of the sources and a sample of the target: the input of every distance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.typing import Array


@dataclass(frozen=True)
class Samples:
    """Equal samples of S sources and a sample of the target, in the same features.

    A mixture w defines the measure with mass w_k / n on each of the n points of source k.

    Attributes:
        sources: names of the sources.
        x_SxNxF: points of the sources.
        y_MxF: points of the target.

    Raises:
        MixlawError: if the shapes do not fit, or values are not finite.

    >>> samples = Samples.of({"web": [[0.0], [1.0]], "code": [[4.0], [5.0]]}, [[4.0], [5.0]])
    >>> samples.mass_N(np.array([0.25, 0.75]))
    array([0.125, 0.125, 0.375, 0.375])
    """

    sources: tuple[str, ...]
    x_SxNxF: Array
    y_MxF: Array

    def __post_init__(self) -> None:
        x, y = self.x_SxNxF, self.y_MxF
        if x.ndim != 3 or y.ndim != 2 or len(x) != len(self.sources) or x.shape[2] != y.shape[1] or 0 in x.shape:
            raise MixlawError(f"samples: shapes {x.shape} and {y.shape} of {len(self.sources)} sources do not fit")
        if not len(y) or not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise MixlawError("samples: the target has no point, or values are not finite")

    @classmethod
    def of(cls, points: Mapping[str, Any], target: Any) -> "Samples":
        """Samples from a matrix (n, F) for every source, by name, and one (m, F) for the target.

        Raises:
            MixlawError: if there is no source, or numbers of points or columns differ; the message names them.
        """
        x = {name: np.asarray(part, np.float64) for name, part in points.items()}
        y = np.asarray(target, np.float64)
        if not x:
            raise MixlawError("samples: there is no source")
        for name, part in (*x.items(), ("the target", y)):
            if part.ndim != 2:
                raise MixlawError(f"samples: {name}: shape {part.shape}; give a matrix, a row a document")
            if part.shape[1] != y.shape[1]:
                raise MixlawError(f"samples: {name} has {part.shape[1]} features, the target {y.shape[1]}")
        if len({len(part) for part in x.values()}) > 1:
            sizes = listed(f"{name} {len(part):,}" for name, part in sorted(x.items(), key=lambda item: len(item[1])))
            raise MixlawError(f"samples: sources differ in their number of points ({sizes}); take equally many of each")
        return cls(tuple(x), np.stack(list(x.values())), y)

    @property
    def flat_NxF(self) -> Array:
        """Points of all sources, concatenated, (S n, F)."""
        return self.x_SxNxF.reshape(-1, self.x_SxNxF.shape[2])

    def mass_N(self, w_S: Array) -> Array:
        """Mass of every point of `flat_NxF` under a mixture, (S n,)."""
        return np.repeat(w_S / self.x_SxNxF.shape[1], self.x_SxNxF.shape[1])

    def folds(self, count: int, target_count: int, seed: int = 0) -> list["Samples"]:
        """Disjoint random subsamples, as many as fit, of `count` points per source and `target_count` of the target."""
        n, m = self.x_SxNxF.shape[1], len(self.y_MxF)
        if not (1 <= count <= n and 1 <= target_count <= m):
            raise MixlawError(f"folds of {count} and {target_count} points: there are {n} a source, {m} of the target")
        rng = np.random.default_rng(seed)
        order_SxN = rng.permuted(np.tile(np.arange(n), (len(self.sources), 1)), axis=1)
        order_M = rng.permutation(m)
        found = []
        for k in range(min(n // count, m // target_count)):
            rows_SxN = order_SxN[:, k * count : (k + 1) * count]
            x_SxNxF = np.take_along_axis(self.x_SxNxF, rows_SxN[:, :, None], 1)
            found.append(Samples(self.sources, x_SxNxF, self.y_MxF[order_M[k * target_count : (k + 1) * target_count]]))
        return found
