"""The transformer: nothing looks ahead, loss and gradient are those of its formula, what it costs is counted right."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from mixlaw.errors import MixlawError
from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig

SMALL = ModelConfig(width=16, depth=2, heads=2, head_dim=8, length=12)


def started(config=SMALL):
    """Parameters whose head is not zero and whose vectors differ, so that every gradient could be non-zero."""
    random = np.random.default_rng(1)
    noise = {name: random.normal(size=shape) for name, shape in model.shapes(config).items()}
    params = {name: np.asarray(value, np.float64) for name, value in mup.init(config, 0).items()}
    return {n: v + noise[n] if n == "head" else v + 0.1 * noise[n] * (v.ndim == 1) for n, v in params.items()}


def single(params):
    return {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}


def plain_loss(params, tokens_BxL, c):
    """Mean cross-entropy in NumPy, float64, by the book: whole scores, softmax, nothing flattened or cut."""

    def norm(x, gain):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * gain

    def read(x, layer, branch):
        normed = norm(x, params[f"{layer}/norm_{branch}"])
        before = np.concatenate([0 * normed[:, :1], normed[:, :-1]], 1)
        return normed + params[f"{layer}/shift_{branch}"] * before

    def softmax(z):
        z = np.exp(z - z.max(-1, keepdims=True))
        return z / z.sum(-1, keepdims=True)

    def turn(z):
        half = c.head_dim // 2
        angle = np.arange(c.length)[:, None] * 10_000.0 ** (-np.arange(half) / half)
        pairs = (z[..., :half] + 1j * z[..., half:]) * np.exp(1j * angle)
        return np.concatenate([pairs.real, pairs.imag], -1)

    inputs = np.concatenate([np.full((len(tokens_BxL), 1), c.end), tokens_BxL[:, :-1]], 1)
    x = params["embed"][inputs]
    for layer in range(c.depth):
        qkv = (read(x, layer, "attend") @ params[f"{layer}/qkv"]).reshape(*inputs.shape, 3, c.heads, c.head_dim)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        score = turn(q) @ turn(k).swapaxes(-1, -2) / np.sqrt(c.head_dim)
        score = np.where(np.tri(c.length, dtype=bool), score, -np.inf)
        out = (softmax(score) @ v).transpose(0, 2, 1, 3).reshape(*inputs.shape, -1)
        x = x + out @ params[f"{layer}/attended"]
        up = read(x, layer, "mlp") @ params[f"{layer}/up"]
        x = x + up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3))) / 2 @ params[f"{layer}/down"]
    p = softmax(norm(x, params["norm_head"]) @ params["head"])
    return -np.log(np.take_along_axis(p, tokens_BxL[..., None], -1)).mean()


# A length over several blocks of attention, and one that no block divides.
@pytest.mark.parametrize("config", [SMALL, ModelConfig(16, 1, 3, 4, vocab=40, length=150, end=7)])
def test_loss_and_gradient_are_those_of_the_formula(config):
    params, random = started(config), np.random.default_rng(5)
    tokens = random.integers(0, config.vocab, (2, config.length))
    found, grads = jax.value_and_grad(model.loss)(single(params), jnp.asarray(tokens), config)
    assert float(found) == pytest.approx(plain_loss(params, tokens, config), rel=1e-5)
    for name, value in params.items():
        way = random.normal(size=value.shape)
        way /= np.linalg.norm(way)
        ends = [plain_loss(params | {name: value + step * way}, tokens, config) for step in (1e-5, -1e-5)]
        slope = float(np.sum(np.asarray(grads[name], np.float64) * way))
        scale = float(jnp.linalg.norm(grads[name]))
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=2e-4 * scale), name


def test_later_inputs_have_exactly_zero_gradient():
    config = ModelConfig(width=16, depth=2, heads=2, head_dim=8, length=70)  # two blocks of attention
    params = single(started(config))
    x_BxLxD = jnp.asarray(np.random.default_rng(2).normal(size=(2, 70, 16)), jnp.float32)
    slope = jax.jit(jax.grad(lambda x, t: jnp.sum(model.logits(params, x, config)[:, t] ** 2)))
    for t in (0, 1, 30, 63, 64, 65, 69):
        grad = slope(x_BxLxD, t)
        assert np.all(np.asarray(grad[:, t + 1 :]) == 0.0)
        assert np.all(np.abs(np.asarray(grad[:, : t + 1])).max(axis=-1) > 0)


def test_a_token_is_predicted_from_those_before_it_only():
    params, random = single(started()), np.random.default_rng(3)
    tokens = random.integers(0, 256, (2, 12))
    before = model.token_losses(params, jnp.asarray(tokens), SMALL)
    tokens[:, 7] += 1
    after = model.token_losses(params, jnp.asarray(tokens), SMALL)
    changed = np.asarray(before != after)
    assert not changed[:, :7].any()
    assert changed[:, 7:].all()


def test_sequences_do_not_see_each_other():
    params, tokens = single(started()), np.random.default_rng(4).integers(0, 257, (3, 12))
    together = model.token_losses(params, jnp.asarray(tokens), SMALL)
    alone = [model.token_losses(params, jnp.asarray(tokens[i : i + 1]), SMALL)[0] for i in range(3)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4)


def test_half_precision_is_near_and_not_the_same():
    params, tokens = single(started()), jnp.asarray(np.random.default_rng(4).integers(0, 257, (3, 12)))
    exact, grads = jax.value_and_grad(model.loss)(params, tokens, SMALL)
    near, rough = jax.value_and_grad(model.loss)(params, tokens, SMALL, "bfloat16")
    assert 0 < abs(float(near - exact)) < 0.02 * float(exact)
    for name, grad in grads.items():
        assert rough[name].dtype == jnp.float32
        assert float(jnp.linalg.norm(rough[name] - grad)) < 0.05 * float(jnp.linalg.norm(grad)), name


@pytest.mark.parametrize("config", [SMALL, ModelConfig(24, 2, 1, 24), ModelConfig(32, 3, 3, 8, length=64)])
def test_parameters_are_counted_literally(config):
    leaves = jax.tree.leaves(mup.init(config, 0))
    assert model.count_params(config) == sum(leaf.size for leaf in leaves)
    wide, inner = config.width, config.heads * config.head_dim
    layer = 4 * wide * inner + 8 * wide**2 + 4 * wide
    assert model.count_params(config) == 2 * config.vocab * wide + config.depth * layer + wide


def products(jaxpr):
    """FLOP of every matrix product of a traced program, those inside its calls included."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += 2 * equation.outvars[0].aval.size * int(np.prod([left[i] for i in contracted]))
        total += sum(products(inner) for inner in jaxprs_in_params(equation.params))
    return total


