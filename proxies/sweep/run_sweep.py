"""Sweep: train the runs that the store lacks with a backend, and store every finished run.

Python and the command line both use `sweep`. A run that diverges is recorded and tried again only on request; after
an error the next sweep tries it again; if its process is killed, it is tried once more at once, from its last state;
if another sweep is training it, this sweep waits. If the store or the corpus cannot be used, no run can be trained:
the sweep ends with the reason, and the next sweep continues.
"""

import collections
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mixlaw.errors import MixlawError
from mixlaw.runs.measurement import TARGET_PREFIX
from proxies.data.corpus import Corpus
from proxies.sweep.backends import Backend
from proxies.sweep.backends.workers import Workers
from proxies.sweep.cores import cores
from proxies.sweep.job import Job
from proxies.sweep.ledger import POLL_SECONDS, Ledger
from proxies.sweep.progress import Progress, Status
from proxies.sweep.store import Failure, Store
from proxies.training.train import RunSpec, check

__all__ = ["Progress", "Status", "SweepResult", "cores", "sweep"]


@dataclass(frozen=True)
class SweepResult:
    """Finished and failed runs of a sweep.

    Attributes:
        table: one row per evaluation of each finished run, in the order of the specs; `Runs.from_frame` reads it.
        failed: why a run has no rows, by run_id.
        notes: remarks on the store, such as files that were damaged.
    """

    table: pd.DataFrame
    failed: Mapping[str, Failure]
    notes: tuple[str, ...]


def sweep(
    specs: Sequence[RunSpec],
    corpus: Corpus,
    store: str | Path | Store,
    *,
    backend: Backend | None = None,
    progress: Progress | None = None,
    retry_failed: bool = False,
) -> SweepResult:
    """Train every run that the store lacks, and return the rows of all finished runs in the order of `specs`.

    The rows do not depend on the backend or on the number of simultaneous runs, except for `seconds`. Failed runs are
    left out of the table and listed in `failed`.

    >>> from proxies.data.corpus import build_corpus
    >>> from proxies.data.mixture import Mixture
    >>> from proxies.model.transformer import ModelConfig
    >>> corpus = build_corpus({"web": [f"text {i} " * 20 for i in range(40)]})
    >>> spec = RunSpec("r0", Mixture({"web": 1.0}), ModelConfig(8, 1, 1, 8, length=16), tokens=320)
    >>> store = Store.at("memory://example-sweep")
    >>> store.write(spec.key(corpus.hash), [{"run_id": "r0", "w:web": 1.0, "loss:web": 2.5}])  # as if trained
    >>> result = sweep([spec], corpus, store)
    >>> result.table["loss:web"].tolist(), result.failed
    ([2.5], {})

    Args:
        specs: the runs, with distinct run_ids.
        corpus: their text.
        store: a folder, a URL, or a `Store`.
        backend: where runs are trained; None: `Workers()`, a process per core.
        progress: callback for a `Status`, called from this thread.
        retry_failed: also train runs that diverged in an earlier sweep.

    Raises:
        MixlawError: if a spec cannot be trained (before anything starts), if the store or the corpus cannot be used,
            or if no run finished.
    """
    names = [spec.run_id for spec in specs]
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if not specs or twice:
        raise MixlawError(f"sweep: run_id {twice[0]} occurs twice" if twice else "sweep: no runs were given")
    for spec in specs:
        check(spec, corpus)
    found = Store.at(store)
    found.open()
    keys = [spec.key(corpus.hash) for spec in specs]
    jobs = {key: Job(key, spec) for key, spec in reversed(list(zip(keys, specs, strict=True)))}
    ledger = Ledger(jobs, found, progress)
    ledger.read_store(retry_failed)
    if ledger.missing:
        found.tidy(asked=set(jobs), done=set(ledger.rows))
        _train(ledger, corpus, backend or Workers())
    return _result(specs, keys, ledger, corpus)


def _train(ledger: Ledger, corpus: Corpus, backend: Backend) -> None:
    """Train every missing run. When this returns or raises, no training is left running."""
    try:
        backend.start(corpus, ledger.store)
        # Longest first, so that the last runs to end are short ones.
        for key in sorted(ledger.missing, key=lambda k: (-ledger.jobs[k].spec.flops, k)):
            backend.submit(ledger.jobs[key])
        while ledger.missing:
            backend.step(ledger.handle)
            for job in ledger.due():
                backend.submit(job)
            ledger.tell()
            if ledger.missing <= ledger.busy:
                time.sleep(POLL_SECONDS / 4)  # other sweeps are training all runs that are left
    finally:
        backend.stop()


def _result(specs: Sequence[RunSpec], keys: list[str], ledger: Ledger, corpus: Corpus) -> SweepResult:
    """All rows under this sweep's run_ids, with a column that identifies each target's text.

    The store's keys include the corpus, so stored rows of any age were measured on this text.
    """
    named = list(zip(keys, specs, strict=True))
    failed = {spec.run_id: ledger.failed[key] for key, spec in named if key in ledger.failed}
    texts = {f"{TARGET_PREFIX}{target}": name for target, name in corpus.definitions.items()}
    rows = [row | {"run_id": spec.run_id} | texts for key, spec in named for row in ledger.rows.get(key, ())]
    if not rows:
        name, failure = next(iter(failed.items()))
        raise MixlawError(f"sweep: no run finished; the first, {name}: {failure.reason}")
    return SweepResult(pd.DataFrame(rows), failed, tuple(ledger.notes))
