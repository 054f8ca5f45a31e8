"""Steps, schedule and average are those of their formulas."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.training import optimizer
from proxies.training.optimizer import learning_rates
from proxies.training.run_spec import RunSpec

SCALES = {"w": 1.0, "b": 0.5, "v": 2.0}


def formula(params, grads, moments, step, rate, decay):
    """One step of AdamW as its papers have it, in float64, after gradients are clipped to norm 1."""
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    moved = {}
    for name, value in params.items():
        grad = grads[name] * min(1.0, 1.0 / norm)
        first, second = moments[name]
        first, second = 0.9 * first + 0.1 * grad, 0.95 * second + 0.05 * grad**2
        moments[name] = first, second
        update = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.95**step)) + 1e-8)
        moved[name] = value - rate * SCALES[name] * (update + decay * value * (value.ndim > 1))
    return moved


def test_steps_are_those_of_clipped_adamw():
    random = np.random.default_rng(0)
    theirs = {"w": random.normal(size=(4, 3)), "b": np.ones(3), "v": random.normal(size=(3, 2))}
    params = {name: jnp.asarray(value, jnp.float32) for name, value in theirs.items()}
    state, moments = optimizer.start(params, SCALES), dict.fromkeys(params, (0.0, 0.0))
    norms = []
    for step in range(1, 8):
        grads = {name: step * random.normal(size=value.shape) / 16 for name, value in theirs.items()}
        norms.append(np.sqrt(sum((g**2).sum() for g in grads.values())))
        rate, decay = 0.01 * step, 0.1 + 0.1 * step  # both may differ from step to step
        theirs = formula(theirs, grads, moments, step, rate, decay)
        ours = {name: jnp.asarray(grad, jnp.float32) for name, grad in grads.items()}
        updates, state = optimizer.adamw(SCALES, rate, decay).update(ours, state, params)
        params = optax.apply_updates(params, updates)
        for name in params:
            np.testing.assert_allclose(params[name], theirs[name], rtol=2e-5, atol=1e-6)
    assert min(norms) < 1 < max(norms)


def spec_of(tokens=128 * 100, **changes):
    return RunSpec("r", Mixture({"a": 1.0}), ModelConfig(16, 1, 1, 16, length=32), tokens, batch=4, rate=1.0, **changes)


def test_rates_warm_up_stay_and_fall():
    rates = learning_rates(spec_of(warmup=0.1, decay=0.2))
    assert len(rates) == 100
    assert rates[0] == pytest.approx(0.1)
    assert np.all(rates[9:81] == 1)
    assert rates[-1] == pytest.approx(0.05)
    assert np.all(learning_rates(spec_of(128)) > 0)


@pytest.mark.parametrize(("warmup", "decay"), [(0.05, 0.5), (0.0, 0.0), (0.5, 0.9), (1.0, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize("steps", [1, 2, 7, 100, 1023, 1025, 5000])
def test_rates_are_the_lower_of_two_lines(steps, warmup, decay):
    """Also where warm-up and decay overlap, and for runs of more steps than one block of rates."""
    step = np.arange(1, steps + 1)
    rise = step / max(1, round(warmup * steps))
    fall = (steps + 1 - step) / max(1, round(decay * steps))
    rates = learning_rates(spec_of(128 * steps, warmup=warmup, decay=decay))
    assert rates.dtype == np.float32
    np.testing.assert_allclose(rates, np.minimum(1, np.minimum(rise, fall)), rtol=1e-6, atol=2e-7)


def test_the_average_forgets_the_start_and_lags_by_about_half_its_window():
    average = {"w": jnp.float32(1e6)}
    for step in range(10, 4001, 10):
        average = optimizer.averaged(average, {"w": jnp.float32(step)}, step, 10, window=0.1)
    assert float(average["w"]) == pytest.approx(4000 * (1 - 0.1 / 1.1), rel=0.01)
