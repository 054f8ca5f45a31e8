"""One run: a mixture, a size and a token count in; a row of the run table out."""

import functools
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mixlaw.errors import MixlawError
from proxies import model
from proxies.batches import Batches, matched_unique
from proxies.corpus import Corpus
from proxies.model import ModelConfig, Params

ENGINE = 2
"""Raise it when a change here, in batches or in model changes results: stored runs are then run anew."""
CHUNK = 16  # steps in one call of the compiled loop: fewer calls, and the memory of their batches only


class DivergedError(RuntimeError):
    """A run whose loss is no longer a number."""


@dataclass(frozen=True)
class RunSpec:
    """Everything that defines a run but its corpus.

    `mixture`: token shares by source (absent = 0, sum 1). `tokens`: to train on, rounded to whole batches of
    `batch` sequences. `unique`: unique tokens of each source, or None for `fraction` of the corpus's. `rate`:
    peak learning rate at `model.BASE_WIDTH`; it warms up over `warmup` of the steps, stays, and falls
    linearly to zero over the last `decay` of them.
    """

    run_id: str
    mixture: Mapping[str, float]
    config: ModelConfig
    tokens: int
    fraction: float = 1.0
    unique: Mapping[str, int] | None = None
    seed: int = 0
    batch: int = 2
    rate: float = 3e-3
    warmup: float = 0.05
    decay: float = 0.5
    weight_decay: float = 0.1

    def __post_init__(self) -> None:
        # Plain numbers: a key, and the JSON a worker reads, must not depend on the caller's NumPy types.
        object.__setattr__(self, "mixture", {s: float(w) for s, w in self.mixture.items()})
        if self.unique is not None:
            object.__setattr__(self, "unique", {s: int(n) for s, n in self.unique.items()})
        for name in ("tokens", "seed", "batch"):
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def steps(self) -> int:
        return round(self.tokens / (self.batch * self.config.length))

    @property
    def flops(self) -> float:
        """FLOP of training (attention counted, evaluation not)."""
        return model.flops_per_token(self.config) * self.steps * self.batch * self.config.length

    def key(self, corpus_hash: str) -> str:
        """Names the run by its content: equal keys, equal rows. The `run_id` is a label and left out."""
        about = asdict(self)
        del about["run_id"]
        about["mixture"] = sorted((s, float(w)) for s, w in self.mixture.items() if w)
        about["unique"] = self.unique and sorted(self.unique.items())
        text = json.dumps([ENGINE, corpus_hash, about], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def check(spec: RunSpec, corpus: Corpus) -> None:
    """Raises MixlawError, naming the run, for a mixture, a budget or subsets that cannot be trained."""
    place, sources = f"run {spec.run_id}", corpus.sources
    unknown = [source for source in spec.mixture if source not in sources]
    if unknown:
        raise MixlawError(f"{place}: source {unknown[0]} has no text; the corpus has {', '.join(sources)}")
    for source, share in spec.mixture.items():
        if not (math.isfinite(share) and share >= 0):
            raise MixlawError(f"{place}, w:{source}: {share} is not a share; give a number from 0 to 1")
    total = sum(spec.mixture.values())
    if abs(total - 1) > 1e-6:
        raise MixlawError(f"{place}: shares sum to {total:.6g}; make them sum to 1")
    if spec.config.vocab < corpus.vocab:
        raise MixlawError(f"{place}: config.vocab {spec.config.vocab:,}; the corpus has {corpus.vocab:,} tokens")
    absent = [source for source in sources if spec.unique is not None and source not in spec.unique]
    if absent:
        raise MixlawError(f"{place}: `unique` lacks source {absent[0]}; give every source's unique tokens")
    if spec.unique is None and not 0 < spec.fraction <= 1:
        raise MixlawError(f"{place}: fraction {spec.fraction:g} of the corpus; give a number in (0, 1]")
    for source, wanted in (spec.unique or {}).items():
        if not 1 <= wanted <= corpus.tokens.get(source, 0):
            has = corpus.tokens.get(source, 0)
            raise MixlawError(f"{place}, unique:{source}: {wanted:,}; the source has 1 to {has:,} tokens")
    if spec.batch < 1 or spec.tokens < spec.batch * spec.config.length:
        least = max(1, spec.batch) * spec.config.length
        raise MixlawError(f"{place}: {spec.tokens:,} tokens are less than one batch; give at least {least:,}")


def train(spec: RunSpec, corpus: Corpus) -> dict[str, float | int | str]:
    """Train one run and measure every target: a row of the run table.

    Columns: run_id, params, tokens (exact), w:<source> (planned), loss:<target> (nats per token of the
    held-out text at the final step), unique:<source>, seen:<source> (tokens drawn), seed, tokenizer, flops, seconds.
    Raises MixlawError for a spec that cannot be trained, DivergedError where a loss is not finite.
    """
    began = time.perf_counter()
    check(spec, corpus)
    unique = dict(spec.unique) if spec.unique is not None else matched_unique(corpus, spec.fraction)
    size = (spec.steps, spec.batch, spec.config.length)
    batches = Batches(corpus, spec.mixture, unique, size, spec.seed)
    params = fit_params(spec, batches)
    losses = {name: evaluate(params, tokens, spec) for name, tokens in corpus.targets.items()}
    for name, value in losses.items():
        if not math.isfinite(value):
            raise DivergedError(f"loss:{name} is {value} after {spec.steps} steps; lower the learning rate")
    seen = batches.seen()
    return {
        "run_id": spec.run_id,
        "params": model.count_params(spec.config),
        "tokens": sum(seen.values()),
        **{f"w:{source}": float(spec.mixture.get(source, 0.0)) for source in corpus.sources},
        **{f"loss:{name}": value for name, value in losses.items()},
        **{f"unique:{source}": unique[source] for source in corpus.sources},
        **{f"seen:{source}": seen[source] for source in corpus.sources},
        "seed": spec.seed,
        "tokenizer": corpus.tokenizer,
        "flops": spec.flops,
        "seconds": round(time.perf_counter() - began, 3),
    }


def fit_params(spec: RunSpec, batches: Batches) -> Params:
    """The parameters after the last step."""
    advance = _compiled(spec.config, spec.batch)
    params = model.init(spec.config, spec.seed)
    state = _adam().init(params)
    rates = learning_rates(spec)
    tokens_CxBxL = np.zeros((CHUNK, spec.batch, spec.config.length), np.int32)
    rates_C = np.zeros(CHUNK, np.float32)
    for start in range(0, spec.steps, CHUNK):
        count = min(CHUNK, spec.steps - start)
        for i in range(count):
            tokens_CxBxL[i] = batches[start + i]
        rates_C[:count] = rates[start : start + count]
        # Copies: on a CPU JAX may read NumPy's own memory, later than this loop writes it again.
        data = (tokens_CxBxL.copy(), rates_C.copy())
        params, state = advance(params, state, *data, np.int32(count), np.float32(spec.weight_decay))
    return params


def learning_rates(spec: RunSpec) -> np.ndarray:
    """The learning rate of every step: linear warm-up, constant, linear fall to (nearly) zero."""
    step = np.arange(1, spec.steps + 1)
    rise = step / max(1, round(spec.warmup * spec.steps))
    fall = (spec.steps + 1 - step) / max(1, round(spec.decay * spec.steps))
    return (spec.rate * np.minimum(1.0, np.minimum(rise, fall))).astype(np.float32)


def evaluate(params: Params, tokens: np.ndarray, spec: RunSpec) -> float:
    """Mean loss (nats per token) of held-out tokens, each predicted once, in sequences of the run's L."""
    rows = math.ceil(len(tokens) / spec.config.length)
    rows += -rows % spec.batch
    padded = np.zeros(rows * spec.config.length, np.int32)
    padded[: len(tokens)] = tokens
    real = (np.arange(len(padded)) < len(tokens)).astype(np.float32)
    shape = (-1, spec.batch, spec.config.length)
    measure = _measure(spec.config)
    pairs = zip(padded.reshape(shape), real.reshape(shape), strict=True)
    return sum(float(measure(params, batch, weight)) for batch, weight in pairs) / len(tokens)


def _adam() -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.95))


