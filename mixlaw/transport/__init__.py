"""Distances between mixtures of text samples and a target, without training runs, and the nearest mixture.

sampling     equal samples from streams of documents     ngrams, embedding   documents to points; the user's points
features     principal components, whitening             samples             points of the sources and the target
distance     the protocol: value and gradient            exact, entropic, ngram_kl, energy   one distance each
bundle       the nearest mixture, certified              linear_program      the same by a slow exact solver, for tests
subsample    exact transport with an error bar           score, clustering   scores of documents; splitting a corpus
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
