import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from mixlaw.errors import MixlawError
from mixlaw.mixtures import simplex

quick = settings(deadline=None, max_examples=60)


@st.composite
def boxes(draw, largest=8):
    """Feasible bounds: some point of the simplex lies between them, many of them exactly on a bound."""
    S = draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inside_S = rng.dirichlet(np.full(S, draw(st.sampled_from([0.2, 1.0, 5.0]))))
    lower_S = inside_S * rng.uniform(size=S) * (rng.uniform(size=S) < 0.6)
    upper_S = inside_S + (1 - inside_S) * rng.uniform(size=S) * (rng.uniform(size=S) < 0.8)
    return rng, lower_S, upper_S


def feasible(v_S, lower_S, upper_S):
    return abs(v_S.sum() - 1) < 1e-12 and (v_S >= lower_S - 1e-15).all() and (v_S <= upper_S + 1e-15).all()


@quick
@given(boxes(), st.sampled_from([1e-3, 1.0, 50.0]))
def test_projection_is_feasible_idempotent_and_nearest(box, scale):
    rng, lower_S, upper_S = box
    w_S = rng.normal(size=len(lower_S)) * scale
    v_S = simplex.project(w_S, lower_S, upper_S)
    assert feasible(v_S, lower_S, upper_S)
    np.testing.assert_allclose(simplex.project(v_S, lower_S, upper_S), v_S, atol=1e-12)
    # v is nearest if and only if no feasible u has (w - v).(u - v) > 0; the best such u is a vertex.
    best_S = simplex.minimise_linear(v_S - w_S, lower_S, upper_S)
    assert (w_S - v_S) @ (best_S - v_S) <= 1e-11 * max(scale, 1)


