"""Train one run: mixture, size and tokens in; rows of the run table out."""

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from proxies.data.batches import Batches, matched_unique
from proxies.data.corpus import Corpus
from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig, Params
from proxies.training import optimizer
from proxies.training.checkpoint import State, load
from proxies.training.evaluate import losses
from proxies.training.run_spec import ENGINE_VERSION, DivergedError, RunSpec, TokensError, check, check_ids

__all__ = ["ENGINE_VERSION", "DivergedError", "RunSpec", "TokensError", "check", "train"]

STEPS_PER_CALL = 16  # steps in one call of the compiled loop, whose batches are in memory together
PROGRESS_SECONDS = 0.3  # seconds between two calls of `progress`
Row = dict[str, float | int | str]
Progress = Callable[[int, int], None]


def train(
    spec: RunSpec,
    corpus: Corpus,
    *,
    state: Path | None = None,
    every: float = 60.0,
    progress: Progress | None = None,
) -> list[Row]:
    """Train one run and measure every target along it: rows of the run table, the last at the run's end.

    Args:
        spec: the run. corpus: its text.
        state: file of the unfinished run, written atomically every `every` seconds. If it exists and belongs to this
            run, training resumes from it and ends in the same rows bit for bit, except for `seconds`; the state of
            another run is removed. The caller removes the file once the rows are stored.
        progress: called with (tokens done, all tokens), a few times per second at most.

    Returns:
        Rows with columns run_id, params, tokens (exact, so far), w:<source> (planned), loss:<target> (nats per token of
        the held-out text; before the end on the average of the weights), unique:<source>, seen:<source> (tokens drawn
        so far), seed, tokenizer, flops (so far), seconds (so far), step.

    Raises:
        MixlawError: if the spec cannot be trained.
        DivergedError: if a loss is not finite.
        TokensError: if the text holds tokens outside the vocabulary.
    """
    check(spec, corpus)
    clock = Clock(state, every, spec, corpus, progress)
    batches = batches_of(spec, corpus)
    now = clock.resumed() or started(spec)
    for _ in advance(spec, batches, now):
        if now.step in spec.evaluated and len(now.rows) < len(spec.evaluated):
            weights = now.params if now.step == spec.steps else now.average
            found = losses(weights, dict(corpus.targets), spec, now.step)
            now.rows.append(row(spec, batches, found, now.step))
            now.rows[-1]["seconds"] = round(clock.seconds(), 3)
        clock.tick(now)
    return [{**row, "run_id": spec.run_id} for row in now.rows]


def batches_of(spec: RunSpec, corpus: Corpus) -> Batches:
    """Training batches of a run."""
    unique = dict(spec.unique) if spec.unique is not None else matched_unique(corpus, spec.fraction)
    return Batches(corpus, spec.mixture, unique, (spec.steps, spec.batch, spec.config.length), spec.seed)


def row(spec: RunSpec, batches: Batches, found: dict[str, float], step: int) -> Row:
    """Row of the run table after `step` steps; the caller fills in `seconds`."""
    seen = batches.seen(step)
    return {
        "run_id": spec.run_id,
        "params": model.count_params(spec.config),
        "tokens": sum(seen.values()),
        **{f"w:{source}": spec.mixture.get(source, 0.0) for source in batches.sources},
        **found,
        **{f"unique:{source}": batches.unique[source] for source in batches.sources},
        **{f"seen:{source}": seen[source] for source in batches.sources},
        "seed": spec.seed,
        "tokenizer": batches.corpus.tokenizer,
        "flops": spec.flops_at(step),
        "seconds": 0.0,
        "step": step,
    }


