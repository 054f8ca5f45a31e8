"""Held-out losses count every token once, whatever the number of tokens."""

import jax.numpy as jnp
import numpy as np
import pytest

from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig
from proxies.training.evaluate import TOKENS_PER_CALL, evaluate

CONFIG = ModelConfig(16, 1, 2, 8, length=32)


@pytest.mark.parametrize("count", [1, 32, TOKENS_PER_CALL, TOKENS_PER_CALL + 33])
def test_every_token_counts_once(count):
    random = np.random.default_rng(count)
    params = mup.init(CONFIG, 0)
    params["head"] = jnp.asarray(random.normal(size=params["head"].shape), jnp.float32)
    tokens = random.integers(0, 257, count).astype(np.uint16)
    whole = np.pad(tokens, (0, -count % 32)).reshape(-1, 32)
    losses = np.asarray(model.token_losses(params, jnp.asarray(whole, jnp.int32), CONFIG), float).reshape(-1)
    assert evaluate(params, tokens, CONFIG) == pytest.approx(losses[:count].mean(), rel=1e-5)
