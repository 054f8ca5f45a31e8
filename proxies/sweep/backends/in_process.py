"""Backend `in-process`: trains runs one after another in this process, on the device that JAX chooses."""

import collections

from proxies.data.corpus import Corpus
from proxies.sweep.job import Job, Tell, run_job
from proxies.sweep.store import Store


class InProcess:
    """A backend for stores in memory, for debuggers, and for one GPU. One `step` trains one run.

    JAX's threads are this process's: rows may differ from the workers' in the last bits.
    """

    slots = 1

    def __init__(self) -> None:
        self.waiting: collections.deque[Job] = collections.deque()

    def start(self, corpus: Corpus, store: Store) -> None:
        """Nothing has to travel."""
        self.corpus, self.store = corpus, store

    def submit(self, job: Job) -> None:
        """Queue the job."""
        self.waiting.append(job)

    def step(self, tell: Tell) -> None:
        """Train the next job."""
        if self.waiting:
            tell(run_job(self.waiting.popleft(), self.corpus, self.store, tell))

    def stop(self) -> None:
        """Forget the jobs not begun."""
        self.waiting.clear()
