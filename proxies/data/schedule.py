"""Source of each sequence of a run, within one sequence of its share at any time.

Tijdeman's rule (1980): of the sources owed at least the slack 1/(2K - 2), take the one due first; then no source is
ever further from its share than 1 - 1/(2K - 2) sequences. Put as jobs with a release and a deadline it is
earliest-deadline-first: a source of share w may give its j-th sequence (from 0) as soon as w n >= j + slack and must
by (j + 1 - slack) / w. Jobs of BLOCK sequences are made at once, when a sequence among them is asked for.
"""

import heapq

import numpy as np

BLOCK = 1 << 16
ROUNDING = 1e-6
"""Of a sequence: shares such as 1/3 are rounded, and a source owed exactly the slack after 1e8 of them must count."""


class Schedule:
    """The sources of `count` sequences by shares_S, which are 0 or more and sum to 1 (or are scaled to)."""

    def __init__(self, shares: np.ndarray, count: int) -> None:
        shares = np.asarray(shares, float)
        self.count, self.sources = count, len(shares)
        self.live = np.flatnonzero(shares > 0)
        self.share = shares[self.live] / shares.sum()
        self.slack = 1 / (2 * len(self.live) - 2) if len(self.live) > 1 else 0.0
        self.order = np.zeros(count, np.int16 if self.sources < 1 << 15 else np.int32)
        self.place = np.zeros(count, np.int64)
        """Index of each sequence among the sequences of its source."""
        self._ready, self._taken = 0, np.zeros(self.sources, np.int64)
        self._released = np.zeros(len(self.live), np.int64)
        self._waiting: tuple[np.ndarray, np.ndarray] = (np.zeros(0), np.zeros(0, np.int64))

    def rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """(source, place among its source's own) of sequences start .. stop."""
        while self._ready < stop:
            self._extend()
        return self.order[start:stop], self.place[start:stop]

    def counts(self, stop: int) -> np.ndarray:
        """Sequences of each source among the first `stop`, shape (S,)."""
        self.rows(0, stop)
        return np.bincount(self.order[:stop], minlength=self.sources)

    def _extend(self) -> None:
        start = self._ready
        stop = min(self.count, start + BLOCK)
        alone = len(self.live) == 1
        taken = np.full(stop - start, self.live[0]) if alone else self.live[self._earliest(start, stop)]
        self.order[start:stop] = taken
        by_source = np.argsort(taken, kind="stable")
        counts = np.bincount(taken, minlength=self.sources)
        within = np.arange(stop - start) - np.repeat(np.cumsum(counts) - counts, counts)
        self.place[start:stop][by_source] = within + np.repeat(self._taken, counts)
        self._taken += counts
        self._ready = stop

    def _jobs(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(release, deadline, source) of the jobs released at sequences start + 1 .. stop and of those left over."""
        last = np.floor(self.share * stop - self.slack + ROUNDING).astype(np.int64) + 1
        counts = np.maximum(last - self._released, 0)
        source = np.repeat(np.arange(len(self.live)), counts)
        number = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts - self._released, counts)
        self._released = self._released + counts
        share = self.share[source]
        release = np.ceil((number + self.slack - ROUNDING) / share).astype(np.int64)
        with np.errstate(over="ignore"):  # a share near the float limit is never due
            deadline = (number + 1 - self.slack) / share
        due, owner = self._waiting
        return (
            np.concatenate([np.full(len(owner), start), release]),
            np.concatenate([due, deadline]),
            np.concatenate([owner, source]),
        )

    def _earliest(self, start: int, stop: int) -> np.ndarray:
        """The live source of each sequence start .. stop."""
        release, due, source = self._jobs(start, stop)
        by_due = np.argsort(due, kind="stable")
        release, due, source = release[by_due], due[by_due], source[by_due]
        ranks = np.argsort(release, kind="stable")  # jobs are numbered by deadline, and listed by release
        times, queue, heap, taken = [*release[ranks].tolist(), stop + 1], ranks.tolist(), [], []
        push, pop, at = heapq.heappush, heapq.heappop, 0
        for n in range(start + 1, stop + 1):
            # A heap that rounding left empty takes the next job a hair early.
            while times[at] <= n or not heap:
                push(heap, queue[at])
                at += 1
            taken.append(pop(heap))
        left = np.sort(np.array([*heap, *queue[at:]], np.int64))
        self._waiting = due[left], source[left]
        return source[np.array(taken, np.int64)]
