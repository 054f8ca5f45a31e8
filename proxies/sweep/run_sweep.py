"""Many runs: those that the store lacks are trained by a backend, and every finished one stays.

One way through the code for Python and the command line. What may happen to a run, and what then:
it diverges: noted, and not tried again unless asked; an error: noted, tried again by the next sweep; its process
is killed: tried once more at once, from its last state; another sweep trains it: waited for. Where the store or
the corpus cannot be used, no run can be trained: the sweep ends with the reason, and the next one goes on.
"""

import collections
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mixlaw.errors import MixlawError
from mixlaw.runs.measurement import PREFIX
from proxies.data.corpus import Corpus
from proxies.sweep.backends import Backend
from proxies.sweep.backends.workers import Workers
from proxies.sweep.cores import cores
from proxies.sweep.job import Job
from proxies.sweep.ledger import POLL, Ledger
from proxies.sweep.progress import Progress, Status
from proxies.sweep.store import Failure, Store
from proxies.training.train import RunSpec, check

__all__ = ["Progress", "Status", "SweepResult", "cores", "sweep"]


@dataclass(frozen=True)
class SweepResult:
    """What a sweep ended with.

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
    """Train every run that the store does not hold; all finished runs' rows in the order of `specs`.

    `store`: a folder, a URL, or a `Store`. `backend`: `Workers()`, a process per core, where None. The rows do not
    depend on how many train at once (`seconds` does). `progress` is called from this thread. `retry_failed`: also
    try again runs that diverged.
    Failed runs are left out of the table and listed in `failed`.

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
    """Have every missing run trained, until each has ended. However it is left, nothing goes on training."""
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
                time.sleep(POLL / 4)  # all that is left is trained elsewhere
    finally:
        backend.stop()


def _result(specs: Sequence[RunSpec], keys: list[str], ledger: Ledger, corpus: Corpus) -> SweepResult:
    """All rows under the names that this sweep gives the runs, with what names each target's text beside them: the
    store's keys hold the corpus, so rows of any age were measured on it."""
    named = list(zip(keys, specs, strict=True))
    failed = {spec.run_id: ledger.failed[key] for key, spec in named if key in ledger.failed}
    texts = {f"{PREFIX}{target}": name for target, name in corpus.definitions.items()}
    rows = [row | {"run_id": spec.run_id} | texts for key, spec in named for row in ledger.rows.get(key, ())]
    if not rows:
        name, failure = next(iter(failed.items()))
        raise MixlawError(f"sweep: no run finished; the first, {name}: {failure.reason}")
    return SweepResult(pd.DataFrame(rows), failed, tuple(ledger.notes))
