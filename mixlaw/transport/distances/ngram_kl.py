"""KL(target || mixture) of hashed n-grams: the cheapest distance, and on text the one that follows performance best."""

from collections.abc import Iterable, Mapping

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.transport.distances.base import Evaluation, checked_mixture
from mixlaw.transport.features.ngrams import NGrams
from mixlaw.typing import Array


class NGramKL:
    """sum_b t_b log(t_b / (w.q)_b) in nats, t and q_k the n-gram frequencies of target and sources; a `Distance`.

    Convex, with gradient -sum_b t_b q_kb / (w.q)_b. DSIR's data metric (2302.03169) is the KL of the raw text minus
    this KL.

    Args:
        counts: n-gram counts (B,) of every source, from samples of equal size.
        target_B: n-gram counts of the target.
        smoothing: added to every count, so that n-grams absent from a sample get a small positive frequency.

    Raises:
        MixlawError: if counts differ in length, are all 0, or any is negative; if smoothing is not above 0.

    >>> distance = NGramKL({"web": np.array([3.0, 1.0]), "code": np.array([1.0, 3.0])}, np.array([1.0, 3.0]))
    >>> distance(np.array([1.0, 0.0])).value.__round__(3), distance(np.array([0.0, 1.0])).value
    (0.231, 0.0)
    """

    def __init__(self, counts: Mapping[str, Array], target_B: Array, smoothing: float = 1.0) -> None:
        if not smoothing > 0:
            raise MixlawError(f"n-gram KL: smoothing {smoothing:g}; it must be above 0")
        self.sources = tuple(counts)
        self.q_SxB = np.stack([frequencies(count_B, name, smoothing) for name, count_B in counts.items()])
        self.t_B = frequencies(target_B, "the target", smoothing)
        if self.q_SxB.shape[1] != len(self.t_B):
            raise MixlawError(f"n-gram KL: sources have {self.q_SxB.shape[1]} buckets, the target {len(self.t_B)}")

    @classmethod
    def of(
        cls, documents: Mapping[str, Iterable[str]], target: Iterable[str], ngrams: NGrams | None = None
    ) -> "NGramKL":
        """The distance from streams of documents; default n-grams: DSIR's."""
        ngrams = ngrams or NGrams()
        return cls({name: ngrams.total(texts) for name, texts in documents.items()}, ngrams.total(target))

    def __call__(self, w_S: Array, /) -> Evaluation:
        """Value in nats and gradient at a mixture."""
        w_S = checked_mixture(w_S, self.sources)
        mixed_B = w_S @ self.q_SxB
        return Evaluation(float(self.t_B @ np.log(self.t_B / mixed_B)), -self.q_SxB @ (self.t_B / mixed_B))


def frequencies(count_B: Array, name: str, smoothing: float) -> Array:
    """Smoothed frequencies of n-grams, (B,), all above 0; MixlawError naming the text if counts are invalid."""
    count_B = np.asarray(count_B, np.float64)
    if count_B.ndim != 1 or not np.isfinite(count_B).all() or (count_B < 0).any() or not count_B.any():
        raise MixlawError(f"n-gram KL: {name}: counts must be finite, 0 or more, and not all 0")
    count_B = count_B + smoothing
    return count_B / count_B.sum()
