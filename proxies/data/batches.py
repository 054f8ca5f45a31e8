"""Training batches of a run: schedule, epochs and subsamples, exact to the token.

A source's text is read in epochs; each reads every token once, in a new order of the pieces. Sequences of L tokens are
cut from the concatenated epochs, so a sequence may span two pieces or two epochs. Every batch is a function of
(seed, step): any step can be read without the steps before it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus, Text
from proxies.data.mixture import Mixture
from proxies.data.schedule import Schedule

BLOCK = 16  # steps read together


@dataclass(frozen=True)
class Pieces:
    """A subset of a text's pieces: their starts and lengths, (P,) each."""

    text: Text
    starts: np.ndarray
    lengths: np.ndarray

    @cached_property
    def unique(self) -> int:
        """Number of tokens in the pieces."""
        return int(self.lengths.sum(dtype=np.int64))


def subsample(corpus: Corpus, unique: Mapping[str, int]) -> dict[str, Pieces]:
    """A seeded subset of each source's pieces with exactly `unique[source]` tokens (the last is cut short).

    A smaller subset is contained in every larger one: pieces are taken from one order fixed by the corpus's
    seed. Raises MixlawError if `unique` is below 1 or above the source's tokens.
    """
    _check_unique(corpus, unique)
    return {source: _subset(corpus, source, unique[source]) for source in corpus.sources}


def _check_unique(corpus: Corpus, unique: Mapping[str, int]) -> None:
    for source, has in corpus.tokens.items():
        if not 1 <= unique[source] <= has:
            raise MixlawError(f"source {source}: {unique[source]:,} unique tokens asked for; it has 1 to {has:,}")


def _subset(corpus: Corpus, source: str, wanted: int) -> Pieces:
    text = corpus.train[source]
    order, ends = _order(corpus, source)
    last = int(np.searchsorted(ends, wanted))
    lengths = np.asarray(text.lengths)[order[: last + 1]].astype(np.int64)
    lengths[-1] -= ends[last] - wanted
    return Pieces(text, np.asarray(text.starts)[order[: last + 1]], lengths)


def _order(corpus: Corpus, source: str) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of a source's pieces in the order they are taken, tokens up to the end of each), kept for later runs."""
    known = corpus.__dict__.setdefault("_orders", {})
    if source not in known:
        text = corpus.train[source]
        seed = [corpus.seed, corpus.sources.index(source), 0x5AB5]
        order = np.random.default_rng(seed).permutation(len(text.starts))
        known[source] = order, np.cumsum(np.asarray(text.lengths)[order], dtype=np.int64)
    return known[source]


def matched_unique(corpus: Corpus, fraction: float) -> dict[str, int]:
    """fraction * U tokens of every source, at least 1: a run on fraction * D tokens has the same epochs as one on D.

    >>> from proxies.data.corpus import build_corpus
    >>> corpus = build_corpus({"web": [f"text {i} " * 20 for i in range(40)]})
    >>> matched_unique(corpus, 0.5)["web"] == round(corpus.tokens["web"] / 2)
    True

    Raises MixlawError unless 0 < fraction <= 1.
    """
    if not 0 < fraction <= 1:
        raise MixlawError(f"fraction {fraction:g}: must be above 0 and at most 1, a share of the corpus")
    return {source: max(1, round(fraction * tokens)) for source, tokens in corpus.tokens.items()}


class Stream:
    """Concatenated epochs of a source without end, readable at any position."""

    def __init__(self, pieces: Pieces, seed: list[int]) -> None:
        self.pieces, self.seed = pieces, seed
        self._epoch, self._starts, self._ends = -1, np.zeros(0, int), np.zeros(0, int)

    def _turn_to(self, epoch: int) -> None:
        if epoch != self._epoch:
            order = np.random.default_rng([*self.seed, epoch]).permutation(len(self.pieces.lengths))
            self._epoch, self._starts = epoch, self.pieces.starts[order]
            self._ends = np.cumsum(self.pieces.lengths[order])

    def read(self, start: int, length: int) -> np.ndarray:
        """Tokens start .. start + length, of the stored type; token t belongs to epoch t // unique."""
        parts, unique, at = [], self.pieces.unique, 0
        while at < length:
            epoch, offset = divmod(start + at, unique)
            take = min(unique - offset, length - at)
            self._turn_to(epoch)
            parts += self._slices(offset, take)
            at += take
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _slices(self, offset: int, count: int) -> list[np.ndarray]:
        """Stored tokens offset .. offset + count of the current epoch, by piece."""
        first, last = self._ends.searchsorted((offset, offset + count - 1), side="right").tolist()
        starts, ends = self._starts[first : last + 1].tolist(), self._ends[first : last + 1].tolist()
        begin = int(self._ends[first - 1]) if first else 0
        lows = [starts[0] + offset - begin, *starts[1:]]
        before = [offset, *ends[:-1]]
        stored = self.pieces.text.stored
        return [
            stored[low : low + min(end, offset + count) - at] for low, at, end in zip(lows, before, ends, strict=True)
        ]


