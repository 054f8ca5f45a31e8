"""Estimated cost of a sweep before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from proxies.data.corpus import Corpus
from proxies.sweep.store import Store
from proxies.tasks.proxy_sizes import RUN_OVERHEAD, speed
from proxies.training.train import RunSpec


@dataclass(frozen=True)
class Cost:
    """Cost of a sweep of `runs` runs, of which `missing` are not in the store.

    >>> Cost(runs=3, missing=2, flops=2e12, core_seconds=90.0, longest=60.0).seconds(slots=2)
    60.0

    Attributes:
        runs, missing: numbers of runs.
        flops: FLOP to train the missing runs.
        core_seconds: estimated seconds of one core for all missing runs; longest: for the longest of them.
    """

    runs: int
    missing: int
    flops: float
    core_seconds: float
    longest: float

    def seconds(self, slots: int) -> float:
        """Estimated wall-clock seconds with `slots` simultaneous runs."""
        return max(self.longest, self.core_seconds / slots)


def cost(specs: Sequence[RunSpec], corpus: Corpus, store: Store) -> Cost:
    """Cost of `sweep(specs, corpus, store)`, estimated with the measured speed of one core (`proxy_sizes.speed`)."""
    there = store.keys()
    lacking = {key: spec for spec in specs if (key := spec.key(corpus.hash)) not in there}.values()
    seconds = [spec.flops / speed(spec.config) + RUN_OVERHEAD for spec in lacking]
    return Cost(len(specs), len(lacking), sum(s.flops for s in lacking), sum(seconds), max(seconds, default=0.0))
