"""Online mixing by excess loss, after DoReMi (Xie et al., 2305.10429).

A reference model is trained on a reference mixture; then a proxy is trained whose weights follow the excess of its
loss over the reference's. Every `every` steps, with e_i the mean over tokens of `sequences` of source i of
max(0, loss of the proxy - loss of the reference),

    w_i <- (1 - smoothing) w_i exp(rate e_i) / sum_j w_j exp(rate e_j) + smoothing / S

The mixture is the average of w over the steps. Here text is drawn by w; the paper draws all sources equally and weights
their losses by w, which has the same gradient on average.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig, Params
from proxies.online.method import Method, Question, Signal, Weights, exponentiated
from proxies.online.mixture_batches import Probes
from proxies.online.steering_text import Divided, whole
from proxies.training.run_spec import RunSpec


@dataclass(frozen=True)
class Doremi(Method):
    """Settings of DoReMi. The spec's mixture is the reference's; the proxy begins at the uniform one.

    It does not use the targets: it seeks a mixture that is good for all sources.
    """

    name: ClassVar[str] = "doremi"
    rate: float = 1.0
    smoothing: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rate > 0:
            raise MixlawError(f"doremi: a rate of {self.rate:g}; give a number above 0")
        if not 0 <= self.smoothing < 1:
            raise MixlawError(f"doremi: a smoothing of {self.smoothing:g}; give a number in [0, 1)")

    def usual(self, tokens_S: np.ndarray) -> np.ndarray:
        """Proportional."""
        return tokens_S / tokens_S.sum()

    def start(self, shares_S: np.ndarray) -> Weights:
        """Uniform."""
        even_S = np.full(len(shares_S), 1 / len(shares_S))
        return Weights(even_S, even_S)

    def preparation(self, spec: RunSpec) -> RunSpec:
        """The reference."""
        return replace(spec, run_id=f"{spec.run_id}-reference")

    def divided(self, question: Question, unique: Mapping[str, int]) -> Divided:
        """The whole corpus is trained on."""
        return whole(question.corpus, unique)

    def signal(self, question: Question, divided: Divided, prepared: Params) -> Signal:
        """The excess e_i of every source over the reference's parameters."""
        spec = question.spec
        probes = Probes(divided.pieces, (self.sequences, spec.config.length), spec.seed)
        excess = _compiled(spec.config, self.sequences, spec.precision)

        def exceeding(params: Params, update: int) -> np.ndarray:
            return np.array([float(excess(params, prepared, tokens)) for tokens in probes.read(update)])

        return exceeding

    def moved(self, weights: Weights, signal_S: np.ndarray) -> Weights:
        """The update of w above (module docstring)."""
        moved_S = exponentiated(weights.latest_S, self.rate * signal_S)
        smooth_S = (1 - self.smoothing) * moved_S + self.smoothing / len(moved_S)
        return Weights(smooth_S, smooth_S)

    def flops(self, question: Question, updates: int) -> float:
        """A forward pass (a third of a training step) of both models on every source's sequences, and the reference."""
        config = question.spec.config
        rows = self.sequences * len(question.corpus.sources)
        return updates * rows * config.length * model.flops_per_token(config) * 2 / 3 + question.spec.flops


@functools.cache
def _compiled(config: ModelConfig, sequences: int, precision: str) -> Callable[..., jax.Array]:
    del sequences  # part of the cache's key only

    def excess(params: Params, reference: Params, tokens_BxL: jax.Array) -> jax.Array:
        own_BxL, other_BxL = (model.token_losses(p, tokens_BxL, config, precision) for p in (params, reference))
        return jnp.mean(jnp.maximum(own_BxL - other_BxL, 0.0))

    return jax.jit(excess)
