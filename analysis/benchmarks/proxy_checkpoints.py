"""What a row along a run is worth: its loss beside that of a run of as many tokens with its own decay.

    python analysis/benchmarks/proxy_checkpoints.py            # about three minutes on one core

Proxies on the demo's text. At a half, a quarter and an eighth of a run's tokens, all at the full learning rate,
stand the loss of the weights as they are and of averages over several windows (shares of the run so far; the
engine's is `optimizer.AVERAGE_WINDOW`); `gap` is their loss minus that of the separate run, mean over seeds, mixtures
and targets. A gap that hardly differs between token counts and mixtures is absorbed by a law's level; its spread is the
noise that checkpoints add.
"""

import argparse
import dataclasses

import numpy as np
from machine import print_machine
from table import print_row

from proxies.data.corpus import Corpus, build_corpus
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.text.demo_text import demo_documents, demo_targets
from proxies.training import optimizer
from proxies.training.evaluate import losses
from proxies.training.run_spec import RunSpec
from proxies.training.train import advance, batches_of, started, train

WINDOWS = (0.1, 0.25, 0.4, 0.6)


def along(spec: RunSpec, corpus: Corpus) -> dict[int, dict[float, np.ndarray]]:
    """{step: {window: losses of the targets}} before the end of a run; window 0 is the weights themselves."""
    now, found = dataclasses.replace(started(spec), average={}), {}
    averages = {window: {n: v.copy() for n, v in now.params.items()} for window in WINDOWS}
    before = 0
    for step in advance(spec, batches_of(spec, corpus), now):
        for window, average in averages.items():
            averages[window] = optimizer.averaged(average, now.params, step, step - before, window)
        before = step
        if step in spec.evaluated[:-1]:
            tables = {0.0: now.params} | averages
            targets = dict(corpus.targets)
            found[step] = {w: np.array(list(losses(t, targets, spec, step).values())) for w, t in tables.items()}
    return found


def main() -> None:
    """Print the gaps of all windows at every token count, and the spread between mixtures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_600_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--width", type=int, default=44)
    options = parser.parse_args()
    print_machine()
    documents = demo_documents()
    corpus = build_corpus(documents, 0, targets=dict.fromkeys(demo_targets(list(documents))))
    corpus = dataclasses.replace(corpus, targets={name: held[:32_768] for name, held in corpus.targets.items()})
    total = sum(corpus.tokens.values())
    mixtures = {
        "proportional": {s: n / total for s, n in corpus.tokens.items()},
        "targets": {s: 0.5 if s == "reference" else 0.25 * (s in ("python", "c")) for s in corpus.sources},
    }
    config = ModelConfig(options.width, 2, 2, 2 * round(options.width / 4))
    print_row("gap in nats", [f"D/{2**k}" for k in (3, 2, 1)])
    gaps: dict[float, list[np.ndarray]] = {window: [] for window in (0.0, *WINDOWS)}
    for name, mixture in mixtures.items():
        for seed in range(options.seeds):
            spec = RunSpec(name, Mixture(mixture), config, options.tokens, seed=seed, evaluations=4)
            found = along(spec, corpus)
            each = spec.batch * config.length
            decayed = []
            for step in found:
                own = train(dataclasses.replace(spec, tokens=step * each, evaluations=1), corpus)[-1]
                decayed.append([own[f"loss:{target}"] for target in corpus.targets])
            for window in gaps:
                gaps[window].append(np.array([row[window] for row in found.values()]) - np.array(decayed))
            best = min(gaps, key=lambda w: np.abs(gaps[w][-1]).mean())
            print_row(f"{name}, seed {seed}, {best:g}", gaps[best][-1].mean(1))
    for window, rows in gaps.items():
        all_RxSxT = np.array(rows)
        label = f"window {window:g}" if window else "weights themselves"
        print_row(label, [*all_RxSxT.mean((0, 2)), "spread", *all_RxSxT.std((0, 2))], 22)


if __name__ == "__main__":
    main()
