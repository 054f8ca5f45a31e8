"""The best mixture of a projector: known optima, certificates, bounds."""

import numpy as np
import pytest
from factories.pilots import Quadratic, energy, pilots_of

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import sample
from mixlaw.projector import best_mixture, fit_projector
from mixlaw.transport import Bounds


def test_a_known_optimum_within_the_simplex():
    """ln L = |w - c|^2 + .2 w_1: half of (.2, 0, 0) off c, made to sum to 1."""
    distance = Quadratic([0.5, 0.3, 0.2])
    pilots = pilots_of(distance, lambda w, d, n: np.exp(d + 0.2 * w[:, 0]) * n**-0.3)
    found = best_mixture(fit_projector(pilots), distance, 1000.0, tolerance=1e-8)
    assert found.w_S == pytest.approx([0.5 - 0.1 + 1 / 30, 0.3 + 1 / 30, 0.2 + 1 / 30], abs=1e-3)
    assert 0 <= found.gap <= 1e-8


@pytest.mark.parametrize("name", ["joint", "joint-distance", "joint-mixture"])
def test_no_mixture_within_the_bounds_is_predicted_to_do_better_by_more_than_the_gap(name):
    bounds = Bounds(np.array([0.1, 0.0, 0.0]), np.array([0.6, 0.5, 1.0]))
    for seed in range(3):
        distance = energy(seed=seed)
        pilots = pilots_of(distance, lambda w, d, n: np.exp(d - w[:, 1]) * n**-0.3, noise=0.05, seed=seed)
        projector = fit_projector(pilots, name)
        found = best_mixture(projector, distance, 1000.0, bounds)
        assert 0 <= found.gap <= 1.1e-4 * found.performance
        drawn_NxS = sample(np.random.default_rng(seed), 300, bounds.lower_S, bounds.upper_S)
        others = projector.predict(distance, drawn_NxS, 1000.0).performance_Q
        assert others.min() >= found.performance - found.gap - 1e-12
        assert (found.w_S >= bounds.lower_S - 1e-12).all()
        assert (found.w_S <= bounds.upper_S + 1e-12).all()


@pytest.mark.parametrize("name", ["linear", "pseudo-quadratic", "quadratic", "projektor"])
def test_the_references_end_where_no_random_mixture_is_much_better_and_certify_nothing(name):
    distance = energy()
    pilots = pilots_of(distance, lambda w, d, _n: 1 + d + (w[:, 0] - 0.4) ** 2 + w[:, 1] ** 2, noise=0.001)
    projector = fit_projector(pilots, name)
    found = best_mixture(projector, distance, 200.0)
    drawn_NxS = sample(np.random.default_rng(0), 500, np.zeros(3), np.ones(3))
    others = projector.predict(distance, drawn_NxS, 200.0).performance_Q
    assert found.performance <= others.min() + 1e-3 * np.ptp(others)
    assert np.isnan(found.gap)


def test_bounds_that_no_mixture_meets_are_refused():
    distance = energy()
    projector = fit_projector(pilots_of(distance, lambda _w, d, _n: np.exp(d)))
    with pytest.raises(MixlawError, match="more than 1"):
        best_mixture(projector, distance, 100.0, Bounds(np.full(3, 0.5), np.ones(3)))
