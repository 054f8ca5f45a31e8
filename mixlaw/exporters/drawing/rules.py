"""Rules by which a trainer draws from its sources: units taken from each stream in a run of D tokens.

A stream is one entry of a weights file. Its unit is what the weights count: a token, or a document.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mixlaw.exporters.drawing.replay import REPLAYED, replayed
from mixlaw.typing import Array

Ends = Literal["never", "first", "all", "once", "amounts"]


@dataclass(frozen=True)
class Streams:
    """The streams of a weights file, arrays (E,).

    Attributes:
        weight_E: weights as the file states them, per unit; above 0.
        size_E: units in one pass over the stream, nan if unknown.
        length_E: tokens that the trainer takes from one unit.
        tokens: D of the run.

    >>> Streams(np.array([0.7, 0.3]), np.array([1e9, 1e8]), np.ones(2), 1e9).tokens
    1000000000.0
    """

    weight_E: Array
    size_E: Array
    length_E: Array
    tokens: float


@dataclass(frozen=True)
class Drawn:
    """What a run draws from each stream.

    Attributes:
        units_E: units drawn, repeats included.
        distinct_E: different units among them; nan if the size of the stream is unknown.
        stream: tokens of the trainer's mixed stream; inf if it has no end.
        passes: passes over the mixed stream, at most 1 if the trainer stops at its end.
    """

    units_E: Array
    distinct_E: Array
    stream: float = math.inf
    passes: float = 0.0


def proportional(weight_E: Array) -> Array:
    """Weights divided by their sum, for trainers that round nothing.

    >>> proportional(np.array([3.0, 1.0])).tolist()
    [0.75, 0.25]
    """
    return weight_E / weight_E.sum()


@dataclass(frozen=True)
class Rule:
    """A trainer's rule of drawing.

    Attributes:
        ends: the end of the mixed stream. never: every stream starts again; first, all: with the first, the last stream
            that has been read once; once: each stream is read once, in the order that its probabilities give; amounts:
            the weights are units for one pass.
        again: True if a run longer than the mixed stream passes over it again, False if it stops there.
        same: True if every pass takes the same units.
        passes: passes that the file states, whatever D is; None if the run ends after D tokens.
        times: passes over each source before it counts as read.
        shares: the trainer's probabilities for the weights, with its rounding.
        seed: of the draws of `numpy.random.Generator.choice` that Hugging Face datasets makes; None: not known.

    >>> streams = Streams(np.array([0.5, 0.5]), np.array([10.0, 100.0]), np.ones(2), 40.0)
    >>> Rule().draw(streams).units_E.tolist()
    [20.0, 20.0]
    >>> short = Rule("first").draw(streams)  # the stream ends after 20 tokens, and the run passes over it twice
    >>> short.stream, short.passes, short.distinct_E.tolist()
    (20.0, 2.0, [10.0, 10.0])
    """

    ends: Ends = "never"
    again: bool = True
    same: bool = True
    passes: float | None = None
    times: float = 1.0
    shares: Callable[[Array], Array] = proportional
    seed: int | None = None

    def draw(self, streams: Streams) -> Drawn:
        """Units that a run draws from each stream. Fractions of units stand for expected values."""
        p_E, size_E = self.shares(streams.weight_E), streams.size_E * self.times
        unknown = np.isnan(size_E).any() and self.ends not in ("never", "amounts")
        if self.ends == "never" or unknown:
            units_E = _looped(p_E, streams)
            return Drawn(units_E, np.minimum(units_E, streams.size_E))
        pass_E = self._one_pass(p_E, size_E, streams)
        T = float(pass_E @ streams.length_E)
        total = self.passes * T if self.passes is not None else streams.tokens
        total = total if self.again or self.passes is not None else min(total, T)
        units_E = self._start(p_E, size_E, pass_E, streams, total) if total < T else pass_E * (total / T)
        seen_E = np.minimum(units_E, pass_E) if self.same else units_E
        return Drawn(units_E, np.minimum(seen_E, streams.size_E), T, total / T)

    def _one_pass(self, p_E: Array, size_E: Array, streams: Streams) -> Array:
        """Units of each stream in the whole mixed stream."""
        if self.ends == "amounts":
            return streams.weight_E
        if self.ends == "once":
            return size_E
        drawn = p_E > 0
        lengths = size_E[drawn] / p_E[drawn]
        length = lengths.min() if self.ends == "first" else lengths.max()
        if self.seed is not None and length <= REPLAYED:
            return replayed(p_E, size_E, self.seed, self.ends)
        return p_E * length

    def _start(self, p_E: Array, size_E: Array, pass_E: Array, streams: Streams, total: float) -> Array:
        """Units of each stream in the first `total` tokens of the mixed stream."""
        if self.ends == "amounts":  # shuffled or interleaved evenly
            return pass_E * (total / (pass_E @ streams.length_E))
        if self.seed is not None and total / (p_E @ streams.length_E) <= REPLAYED:
            return replayed(p_E, size_E, self.seed, self.ends, streams.length_E, total)
        if self.ends == "once":
            return _without_replacement(p_E, size_E, streams.length_E, total)
        return _looped(p_E, Streams(streams.weight_E, size_E, streams.length_E, total))


def _looped(p_E: Array, streams: Streams) -> Array:
    return p_E * streams.tokens / (p_E @ streams.length_E)


def _without_replacement(p_E: Array, size_E: Array, length_E: Array, total: float) -> Array:
    """Units drawn in `total` tokens if a stream that was read once is drawn no more: expected values."""
    units_E, left, open_E = np.zeros_like(p_E), total, p_E > 0
    while left > 0 and open_E.any():
        rate_E = np.where(open_E, p_E, 0.0)
        room_E = np.divide(size_E - units_E, rate_E, out=np.full_like(p_E, np.inf), where=rate_E > 0)
        step = min(room_E.min(), left / (rate_E @ length_E))
        units_E = units_E + rate_E * step
        left -= step * float(rate_E @ length_E)
        open_E &= room_E > step
    return units_E
