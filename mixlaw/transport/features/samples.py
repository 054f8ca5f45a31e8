"""Points of sources and of a target, equal in number: what every distance between a mixture and a target is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.typing import Array


@dataclass(frozen=True)
class Samples:
    """Equal samples of S sources and a sample of the target, in the same features.

    A mixture w stands for the measure that puts mass w_k / n on each of the n points of source k.

    Attributes:
        sources: names.
        x_SxNxF: points of the sources.
        y_MxF: points of the target.

    Raises:
        MixlawError: shapes that do not fit, or values that are not finite.
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
            MixlawError: no source, numbers of points or columns that differ; the message names them.
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
        """The points of all sources, source by source."""
        return self.x_SxNxF.reshape(-1, self.x_SxNxF.shape[2])

    def mass_N(self, w_S: Array) -> Array:
        """The mass of every point of `flat_NxF` under a mixture."""
        return np.repeat(w_S / self.x_SxNxF.shape[1], self.x_SxNxF.shape[1])

    def folds(self, count: int, target_count: int, seed: int = 0) -> list["Samples"]:
        """As many samples without a common point as there are, of `count` points a source and `target_count`."""
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
