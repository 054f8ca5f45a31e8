"""Backends, which train the runs of a sweep: one file each, with the four methods of `Backend`.

in_process   Runs trained one after another in this process
own_ray      A Ray cluster of this machine alone, for one sweep
ray_cluster  Runs trained as tasks of a Ray cluster, on this machine or elsewhere
ray_guard    Ends what a Ray cluster leaves behind when its driver is killed
workers      Runs trained by single-threaded worker processes, one per core

To add one, write its class in a new file and name it in `mixlaw/cli/proxies.py`. `start` copies the corpus to where
runs are trained; there, call `proxies.sweep.job.run_job` for each job.
"""

from typing import Protocol

from proxies.data.corpus import Corpus
from proxies.sweep.job import Job, Tell
from proxies.sweep.store import Store


class Backend(Protocol):
    """Trains jobs for one sweep at a time, from one thread: `start`, then `submit` and `step`, then `stop`."""

    slots: int
    """Number of simultaneous runs, for estimates; 0 if unknown before `start`."""

    def start(self, corpus: Corpus, store: Store) -> None:
        """Prepare training. Raises MixlawError if runs cannot be trained."""

    def submit(self, job: Job) -> None:
        """Queue the job, after those submitted before."""

    def step(self, tell: Tell) -> None:
        """Wait about a second and report new events. Every job ends in exactly one `Ended`."""

    def stop(self) -> None:
        """Stop all training at once. Must also work after a `start` that failed."""
