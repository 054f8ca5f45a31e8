"""Split an unlabelled corpus into sources by clustering its documents: the first half of CLIMB (2504.13161)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import ClusterError, kmeans2, vq

from mixlaw.errors import MixlawError
from mixlaw.transport.features.embedding import Embedding
from mixlaw.typing import Array

KMEANS_STARTS = 5


@dataclass(frozen=True)
class Clusters:
    """Assigns documents to the nearest of K cluster centres in a feature space.

    Attributes:
        features: documents to points (`fit_features`).
        centre_KxP: centres, sorted by cluster size, largest first.

    >>> by_length = Clusters(lambda documents: [[float(len(text))] for text in documents], np.array([[1.0], [9.0]]))
    >>> by_length(["a", "long text", "bb"])
    array([0, 1, 0])
    """

    features: Embedding
    centre_KxP: Array

    def __call__(self, documents: Iterable[str], /) -> NDArray[np.intp]:
        """Index of the nearest centre of each document, (N,)."""
        return vq(np.asarray(self.features(list(documents))), self.centre_KxP)[0].astype(np.intp)


def cluster(x_NxP: Array, count: int, seed: int = 0) -> tuple[NDArray[np.intp], Array]:
    """K-means clusters of documents, numbered by size, largest first.

    Of five k-means++ starts, the result with the smallest sum of squared distances to the centres.

    Args:
        x_NxP: features; principal components and whitening (`fit_features`) define the metric.
        count: number of clusters K.
        seed: seed of the starts.

    Returns:
        The cluster of each document, (N,), and the centres, (K, P).

    Raises:
        MixlawError: if there are fewer distinct documents than clusters.

    >>> label_N, centre_KxP = cluster(np.array([[0.0], [1.0], [9.0], [0.5]]), 2)
    >>> label_N, centre_KxP.ravel()
    (array([0, 0, 1, 0]), array([0.5, 9. ]))
    """
    distinct = len(np.unique(x_NxP, axis=0))
    if not 1 <= count <= distinct:
        raise MixlawError(f"{count} clusters of {distinct} different documents: ask for 1 to {distinct}")
    rng, least = np.random.default_rng(seed), np.inf
    best: tuple[NDArray[np.intp], Array] | None = None
    for _ in range(KMEANS_STARTS):
        try:
            centre_KxP, label_N = kmeans2(x_NxP, count, iter=100, minit="++", missing="raise", rng=rng)
        except ClusterError:  # a cluster became empty
            continue
        spread = float(((x_NxP - centre_KxP[label_N]) ** 2).sum())
        if spread < least:
            best, least = (label_N.astype(np.intp), centre_KxP), spread
    if best is None:
        raise MixlawError(f"{count} clusters: every start left one empty; ask for fewer")
    label_N, centre_KxP = best
    order_K = np.argsort(-np.bincount(label_N, minlength=count), kind="stable")
    return np.argsort(order_K)[label_N], centre_KxP[order_K]
