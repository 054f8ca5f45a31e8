"""Distances of mixtures from the targets' text, and the nearest mixture with a bootstrap interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from mixlaw.appraisal.texts import Texts
from mixlaw.errors import MixlawError, nearest
from mixlaw.transport import (
    Bounds,
    Distance,
    EnergyDistance,
    Evaluation,
    ExactOT,
    Minimum,
    NGramKL,
    NGrams,
    Samples,
    fit_features,
    minimize,
)
from mixlaw.typing import Array

DISTANCES = ("ngram-kl", "energy", "exact")
"""Distances to minimise. The first is the default: on text it agreed best with measured losses."""
SOURCE_POINTS, TARGET_POINTS, COMPONENTS = 300, 500, 64
"""Passages of each source and of the targets for the distances between points, and number of principal components."""
BOOTSTRAP_SAMPLES, BOOTSTRAP_TOLERANCE = 20, 1e-3
"""Number of bootstrap samples for an interval, and the tolerance of their minima."""


class WeightedSum:
    """Weighted sum of distances with the same sources, sum_k v_k d_k(w); a `Distance`."""

    def __init__(self, distances: Sequence[Distance], weight_K: Array) -> None:
        self.distances, self.weight_K = tuple(distances), np.asarray(weight_K, float)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.distances[0].sources

    def __call__(self, w_S: Array, /) -> Evaluation:
        """Value and gradient at a mixture."""
        parts = [distance(w_S) for distance in self.distances]
        value, gradient_S, error = (
            sum(v * part[i] for v, part in zip(self.weight_K, parts, strict=True)) for i in range(3)
        )
        return Evaluation(float(value), np.asarray(gradient_S), float(error))


@dataclass(frozen=True)
class Counts:
    """N-gram counts of every passage, a sparse matrix (n, buckets) for each source and target.

    >>> texts = Texts({"web": ["the news of the day"], "code": ["def f(x): return x"]}, {"code": ["def g(x)"]})
    >>> counts = Counts.of(texts)
    >>> sorted(counts.sources), counts.targets["code"].shape[0], list(counts.without("web").sources)
    (['code', 'web'], 1, ['code'])
    """

    sources: dict[str, csr_array]
    targets: dict[str, csr_array]

    @classmethod
    def of(cls, texts: Texts, ngrams: NGrams | None = None) -> "Counts":
        """Count the n-grams of texts; by default DSIR's."""
        ngrams = ngrams or NGrams()
        parts = (
            {name: ngrams.counts(part) for name, part in which.items()} for which in (texts.sources, texts.targets)
        )
        return cls(*parts)

    def distances(self, rng: np.random.Generator | None = None) -> list[NGramKL]:
        """KL(target || mixture) for every target; with `rng`, over passages resampled with replacement."""
        of_source = {name: _total(part, rng) for name, part in self.sources.items()}
        return [NGramKL(of_source, _total(part, rng)) for part in self.targets.values()]

    def without(self, source: str) -> "Counts":
        """The counts without one source."""
        return Counts({name: part for name, part in self.sources.items() if name != source}, self.targets)


def _total(count_NxB: csr_array, rng: np.random.Generator | None) -> Array:
    n = count_NxB.shape[0]
    times_N = np.ones(n) if rng is None else rng.multinomial(n, np.full(n, 1 / n)).astype(float)
    return np.asarray(times_N @ count_NxB)


@dataclass(frozen=True)
class Nearest:
    """The mixture nearest to the targets by one distance, and the same for bootstrap samples of the text.

    Attributes:
        by: one of `DISTANCES`.
        found: the certified minimum of the targets' weighted mean distance (n-gram KL), or of the distance from their
            text pooled by weight.
        w_DxS: minima of the D bootstrap samples; D = 0 for distances other than n-gram KL.
    """

    by: str
    found: Minimum
    w_DxS: Array

    def band(self, source: int) -> list[float]:
        """5% and 95% quantiles of a share over the samples, widened to contain the minimum; 0 and 1 without samples."""
        if not len(self.w_DxS):
            return [0.0, 1.0]
        low, high = np.quantile(self.w_DxS[:, source], [0.05, 0.95])
        share = float(self.found.w_S[source])
        return [min(float(low), share), max(float(high), share)]


def nearest_by_counts(
    counts: Counts, weight_K: Array, bounds: Bounds, seed: int = 0, draws: int = BOOTSTRAP_SAMPLES
) -> Nearest:
    """The mixture with the lowest weighted mean KL(target || mixture) of n-grams, with its bootstrap."""
    rng = np.random.default_rng([seed, 7])
    found = minimize(WeightedSum(counts.distances(), weight_K), bounds)
    again = [
        minimize(WeightedSum(counts.distances(rng), weight_K), bounds, BOOTSTRAP_TOLERANCE).w_S for _ in range(draws)
    ]
    return Nearest("ngram-kl", found, np.array(again).reshape(draws, len(found.w_S)))


def nearest_by_points(samples: Samples, bounds: Bounds, by: str) -> Nearest:
    """The nearest mixture by energy distance or exact transport between points, as `points` gives them.

    Raises:
        MixlawError: the distance is unknown.
    """
    if by not in DISTANCES[1:]:
        raise MixlawError(f"distance {by}: {nearest(by, DISTANCES)}")
    found = minimize(EnergyDistance(samples) if by == "energy" else ExactOT(samples), bounds)
    return Nearest(by, found, np.empty((0, len(found.w_S))))


def points(texts: Texts, weight_K: Array, seed: int = 0) -> Samples:
    """Whitened features of equally many passages of each source, and of the targets' pooled by their weights."""
    rng = np.random.default_rng([seed, 8])
    some = {name: _drawn(part, min(SOURCE_POINTS, len(part)), rng) for name, part in texts.sources.items()}
    share_K = weight_K / weight_K.sum()
    pool = [
        _drawn(part, max(1, round(TARGET_POINTS * v)), rng)
        for part, v in zip(texts.targets.values(), share_K, strict=True)
        if v > 0
    ]
    wanted = [text for part in pool for text in part]
    every = [text for part in some.values() for text in part] + wanted
    features = fit_features(NGrams(), every, min(COMPONENTS, len(every) // 4))
    return Samples.of({name: features(part) for name, part in some.items()}, features(wanted))


def _drawn(part: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """A sample without replacement of at most this many passages."""
    order = rng.permutation(len(part))[: min(count, len(part))]
    return [part[int(i)] for i in order]
