"""Backend `in-process`: trains runs one after another in this process, on the device that JAX chooses."""

import collections

from proxies.data.corpus import Corpus
from proxies.sweep.job import Job, Tell, run_job
from proxies.sweep.store import Store


class InProcess:
    """A backend for stores in memory, for debuggers, and for one GPU. One `step` trains one run.

    JAX uses this process's threads, so rows may differ from those of `Workers` in the last bits.
    """

    slots = 1

    def __init__(self) -> None:
        self.waiting: collections.deque[Job] = collections.deque()

    def start(self, corpus: Corpus, store: Store) -> None:
        """Store the corpus; nothing has to be copied."""
        self.corpus, self.store = corpus, store

    def submit(self, job: Job) -> None:
        """Queue the job."""
        self.waiting.append(job)

    def step(self, tell: Tell) -> None:
        """Train the next job."""
        if self.waiting:
            tell(run_job(self.waiting.popleft(), self.corpus, self.store, tell))

    def stop(self) -> None:
        """Drop the jobs that have not started."""
        self.waiting.clear()
