"""Prior of each source's value for each target, for `fit(..., prior=...)`."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mixlaw.errors import MixlawError, listed


class WorthPrior(NamedTuple):
    """The part of a `SourcePrior` that concerns one target: offsets (S,) from a law's own mean, covariance (S, S)."""

    offset_S: np.ndarray
    covariance_SxS: np.ndarray


@dataclass(frozen=True)
class SourcePrior:
    """A prior of the parameter by which a law says what a source is worth (theta, the log of a source's weight in the
    index), in place of the law's own.

    theta_k ~ Normal(m + offset_k, covariance_k) for target k, m the mean over sources of the law's own prior: a prior
    says which sources are worth more than others, the law on which level.

    Attributes:
        sources, targets: names.
        offset_KxS: of the mean from m.
        covariance_KxSxS: positive definite.
        name: what it was made from, for the fit's provenance.

    Raises:
        MixlawError: shapes that do not fit the names, or a covariance that is not positive definite.

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
        """Independent sources: a mean (relative to the law's level) and a standard deviation for each and target."""
        sd_KxS = np.asarray(sd_KxS, float)
        return cls(sources, targets, np.asarray(mean_KxS, float), sd_KxS[:, :, None] ** 2 * np.eye(len(sources)))

    def of_target(self, sources: tuple[str, ...], target: str) -> WorthPrior:
        """The prior for one target, sources in the order asked for.

        Raises:
            MixlawError: the prior says nothing of the target, or not of exactly these sources.
        """
        if target not in self.targets or set(sources) != set(self.sources):
            odd = [target] if target not in self.targets else sorted(set(sources) ^ set(self.sources))
            raise MixlawError(f"prior: says nothing of {listed(odd)}, or the runs do not; make it for the runs' names")
        k, order = self.targets.index(target), [self.sources.index(name) for name in sources]
        return WorthPrior(self.offset_KxS[k][order], self.covariance_KxSxS[k][np.ix_(order, order)])
