"""Losses of held-out text."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig, Params
from proxies.training.run_spec import DivergedError, RunSpec, check_ids

TOKENS_PER_CALL = 2048  # in one call: enough to use a core fully, and few enough for its cache


def evaluate(params: Params, tokens: np.ndarray, config: ModelConfig, precision: str = "float32") -> float:
    """Mean loss (nats per token) of held-out tokens, each predicted once, in sequences of the model's L.

    Raises TokensError for tokens outside the model's vocabulary.
    """
    check_ids(tokens, config.vocab)
    rows = max(1, TOKENS_PER_CALL // config.length)
    count = math.ceil(len(tokens) / (rows * config.length)) * rows * config.length
    padded = np.zeros(count, np.int32)
    padded[: len(tokens)] = tokens
    real = (np.arange(count) < len(tokens)).astype(np.float32)
    shape = (-1, rows, config.length)
    measure = _measure(config, precision)
    pairs = zip(padded.reshape(shape), real.reshape(shape), strict=True)
    return math.fsum([float(measure(params, batch, weight)) for batch, weight in pairs]) / len(tokens)


def losses(params: Params, targets: dict[str, np.ndarray], spec: RunSpec, step: int) -> dict[str, float]:
    """Loss of every target, by `loss:<target>`. Raises DivergedError if a loss is not finite."""
    found = {f"loss:{t}": evaluate(params, tokens, spec.config, spec.precision) for t, tokens in targets.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value} after {step} of {spec.steps} steps; lower the learning rate")
    return found


@functools.cache
def _measure(config: ModelConfig, precision: str) -> Callable[..., jax.Array]:
    def total(params: Params, tokens_BxL: jax.Array, weight_BxL: jax.Array) -> jax.Array:
        return jnp.sum(model.token_losses(params, tokens_BxL, config, precision) * weight_BxL)

    return jax.jit(total)
