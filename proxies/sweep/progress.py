"""How far a sweep is: runs done, tokens a second, time left."""

import collections
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proxies.sweep.job import Job, RunProgress

WINDOW = 60.0  # seconds that the rate is an average over: runs of different sizes follow one another


@dataclass(frozen=True)
class Status:
    """A sweep at a moment.

    `done` of `total` runs have rows, those found in the store included; `failed` have none and are not tried
    again now. `tokens_per_second` and `seconds_left` are None before anything was trained. `share`: of the
    compute of all runs, in FLOP. `message`: what has just happened, or "".
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
    """Adds up what runs report. The time left comes from FLOP a second, so that large runs count as such."""

    def __init__(self, jobs: Mapping[str, Job], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.work = {key: job.spec.flops for key, job in jobs.items()}
        self.share = dict.fromkeys(jobs, 0.0)
        self.tokens = self.flops = 0.0
        self.marks = collections.deque([(clock(), 0.0, 0.0)])

    def finish(self, key: str) -> None:
        """The run was in the store, or will have no rows: nothing is left to do, nothing was trained."""
        self.share[key] = 1.0

    def update(self, event: RunProgress) -> None:
        """A run's report."""
        now, before = event.tokens / event.total, self.share[event.key]
        if event.here:
            self.tokens += max(0.0, now - before) * event.total
            self.flops += max(0.0, now - before) * self.work[event.key]
        self.share[event.key] = now

    def status(self, done: int, failed: int, message: str = "") -> Status:
        """The sweep now."""
        now = self.clock()
        self.marks.append((now, self.tokens, self.flops))
        while now - self.marks[1][0] > WINDOW:
            self.marks.popleft()
        began, tokens, flops = self.marks[0]
        passed = now - began
        total = sum(self.work.values())
        left = sum((1 - self.share[key]) * work for key, work in self.work.items())
        rate, speed = ((self.tokens - tokens) / passed, (self.flops - flops) / passed) if passed > 0 else (0.0, 0.0)
        return Status(
            done, len(self.work), failed, 1 - left / total, rate or None, left / speed if speed else None, message
        )
