"""Which tokens a run sees, exactly: schedule, epochs, subsamples.

A source's text is read in epochs: each is a fresh order of its pieces, every token once. Sequences of L
tokens are cut from the endless row of epochs, so one may span two pieces or two epochs. Everything is a
function of (seed, step): nothing has to be replayed to reach a step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError
from proxies.corpus import Corpus, Text


def schedule(shares: np.ndarray, count: int) -> np.ndarray:
    """The source of each of `count` sequences, so that source i has w_i n within 1 of any first n.

    Tijdeman's rule (1980): among the sources owed at least 1/(2K - 2) take the one due first; no source
    is ever further from its share than 1 - 1/(2K - 2) sequences.
    """
    shares = np.asarray(shares, float)
    order = np.zeros(count, np.int16)
    live = np.flatnonzero(shares > 0)
    if len(live) == 1:
        order[:] = live[0]
        return order
    share, taken = [float(s) for s in shares[live]], [0] * len(live)
    slack = 1 / (2 * len(live) - 2)
    for n in range(1, count + 1):
        best, due_first = -1, np.inf
        for i, w in enumerate(share):
            owed = w * n - taken[i]
            # 1e-9: shares such as 1/3 are rounded, and a source owed exactly the slack must count.
            if owed >= slack - 1e-9 and (1 - slack - owed) / w < due_first:
                best, due_first = i, (1 - slack - owed) / w
        if best < 0:  # rounding left all of them a hair below the slack
            best = max(range(len(share)), key=lambda i: share[i] * n - taken[i])
        taken[best] += 1
        order[n - 1] = live[best]
    return order


@dataclass(frozen=True)
class Pieces:
    """A subset of a text's pieces: their starts and lengths; `unique` is the sum of the lengths."""

    text: Text
    starts: np.ndarray
    lengths: np.ndarray

    @property
    def unique(self) -> int:
        return int(self.lengths.sum())


def subsample(corpus: Corpus, unique: Mapping[str, int]) -> dict[str, Pieces]:
    """A seeded subset of each source's pieces with exactly `unique[source]` tokens (the last is cut short).

    A smaller subset is contained in every larger one: pieces are taken from one order fixed by the corpus's
    seed. Raises MixlawError where a source has fewer tokens, or none is asked for.
    """
    chosen = {}
    for index, (source, text) in enumerate(corpus.train.items()):
        wanted = unique[source]
        if not 1 <= wanted <= len(text):
            raise MixlawError(f"source {source}: {wanted:,} unique tokens asked for; it has 1 to {len(text):,}")
        order = np.random.default_rng([corpus.seed, index, 0x5AB5]).permutation(len(text.starts) - 1)
        lengths = np.diff(text.starts)[order]
        ends = np.cumsum(lengths)
        last = int(np.searchsorted(ends, wanted))
        lengths = lengths[: last + 1].copy()
        lengths[-1] -= ends[last] - wanted
        chosen[source] = Pieces(text, np.asarray(text.starts[:-1])[order[: last + 1]], lengths)
    return chosen


def matched_unique(corpus: Corpus, fraction: float) -> dict[str, int]:
    """fraction * U tokens of every source (rounded, at least one): with fraction * D tokens, the epochs of D.

    Raises MixlawError unless 0 < fraction <= 1.
    """
    if not 0 < fraction <= 1:
        raise MixlawError(f"fraction {fraction:g}: must be above 0 and at most 1, a share of the corpus")
    return {source: max(1, round(fraction * tokens)) for source, tokens in corpus.tokens.items()}


class Stream:
    """The endless row of a source's epochs, read at any position."""

    def __init__(self, pieces: Pieces, seed: list[int]) -> None:
        self.pieces, self.seed = pieces, seed
        self._epoch, self._order, self._ends = -1, np.zeros(0, int), np.zeros(0, int)

    def _turn_to(self, epoch: int) -> None:
        if epoch != self._epoch:
            order = np.random.default_rng([*self.seed, epoch]).permutation(len(self.pieces.lengths))
            self._epoch, self._order, self._ends = epoch, order, np.cumsum(self.pieces.lengths[order])

    def read(self, start: int, length: int) -> np.ndarray:
        """Tokens start .. start + length (uint16); token t belongs to epoch t // unique."""
        out = np.empty(length, np.uint16)
        unique, at = self.pieces.unique, 0
        while at < length:
            epoch, offset = divmod(start + at, unique)
            self._turn_to(epoch)
            slot = int(np.searchsorted(self._ends, offset, side="right"))
            piece, left = self._order[slot], int(self._ends[slot]) - offset
            take = min(left, length - at)
            end = int(self.pieces.starts[piece] + self.pieces.lengths[piece])
            out[at : at + take] = self.pieces.text.tokens[end - left : end - left + take]
            at += take
        return out


class Batches:
    """The batches of one run: `steps` of `batch` sequences of `length` tokens, drawn by `mixture`.

    `seed` orders the epochs. Shares are taken in the order of the corpus's sources.
    """

    def __init__(
        self,
        corpus: Corpus,
        mixture: Mapping[str, float],
        unique: Mapping[str, int],
        size: tuple[int, int, int],
        seed: int,
    ) -> None:
        steps, self.batch, self.length = size
        shares = np.array([mixture.get(source, 0.0) for source in corpus.sources])
        self.sources, self.pieces = corpus.sources, subsample(corpus, unique)
        self.order = schedule(shares, steps * self.batch)
        self.streams = [Stream(self.pieces[s], [seed, i, 0xBA7C]) for i, s in enumerate(self.sources)]
        # The place of every sequence in its own source's stream, so that a step can be read by itself.
        self.place = np.zeros(len(self.order), np.int64)
        for i in range(len(self.sources)):
            mine = self.order == i
            self.place[mine] = np.arange(int(mine.sum()))

    def __len__(self) -> int:
        return len(self.order) // self.batch

    def __getitem__(self, step: int) -> np.ndarray:
        """tokens_BxL (uint16) of a step, 0 <= step < len(self)."""
        if not 0 <= step < len(self):
            raise IndexError(f"step {step} of {len(self)}")
        rows = range(step * self.batch, (step + 1) * self.batch)
        places = ((self.streams[self.order[r]], int(self.place[r])) for r in rows)
        return np.stack([stream.read(place * self.length, self.length) for stream, place in places])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[step] for step in range(len(self)))

    def seen(self) -> dict[str, int]:
        """Tokens of each source in all batches."""
        counts = np.bincount(self.order, minlength=len(self.sources)) * self.length
        return {source: int(count) for source, count in zip(self.sources, counts, strict=True)}

    def epochs(self) -> dict[str, float]:
        """Passes over the unique tokens of each source in all batches."""
        return {source: count / self.pieces[source].unique for source, count in self.seen().items()}
