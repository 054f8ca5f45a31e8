"""What a sweep will cost, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from proxies.data.corpus import Corpus
from proxies.sweep.store import Store
from proxies.tasks.proxy_sizes import RUN_OVERHEAD, speed
from proxies.training.train import RunSpec


@dataclass(frozen=True)
class Cost:
    """Of the runs asked for, `missing` are not in the store: `flops` to train, `core_seconds` on this machine."""

    runs: int
    missing: int
    flops: float
    core_seconds: float
    longest: float

    def seconds(self, slots: int) -> float:
        """Estimated wall-clock seconds with so many runs at once."""
        return max(self.longest, self.core_seconds / slots)


def cost(specs: Sequence[RunSpec], corpus: Corpus, store: Store) -> Cost:
    """The cost of `sweep(specs, corpus, store)`, from measured speeds of this machine's cores."""
    there = store.keys()
    lacking = {key: spec for spec in specs if (key := spec.key(corpus.hash)) not in there}.values()
    seconds = [spec.flops / speed(spec.config) + RUN_OVERHEAD for spec in lacking]
    return Cost(len(specs), len(lacking), sum(s.flops for s in lacking), sum(seconds), max(seconds, default=0.0))
