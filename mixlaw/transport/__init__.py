"""Distances between mixtures of text samples and a target, without training runs, and the nearest mixture.

bundle          The mixture nearest to a target, with a certified gap
clustering      A corpus without labels split into sources
distances       Protocol of a distance (value and gradient); exact, entropic, energy, n-gram KL
features        Documents as points: sampling, n-grams, embeddings, principal components, whitening
linear_program  The nearest mixture by a slow linear program, for tests
score           Scores of documents for a target
subsample       Exact transport on subsamples, with its sampling error
"""

from mixlaw.transport.bundle import Bounds, Minimum, minimize
from mixlaw.transport.clustering import Clusters, cluster
from mixlaw.transport.distances.base import Distance, Evaluation, calibrated
from mixlaw.transport.distances.energy import EnergyDistance
from mixlaw.transport.distances.entropic import EntropicOT, entropic_value
from mixlaw.transport.distances.exact import ExactOT
from mixlaw.transport.distances.ngram_kl import NGramKL
from mixlaw.transport.features.embedding import Embedding, embed, read_embeddings
from mixlaw.transport.features.ngrams import NGrams
from mixlaw.transport.features.samples import Samples
from mixlaw.transport.features.sampling import equal_samples, passages, reservoir
from mixlaw.transport.features.transforms import (
    Affine,
    Features,
    fit_components,
    fit_features,
    fit_whitening,
    unit_rows,
)
from mixlaw.transport.linear_program import minimize_by_program
from mixlaw.transport.score import Neighbours, importance, neighbours, resample, transport_gradient
from mixlaw.transport.subsample import Estimate, minimize_subsampled, subsampled

__all__ = [
    "Affine",
    "Bounds",
    "Clusters",
    "Distance",
    "Embedding",
    "EnergyDistance",
    "EntropicOT",
    "Estimate",
    "Evaluation",
    "ExactOT",
    "Features",
    "Minimum",
    "NGramKL",
    "NGrams",
    "Neighbours",
    "Samples",
    "calibrated",
    "cluster",
    "embed",
    "entropic_value",
    "equal_samples",
    "fit_components",
    "fit_features",
    "fit_whitening",
    "importance",
    "minimize",
    "minimize_by_program",
    "minimize_subsampled",
    "neighbours",
    "passages",
    "read_embeddings",
    "resample",
    "reservoir",
    "subsampled",
    "transport_gradient",
    "unit_rows",
]
