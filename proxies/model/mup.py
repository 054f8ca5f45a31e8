"""µP initialisation and learning-rate scaling (one learning rate for all widths), and shapes by parameter count.

After µP (Yang et al., 2203.03466) for Adam: hidden matrices have initial standard deviation 1/sqrt(fan-in) and the
learning rate times `BASE_WIDTH / width`; the head starts at zero and has the same scaled rate; the embedding, the
norms' gains and the factors of the token shift have the full rate. The width of heads does not grow with the model, so
attention scores need no other scale.
"""

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.corpus import END, VOCAB
from proxies.model.transformer import ModelConfig, Params, count_params, shapes

BASE_WIDTH = 64


def init(config: ModelConfig, seed: int) -> Params:
    """Initial parameters, float32; they depend only on the shape and the seed."""
    random = np.random.default_rng([seed, 0x1417])
    params: Params = {}
    for name, shape in shapes(config).items():
        if len(shape) == 1:
            value = np.full(shape, 0.5 if "shift" in name else 1.0)
        elif name == "head":
            value = np.zeros(shape)
        elif name == "embed":
            value = random.normal(0, 1.0, shape)
        else:
            # Each layer adds two branches to the residual stream: the factor keeps its variance independent of depth.
            shrink = math.sqrt(2 * config.depth) if name.endswith(("attended", "down")) else 1.0
            value = random.normal(0, 1 / math.sqrt(shape[0]) / shrink, shape)
        params[name] = jnp.asarray(value, jnp.float32)
    return params


def rate_scales(config: ModelConfig) -> dict[str, float]:
    """Learning-rate multiplier of each parameter.

    >>> scales = rate_scales(ModelConfig(128, 1, 4))
    >>> scales["embed"], scales["head"]
    (1.0, 0.5)
    """
    matrix = BASE_WIDTH / config.width
    return {name: 1.0 if len(shape) == 1 or name == "embed" else matrix for name, shape in shapes(config).items()}


def config_for(params: float, vocab: int = VOCAB, end: int = END) -> ModelConfig:
    """The shape with the parameter count nearest to `params` (about 20 thousand to some billions).

    Depth grows with the root of the width (2 layers up to 64, 8 at 512, 17 at 2048). Sequences grow with the width from
    128 to 2048 tokens, and heads from a width of 32 to 128. Raises MixlawError if the vocabulary alone has more
    parameters.
    """
    least = ModelConfig(16, 1, 1, 16, vocab, end=end)
    if not count_params(least) <= params < math.inf:
        raise MixlawError(
            f"{params:g} parameters: a vocabulary of {vocab:,} needs at least {count_params(least):,};"
            " give more, or train a smaller tokenizer"
        )
    best, closest = least, math.inf
    for width in [*range(16, 256, 4), *range(256, 1024, 16), *range(1024, 16_384, 64)]:
        usual = replace(_shaped(width, vocab), end=end)
        for more in (0, -1, 1):
            found = replace(usual, depth=max(1, usual.depth + more))
            # Add or remove a layer only if that makes the count closer by some percent.
            away = abs(math.log(count_params(found) / params)) + 0.02 * abs(more)
            if away < closest:
                best, closest = found, away
        if count_params(usual) > 2 * params:
            break
    return best


def _shaped(width: int, vocab: int) -> ModelConfig:
    depth = max(2, round(0.4 * math.sqrt(width) - 1))
    head_dim = 128 if width >= 1536 else 64 if width >= 384 else 32
    # At least two heads: with one, small models learn to copy at a random time, and losses vary more between seeds.
    heads = max(2, round(width / head_dim))
    if width < 64:
        head_dim = 2 * round(width / heads / 2)
    length = min(2048, max(128, 1 << round(math.log2(width))))
    return ModelConfig(width, depth, heads, head_dim, vocab, length, min(END, vocab - 1))
