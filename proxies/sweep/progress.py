"""Progress of a sweep: runs done, tokens per second, time left."""

import collections
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxies.sweep.job import Job, RunProgress

RATE_WINDOW = 60.0  # seconds over which the rate is averaged, since runs differ in size


@dataclass(frozen=True)
class Status:
    """Progress of a sweep at one moment.

    Attributes:
        done: runs that have rows, including runs found in the store. total: all runs.
        failed: runs without rows that are not tried again in this sweep.
        share: finished part of the FLOP of all runs, from 0 to 1.
        tokens_per_second, seconds_left: None before anything was trained.
        message: the latest event, or "".
    """

    done: int
    total: int
    failed: int
    share: float
    tokens_per_second: float | None
    seconds_left: float | None
    message: str = ""


Progress = Callable[[Status], None]


class Meter:
    """Sums the progress of all runs. The time left is estimated from FLOP per second, since runs differ in size."""

    def __init__(self, jobs: Mapping[str, Job], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.work = {key: job.spec.flops for key, job in jobs.items()}
        self.share = dict.fromkeys(jobs, 0.0)
        self.tokens = self.flops = 0.0
        self.marks = collections.deque([(clock(), 0.0, 0.0)])

    def finish(self, key: str) -> None:
        """Count a run as complete without training: it was in the store, or it has failed."""
        self.share[key] = 1.0

    def update(self, event: RunProgress) -> None:
        """Add the progress of one run."""
        now, before = event.tokens / event.total, self.share[event.key]
        if event.here:
            self.tokens += max(0.0, now - before) * event.total
            self.flops += max(0.0, now - before) * self.work[event.key]
        self.share[event.key] = now

    def status(self, done: int, failed: int, message: str = "") -> Status:
        """The current status."""
        now = self.clock()
        self.marks.append((now, self.tokens, self.flops))
        while now - self.marks[1][0] > RATE_WINDOW:
            self.marks.popleft()
        began, tokens, flops = self.marks[0]
        passed = now - began
        total = sum(self.work.values())
        left = sum((1 - self.share[key]) * work for key, work in self.work.items())
        rate, speed = ((self.tokens - tokens) / passed, (self.flops - flops) / passed) if passed > 0 else (0.0, 0.0)
        return Status(
            done, len(self.work), failed, 1 - left / total, rate or None, left / speed if speed else None, message
        )
