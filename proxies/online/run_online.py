"""Mixtures found while one run trains: baselines from the literature to compare plans with.

A method (`dga.Dga`, `doremi.Doremi`) updates the mixture every few steps; the result is its average over the steps,
which is the mixture that the run was trained on. Methods ignore bounds: `mixlaw audit` lists the violated ones.
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
"""Version of results: increase it when a change of methods or batches changes them; stored results are then ignored."""
METHODS: dict[str, type[Method]] = {method.name: method for method in (Dga, Doremi)}


def method_named(name: str, **settings: float) -> Method:
    """The method with a name and settings. Raises MixlawError for an unknown name or setting.

    >>> method_named("dga", rate=2.0).about()["rate"]
    2.0
    """
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
    """Train one run while a method updates its mixture.

    The spec's seed determines the result. `state`, `every`, `progress` are as in `train.train`: an interrupted run
    resumes from its file and ends in the same result bit for bit, except for the row's `seconds`. The preparation
    (DoReMi's reference run) has a file of its own, `<state>.reference`, and reports progress before the run does. The
    caller removes both once the result is stored (`forget`).

    Raises:
        MixlawError: if the question cannot be trained.
        DivergedError: if a loss is not finite.
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
    """Remove the state files of a finished online run."""
    for path in (state, _beside(state)):
        path.unlink(missing_ok=True)


def _checked(question: Question, method: Method) -> Question:
    """The question with default weights and one evaluation, checked: the state's rows hold the path of mixtures."""
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
    """Hash of all that defines the run: equal keys have equal results. The `run_id` does not enter."""
    about: list[Any] = [VERSION, question.spec.key(question.corpus.hash), method.about()]
    about += [sorted(dict(question.weights).items()), sorted(question.own)]
    return hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16).hexdigest()


def _beside(state: Path) -> Path:
    return state.with_name(f"{state.name}.reference")


def _prepared(question: Question, method: Method, divided: Divided, clock: Clock) -> Params:
    """Parameters of the method's preparation run, {} if it has none."""
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
    """Point of the path as stored in the state on disk; floats survive JSON exactly."""
    signal = None if signal_S is None else signal_S.tolist()
    return {"step": step, "latest": weights.latest_S.tolist(), "drawn": weights.drawn_S.tolist(), "signal": signal}


def _weights(entry: Mapping[str, Any]) -> Weights:
    return Weights(np.array(entry["latest"]), np.array(entry["drawn"]))


def _replayed(question: Question, divided: Divided, path: list[dict[str, Any]]) -> MixtureBatches:
    """Batches with the sequences that the path so far has assigned."""
    spec = question.spec
    draws = MixtureBatches(divided.pieces, (spec.batch, spec.config.length), spec.seed, path[0]["drawn"])
    for entry in path[1:]:
        draws.assign(entry["step"])
        draws.set_mixture(entry["drawn"])
    return draws
