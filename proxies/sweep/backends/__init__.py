"""Where runs are trained: one file a backend, each with the four methods of `Backend`.

in_process  in this process, one after another      workers  a process per core
ray_cluster tasks of a Ray cluster, here or elsewhere

To add one, write its class in a file of its own and give it a name in `mixlaw/cli/verbs/sweep.py`. `start` takes
the corpus to where runs are trained; there, `proxies.sweep.job.run_job` does all the rest.
"""

from typing import Protocol

from proxies.data.corpus import Corpus
from proxies.sweep.job import Job, Tell
from proxies.sweep.store import Store


class Backend(Protocol):
    """Trains jobs. Used by one sweep at a time, from one thread: start, then submit and step, then stop."""

    slots: int
    """Runs at once, for estimates; 0 where that is not known before `start`."""

    def start(self, corpus: Corpus, store: Store) -> None:
        """Get ready. Raises MixlawError where runs cannot be trained."""

    def submit(self, job: Job) -> None:
        """Train the job when there is room, after those submitted before."""

    def step(self, tell: Tell) -> None:
        """Tell what has happened since, waiting for it a second or so; each job ends in one `Ended`."""

    def stop(self) -> None:
        """End at once, runs half done included, and leave nothing running. Also after a `start` that failed."""
