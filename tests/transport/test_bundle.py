"""The nearest mixture: certified gaps, the linear program's answer, the planner's bounds."""

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import sample
from mixlaw.project.sources import Source, Sources
from mixlaw.transport import (
    Bounds,
    EnergyDistance,
    EntropicOT,
    Evaluation,
    ExactOT,
    NGramKL,
    Samples,
    minimize,
    minimize_by_program,
)


def make(S, n, m, seed, F=16):
    rng = np.random.default_rng(seed)
    mean_SxF = 0.7 * rng.normal(size=(S, F))
    x_SxNxF = mean_SxF[:, None] + rng.normal(size=(S, n, F))
    y_MxF = mean_SxF[rng.choice(S, m, p=rng.dirichlet(np.full(S, 0.5)))] + rng.normal(size=(m, F))
    return Samples(tuple(f"s{k}" for k in range(S)), x_SxNxF, y_MxF)


@pytest.mark.parametrize("sources", [2, 5, 10])
def test_the_gap_is_reached_in_few_evaluations(sources):
    for seed in range(5):
        found = minimize(ExactOT(make(sources, 300 // sources, 300, seed)))
        assert found.converged
        assert 0 <= found.gap <= 1e-4 * found.value
        assert found.iterations <= 40
        assert found.w_S.sum() == pytest.approx(1, abs=1e-12)
        assert (found.w_S >= 0).all()


@pytest.mark.parametrize("bounded", [False, True])
def test_it_is_the_linear_programs_minimum(bounded):
    for seed in range(2):
        distance = ExactOT(make(5, 40, 200, seed))
        bounds = Bounds(np.zeros(5), np.ones(5))
        if bounded:
            bounds = Bounds(np.array([0.1, 0, 0, 0.05, 0]), np.array([0.3, 0.25, 0.3, 1, 0.4]))
        found, program = minimize(distance, bounds), minimize_by_program(distance, bounds)
        assert -1e-9 <= found.value - program.value <= 2e-4 * program.value
        assert found.value - found.gap <= program.value + 1e-9, "the certificate holds"
        assert program.value == pytest.approx(distance(program.w_S).value, rel=1e-9)
        assert (found.w_S >= bounds.lower_S).all()
        assert (found.w_S <= bounds.upper_S).all()


DISTANCES = {
    "exact": lambda: ExactOT(make(6, 20, 60, 1)),
    "entropic": lambda: EntropicOT(make(6, 20, 60, 1)),
    "rough": lambda: EntropicOT(make(6, 20, 60, 1), epsilon=0.02, tolerance=1e-3),
    "divergence": lambda: EntropicOT(make(6, 20, 60, 1), debias=True),
    "energy": lambda: EnergyDistance(make(6, 20, 60, 1)),
    "kl": lambda: NGramKL(
        {f"s{k}": np.random.default_rng(k).poisson(3.0, 50).astype(float) for k in range(6)},
        np.random.default_rng(9).poisson(3.0, 50).astype(float),
    ),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_no_feasible_mixture_is_nearer_by_more_than_the_gap(name):
    distance, rng = DISTANCES[name](), np.random.default_rng(0)
    bounds = Bounds(np.array([0.0, 0.1, 0, 0, 0, 0]), np.array([1.0, 0.5, 0.2, 1, 1, 0.3]))
    found = minimize(distance, bounds, tolerance=1e-2 if name == "rough" else 1e-4)
    assert found.converged
    drawn_NxS = sample(rng, 30, bounds.lower_S, bounds.upper_S, centre_S=found.w_S, concentration=10.0)
    for v_S in (*drawn_NxS, *(0.99 * found.w_S + 0.01 * drawn_NxS)):
        there = distance(v_S)
        assert there.value + there.error >= found.value - found.gap - 1e-9


def test_potentials_are_equal_on_active_sources_and_not_lower_on_others():
    """The optimum's own conditions, from the program's duality: within what the gap leaves."""
    distance = EntropicOT(make(6, 30, 90, 2), tolerance=1e-10)
    found = minimize(distance, tolerance=1e-9)
    gradient_S = distance(found.w_S).gradient_S
    active_S = found.w_S > 1e-3
    assert 2 <= active_S.sum() < 6
    assert np.ptp(gradient_S[active_S]) < 1e-3
    assert gradient_S.min() > gradient_S[active_S].mean() - 1e-3


def test_an_error_of_the_distance_is_part_of_the_gap():
    class Vague:
        sources = ("a", "b")

        def __call__(self, w_S):
            return Evaluation(float(w_S @ w_S), 2 * w_S, error=0.3)

    found = minimize(Vague(), most=20)
    assert not found.converged
    assert found.iterations == 20
    assert found.gap >= 0.3 - 1e-9
    assert found.value == pytest.approx(0.5 + 0.3)


def test_the_planners_bounds_hold():
    """Caps on epochs turn into shares at D tokens; sources are matched by name, not by place."""
    sources = Sources(
        [
            Source("c", 1e9, min=0.2),
            Source("a", 1e6, max_epochs=4),
            Source("b", 1e9, max=0.5),
        ]
    )
    bounds = Bounds.of(sources, ("a", "b", "c"), tokens=4e7)
    np.testing.assert_allclose(bounds.lower_S, [0, 0, 0.2])
    np.testing.assert_allclose(bounds.upper_S, [0.1, 0.5, 1.0])
    np.testing.assert_allclose(Bounds.of(sources, ("a", "b", "c")).upper_S, [1, 0.5, 1])
    rng = np.random.default_rng(0)
    x_SxNxF = rng.normal(size=(3, 20, 2)) + np.array([0.0, 4.0, 8.0])[:, None, None]
    samples = Samples(("a", "b", "c"), x_SxNxF, rng.normal(size=(30, 2)))
    np.testing.assert_allclose(minimize(ExactOT(samples), bounds).w_S, [0.1, 0.5, 0.4], atol=1e-3)
    np.testing.assert_allclose(minimize(ExactOT(samples)).w_S, [1, 0, 0], atol=1e-3)


def test_bounds_that_cannot_be_met_are_refused_by_name():
    distance = ExactOT(make(2, 5, 5, 0))
    with pytest.raises(MixlawError, match=r"sum to 0\.5, less than 1 \(s1 0\.2, s0 0\.3\)"):
        minimize(distance, Bounds(np.zeros(2), np.array([0.3, 0.2])))
    with pytest.raises(MixlawError, match=r"shapes \(2,\), \(3,\) for 2 sources"):
        minimize(distance, Bounds(np.zeros(2), np.ones(3)))
    with pytest.raises(MixlawError, match="differ: s1, z"):
        Bounds.of(Sources([Source("s0", 1.0), Source("z", 1.0)]), distance.sources)


def test_one_source_and_fixed_shares_are_problems_too():
    assert minimize(ExactOT(make(1, 5, 5, 0))).w_S.tolist() == [1.0]
    fixed_S = np.array([0.3, 0.7])
    found = minimize(ExactOT(make(2, 5, 5, 0)), Bounds(fixed_S, fixed_S))
    np.testing.assert_allclose(found.w_S, fixed_S)
    assert found.gap <= 1e-9


def test_two_sources_with_the_same_points_are_no_trouble():
    rng = np.random.default_rng(0)
    x_NxF = rng.normal(size=(20, 3))
    found = minimize(ExactOT(Samples(("a", "b"), np.stack([x_NxF, x_NxF]), x_NxF)))
    assert found.converged
    assert found.value == pytest.approx(0, abs=1e-9)
