"""One corpus without labels, split into sources by what its documents are: the first half of CLIMB (2504.13161)."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import ClusterError, kmeans2

from mixlaw.errors import MixlawError
from mixlaw.simplex import Array

STARTS = 5


def cluster(x_NxF: Array, count: int, seed: int = 0) -> NDArray[np.intp]:
    """The cluster of each document, (N,): k-means of its features, the largest cluster 0, the next 1 and so on.

    The best of five starts by k-means++, by the sum of squared distances to the centres.

    Args:
        x_NxF: features; components and whitening (`fit_features`) decide what alike means.
        count: clusters.
        seed: of the starts.

    Raises:
        MixlawError: fewer different documents than clusters.
    """
    distinct = len(np.unique(x_NxF, axis=0))
    if not 1 <= count <= distinct:
        raise MixlawError(f"{count} clusters of {distinct} different documents: ask for 1 to {distinct}")
    rng, best_N, least = np.random.default_rng(seed), None, np.inf
    for _ in range(STARTS):
        try:
            centre_KxF, label_N = kmeans2(x_NxF, count, iter=100, minit="++", missing="raise", rng=rng)
        except ClusterError:  # a start in which a cluster came out empty
            continue
        spread = float(((x_NxF - centre_KxF[label_N]) ** 2).sum())
        if spread < least:
            best_N, least = label_N, spread
    if best_N is None:
        raise MixlawError(f"{count} clusters: every start left one empty; ask for fewer")
    order_K = np.argsort(-np.bincount(best_N, minlength=count), kind="stable")
    return np.argsort(order_K)[best_N]
