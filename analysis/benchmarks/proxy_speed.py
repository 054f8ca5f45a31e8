"""Tokens a second of a sweep of proxies, beside the same proxies in PyTorch (the extra `bench`).

    python analysis/benchmarks/proxy_speed.py                  # about six minutes on two idle cores

One single-threaded process a core on both sides, all started before any is timed; then engine after engine trains
its runs on all cores at once, round by round. Same architecture, start, AdamW, schedule and batches (`proxy_torch`
says where PyTorch does it its own way). Tokens a second are those of whole runs, drawing batches included, start and
compilation (`first s`) not. `ours/this` compares by the clock, `by CPU s` by processor seconds, which other work on
the machine disturbs less. `GFLOP/s` counts matrix products alone (`model.flops_per_token`).
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from aims import Aims
from machine import sgemm_rate
from table import print_row

from proxies.data.corpus import Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.model import mup
from proxies.model import transformer as model
from proxies.model.transformer import ModelConfig
from proxies.sweep.backends.workers import single_threaded
from proxies.sweep.run_sweep import cores
from proxies.text.demo_text import demo_documents
from proxies.training import optimizer
from proxies.training.run_spec import RunSpec
from proxies.training.train import batches_of, loop, train

SIZES = {"0.1M": (64, 2, 2, 32), "0.8M": (128, 4, 4, 32)}
SHAPES = ((2, 128), (8, 256))  # sequences, tokens in each: the engine's default, and that of a GPU's habit
ENGINES = ("jax", "eager", "compiled")
LEAST = {"eager": 1.0, "compiled": 0.9}


def spec_of(size: str, batch: int, length: int, tokens: int, corpus: Corpus, seed: int = 0) -> RunSpec:
    """One run of the sweep: proportional, so that every source is read."""
    total = sum(corpus.tokens.values())
    mixture = Mixture({source: own / total for source, own in corpus.tokens.items()})
    return RunSpec("speed", mixture, ModelConfig(*SIZES[size], length=length), tokens, batch=batch, seed=seed)


class TorchRuns:
    """Runs in PyTorch, one model for all of them: nothing is compiled twice."""

    def __init__(self, compiled: bool) -> None:
        from proxy_torch import Trainer

        self.make = lambda spec: Trainer(spec.config, spec.seed, compiled=compiled)
        self.trainer = None

    def __call__(self, spec: RunSpec, corpus: Corpus) -> float:
        self.trainer = self.trainer or self.make(spec)
        batches, loss = batches_of(spec, corpus), None
        for step, rate in enumerate(optimizer.learning_rates(spec)):
            loss = self.trainer.step(batches[step].astype(np.int64), float(rate))
        return float(loss)


def serve(engine: str, path: str) -> None:
    """A worker: lines of JSON in (what to run), seconds out, of the clock and of the processor."""
    corpus = replace(Corpus.load(Path(path)), targets={})
    run = train if engine == "jax" else TorchRuns(engine == "compiled")
    for line in sys.stdin:
        job = json.loads(line)
        began, spent = time.perf_counter(), time.process_time()
        if job == "sgemm":
            print(json.dumps(sgemm_rate(1024, 20)), flush=True)
            continue
        run(spec_of(*job, corpus=corpus), corpus)
        print(json.dumps([time.perf_counter() - began, time.process_time() - spent]), flush=True)


def agreement(steps: int = 16) -> float:
    """Largest difference of the two engines' losses over the first steps of one run, in nats."""
    from proxy_torch import Trainer

    config, random = ModelConfig(*SIZES["0.1M"]), np.random.default_rng(0)
    tokens_CxBxL = np.sort(random.integers(0, config.vocab, (steps, 2, config.length)), axis=-1)
    trainer = Trainer(config, 0, compiled=False)
    params = mup.init(config, 0)
    moments = optimizer.start(params, mup.rate_scales(config))
    rates, apart = np.full(1, 3e-3, np.float32), 0.0
    ours = jax.jit(functools.partial(loop, config=config, precision="float32"))
    for batch in tokens_CxBxL:
        data = (batch[None].astype(np.int32), rates, np.float32(0.1), np.int32(1))
        params, moments, loss = ours(params, moments, *data)
        apart = max(apart, abs(float(loss) - float(trainer.step(batch, 3e-3))))
    return apart


class Team:
    """One worker a core of one engine."""

    def __init__(self, engine: str, path: Path) -> None:
        command = [sys.executable, __file__, "--serve", engine, str(path)]
        environment = os.environ | single_threaded()
        self.workers = [
            subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True,
            )
            for _ in range(cores())
        ]  # fmt: skip

    def ask(self, job: object) -> list:
        """What every worker answers, all working at once."""
        for worker in self.workers:
            worker.stdin.write(json.dumps(job) + "\n")
            worker.stdin.flush()
        return [json.loads(worker.stdout.readline()) for worker in self.workers]

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers:
            worker.kill()
            worker.communicate()


def compare(size: str, batch: int, length: int, path: Path, options: argparse.Namespace, aims: Aims) -> None:
    """Print one line an engine for one size and shape."""
    config = ModelConfig(*SIZES[size], length=length)
    teams = {engine: Team(engine, path) for engine in ENGINES}
    try:
        first = {engine: max(team.ask([size, batch, length, 20 * batch * length]))[0] for engine, team in teams.items()}
        peak = sum(teams["jax"].ask("sgemm"))
        rate = 8e9 / model.flops_per_token(config)  # a guess of what a busy core does, to size the runs
        tokens = round(options.seconds * 8 * rate)
        rates: dict[str, list[np.ndarray]] = {engine: [] for engine in ENGINES}
        for _ in range(options.rounds):
            for engine, team in teams.items():
                seconds = team.ask([size, batch, length, tokens])
                rates[engine].append((tokens / np.array(seconds)).sum(axis=0))
    finally:
        for team in teams.values():
            team.close()
    ours = np.array(rates["jax"])
    for engine, own in rates.items():
        by_clock, by_processor = np.median(ours / np.array(own), axis=0)
        speed = np.median(own, axis=0)[0]
        flops = speed * model.flops_per_token(config) / 1e9
        print_row(
            f"{size} {batch}x{length} {engine}", [speed, flops, flops / peak, by_clock, by_processor, first[engine]]
        )
        if engine != "jax":
            aims.at_least(f"{size} {batch}x{length}: ours / {engine}", float(by_clock), LEAST[engine])


def main() -> None:
    """Print tokens a second of all engines, sizes and shapes, and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a run, about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(*options.serve)
    aims = Aims()
    print(f"{cores()} cores, one single-threaded process each, load {os.getloadavg()[0]:.1f}")
    aims.at_most("losses of 16 steps apart, nats", agreement(), 1e-4)
    print_row("", ["tokens/s", "GFLOP/s", "of sgemm", "ours/this", "by CPU s", "first s"])
    with tempfile.TemporaryDirectory() as folder:
        path = build_corpus(demo_documents(), 0).save(Path(folder))
        for batch, length in SHAPES:
            for size in options.sizes:
                compare(size, batch, length, path, options, aims)
    aims.print()


if __name__ == "__main__":
    main()
