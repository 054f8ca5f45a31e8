"""Hidden states of a trained proxy as features of documents.

`HiddenStates` is an `Embedding` of `mixlaw.transport`: `fit_features(HiddenStates(params, config), documents)` whitens
it, distances take it from there.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig, Params
from proxies.text.tokenizer import ByteTokenizer, Tokenizer
from proxies.training.train import RunSpec, advance, batches_of, check, started

MAX_WINDOWS = 8
"""Largest number of sequences read from a document."""
SEQUENCES_PER_CALL = 16
"""Sequences in one call."""


class HiddenStates:
    """Documents to the mean of a proxy's hidden states over their tokens, (n, width) float64.

    The features of a document do not depend on the other documents of the call. Its first `windows` sequences are read
    separately, as in training. The state at position t depends on the tokens before t only.

    Args:
        params: trained parameters, such as those of `trained`.
        config: shape of the parameters.
        tokenizer: tokenizer of the corpus (default: bytes).
        layer: number of layers before the states, 0 for the embedded inputs; None: all layers.
        windows: largest number of sequences read from each document.

    Raises:
        MixlawError: if the parameters have another shape, the tokenizer another vocabulary, or the layer is absent.
    """

    def __init__(
        self,
        params: Params,
        config: ModelConfig,
        tokenizer: Tokenizer | None = None,
        layer: int | None = None,
        windows: int = MAX_WINDOWS,
    ) -> None:
        self.params, self.config, self.tokenizer = params, config, tokenizer or ByteTokenizer()
        self.layer, self.windows = config.depth if layer is None else layer, windows
        found = {name: tuple(np.shape(value)) for name, value in params.items()}
        if found != model.shapes(config):
            raise MixlawError("hidden states: the parameters are not of this ModelConfig; give that of their run")
        if (self.tokenizer.vocab, self.tokenizer.end) != (config.vocab, config.end):
            raise MixlawError(
                f"hidden states: the tokenizer {self.tokenizer.name} has {self.tokenizer.vocab} tokens, the proxy "
                f"{config.vocab}; give the tokenizer it was trained with"
            )
        if not 0 <= self.layer <= config.depth or windows < 1:
            raise MixlawError(f"hidden states: layer {layer} of {config.depth}, {windows} windows: out of range")

    def __call__(self, documents: Sequence[str], /) -> np.ndarray:
        """Mean hidden states (n, width) of n documents."""
        tokens_T, lengths_D = self.tokenizer.encode(list(documents))
        starts_D, length = np.cumsum(lengths_D) - lengths_D, self.config.length
        owner, windows = [], []
        for d, (start, count) in enumerate(zip(starts_D.tolist(), lengths_D.tolist(), strict=True)):
            for at in range(start, start + min(count, self.windows * length), length):
                windows.append(tokens_T[at : min(at + length, start + count)])
                owner.append(d)
        total_DxW, seen_D = np.zeros((len(lengths_D), self.config.width)), np.zeros(len(lengths_D))
        states = _states(self.config, self.layer)
        for first in range(0, len(windows), SEQUENCES_PER_CALL):
            part = windows[first : first + SEQUENCES_PER_CALL]
            tokens_BxL = np.full((SEQUENCES_PER_CALL, length), self.config.end, np.int32)
            real_BxL = np.zeros((SEQUENCES_PER_CALL, length), np.float32)
            for row, window in enumerate(part):
                tokens_BxL[row, : len(window)], real_BxL[row, : len(window)] = window, 1
            summed_BxW = np.asarray(states(self.params, tokens_BxL, real_BxL), np.float64)
            np.add.at(total_DxW, owner[first : first + SEQUENCES_PER_CALL], summed_BxW[: len(part)])
            np.add.at(seen_D, owner[first : first + SEQUENCES_PER_CALL], real_BxL.sum(1)[: len(part)])
        return total_DxW / seen_D[:, None]


@functools.cache
def _states(config: ModelConfig, layer: int) -> Callable[..., jax.Array]:
    """Compiled: the sum of the states after a layer over the real positions of each sequence, (B, width)."""

    def summed(params: Params, tokens_BxL: jax.Array, real_BxL: jax.Array) -> jax.Array:
        x_TxW = model.stream(params, model.embed(params, tokens_BxL, config), config)[layer]
        return jnp.sum(x_TxW.reshape(*tokens_BxL.shape, config.width) * real_BxL[:, :, None], axis=1)

    return jax.jit(summed)


def trained(spec: RunSpec, corpus: Corpus) -> Params:
    """Final parameters of one run, trained in this process: stores contain losses only.

    Raises:
        MixlawError: if the spec cannot be trained.
    """
    check(spec, corpus)
    now = started(spec)
    for _ in advance(spec, batches_of(spec, corpus), now):
        pass
    return now.params
