"""realise: token shares and epochs that a run gets from weights under the trainer's own rule of drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixlaw.exporters.drawing.rules import Streams
from mixlaw.exporters.drawing.stream_notes import drawing_notes, few_draws
from mixlaw.exporters.drawing.weights_read import Stream, Weights
from mixlaw.exporters.recipe import lengths
from mixlaw.io.json import no_nan
from mixlaw.project.sources import Sources
from mixlaw.typing import Array


@dataclass(frozen=True)
class Realised:
    """What a run takes from each source; arrays (S,) in the order of the sources.

    Attributes:
        tokens_S: tokens taken, repeats included.
        epochs_S: of the whole source; of its training part if the trainer holds a part out. nan if unknown.
        distinct_S: different tokens among those taken; nan if unknown.
        documents_S: expected number of documents drawn; nan if the trainer draws no documents.
        stream: tokens of the trainer's mixed stream; inf if it has no end.
        passes: passes over the mixed stream; 0 if it has no end.
        notes: one line for each rule that matters here.
        errors: sources of which less than one document is expected, or that the trainer never reaches.

    >>> none_S = np.full(2, math.nan)
    >>> tokens_S = np.array([3e9, 1e9])
    >>> got = Realised(tokens_S, none_S, none_S, none_S, math.inf, 0.0, (), ())
    >>> got.tokens, got.w_S.tolist()
    (4000000000.0, [0.75, 0.25])
    """

    tokens_S: Array
    epochs_S: Array
    distinct_S: Array
    documents_S: Array
    stream: float
    passes: float
    notes: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def tokens(self) -> float:
        """Tokens of the run, all sources together."""
        return float(self.tokens_S.sum())

    @property
    def w_S(self) -> Array:
        """Token shares, summing to 1."""
        return self.tokens_S / self.tokens_S.sum()

    def to_dict(self, sources: Sources) -> dict[str, Any]:
        """As JSON types, with values by source."""
        parts = {
            "mixture": self.w_S,
            "epochs": self.epochs_S,
            "tokens_by_source": self.tokens_S,
            "distinct_tokens_by_source": self.distinct_S,
            "documents_by_source": self.documents_S,
        }
        by_source = {key: dict(zip(sources.names, x_S.tolist(), strict=True)) for key, x_S in parts.items()}
        stream = {"tokens": self.stream, "passes": self.passes} if math.isfinite(self.stream) else None
        return no_nan({**by_source, "tokens": self.tokens, "stream": stream})


def realise(found: Weights, sources: Sources, D: float, *, expected: bool = False) -> Realised:
    """Tokens and epochs of each source in a run of D tokens.

    Args:
        found: weights of a file for these sources.
        expected: True for expected values, also if the file's seed determines the draws.

    Raises:
        MixlawError: weights count documents, and a source that has a weight states no documents or no tokens.

    >>> from mixlaw.exporters.drawing.rules import Rule
    >>> from mixlaw.project.sources import Source
    >>> sources = Sources([Source("web", 1e9), Source("code", 1e8)])
    >>> found = Weights("datasets", "tokens", {"web": 0.5, "code": 0.5}, {"web": 0.5, "code": 0.5}, rule=Rule("first"))
    >>> got = realise(found, sources, 1e9)
    >>> got.stream, got.passes, got.epochs_S.tolist()
    (200000000.0, 5.0, [0.5, 5.0])
    """
    streams = list(found.streams) or [Stream(n, n, w) for n, w in found.stated.items() if w > 0]
    source_E = np.array([sources.names.index(stream.source) for stream in streams])
    given = _streams(found, streams, source_E, sources, D)
    rule = replace(found.rule, seed=None) if expected else found.rule
    drawn = rule.draw(given)
    S, unit_E = len(sources), given.length_E
    tokens_S = _summed(source_E, drawn.units_E * unit_E, S)
    distinct_S = np.zeros(S)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        np.maximum.at(distinct_S, source_E, drawn.distinct_E * unit_E)  # copies of a stream start at the same place
        full_S = _summed(source_E, drawn.units_E, S) / _sizes(found, sources)
        epochs_S = np.where(tokens_S > 0, full_S, np.where(np.isnan(sources.tokens_S), math.nan, 0.0))
    documents_S = _documents(found, sources, source_E, given)
    notes, errors = drawing_notes(found, streams, drawn, given)
    few, none = few_draws(sources, documents_S, found.trainer)
    none += [
        f"{name}: {epochs:.4g} epochs, and {found.trainer} refuses more than {found.limits[name]:g}"
        for name, epochs in zip(sources.names, epochs_S.tolist(), strict=True)
        if epochs > found.limits.get(name, math.inf) * (1 + 1e-9)
    ]
    return Realised(
        tokens_S, epochs_S, distinct_S, documents_S, drawn.stream, drawn.passes, (*notes, *few), (*errors, *none)
    )


def _streams(
    found: Weights, streams: Sequence[Stream], source_E: NDArray[np.intp], sources: Sources, D: float
) -> Streams:
    """The streams in the trainer's unit."""
    length_S = np.ones(len(sources))
    if found.counts == "documents":
        used = sorted({stream.source for stream in streams})
        length_S = lengths(sources, used, found.trainer or "the file", packed=False)
        if found.longest is not None:
            length_S = np.minimum(length_S, found.longest)
    weight_E = np.array([stream.weight for stream in streams])
    return Streams(weight_E, _sizes(found, sources)[source_E], length_S[source_E], D)


def _sizes(found: Weights, sources: Sources) -> Array:
    """Units of each source that are trained on (S,), nan if unknown."""
    if found.counts != "documents":
        return sources.tokens_S * found.part
    return np.array([math.nan if s.documents is None else s.documents for s in sources]) * found.part


def _documents(found: Weights, sources: Sources, source_E: NDArray[np.intp], given: Streams) -> Array:
    """Expected documents drawn of each source (S,), nan if the trainer does not draw documents or they are unknown."""
    if not found.by_document:
        return np.full(len(sources), math.nan)
    units_E = replace(found.rule, seed=None).draw(given).units_E
    units_S = _summed(source_E, units_E, len(sources))
    if found.counts != "documents":
        known_S = np.array([math.nan if s.documents is None else s.documents for s in sources])
        units_S = units_S / sources.tokens_S * known_S
    return np.where(np.isin(np.arange(len(sources)), source_E), units_S, math.nan)


def _summed(source_E: NDArray[np.intp], value_E: Array, S: int) -> Array:
    """Sums over the streams of each source (S,)."""
    return np.bincount(source_E, weights=value_E, minlength=S).astype(np.float64)
