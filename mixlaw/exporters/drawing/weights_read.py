"""Weights: what a weights file states for the sources, and by which rule its trainer draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mixlaw.exporters.drawing.rules import Rule


@dataclass(frozen=True)
class Stream:
    """One entry of a weights file.

    Attributes:
        key: the name or path in the file.
        source: the source that it names.
        weight: in the unit of the file's weights, above 0.
        copy: 1 for the second entry with the same key, and so on.
    """

    key: str
    source: str
    weight: float
    copy: int = 0


@dataclass(frozen=True)
class Weights:
    """The weights of the sources, as read from a file.

    Attributes:
        trainer: name of the trainer's format, None for a plain {source: weight}.
        counts: unit of the weights: tokens, documents or epochs.
        stated: by source, the sum of its weights as written.
        tokens: by source, in proportion to tokens.
        missing: sources that the file does not name; their share is 0.
        notes: remarks on the file.
        streams: its entries that have a weight; weights in passes as tokens.
        rule: by which the trainer draws from them.
        longest: tokens at which the trainer cuts a document off; None: it does not.
        part: part of every source that is trained on.
        by_document: True if the trainer draws whole documents.
        limits: by source, the epochs above which the trainer refuses to start.

    >>> Weights("megatron", "tokens", {"web": 3.0, "code": 1.0}, {"web": 3.0, "code": 1.0}).mixture
    {'web': 0.75, 'code': 0.25}
    """

    trainer: str | None
    counts: str
    stated: dict[str, float]
    tokens: dict[str, float]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    streams: tuple[Stream, ...] = ()
    rule: Rule = field(default_factory=Rule)
    longest: float | None = None
    part: float = 1.0
    by_document: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def mixture(self) -> dict[str, float]:
        """Token shares by source that the weights ask for, summing to 1; the trainer's rounding is not in them."""
        total = sum(self.tokens.values())
        return {name: value / total for name, value in self.tokens.items()}
