"""Splits of Hugging Face datasets, such as `train[:20%]` and `train[:5]+train[9:]`, as amounts of a source."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters.trainers.base import Amount

_PART = re.compile(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?\Z")
End = tuple[float, float]
"""An end of a slice: multiple of the dataset, and documents added to it."""


@dataclass(frozen=True)
class Slices(Amount):
    """Slices of a dataset, of which `1 / shards` is kept.

    Attributes:
        parts: first and last end of each.
        shards: pieces that the dataset is cut into, of which one is kept.
    """

    parts: tuple[tuple[End, End], ...] = ()
    shards: float = 1.0

    def of(self, size: float) -> float:
        """Documents of a dataset of `size` documents."""
        ends = [[min(max(times * size + more, 0.0), size) for times, more in part] for part in self.parts]
        return sum(max(high - low, 0.0) for low, high in ends) / self.shards


def split_amount(split: object, where: str, shards: float = 1.0) -> Slices:
    """The amount of a dataset that a split takes; None takes all of `train`.

    Percentages count as exact; negative ends count from the end of the dataset.

    Raises:
        MixlawError: the text is no such split.

    >>> split_amount("train[:20%]", "x").of(1000), split_amount("train[100:200]", "x").of(150)
    (200.0, 50.0)
    """
    parts = []
    for part in ["train"] if split is None else str(split).replace(" ", "").split("+"):
        found = _PART.match(part)
        if found is None:
            raise MixlawError(f"{where}: split is {shown(split)}; write a split such as train or train[:1200]")
        parts.append((_end(found[2], 0.0), _end(found[3], 1.0)))
    return Slices(parts=tuple(parts), shards=shards)


def _end(text: str | None, default: float) -> End:
    if text is None:
        return default, 0.0
    value = float(text.rstrip("%"))
    if text.endswith("%"):
        return (value if value >= 0 else 100 + value) / 100, 0.0
    return (0.0, value) if value >= 0 else (1.0, value)
