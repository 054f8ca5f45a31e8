"""Many runs of one shape in one program: what fills a GPU, which one small proxy leaves idle.

On CPU cores a process for each run is quicker (`sweep`). Untried on a GPU.
"""

import functools
import math
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from mixlaw.errors import MixlawError
from proxies import optimizer
from proxies.corpus import Corpus
from proxies.evaluate import losses
from proxies.model import ModelConfig, Params
from proxies.run import DivergedError, RunSpec, check
from proxies.state import State
from proxies.train import Row, batches_of, chunks, drawn, loop, row, started

SHARED = ("config", "batch", "steps", "evaluations", "precision")


def train_many(specs: Sequence[RunSpec], corpus: Corpus) -> list[list[Row]]:
    """The rows of `train` for every run, in order, trained side by side; `seconds` is each run's part of the time.

    Runs may differ in mixture, unique tokens, seed, learning rate, schedule and weight decay. Losses are those of
    runs one by one but for rounding. Raises MixlawError where there are no runs, their shapes differ or one cannot
    be trained, DivergedError, naming the run, where a loss is not finite.
    """
    _check(specs, corpus)
    began, first = time.perf_counter(), specs[0]
    batches = [batches_of(spec, corpus) for spec in specs]
    now = _stacked([started(spec) for spec in specs])
    steps = _compiled(first.config, first.batch, first.precision)
    decay_R = np.array([spec.weight_decay for spec in specs], np.float32)
    rows: list[list[Row]] = [[] for _ in specs]
    for start, stop in chunks(first, 0):
        pairs = [drawn(spec, own, start, stop) for spec, own in zip(specs, batches, strict=True)]
        data = (np.stack([tokens for tokens, _ in pairs]), np.stack([rates for _, rates in pairs]), decay_R)
        count = (np.int32(start), np.int32(stop - start))
        now.params, now.moments, loss_R = steps(now.params, now.moments, *data, *count)
        for spec, loss in zip(specs, np.asarray(loss_R), strict=True):
            if not math.isfinite(loss):
                raise DivergedError(f"run {spec.run_id}: the loss is {loss} near step {stop}; lower the learning rate")
        if now.average:
            now.average = optimizer.averaged(now.average, now.params, stop, stop - start)
        if stop in first.evaluated:
            weights = now.params if stop == first.steps else now.average
            for i, spec in enumerate(specs):
                own = {name: value[i] for name, value in weights.items()}
                rows[i].append(row(spec, batches[i], losses(own, dict(corpus.targets), spec, stop), stop))
                rows[i][-1]["seconds"] = round((time.perf_counter() - began) / len(specs), 3)
    return rows


def _check(specs: Sequence[RunSpec], corpus: Corpus) -> None:
    if not specs:
        raise MixlawError("train_many: no runs were given")
    for spec in specs:
        check(spec, corpus)
        for name in SHARED:
            own, shared = getattr(spec, name), getattr(specs[0], name)
            if own != shared:
                raise MixlawError(
                    f"run {spec.run_id}: {name} {own} is not that of run {specs[0].run_id}, {shared};"
                    " runs trained side by side share their shape"
                )


def _stacked(states: list[State]) -> State:
    def stack(tables: list[Params]) -> Params:
        return {name: jnp.stack([table[name] for table in tables]) for name in tables[0]}

    moments = {moment: stack([state.moments[moment] for state in states]) for moment in states[0].moments}
    return State(0, stack([s.params for s in states]), moments, stack([s.average for s in states]), [])


@functools.cache
def _compiled(config: ModelConfig, batch: int, precision: str) -> Callable[..., tuple[Params, dict, jax.Array]]:
    del batch  # part of the cache's key only
    side_by_side = jax.vmap(
        functools.partial(loop, config=config, precision=precision), in_axes=(0, 0, 0, 0, 0, None, None)
    )
    return jax.jit(side_by_side, donate_argnums=(0, 1))
