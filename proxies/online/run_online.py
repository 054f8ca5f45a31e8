"""Mixtures found while one run trains: baselines from the field, to compare with the laws' answer.

A method (`dga.Dga`, `doremi.Doremi`) moves the mixture every few steps; the mixture found is its average over the
steps, which is what the run was trained on. Methods know no bounds: `mixlaw audit` says which a mixture breaks.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, nearest
from proxies.data.batches import matched_unique
from proxies.model.transformer import Params
from proxies.online.dga import Dga
from proxies.online.doremi import Doremi
from proxies.online.method import Method, Question, Weights
from proxies.online.mixture_batches import MixtureBatches
from proxies.online.result import OnlineResult, result_of, row_of
from proxies.online.steering_text import Divided
from proxies.training.evaluate import losses
from proxies.training.run_spec import DivergedError, check
from proxies.training.train import Clock, Progress, advance, started

VERSION = 1
"""Raise it when a change of a method or of the draws changes results: results kept on disk are then found anew."""
METHODS: dict[str, type[Method]] = {method.name: method for method in (Dga, Doremi)}


def method_named(name: str, **settings: float) -> Method:
    """The method of a name with settings of its own. Raises MixlawError for a name or setting that it has not."""
    if name not in METHODS:
        raise MixlawError(f"method {name!r}: {nearest(name, list(METHODS))}")
    known = [field.name for field in fields(METHODS[name])]
    for setting in settings:
        if setting not in known:
            raise MixlawError(f"{name}: no setting {setting!r}; it has {', '.join(known)}")
    return METHODS[name](**settings)  # type: ignore[arg-type]


def online_mixture(
    question: Question,
    method: Method,
    *,
    state: Path | None = None,
    every: float = 60.0,
    progress: Progress | None = None,
) -> OnlineResult:
    """Train one run while a method moves its mixture.

    Deterministic from the spec's seed. `state`, `every`, `progress` as in `train.train`: a run that was stopped goes
    on from its file and ends in the same result bit for bit, but for the row's `seconds`. What is prepared (DoReMi's
    reference) keeps a file of its own, `<state>.reference`, and tells its progress before the run does. The caller
    removes both once the result is stored (`forget`).
    Raises MixlawError for a question that cannot be trained, DivergedError where a loss is not finite.
    """
    question = _checked(question, method)
    spec, corpus = question.spec, question.corpus
    divided = method.divided(question, _unique(question))
    key = online_key(question, method)
    before = Clock(_beside(state) if state else None, every, spec, corpus, progress)
    prepared = _prepared(question, method, divided, before)
    signal = method.signal(question, divided, prepared)
    clock = Clock(state, every, spec, corpus, progress)
    clock.key = key
    now = clock.resumed() or replace(started(spec), rows=[_entry(0, method.start(_shares(question)), None)])
    draws = _replayed(question, divided, now.rows)
    for step in advance(spec, draws, now):  # type: ignore[arg-type]  # draws are read as batches are
        if method.updates_after(step, spec.steps) and now.rows[-1]["step"] < step:
            found_S = signal(now.params, len(now.rows) - 1)
            if not np.all(np.isfinite(found_S)):
                raise DivergedError(f"{method.name}: what the mixture follows is not finite after step {step}")
            weights = method.moved(_weights(now.rows[-1]), found_S)
            now.rows.append(_entry(step, weights, found_S))
            draws.set_mixture(weights.drawn_S)
        clock.tick(now)
    found = losses(now.params, dict(divided.measured), spec, spec.steps)
    row = row_of(spec, draws, found, question.corpus.tokenizer, clock.seconds())
    return result_of(question, method, divided, now, row)


def forget(state: Path) -> None:
    """Remove what a run that ended kept on disk."""
    for path in (state, _beside(state)):
        path.unlink(missing_ok=True)


def _checked(question: Question, method: Method) -> Question:
    """With equal weights where there are none, and one evaluation: the path's rows are mixtures."""
    spec, corpus = question.spec, question.corpus
    check(spec, corpus)
    weights = dict(question.weights) or dict.fromkeys(corpus.targets, 1.0)
    for target, weight in weights.items():
        if target not in corpus.targets:
            raise MixlawError(
                f"target {target}: the corpus has no held-out text of it; {nearest(target, list(corpus.targets))}"
            )
        if not (math.isfinite(weight) and weight > 0):
            raise MixlawError(f"target {target}: a weight of {weight}; give a number above 0, or leave the target out")
    if not any(method.updates_after(step, spec.steps) for step in range(0, spec.steps, method.every)[1:]):
        raise MixlawError(
            f"run {spec.run_id}: {spec.steps} steps and an update every {method.every}; update more often"
        )
    return replace(question, weights=weights, spec=replace(spec, evaluations=1))


def _unique(question: Question) -> dict[str, int]:
    spec = question.spec
    return dict(spec.unique) if spec.unique is not None else matched_unique(question.corpus, spec.fraction)


def _shares(question: Question) -> np.ndarray:
    shares_S = question.spec.mixture.array(question.corpus.sources)
    return shares_S / shares_S.sum()


def online_key(question: Question, method: Method) -> str:
    """Names all that defines the run: equal keys, equal results. The `run_id` is a label and left out."""
    about: list[Any] = [VERSION, question.spec.key(question.corpus.hash), method.about()]
    about += [sorted(dict(question.weights).items()), sorted(question.own)]
    return hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16).hexdigest()


def _beside(state: Path) -> Path:
    return state.with_name(f"{state.name}.reference")


def _prepared(question: Question, method: Method, divided: Divided, clock: Clock) -> Params:
    """The parameters of the run that the method needs before, {} where it needs none."""
    spec = method.preparation(question.spec)
    if spec is None:
        return {}
    clock.key = f"reference {online_key(question, method)}"
    now = clock.resumed() or started(spec)
    draws = MixtureBatches(divided.pieces, (spec.batch, spec.config.length), spec.seed, _shares(question))
    for _ in advance(spec, draws, now):  # type: ignore[arg-type]
        clock.tick(now)
    if clock.path:
        now.seconds = clock.seconds()
        now.save(clock.path, clock.key)
    return now.params


def _entry(step: int, weights: Weights, signal_S: np.ndarray | None) -> dict[str, Any]:
    """A point of the path, as the state on disk keeps it: floats in JSON are read back exactly."""
    signal = None if signal_S is None else signal_S.tolist()
    return {"step": step, "latest": weights.latest_S.tolist(), "drawn": weights.drawn_S.tolist(), "signal": signal}


def _weights(entry: Mapping[str, Any]) -> Weights:
    return Weights(np.array(entry["latest"]), np.array(entry["drawn"]))


def _replayed(question: Question, divided: Divided, path: list[dict[str, Any]]) -> MixtureBatches:
    """The draws as the path so far has dealt them."""
    spec = question.spec
    draws = MixtureBatches(divided.pieces, (spec.batch, spec.config.length), spec.seed, path[0]["drawn"])
    for entry in path[1:]:
        draws.assign(entry["step"])
        draws.set_mixture(entry["drawn"])
    return draws
