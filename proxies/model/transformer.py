"""The proxy: a small decoder-only transformer, written for one CPU core.

Names contain shapes: B sequences, L positions, T = B * L rows, D width, V tokens of the vocabulary, H heads, K width of
a head. For speed on a CPU, activations are flattened to T rows for every matrix product (`kernels`), attention skips
later keys (`attention`), and layers are unrolled.

Both branches of a layer read every position mixed with the position before it, by a learned factor per channel (token
shift, as in RWKV, Peng et al., 2305.13048). On the demo's text this lowers the loss by .17 nats at 55k parameters, and
the difference between two mixtures hardly changes with size (.28 to .26 nats from 26k to 132k parameters). Without it
the difference grew from .24 to .33 nats, which no law of a floor and falling terms can represent.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.corpus import END, VOCAB
from proxies.model.attention import attend, keys_read
from proxies.model.kernels import cross_entropy, product

Params = dict[str, jax.Array]


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a proxy. `heads * head_dim` may differ from `width`; `length`: tokens per sequence."""

    width: int
    depth: int
    heads: int
    head_dim: int = 32
    vocab: int = VOCAB
    length: int = 128
    end: int = END

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least = 0 if name == "end" else 1
            if not isinstance(value, int) or value < least:
                raise MixlawError(f"ModelConfig.{name} is {value!r}: it must be a whole number of at least {least}")
        if self.head_dim % 2:
            raise MixlawError(f"ModelConfig.head_dim is {self.head_dim}: rotary positions need an even number")
        if self.vocab <= self.end:
            raise MixlawError(
                f"ModelConfig.vocab is {self.vocab}: with the end mark {self.end} it needs {self.end + 1}"
            )


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters by name."""
    wide, inner = config.width, config.heads * config.head_dim
    table: dict[str, tuple[int, ...]] = {"embed": (config.vocab, wide)}
    for layer in range(config.depth):
        table |= {
            f"{layer}/norm_attend": (wide,),
            f"{layer}/shift_attend": (wide,),
            f"{layer}/qkv": (wide, 3 * inner),
            f"{layer}/attended": (inner, wide),
            f"{layer}/norm_mlp": (wide,),
            f"{layer}/shift_mlp": (wide,),
            f"{layer}/up": (wide, 4 * wide),
            f"{layer}/down": (4 * wide, wide),
        }
    return table | {"norm_head": (wide,), "head": (wide, config.vocab)}


def count_params(config: ModelConfig) -> int:
    """N: all parameters, embedding and head included (the `params` column of the run table)."""
    return sum(math.prod(shape) for shape in shapes(config).values())


def flops_per_token(config: ModelConfig) -> float:
    """FLOP to train on one token: those of all matrix products, forward and backward.

    6 for every parameter of a matrix (except the embedding, which is read by index), and per layer 12 H K for every key
    that a query is multiplied with (on average `attention.keys_read`).
    """
    table = shapes(config)
    matrices = sum(math.prod(shape) for name, shape in table.items() if len(shape) == 2 and name != "embed")
    return 6.0 * matrices + 12 * keys_read(config.length) * config.heads * config.head_dim * config.depth


def _norm(x_TxD: jax.Array, gain_D: jax.Array) -> jax.Array:
    return x_TxD * jax.lax.rsqrt(jnp.mean(x_TxD * x_TxD, axis=-1, keepdims=True) + 1e-6) * gain_D


def _rotary(length: int, half: int) -> tuple[jax.Array, jax.Array]:
    angle_LxK = np.arange(length)[:, None] * 10_000.0 ** (-np.arange(half) / half)
    return jnp.asarray(np.cos(angle_LxK), jnp.float32), jnp.asarray(np.sin(angle_LxK), jnp.float32)


def _shift(x_TxD: jax.Array, factor_D: jax.Array, length: int) -> jax.Array:
    x_BxLxD = x_TxD.reshape(-1, length, x_TxD.shape[-1])
    before_BxLxD = jnp.pad(x_BxLxD[:, :-1], ((0, 0), (1, 0), (0, 0)))
    return (x_BxLxD + factor_D * before_BxLxD).reshape(x_TxD.shape)


def _attend(x_TxD: jax.Array, params: Params, layer: int, config: ModelConfig, precision: str) -> jax.Array:
    heads, dim, length = config.heads, config.head_dim, config.length
    qkv_Tx3HK = product(x_TxD, params[f"{layer}/qkv"], precision)
    qkv = qkv_Tx3HK.reshape(-1, length, 3, heads, dim).transpose(2, 0, 3, 1, 4)
    cos, sin = _rotary(length, dim // 2)

    def turn(z_BxHxLxK: jax.Array) -> jax.Array:
        a, b = z_BxHxLxK[..., : dim // 2], z_BxHxLxK[..., dim // 2 :]
        return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)

    q, k, v = turn(qkv[0]) * dim**-0.5, turn(qkv[1]), qkv[2]
    out_BxHxLxK = attend(q.astype(precision), k.astype(precision), v.astype(precision))
    out_TxHK = out_BxHxLxK.transpose(0, 2, 1, 3).reshape(-1, heads * dim)
    return product(out_TxHK.astype(jnp.float32), params[f"{layer}/attended"], precision)


def _read(x_TxD: jax.Array, params: Params, layer: int, branch: str, config: ModelConfig) -> jax.Array:
    """Input of a layer's branch: the residual stream, normalised and mixed with the position before."""
    normed_TxD = _norm(x_TxD, params[f"{layer}/norm_{branch}"])
    return _shift(normed_TxD, params[f"{layer}/shift_{branch}"], config.length)


