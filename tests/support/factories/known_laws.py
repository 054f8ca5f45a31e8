"""Fits of known laws."""

import numpy as np

from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.support import Support
from mixlaw.laws import MixtureIndex, View
from mixlaw.laws.base import prior_moments
from mixlaw.project.sources import Budget, Source, Sources

NAMES = ("web", "code", "math")
GIVEN = Budget(params=3e8, tokens=6e9)
SOURCES = Sources((Source("web", 5e10), Source("code", 1e10), Source("math", 2e9)))


def known(seed=0, replicas=30, spread=0.15):
    """A fit of mixture-index with plausible parameters and replicas around them."""
    rng, z_KxP, constants = np.random.default_rng(seed), [], []
    for target in NAMES:
        view = View(NAMES, target, 2.0, 3.0, 1e8, 1e10, 40)
        mean_P, covariance_PxP = prior_moments(MixtureIndex, view)
        z_KxP.append(mean_P + 0.4 * np.sqrt(np.diag(covariance_PxP)) * rng.standard_normal(len(mean_P)))
        z_KxP[-1][10 + NAMES.index(target)] += 1.5  # theta: each target gains most from its own source
        constants.append(MixtureIndex.constants(view))
    z_KxP, K = np.stack(z_KxP), len(NAMES)
    flat = Diagnostics(np.ones(K, bool), *(np.full(K, np.nan) for _ in range(5)))
    support = Support((1e8, 1e9), (2e9, 2e10), (10.0, 40.0), np.zeros(3), np.ones(3), np.ones(3), 40)
    return Fit(
        law=MixtureIndex,
        sources=NAMES,
        targets=NAMES,
        z_KxP=z_KxP,
        sigma_K=np.full(K, 0.01),
        constants={name: np.array([one[name] for one in constants]) for name in constants[0]},
        replicas_BxKxP=z_KxP + spread * rng.standard_normal((replicas, *z_KxP.shape)),
        support=support,
        diagnostics=flat,
        notes=(),
        provenance={},
    )
