"""State of every run of a sweep (finished, failed or missing), and the handling of events that change it."""

import collections
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mixlaw.errors import MixlawError
from proxies.sweep.job import Ended, Event, Job, RunProgress
from proxies.sweep.progress import Meter, Progress
from proxies.sweep.store import DamagedError, Failure, Row, Store

MAX_ATTEMPTS = 2
"""Maximum attempts per run in one sweep if the run's process is killed."""
PROGRESS_SECONDS = 0.2
"""Seconds between two calls of `progress` if nothing has happened."""
POLL_SECONDS = 1.0
"""Seconds between two checks of the runs that another sweep is training."""


@dataclass
class Ledger:
    """State of every run, by key: `rows` of finished runs, `failed` ones, and `missing` keys, which are neither.

    `busy`: missing runs that another sweep is training. `again`: killed runs to submit once more. `notes`: remarks
    such as damaged files.
    """

    jobs: dict[str, Job]
    store: Store
    progress: Progress | None
    rows: dict[str, list[Row]] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    again: list[str] = field(default_factory=list)
    tries: collections.Counter = field(default_factory=collections.Counter)

    def __post_init__(self) -> None:
        self.meter = Meter(self.jobs)
        self.told = self.polled = 0.0

    def read_store(self, retry_failed: bool) -> None:
        """Read finished runs and failures from the store; all other runs are missing."""
        there = self.store.keys()
        with ThreadPoolExecutor(16) as pool:  # requests to a store at a URL are slow
            list(pool.map(self._found, [key for key in self.jobs if key in there]))
        for key, job in self.jobs.items():
            if key in self.rows:
                continue
            failure = None if retry_failed else self.store.failure(key)
            if failure is not None and failure.kind == "diverged":
                self._fail(key, Failure(job.spec.run_id, "diverged", f"{failure.reason} (not tried again)"))
            else:
                self.missing.add(key)
        if not self.store.location.has_locks and self.missing:
            self.notes.append(f"{self.store}: no locks there; two sweeps at once may train the same runs")
        for note in self.notes:
            self.tell(note)
        self.tell(f"{len(self.rows)} of {len(self.jobs)} runs are in the store")

    def handle(self, event: Event) -> None:
        """Update the ledger by an event of a backend. Raises MixlawError if no run can be trained."""
        if isinstance(event, RunProgress):
            self.meter.update(event)
            self.tell()
            return
        name = self.jobs[event.key].spec.run_id
        if event.outcome in ("trained", "found"):
            self._stored(event, name)
        elif event.outcome == "busy":
            self.busy.add(event.key)
            self.tell(f"{name} is being trained by another sweep")
        elif event.outcome == "unusable":
            raise MixlawError(
                f"{event.reason}; {len(self.rows)} of {len(self.jobs)} runs are finished and kept: "
                "fix that and run the same again"
            )
        elif event.outcome == "killed":
            self._killed(event, name)
        else:
            self._fail(event.key, Failure(name, event.outcome, event.reason))

    def due(self) -> list[Job]:
        """Jobs to submit again: killed runs, and runs that another sweep no longer trains."""
        jobs, self.again = [self.jobs[key] for key in self.again], []
        if self.busy and time.monotonic() - self.polled > POLL_SECONDS:
            self.polled = time.monotonic()
            for key in sorted(self.busy):
                if self._elsewhere(key):
                    continue
                self.busy.discard(key)
                if key in self.missing:
                    jobs.append(self.jobs[key])
        return jobs

    def tell(self, message: str = "") -> None:
        """Call `progress`: at once if there is a message, else at most every PROGRESS_SECONDS seconds."""
        if self.progress and (message or time.monotonic() - self.told > PROGRESS_SECONDS):
            self.told = time.monotonic()
            self.progress(self.meter.status(len(self.rows), len(self.failed), message))

    def _found(self, key: str) -> bool:
        try:
            rows = self.store.rows(key)
        except DamagedError as error:
            self.notes.append(f"{error}; run {self.jobs[key].spec.run_id} is trained again")
            return False
        if rows is None:
            return False
        self.rows[key] = rows
        self.meter.finish(key)
        self.missing.discard(key)
        return True

    def _stored(self, event: Ended, name: str) -> None:
        if not self._found(event.key):
            raise MixlawError(
                f"run {name} was trained, but {self.store.location} does not hold it: give a store that every machine"
                " reaches, a folder they share or a URL"
            )
        self.tell(name + " was trained by another sweep" * (event.outcome == "found"))

    def _killed(self, event: Ended, name: str) -> None:
        self.tries[event.key] += 1
        if self._found(event.key):  # it had finished just before it was killed
            self.tell(name)
        elif self.tries[event.key] < MAX_ATTEMPTS:
            self.again.append(event.key)
            self.tell(f"{name}: {event.reason}; tried once more")
        else:
            failure = Failure(name, "killed", event.reason)
            with contextlib.suppress(OSError):  # the result reports the failure too
                self.store.report(event.key, failure)
            self._fail(event.key, failure)

    def _elsewhere(self, key: str) -> bool:
        """True if another sweep is training this run; if that sweep has finished it, its result is copied here."""
        with self.store.claim(key) as free:
            if not free:
                return True
        name = self.jobs[key].spec.run_id
        if self._found(key):
            self.tell(f"{name} was trained by another sweep")
        elif (failure := self.store.failure(key)) is not None and failure.kind == "diverged":
            self._fail(key, Failure(name, failure.kind, failure.reason))
        return False

    def _fail(self, key: str, failure: Failure) -> None:
        self.failed[key] = failure
        self.missing.discard(key)
        self.meter.finish(key)
        self.tell(f"{failure.run_id} failed: {failure.reason}")
