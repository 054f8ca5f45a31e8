"""Small corpora and specs that tests of sweeps train."""

import dataclasses
import subprocess

import pandas as pd

from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.training.train import RunSpec

TINY = ModelConfig(width=8, depth=1, heads=1, head_dim=8, length=16)
ENDLESS = 2_000_000_000


def corpus():
    return build_corpus({s: [f"{s} says {i} " * 9 for i in range(60)] for s in ("a", "b")}, 0)


def specs(count=4, **changes):
    runs = [
        RunSpec(f"r{i}", Mixture({"a": i / 4, "b": 1 - i / 4}), TINY, 500 + 100 * i, 0.5, seed=i) for i in range(count)
    ]
    return [dataclasses.replace(run, **changes) for run in runs]


def written(store):
    return {path.name: path.stat().st_mtime_ns for path in store.glob("*.json")}


def same(table, other):
    """Bit for bit, but for the seconds."""
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), other.drop(columns="seconds"), check_exact=True)


class Spy(subprocess.Popen):
    """Notes the processes that the workers' backend starts."""

    started = []  # noqa: RUF012

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.started.append(self)
