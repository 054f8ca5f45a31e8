"""One corpus without labels, split into sources by what its documents are: the first half of CLIMB (2504.13161)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import ClusterError, kmeans2, vq

from mixlaw.errors import MixlawError
from mixlaw.transport.features.embedding import Embedding
from mixlaw.typing import Array

STARTS = 5


@dataclass(frozen=True)
class Clusters:
    """Centres in a space of features; called with documents, the cluster of each.

    Attributes:
        features: documents to points (`fit_features`).
        centre_KxP: centres, of the largest cluster first.
    """

    features: Embedding
    centre_KxP: Array

    def __call__(self, documents: Iterable[str], /) -> NDArray[np.intp]:
        """The nearest centre of each document, (N,)."""
        return vq(np.asarray(self.features(list(documents))), self.centre_KxP)[0].astype(np.intp)


def cluster(x_NxP: Array, count: int, seed: int = 0) -> tuple[NDArray[np.intp], Array]:
    """The cluster of each document, (N,), and their centres, (K, P), by k-means of features; the largest cluster is 0.

    The best of five starts by k-means++, by the sum of squared distances to the centres.

    Args:
        x_NxP: features; components and whitening (`fit_features`) decide what alike means.
        count: clusters.
        seed: of the starts.

    Raises:
        MixlawError: fewer different documents than clusters.
    """
    distinct = len(np.unique(x_NxP, axis=0))
    if not 1 <= count <= distinct:
        raise MixlawError(f"{count} clusters of {distinct} different documents: ask for 1 to {distinct}")
    rng, least = np.random.default_rng(seed), np.inf
    best: tuple[NDArray[np.intp], Array] | None = None
    for _ in range(STARTS):
        try:
            centre_KxP, label_N = kmeans2(x_NxP, count, iter=100, minit="++", missing="raise", rng=rng)
        except ClusterError:  # a start in which a cluster came out empty
            continue
        spread = float(((x_NxP - centre_KxP[label_N]) ** 2).sum())
        if spread < least:
            best, least = (label_N.astype(np.intp), centre_KxP), spread
    if best is None:
        raise MixlawError(f"{count} clusters: every start left one empty; ask for fewer")
    label_N, centre_KxP = best
    order_K = np.argsort(-np.bincount(label_N, minlength=count), kind="stable")
    return np.argsort(order_K)[label_N], centre_KxP[order_K]