@pytest.mark.parametrize("config", [SMALL, ModelConfig(32, 3, 3, 8, length=128), ModelConfig(24, 2, 1, 24, length=150)])
def test_flops_are_those_of_the_products_in_the_program(config):
    params, tokens = mup.init(config, 0), jnp.zeros((2, config.length), int)
    program = jax.make_jaxpr(jax.grad(lambda p, t: model.loss(p, t, config)))(params, tokens)
    assert products(program.jaxpr) == pytest.approx(model.flops_per_token(config) * tokens.size, rel=1e-12)
    whole = ModelConfig(128, 2, 4, 32, length=128)
    counted = jax.jit(jax.grad(lambda p, t: model.loss(p, t, whole))).lower(
        mup.init(whole, 0), jnp.zeros((2, 128), int)).compile().cost_analysis()  # fmt: skip
    assert counted["flops"] == pytest.approx(model.flops_per_token(whole) * 256, rel=0.1)


def test_impossible_shapes_are_refused():
    for bad in ({"width": 0}, {"head_dim": 7}, {"vocab": 256}, {"depth": 1.5}, {"end": -1}, {"end": 300}):
        with pytest.raises(MixlawError, match=next(iter(bad))):
            ModelConfig(**{"width": 16, "depth": 1, "heads": 1, "head_dim": 8} | bad)
