"""Steps, schedule and average are those of their formulas."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from proxies import optimizer
from proxies.model import ModelConfig
from proxies.optimizer import learning_rates
from proxies.run import RunSpec


def test_steps_are_those_of_clipped_adamw():
    random = np.random.default_rng(0)
    params = {"w": jnp.asarray(random.normal(size=(4, 3)), jnp.float32), "b": jnp.ones(3)}
    moments, rates = optimizer.start(params), {"w": jnp.float32(0.01), "b": jnp.float32(0.02)}

    def adamw(rate, decay):
        return optax.adamw(rate, b1=0.9, b2=0.95, weight_decay=decay)

    peer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.partition({"w": adamw(0.01, 0.1), "b": adamw(0.02, 0.0)}, {"w": "w", "b": "b"}),
    )
    theirs, state = params, peer.init(params)
    for step in range(1, 8):
        grads = {n: jnp.asarray(step * random.normal(size=v.shape) / 8, jnp.float32) for n, v in params.items()}
        params, moments = optimizer.adam(params, moments, grads, rates, jnp.int32(step), jnp.float32(0.1))
        updates, state = peer.update(grads, state, theirs)
        theirs = optax.apply_updates(theirs, updates)
        for name in params:
            np.testing.assert_allclose(params[name], theirs[name], rtol=2e-5, atol=1e-6)


def spec_of(tokens=128 * 100, **changes):
    return RunSpec("r", {"a": 1.0}, ModelConfig(16, 1, 1, 16, length=32), tokens, batch=4, rate=1.0, **changes)


def test_rates_warm_up_stay_and_fall():
    rates = learning_rates(spec_of(warmup=0.1, decay=0.2))
    assert len(rates) == 100
    assert rates[0] == pytest.approx(0.1)
    assert np.all(rates[9:81] == 1)
    assert rates[-1] == pytest.approx(0.05)
    assert np.all(learning_rates(spec_of(128)) > 0)


def test_the_average_forgets_the_start_and_lags_by_about_half_its_window():
    average = {"w": jnp.float32(1e6)}
    for step in range(10, 4001, 10):
        average = optimizer.averaged(average, {"w": jnp.float32(step)}, step, 10, window=0.1)
    assert float(average["w"]) == pytest.approx(4000 * (1 - 0.1 / 1.1), rel=0.01)