@settings(deadline=None, max_examples=15)
@given(boxes(largest=5))
def test_projection_agrees_with_slsqp(box):
    rng, lower_S, upper_S = box
    w_S = rng.normal(size=len(lower_S))
    v_S = simplex.project(w_S, lower_S, upper_S)
    found = minimize(
        lambda u_S: ((u_S - w_S) ** 2).sum(),
        simplex.project(np.zeros(len(w_S)), lower_S, upper_S),
        jac=lambda u_S: 2 * (u_S - w_S),
        bounds=list(zip(lower_S, upper_S, strict=True)),
        constraints={"type": "eq", "fun": lambda u_S: u_S.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert ((v_S - w_S) ** 2).sum() <= found.fun + 1e-9
    np.testing.assert_allclose(v_S, found.x, atol=1e-5)


@quick
@given(boxes())
def test_minimise_linear_agrees_with_linprog(box):
    rng, lower_S, upper_S = box
    g_S = np.round(rng.normal(size=len(lower_S)), 1)  # rounded, so that there are ties
    v_S = simplex.minimise_linear(g_S, lower_S, upper_S)
    assert feasible(v_S, lower_S, upper_S)
    bounds = list(zip(lower_S, upper_S, strict=True))
    found = linprog(g_S, A_eq=np.ones((1, len(g_S))), b_eq=[1.0], bounds=bounds)
    assert found.status == 0
    assert g_S @ v_S == pytest.approx(found.fun, abs=1e-6)  # HiGHS keeps bounds to 1e-7 only


def test_leading_axes_are_independent_problems():
    rng = np.random.default_rng(0)
    w_PxQxS, upper_S = rng.normal(size=(3, 4, 5)), np.array([1, 0.3, 0.3, 0.5, 0.2])
    for verb in (simplex.project, simplex.minimise_linear):
        v_PxQxS = verb(w_PxQxS, np.zeros(5), upper_S)
        for p in range(3):
            for q in range(4):
                np.testing.assert_allclose(v_PxQxS[p, q], verb(w_PxQxS[p, q], np.zeros(5), upper_S), atol=1e-14)


def test_projection_known_answers():
    np.testing.assert_allclose(simplex.project([0.5, 0.5, 3], [0, 0, 0], [0.4, 0.4, 0.6]), [0.2, 0.2, 0.6])
    np.testing.assert_allclose(simplex.project([7.0], [0], [1]), [1])
    np.testing.assert_allclose(simplex.project([0.9, 0.3], [0, 0], [1, 1]), [0.8, 0.2])
    np.testing.assert_allclose(simplex.project([1e9 + 0.9, 1e9 + 0.3], [0, 0], [1, 1]), [0.8, 0.2], atol=1e-6)
    # The box leaves one point only, by its lower and by its upper bounds.
    np.testing.assert_allclose(simplex.project([5, 1], [0.3, 0.7], [1, 1]), [0.3, 0.7])
    np.testing.assert_allclose(simplex.project([5, 1], [0, 0], [0.3, 0.7]), [0.3, 0.7])


@pytest.mark.parametrize("verb", [simplex.project, simplex.minimise_linear])
@pytest.mark.parametrize(
    ("w_S", "lower_S", "upper_S"),
    [([np.nan, 1], [0, 0], [1, 1]), ([0, 1], [0.6, 0.6], [1, 1]), ([0, 1], [0, 0], [0.4, 0.4])],
)
def test_impossible_problems_are_refused(verb, w_S, lower_S, upper_S):
    with pytest.raises(MixlawError):
        verb(w_S, lower_S, upper_S)


@quick
@given(boxes(), st.integers(1, 40))
def test_samples_are_feasible_and_repeatable(box, n):
    _, lower_S, upper_S = box
    w_NxS = simplex.sample(np.random.default_rng(n), n, lower_S, upper_S)
    assert w_NxS.shape == (n, len(lower_S))
    for w_S in w_NxS:
        assert feasible(w_S, lower_S, upper_S)
    np.testing.assert_array_equal(w_NxS, simplex.sample(np.random.default_rng(n), n, lower_S, upper_S))


def test_samples_reach_corners_edges_and_interior():
    lower_S, upper_S = np.zeros(5), np.array([1, 1, 1, 1, 0.2])
    w_NxS = simplex.sample(np.random.default_rng(1), 600, lower_S, upper_S)
    present_N = (w_NxS > 1e-3).sum(axis=1)
    assert set(range(1, 6)) <= set(present_N)
    for i in range(4):
        assert w_NxS[:, i].max() > 0.99
    assert w_NxS[:, 4].max() == pytest.approx(0.2)
    assert (w_NxS[present_N == 5].min(axis=1) > 0.05).any()


def test_samples_gather_around_the_centre_as_concentration_grows():
    centre_S = np.array([0.7, 0.2, 0.1])
    distance = []
    for concentration in (1.0, 1000.0):
        w_NxS = simplex.sample(np.random.default_rng(0), 300, np.zeros(3), np.ones(3), centre_S, concentration)[::3]
        distance.append(np.abs(w_NxS - centre_S).mean())
    assert distance[1] < distance[0] / 5


def test_as_mixture_renormalises_rounded_shares():
    w_S = simplex.as_mixture([0.333, 0.333, 0.333])
    assert w_S.dtype == np.float64
    np.testing.assert_allclose(w_S, 1 / 3)


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ([0.5, 0.6], "1.1"),
        ([0.5, 0.45], "0.95"),
        ([1.5, -0.5], "-0.5"),
        ([np.nan, 1], "nan"),
        ([np.inf, 1], "inf"),
        ([], "shape (0,)"),
        ([[0.5, 0.5]], "shape (1, 2)"),
        (["a", 1], "numbers"),
    ],
)
def test_as_mixture_refuses(weights, named):
    with pytest.raises(MixlawError) as caught:
        simplex.as_mixture(weights, "row 3 of plan.json")
    assert "row 3 of plan.json" in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("lower_S", "upper_S", "named"),
    [
        ([0.5, 0], [0.3, 1], ["web", "0.5", "0.3"]),
        ([0.7, 0.6], [1, 1], ["web 0.7", "code 0.6", "1.3"]),
        ([0, 0], [0.3, 0.4], ["web 0.3", "code 0.4", "0.7"]),
        ([-0.1, 0], [1, 1], ["web", "-0.1"]),
        ([0, np.nan], [1, 1], ["code", "nan"]),
        ([0, 0], [1, np.nan], ["code", "nan"]),
    ],
)
def test_check_bounds_names_the_conflict(lower_S, upper_S, named):
    with pytest.raises(MixlawError) as caught:
        simplex.check_bounds(["web", "code"], lower_S, upper_S)
    for part in named:
        assert part in str(caught.value)


def test_check_bounds_accepts_a_single_point_written_in_decimals():
    simplex.check_bounds(list("abc"), [0.1, 0.2, 0.7], [0.1, 0.2, 0.7])