class Batches:
    """The batches of one run.

    >>> from proxies.data.corpus import build_corpus
    >>> corpus = build_corpus({s: [f"{s} {i} " * 40 for i in range(40)] for s in ("web", "code")})
    >>> batches = Batches(corpus, Mixture({"web": 0.75, "code": 0.25}), corpus.tokens, (4, 2, 16), seed=0)
    >>> batches[0].shape, batches.seen()
    ((2, 16), {'web': 96, 'code': 32})

    Args:
        corpus: the text; it is read only when a batch needs it.
        mixture: token shares by source.
        unique: unique tokens of each source.
        size: (steps, sequences per batch, tokens per sequence).
        seed: of the epochs' orders.
    """

    def __init__(
        self,
        corpus: Corpus,
        mixture: Mixture,
        unique: Mapping[str, int],
        size: tuple[int, int, int],
        seed: int,
    ) -> None:
        self.steps, self.batch, self.length = size
        self.sources, self.seed = corpus.sources, seed
        _check_unique(corpus, unique)
        self.corpus, self.unique = corpus, dict(unique)
        self.schedule = Schedule(mixture.array(corpus.sources), self.steps * self.batch)
        self._streams: dict[int, Stream] = {}
        self._block: tuple[int, np.ndarray] = (-1, np.zeros(0))

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> np.ndarray:
        """tokens_BxL of a step, 0 <= step < len(self). Neighbouring steps are read with it and cached."""
        start = step // BLOCK * BLOCK
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of {self.steps}")
        if start != self._block[0]:
            self._block = start, self.read(start, min(BLOCK, self.steps - start))
        return self._block[1][step - start].copy()

    def read(self, start: int, count: int) -> np.ndarray:
        """tokens_CxBxL of `count` steps from `start`, in the corpus's token type; faster than single steps.

        Raises IndexError if a step is outside the run.
        """
        if not 0 <= start <= start + count <= self.steps or count < 1:
            raise IndexError(f"steps {start} to {start + count - 1} of {self.steps}")
        order_R, place_R = self.schedule.rows(start * self.batch, (start + count) * self.batch)
        out_RxL: np.ndarray | None = None
        for source in sorted(set(order_R.tolist())):
            (mine,) = (order_R == source).nonzero()
            # Sequences of one source follow one another in its stream, whichever batches they are in.
            first = int(place_R[mine[0]]) * self.length
            tokens = self._stream(source).read(first, len(mine) * self.length)
            if out_RxL is None:
                out_RxL = np.empty((len(order_R), self.length), tokens.dtype)
            out_RxL[mine] = tokens.reshape(-1, self.length)
        assert out_RxL is not None
        return out_RxL.reshape(count, self.batch, self.length)

    def _stream(self, source: int) -> Stream:
        if source not in self._streams:
            name = self.sources[source]
            pieces = _subset(self.corpus, name, self.unique[name])
            self._streams[source] = Stream(pieces, [self.seed, source, 0xBA7C])
        return self._streams[source]

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, self.steps, BLOCK):
            yield from self.read(start, min(BLOCK, self.steps - start))

    def seen(self, steps: int | None = None) -> dict[str, int]:
        """Tokens of each source in all batches, or in the first `steps` of them."""
        counts = self.schedule.counts((self.steps if steps is None else steps) * self.batch) * self.length
        return dict(zip(self.sources, counts.tolist(), strict=True))

    def epochs(self, steps: int | None = None) -> dict[str, float]:
        """Passes over the unique tokens of each source in all batches, or in the first `steps` of them."""
        return {source: count / self.unique[source] for source, count in self.seen(steps).items()}
