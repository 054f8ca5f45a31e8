"""What single laws claim beyond the contract of all: published special cases, limits, solutions inside a formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from mixlaw.laws import AutoScale, CapacityCompetition, InfoLaw, QualityDecay, Row
from mixlaw.laws.joint.capacity_competition import divide
from mixlaw.laws.mixing.auto_scale import compose


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def one(law, w_S, params=1e8, tokens=1e9, unique=np.inf) -> float:
    w_S = np.asarray(w_S, float)
    return float(law(Row(w_S, params, tokens, np.broadcast_to(unique, w_S.shape))))


@pytest.mark.parametrize("pools", [1, 4])
def test_quality_decay_is_the_published_product_at_whole_epochs_of_equal_pools(pools):
    rng = np.random.default_rng(pools)
    b_S, tau_S, a, d, size = rng.uniform(0.05, 0.3, pools), rng.uniform(1, 20, pools), 3.0, 0.4, 1e6
    law = QualityDecay(a=a, d=d, b=b_S, tau=tau_S, D0=1e7)
    for epochs in (1, 2, 5, 32):
        n = pools * size * np.arange(1, epochs + 1)
        expected = (a * n[0] / 1e7) ** -b_S.mean() + d
        for k in range(1, epochs):
            expected *= (n[k] / n[k - 1]) ** -np.mean(b_S * 0.5 ** (k / (pools * tau_S)))
        found = one(law, np.full(pools, 1 / pools), tokens=n[-1], unique=size)
        assert found == pytest.approx(expected, rel=1e-12)


def test_quality_decay_falls_without_a_jump_from_epoch_to_epoch():
    law = QualityDecay(a=3.0, d=0.4, b=np.array([0.1, 0.2]), tau=np.array([2.0, 8.0]), D0=1e7)
    tokens_R = np.geomspace(1e5, 1e9, 20_000)  # up to 50 and 1,000 epochs
    loss_R = np.array(jax.vmap(lambda D: law(Row(np.array([0.5, 0.5]), 0.0, D, np.array([1e7, 5e5]))))(tokens_R))
    assert (np.diff(loss_R) < 0).all()
    assert np.abs(np.diff(loss_R)).max() < 1e-3


def test_information_saturates_with_passes_and_a_source_that_never_repeats_has_one():
    law = InfoLaw(E=1.0, A=0.0, B=1.0, alpha=0.3, b=0.5, p=0.3, N1=1e7, f=np.array([2.0]), N0=1e8, D0=1e9)
    q = 0.3 * np.log1p(10)
    endless = one(law, [1.0], tokens=1e13, unique=1e9)
    assert endless == pytest.approx(1.0 + 2.0**-0.5, rel=1e-12)
    assert one(law, [1.0], tokens=1e9) == pytest.approx(1.0 + (2.0 * (1 - np.exp(-q))) ** -0.5, rel=1e-12)
    assert one(law, [1.0], tokens=1e9, unique=1e9) == one(law, [1.0], tokens=1e9)
    assert one(law, [1.0], tokens=4e9) < one(law, [1.0], tokens=4e9, unique=1e9) < one(law, [1.0], tokens=1e9)


@pytest.mark.parametrize("count", [2, 7, 60])
def test_capacity_goes_where_it_lowers_the_weighted_loss_most(count):
    """The optimality conditions: one marginal gain for all sources above the shared capacity, less for the others."""
    rng = np.random.default_rng(count)
    for H in (1e-6, 0.1, 0.9):
        w_S = rng.dirichlet(np.full(count, 0.3))
        w_S[0] = 0.0
        log_c_S, b_S, n = rng.normal(0, 2, count), np.exp(rng.normal(-1, 1, count)), 10 ** rng.uniform(0, 3)
        x_S = np.exp(np.asarray(divide(w_S, log_c_S, b_S, n, H)))
        assert x_S.sum() == pytest.approx(n + (count - 1) * H, rel=1e-12)
        gain_S, above_S = w_S * np.exp(log_c_S) * b_S * x_S ** -(b_S + 1), x_S > H * (1 + 1e-9)
        np.testing.assert_allclose(gain_S[above_S], gain_S[above_S].max(), rtol=1e-10)
        assert (gain_S[~above_S] <= gain_S.max() * (1 + 1e-10)).all()
        assert x_S.min() >= H * (1 - 1e-12)


def test_capacity_has_the_right_second_derivatives():
    """The optimizer takes Newton steps on the law; the solution of its inner problem is differentiated twice."""
    own_S, b_S = np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.4, 0.3])
    law = CapacityCompetition(E=1.0, A=0.3, a=0.3, s=0.05, c=np.ones(3), b=b_S, N0=1e8, D0=1e9, own=own_S)
    w_S, step = jnp.array([0.5, 0.3, 0.2]), 1e-5
    gradient = jax.grad(lambda w_S: law(Row(w_S, 3e8, 2e9, np.full(3, np.inf))))
    found_SxS = jax.jacfwd(gradient)(w_S)
    for s in range(3):
        move_S = step * jnp.eye(3)[s]
        expected_S = (gradient(w_S + move_S) - gradient(w_S - move_S)) / (2 * step)
        np.testing.assert_allclose(found_SxS[s], expected_S, rtol=1e-6, atol=1e-8)


def test_best_tokens_of_two_scales_compose_to_the_best_of_a_third():
    law = AutoScale(l=1.0, C=np.array([1.0, 0.5, 0.2]), N0=np.full(3, 1e-9), g=np.array([0.05, 0.2, 0.4]), D0=1e4)

    def best(tokens: float) -> np.ndarray:
        value = jax.jit(lambda t_S: law(Row(jax.nn.softmax(t_S), 0.0, tokens, np.full(3, np.inf))))
        found = minimize(value, np.zeros(3), jac=jax.grad(value), method="BFGS", options={"gtol": 1e-12})
        return tokens * np.asarray(jax.nn.softmax(found.x))

    first_S = best(1e6)
    second_S = best(1e8)
    third_S = compose(first_S, second_S)
    # The scales' marginal losses lie at equal factors by construction, so the third is the best of its own tokens.
    np.testing.assert_allclose(third_S, best(third_S.sum()), rtol=1e-4)
    assert third_S[0] / third_S.sum() > second_S[0] / second_S.sum() > first_S[0] / first_S.sum()
