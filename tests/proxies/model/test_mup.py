"""Starts, rates and sizes: what flows does not depend on the width, and any number of parameters has a shape."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mixlaw.errors import MixlawError
from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.mup import BASE_WIDTH, config_for
from proxies.model.transformer import ModelConfig, count_params
from proxies.training import optimizer

WIDTHS = (32, 256)


def test_the_start_is_a_function_of_the_seed_and_predicts_nothing():
    config = ModelConfig(width=16, depth=2, heads=2, head_dim=8, length=12)
    a, b, other = (mup.init(config, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["embed"], other["embed"])
    tokens = jnp.zeros((1, 12), jnp.int32)
    assert float(model.loss(a, tokens, config)) == pytest.approx(np.log(257), rel=1e-6)


@functools.cache
def compiled(width, scaled):
    """What flows after each layer, and one step, as programs; and the learning rates' scales."""
    config = ModelConfig(width, 2, width // 16, 16, length=32)
    scales = mup.rate_scales(config) if scaled else dict.fromkeys(model.shapes(config), 1.0)

    @jax.jit
    def flows(params, tokens_BxL):
        x_BxLxD = model.embed(params, tokens_BxL, config)
        return [*model.stream(params, x_BxLxD, config), model.logits(params, x_BxLxD, config)]

    @jax.jit
    def step(params, moments, tokens_BxL):
        grads = jax.grad(model.loss)(params, tokens_BxL, config)
        updates, moments = optimizer.adamw(scales, 3e-3, 0.1).update(grads, moments, params)
        return optax.apply_updates(params, updates), moments

    return config, scales, flows, step


def moved(width, scaled):
    """RMS of what flows after each layer and of the logits after 1, 3, 10 steps, and of its change after 3, 10."""
    config, scales, flows, step = compiled(width, scaled)
    params = mup.init(config, 0)
    moments = optimizer.start(params, scales)
    text = np.frombuffer(b"What flows through the layers is as large at any width. " * 80, np.uint8).astype(int)
    probe_BxL = text[5 : 5 + 64].reshape(2, 32)
    before, found = flows(params, probe_BxL), []
    for i, tokens_BxL in enumerate(np.resize(text, (10, 4, 32)), 1):
        params, moments = step(params, moments, tokens_BxL)
        after = flows(params, probe_BxL)
        if i in (1, 3, 10):
            found += [np.std(a) for a in after[1:]]
        if i in (3, 10):  # after one step only the head has moved, the rest by what Adam makes of nearly nothing
            found += [np.std(a - b) for a, b in zip(after[1:], before[1:], strict=True)]
    return np.array(found)


def test_what_flows_is_as_large_at_any_width_over_ten_steps():
    scaled = np.array([moved(width, True) for width in WIDTHS])
    assert np.max(scaled.max(0) / scaled.min(0)) < 1.5
    plain = moved(WIDTHS[-1], False) / moved(WIDTHS[0], False)
    assert np.max(plain) > 2.5  # the check can fail


def test_matrices_learn_slower_as_they_widen():
    for width in WIDTHS:
        scales = mup.rate_scales(ModelConfig(width, 2, 1, 16))
        assert scales["0/up"] == scales["head"] == BASE_WIDTH / width
        assert scales["embed"] == scales["0/norm_mlp"] == 1.0


@pytest.mark.parametrize(("vocab", "end"), [(257, 256), (8_000, 0), (50_257, 50_256)])
@pytest.mark.parametrize("params", [1e5, 8e5, 1e7, 1e8, 1e9])
def test_any_number_of_parameters_has_a_shape(params, vocab, end):
    if 2 * vocab * 16 > params:
        with pytest.raises(MixlawError, match=f"a vocabulary of {vocab:,} needs at least"):
            config_for(params, vocab, end)
        return
    config = config_for(params, vocab, end)
    assert (config.vocab, config.end) == (vocab, end)
    share = 2 * vocab * 8 / params  # the embedding grows in whole steps of the width
    assert count_params(config) == pytest.approx(params, rel=0.1 + share)
    assert config.heads >= 2
    assert 0.7 < config.heads * config.head_dim / config.width < 1.4 or config.width < 48
    assert 128 <= config.length <= 2048


def test_a_billion_parameters_look_like_a_billion():
    config = config_for(1e9, 50_257, 50_256)
    assert 1500 < config.width < 2600
    assert 14 < config.depth < 26
    assert (config.head_dim, config.length) == (128, 2048)
    assert count_params(config) == pytest.approx(1e9, rel=0.05)
