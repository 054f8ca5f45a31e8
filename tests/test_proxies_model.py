"""The transformer: nothing looks ahead, parameters are counted right, one learning rate serves all widths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mixlaw.errors import MixlawError
from proxies import model, parametrise
from proxies.corpus import END
from proxies.model import ModelConfig

SMALL = ModelConfig(width=16, depth=2, heads=2, head_dim=8, length=12)


def started(config=SMALL):
    """Parameters whose head is not zero, so that every gradient could be non-zero."""
    params = parametrise.init(config, 0)
    noise = np.random.default_rng(1).normal(size=params["head"].shape)
    return params | {"head": jnp.asarray(noise, jnp.float32)}


def test_later_inputs_have_exactly_zero_gradient():
    params = started()
    x_BxLxD = jnp.asarray(np.random.default_rng(2).normal(size=(2, 12, 16)), jnp.float32)
    for t in range(12):
        grad = jax.grad(lambda x, t=t: jnp.sum(model.logits(params, x, SMALL)[:, t] ** 2))(x_BxLxD)
        assert np.all(np.asarray(grad[:, t + 1 :]) == 0.0)
        assert np.all(np.abs(np.asarray(grad[:, : t + 1])).max(axis=-1) > 0)


def test_a_token_is_predicted_from_those_before_it_only():
    params, random = started(), np.random.default_rng(3)
    tokens = random.integers(0, 256, (2, 12))
    before = model.token_losses(params, jnp.asarray(tokens), SMALL)
    tokens[:, 7] += 1
    after = model.token_losses(params, jnp.asarray(tokens), SMALL)
    changed = np.asarray(before != after)
    assert not changed[:, :7].any()
    assert changed[:, 7:].all()


def test_sequences_do_not_see_each_other():
    params, tokens = started(), np.random.default_rng(4).integers(0, 257, (3, 12))
    together = model.token_losses(params, jnp.asarray(tokens), SMALL)
    alone = [model.token_losses(params, jnp.asarray(tokens[i : i + 1]), SMALL)[0] for i in range(3)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4)


def test_the_loss_is_the_cross_entropy():
    params, tokens = started(), np.random.default_rng(5).integers(0, 257, (2, 12))
    shifted = np.concatenate([np.full((2, 1), END), tokens[:, :-1]], axis=1)
    x_BxLxD = np.asarray(params["embed"])[shifted]
    logits = np.asarray(model.logits(params, jnp.asarray(x_BxLxD), SMALL), np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.take_along_axis(log_p, tokens[..., None], axis=-1).mean()
    assert float(model.loss(params, jnp.asarray(tokens), SMALL)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("config", [SMALL, ModelConfig(24, 2, 1, 24), ModelConfig(32, 3, 3, 8, length=64)])
def test_parameters_are_counted_literally(config):
    assert model.count_params(config) == sum(leaf.size for leaf in jax.tree.leaves(parametrise.init(config, 0)))
    wide, inner = config.width, config.heads * config.head_dim
    layer = 4 * wide * inner + 8 * wide**2 + 4 * wide
    assert model.count_params(config) == 2 * config.vocab * wide + config.depth * layer + wide


def test_the_start_is_a_function_of_the_seed_and_predicts_nothing():
    a, b, other = (parametrise.init(SMALL, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["embed"], other["embed"])
    tokens = jnp.zeros((1, 12), jnp.int32)
    assert float(model.loss(a, tokens, SMALL)) == pytest.approx(np.log(257), rel=1e-6)


def test_activations_and_rates_scale_with_width():
    tokens = jnp.asarray(np.random.default_rng(6).integers(0, 257, (2, 12)))
    for width in (16, 64, 256):
        config = ModelConfig(width, 2, 1, 16, length=12)
        params = parametrise.init(config, 0)
        x_BxLxD = model.embed(params, tokens, config)
        up = model._norm(x_BxLxD.reshape(-1, width), params["0/norm_mlp"]) @ params["0/up"]
        assert 0.8 < float(jnp.std(up)) < 1.2
        assert parametrise.rate_scales(config)["0/up"] == parametrise.BASE_WIDTH / width
        assert parametrise.rate_scales(config)["embed"] == 1.0


def test_impossible_shapes_are_refused():
    for bad in ({"width": 0}, {"head_dim": 7}, {"vocab": 256}, {"depth": 1.5}):
        with pytest.raises(MixlawError, match=next(iter(bad))):
            ModelConfig(**{"width": 16, "depth": 1, "heads": 1, "head_dim": 8} | bad)
