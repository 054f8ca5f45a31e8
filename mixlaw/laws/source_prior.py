"""Prior of each source's value for each target, for `fit(..., prior=...)`."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mixlaw.errors import MixlawError, listed


class WorthPrior(NamedTuple):
    """A `SourcePrior` for one target: offsets (S,) from the mean of the law's own prior, and covariance (S, S)."""

    offset_S: np.ndarray
    covariance_SxS: np.ndarray


@dataclass(frozen=True)
class SourcePrior:
    """A prior of each source's value for each target, in place of the law's own. The value of a source is theta, the
    log of its weight in the law's index.

    theta_k ~ Normal(m + offset_k, covariance_k) for target k, with m the mean over sources of the law's own prior. The
    offsets set the differences between sources, and the law sets their common level.

    Attributes:
        sources, targets: names.
        offset_KxS: offset of the mean from m.
        covariance_KxSxS: covariance matrices, positive definite.
        name: origin of the prior, for the fit's provenance.

    Raises:
        MixlawError: the shapes do not match the names, or a covariance is not positive definite.

    >>> prior = SourcePrior.of(("web", "code"), ("code",), np.array([[0.0, 1.5]]), np.full((1, 2), 0.5))
    >>> prior.covariance_KxSxS[0]
    array([[0.25, 0.  ],
           [0.  , 0.25]])
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    offset_KxS: np.ndarray
    covariance_KxSxS: np.ndarray
    name: str = "stated"

    def __post_init__(self) -> None:
        K, S = len(self.targets), len(self.sources)
        shapes = np.shape(self.offset_KxS), np.shape(self.covariance_KxSxS)
        if shapes != ((K, S), (K, S, S)):
            raise MixlawError(f"prior: shapes {shapes[0]} and {shapes[1]} for {K} targets and {S} sources do not fit")
        if not (np.isfinite(self.offset_KxS).all() and np.isfinite(self.covariance_KxSxS).all()):
            raise MixlawError("prior: means and deviations must be finite numbers")
        if not np.linalg.eigvalsh(self.covariance_KxSxS).min() > 0:
            raise MixlawError("prior: a covariance is not positive definite; give every source a deviation above 0")

    @classmethod
    def of(
        cls, sources: tuple[str, ...], targets: tuple[str, ...], mean_KxS: np.ndarray, sd_KxS: np.ndarray
    ) -> "SourcePrior":
        """A prior with independent sources: mean (relative to the law's level) and standard deviation, each (K, S)."""
        sd_KxS = np.asarray(sd_KxS, float)
        return cls(sources, targets, np.asarray(mean_KxS, float), sd_KxS[:, :, None] ** 2 * np.eye(len(sources)))

    def of_target(self, sources: tuple[str, ...], target: str) -> WorthPrior:
        """The prior for one target, with the sources in the given order.

        Raises:
            MixlawError: the prior does not contain the target, or its sources are not exactly these.
        """
        if target not in self.targets or set(sources) != set(self.sources):
            odd = [target] if target not in self.targets else sorted(set(sources) ^ set(self.sources))
            raise MixlawError(f"prior: says nothing of {listed(odd)}, or the runs do not; make it for the runs' names")
        k, order = self.targets.index(target), [self.sources.index(name) for name in sources]
        return WorthPrior(self.offset_KxS[k][order], self.covariance_KxSxS[k][np.ix_(order, order)])