class Clock:
    """Timed actions of a run: writes its state, reports its progress, and counts its seconds."""

    def __init__(
        self, path: Path | None, every: float, spec: RunSpec, corpus: Corpus, progress: Progress | None
    ) -> None:
        self.path, self.every, self.spec, self.progress = path, every, spec, progress
        self.key = spec.key(corpus.hash) if path else ""
        self.before, self.began = 0.0, time.perf_counter()
        self.written = self.told = self.began

    def resumed(self) -> State | None:
        """The run's state on disk, or None."""
        averaged = self.spec.evaluations > 1
        found = load(self.path, self.key, self.spec.config, averaged) if self.path else None
        self.before = found.seconds if found else 0.0
        return found

    def seconds(self) -> float:
        """Training seconds of the run, including those before it was interrupted."""
        return self.before + time.perf_counter() - self.began

    def tick(self, now: State) -> None:
        """Write the state and report progress if they are due."""
        moment = time.perf_counter()
        if self.path and moment - self.written >= self.every:
            now.seconds = self.seconds()
            now.save(self.path, self.key)
            self.written = time.perf_counter()
        if self.progress and (moment - self.told >= PROGRESS_SECONDS or now.step == self.spec.steps):
            each = self.spec.batch * self.spec.config.length
            self.progress(now.step * each, self.spec.steps * each)
            self.told = moment


def started(spec: RunSpec) -> State:
    """State before the first step. The average is stored only for runs that are evaluated on it."""
    params = mup.init(spec.config, spec.seed)
    average = {name: jnp.array(value) for name, value in params.items()} if spec.evaluations > 1 else {}
    return State(0, params, optimizer.start(params, mup.rate_scales(spec.config)), average, [])


def advance(spec: RunSpec, batches: Batches, now: State) -> Iterator[int]:
    """Train from the state `now` to the end, updating it in place; yields the step after every chunk."""
    steps = _compiled(spec.config, spec.batch, spec.precision)
    rates_S = optimizer.learning_rates(spec)
    if now.step == spec.steps:
        yield now.step
    for start, stop in chunks(spec, now.step):
        tokens_CxBxL = np.zeros((STEPS_PER_CALL, spec.batch, spec.config.length), np.int32)
        tokens_CxBxL[: stop - start] = batches.read(start, stop - start)
        check_ids(tokens_CxBxL, spec.config.vocab)
        rates_C = np.resize(rates_S[start:stop], STEPS_PER_CALL)  # rates after `stop` are not read
        data = (tokens_CxBxL, rates_C, np.float32(spec.weight_decay), np.int32(stop - start))
        now.params, now.moments, loss = steps(now.params, now.moments, *data)
        if not math.isfinite(float(loss)):
            raise DivergedError(f"the loss is {loss} near step {stop} of {spec.steps}; lower the learning rate")
        if now.average:
            now.average = optimizer.averaged(now.average, now.params, stop, stop - start)
        now.step = stop
        yield stop


def chunks(spec: RunSpec, start: int) -> list[tuple[int, int]]:
    """(start, stop) of every call of the compiled loop after `start` steps.

    Calls end at multiples of STEPS_PER_CALL and at evaluated steps. Interruptions do not change this, since the average
    of the weights depends on it.
    """
    ends = sorted({*range(STEPS_PER_CALL, spec.steps, STEPS_PER_CALL), *spec.evaluated, start})
    return list(itertools.pairwise(ends[ends.index(start) :]))


@functools.cache
def _compiled(
    config: ModelConfig, batch: int, precision: str
) -> Callable[..., tuple[Params, optax.OptState, jax.Array]]:
    """Compiled training loop of one shape. Steps, rates and weight decay are arguments, so none recompiles it."""
    del batch  # part of the cache's key only: the shape of the tokens carries it
    return jax.jit(functools.partial(loop, config=config, precision=precision), donate_argnums=(0, 1))


def loop(params, moments, tokens_CxBxL, rates_C, weight_decay, count, *, config, precision):
    """`count` steps of training, at most C: parameters, the optimizer's state, and the losses' sum."""
    scales = mup.rate_scales(config)
    slope = jax.value_and_grad(model.loss)

    def step(i: jax.Array, carry: tuple) -> tuple:
        params, moments, total = carry
        loss, grads = slope(params, tokens_CxBxL[i], config, precision)
        updates, moments = optimizer.adamw(scales, rates_C[i], weight_decay).update(grads, moments, params)
        return optax.apply_updates(params, updates), moments, total + loss

    return jax.lax.fori_loop(0, count, step, (params, moments, jnp.float32(0)))
