"""Text of the targets that steers an online run, disjoint from training and evaluation text."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.batches import Pieces, Stream, subsample
from proxies.data.corpus import Corpus

STEERING_SHARE = 1 / 10  # part of a source's tokens that is split off, at most MAX_STEERING_TOKENS
MAX_STEERING_TOKENS = 65_536  # some hundred windows; gradients of more would hardly be less noisy


@dataclass(frozen=True)
class Divided:
    """A corpus split for an online run.

    Attributes:
        pieces: training text by source.
        steering: tokens of each target that steer the mixture; used neither for training nor for evaluation.
        measured: held-out tokens of each target.
        notes: differences from a run with a fixed mixture.
    """

    pieces: Mapping[str, Pieces]
    steering: Mapping[str, np.ndarray]
    measured: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()


def whole(corpus: Corpus, unique: Mapping[str, int]) -> Divided:
    """Split without steering text, for methods that do not use the targets."""
    return Divided(subsample(corpus, unique), {}, dict(corpus.targets))


def split_steering(
    corpus: Corpus, unique: Mapping[str, int], targets: Collection[str], own: Collection[str] = ()
) -> Divided:
    """Split off steering text for every target.

    If a target is a source's held-out text (same name), a tenth of the source's training text is split off, at most
    65,536 tokens: first text that the run would not use, then text that it would train on. For any other target, and
    for targets in `own` (with text of their own although a source has their name), it is the first half of the
    held-out text; the loss is then measured on the second half only.

    Documents longer than a piece (4,096 tokens) can have parts on both sides. Raises MixlawError if a source is too
    small to be split.
    """
    limits, steering, measured, notes = dict(unique), {}, dict(corpus.targets), []
    everything = subsample(corpus, corpus.tokens)
    for target in targets:
        if target in corpus.sources and target not in own:
            count = round(min(STEERING_SHARE * corpus.tokens[target], MAX_STEERING_TOKENS))
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
    """Last tokens of a subset with all of a source's text: the tokens that no smaller subset has."""
    ends = np.cumsum(pieces.lengths)
    first = int(np.searchsorted(ends, ends[-1] - count, side="right"))
    lengths, starts = np.array(pieces.lengths[first:]), np.array(pieces.starts[first:])
    cut = lengths[0] - (int(ends[first]) - (int(ends[-1]) - count))  # of the first piece, for the smaller subset
    starts[0] += cut
    lengths[0] -= cut
    return Stream(Pieces(pieces.text, starts, lengths), [0]).read(0, count)