@functools.cache
def _measure(config: ModelConfig) -> Callable[..., jax.Array]:
    return jax.jit(lambda params, tokens_BxL, weight_BxL: jnp.sum(
        model.token_losses(params, tokens_BxL, config) * weight_BxL))  # fmt: skip


@functools.cache
def _compiled(config: ModelConfig, batch: int) -> Callable[..., tuple[Params, optax.OptState]]:
    """The training loop of one shape. Step count, rates and weight decay are data, so nothing recompiles."""
    del batch  # part of the cache's key only: the shape of the tokens carries it
    adam, scales = _adam(), model.rate_scales(config)

    def step(i: jax.Array, carry: tuple[Params, optax.OptState], data: tuple) -> tuple:
        params, state = carry
        tokens_CxBxL, rates_C, weight_decay = data
        grads = jax.grad(model.loss)(params, tokens_CxBxL[i], config)
        moved, state = adam.update(grads, state, params)
        updates = cast(Params, moved)

        def move(name: str) -> jax.Array:
            shrink = weight_decay * params[name] if params[name].ndim > 1 else 0.0
            return params[name] - rates_C[i] * scales[name] * (updates[name] + shrink)

        return {name: move(name) for name in params}, state

    def advance(params, state, tokens_CxBxL, rates_C, count, weight_decay):
        data = (tokens_CxBxL, rates_C, weight_decay)
        return jax.lax.fori_loop(0, count, lambda i, carry: step(i, carry, data), (params, state))

    return jax.jit(advance)