def stream(params: Params, x_BxLxD: jax.Array, config: ModelConfig, precision: str = "float32") -> list[jax.Array]:
    """Residual stream x_TxD before the first layer and after each layer, from embedded inputs."""
    xs = [x_BxLxD.reshape(-1, config.width)]
    for layer in range(config.depth):
        x_TxD = xs[-1]
        x_TxD = x_TxD + _attend(_read(x_TxD, params, layer, "attend", config), params, layer, config, precision)
        up_TxF = product(_read(x_TxD, params, layer, "mlp", config), params[f"{layer}/up"], precision)
        xs.append(x_TxD + product(jax.nn.gelu(up_TxF, approximate=True), params[f"{layer}/down"], precision))
    return xs


def logits(params: Params, x_BxLxD: jax.Array, config: ModelConfig, precision: str = "float32") -> jax.Array:
    """Logits (B, L, V) from embedded inputs (B, L, D); position t depends on inputs 0..t only."""
    x_TxD = stream(params, x_BxLxD, config, precision)[-1]
    logits_TxV = product(_norm(x_TxD, params["norm_head"]), params["head"], precision)
    return logits_TxV.reshape(*x_BxLxD.shape[:2], config.vocab)


def embed(params: Params, tokens_BxL: jax.Array, config: ModelConfig) -> jax.Array:
    """Embedded inputs (B, L, D): an end mark and then the tokens but the last, so every token is predicted."""
    shifted_BxL = jnp.pad(tokens_BxL[:, :-1], ((0, 0), (1, 0)), constant_values=config.end)
    return params["embed"][shifted_BxL]


def token_losses(params: Params, tokens_BxL: jax.Array, config: ModelConfig, precision: str = "float32") -> jax.Array:
    """Cross-entropy (B, L) in nats of every token given the earlier tokens of its sequence."""
    logits_BxLxV = logits(params, embed(params, tokens_BxL, config), config, precision)
    losses_T = cross_entropy(logits_BxLxV.reshape(-1, config.vocab), tokens_BxL.reshape(-1))
    return losses_T.reshape(tokens_BxL.shape)


def loss(params: Params, tokens_BxL: jax.Array, config: ModelConfig, precision: str = "float32") -> jax.Array:
    """Mean nats per token over a batch."""
    return jnp.mean(token_losses(params, tokens_BxL, config, precision))
