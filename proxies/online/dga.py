"""Online mixing by gradient alignment: DGA (Fan, Grangier & Ablin, 2410.02498).

Every `every` steps, with g_i the gradient of the loss on `sequences` of source i and g the gradient of the targets'
weighted loss, both at the parameters of the moment,

    v_i <- v_i exp(rate <g_i, g>) / sum_j v_j exp(rate <g_j, g>)        w <- (1 - blend) w + blend v

and text is drawn by w, the moving average of v. <g_i, g> is the rate at which a step on source i lowers the targets'
loss, to first order and for plain gradient steps.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig, Params
from proxies.online.method import Method, Question, Signal, Weights, exponentiated
from proxies.online.mixture_batches import Probes, Windows
from proxies.online.steering_text import Divided, split_steering


@dataclass(frozen=True)
class Dga(Method):
    """Settings of DGA. It starts at the spec's mixture, where a share of 0 leaves a source out for good.

    `begin`: early gradients are large and carry little information on sources (analysis/NOTES.md), yet stay in v.
    """

    name: ClassVar[str] = "dga"
    begin: float = 0.1
    rate: float = 4.0
    blend: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rate > 0:
            raise MixlawError(f"dga: a rate of {self.rate:g}; give a number above 0")
        if not 0 < self.blend <= 1:
            raise MixlawError(f"dga: a blend of {self.blend:g}; give a number in (0, 1]")

    def usual(self, tokens_S: np.ndarray) -> np.ndarray:
        """Uniform."""
        return np.full(len(tokens_S), 1 / len(tokens_S))

    def start(self, shares_S: np.ndarray) -> Weights:
        """The spec's mixture."""
        return Weights(shares_S, shares_S)

    def divided(self, question: Question, unique: Mapping[str, int]) -> Divided:
        """Text of every target that has a weight is set aside."""
        return split_steering(question.corpus, unique, list(question.weights), question.own)

    def signal(self, question: Question, divided: Divided, prepared: Params) -> Signal:
        """<g_i, g> of every source; the targets' weights are divided by their sum."""
        del prepared
        spec, total = question.spec, sum(question.weights.values())
        size = self.sequences, spec.config.length
        for target, tokens in divided.steering.items():
            if len(tokens) < spec.config.length:
                raise MixlawError(
                    f"target {target}: {len(tokens):,} tokens to steer the mixture are less than a sequence of"
                    f" {spec.config.length}; give it more text"
                )
        probes = Probes(divided.pieces, size, spec.seed)
        windows = {t: Windows(tokens, size, [spec.seed, i]) for i, (t, tokens) in enumerate(divided.steering.items())}
        slope, add, inner = _compiled(spec.config, self.sequences, spec.precision)

        def aligned(params: Params, update: int) -> np.ndarray:
            wanted = {name: jnp.zeros_like(value) for name, value in params.items()}
            for target, text in windows.items():
                weight = np.float32(question.weights[target] / total)
                wanted = add(wanted, slope(params, text.read(update)), weight)
            return np.array([float(inner(slope(params, tokens), wanted)) for tokens in probes.read(update)])

        return aligned

    def moved(self, weights: Weights, signal_S: np.ndarray) -> Weights:
        """The update of v and w above (module docstring)."""
        latest_S = exponentiated(weights.latest_S, self.rate * signal_S)
        return Weights(latest_S, (1 - self.blend) * weights.drawn_S + self.blend * latest_S)

    def flops(self, question: Question, updates: int) -> float:
        """A forward and a backward pass on the sequences of every source and target."""
        rows = self.sequences * (len(question.corpus.sources) + len(question.weights))
        config = question.spec.config
        return updates * rows * config.length * model.flops_per_token(config)


@functools.cache
def _compiled(config: ModelConfig, sequences: int, precision: str) -> tuple[Callable[..., Any], ...]:
    """(gradient of a batch's loss, total + weight * gradient, inner product of two gradients)."""
    del sequences  # part of the cache's key only

    def slope(params: Params, tokens_BxL: jax.Array) -> Params:
        return jax.grad(model.loss)(params, tokens_BxL, config, precision)

    def add(total: Params, gradient: Params, weight: jax.Array) -> Params:
        return {name: value + weight * gradient[name] for name, value in total.items()}

    def inner(a: Params, b: Params) -> jax.Array:
        return sum((jnp.sum(value * b[name]) for name, value in a.items()), start=jnp.float32(0))

    return jax.jit(slope), jax.jit(add), jax.jit(inner)
