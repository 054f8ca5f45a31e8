"""Text of the targets that steers an online run, apart from what it trains on and from what it is measured on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.batches import Pieces, Stream, subsample
from proxies.data.corpus import Corpus

ASIDE = 1 / 10  # of a source's tokens, and no more than:
ASIDE_MOST = 65_536  # tokens: some hundred windows; gradients of more would hardly be less noisy


@dataclass(frozen=True)
class Divided:
    """A corpus divided for an online run.

    Attributes:
        pieces: what is trained on, by source.
        steering: tokens of each target that steer the mixture; nothing trains on them, nothing is measured on them.
        measured: held-out tokens of each target.
        notes: what is not as in a run with a fixed mixture.
    """

    pieces: Mapping[str, Pieces]
    steering: Mapping[str, np.ndarray]
    measured: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()


def whole(corpus: Corpus, unique: Mapping[str, int]) -> Divided:
    """Nothing set aside: for methods that do not look at the targets."""
    return Divided(subsample(corpus, unique), {}, dict(corpus.targets))


def split_steering(
    corpus: Corpus, unique: Mapping[str, int], targets: Collection[str], own: Collection[str] = ()
) -> Divided:
    """Set text of every target aside.

    Of a target that is a source's held-out text, by its name: a tenth of that source's training text, at most 65,536
    tokens. It is taken from what the run leaves unused, and the rest from what it would train on. Of any other target,
    and of those in `own` (they have text of their own though a source has their name): the first half of its held-out
    text; it is then measured on the second half alone.

    Documents are kept whole only up to a piece (4,096 tokens): parts of one long document can lie on both sides.
    Raises MixlawError where a source is too small to be divided.
    """
    limits, steering, measured, notes = dict(unique), {}, dict(corpus.targets), []
    everything = subsample(corpus, corpus.tokens)
    for target in targets:
        if target in corpus.sources and target not in own:
            count = round(min(ASIDE * corpus.tokens[target], ASIDE_MOST))
            limits[target] = min(unique[target], corpus.tokens[target] - count)
            if not (count and limits[target]):
                raise MixlawError(f"target {target}: its source has too little text to set some aside; give it more")
            steering[target] = _last(everything[target], count)
            less = unique[target] - limits[target]
            used = f"{less:,} of them it would have trained on" if less else "it would not have trained on them"
            notes.append(f"target {target}: {count:,} tokens of its source steer the run's mixture; {used}")
        else:
            half = len(corpus.targets[target]) // 2
            steering[target] = np.asarray(corpus.targets[target][:half])
            measured[target] = corpus.targets[target][half:]
            notes.append(
                f"target {target}: the first {half:,} tokens of its held-out text steer the mixture, it is measured on"
                f" the other {len(measured[target]):,}: its loss is not comparable with other runs'"
            )
    return Divided(subsample(corpus, limits), steering, measured, tuple(notes))


def _last(pieces: Pieces, count: int) -> np.ndarray:
    """The last tokens of a subset that holds all of a source: those that no smaller subset has."""
    ends = np.cumsum(pieces.lengths)
    first = int(np.searchsorted(ends, ends[-1] - count, side="right"))
    lengths, starts = np.array(pieces.lengths[first:]), np.array(pieces.starts[first:])
    cut = lengths[0] - (int(ends[first]) - (int(ends[-1]) - count))  # of the first piece, for the smaller subset
    starts[0] += cut
    lengths[0] -= cut
    return Stream(Pieces(pieces.text, starts, lengths), [0]).read(0, count)
