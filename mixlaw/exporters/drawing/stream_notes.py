"""Notes on what a trainer's rule of drawing does to a run: an early end, repeated streams, few documents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mixlaw.errors import listed, short, shown
from mixlaw.exporters.drawing.rules import Drawn, Streams
from mixlaw.exporters.drawing.weights_read import Stream, Weights
from mixlaw.project.sources import Sources
from mixlaw.typing import Array

FEW = 10
"""Expected documents of a source below which its share is left to chance."""
_NEAR = 1e-3
"""Relative length by which a run may exceed the mixed stream without a note: rounding of the weights."""
_LONG = 1e9
"""Entries of a merged index above which there is a note: Hugging Face datasets builds it in memory."""
_ENDS = {
    "first": "ends when the first source has been read once",
    "all": "ends when every source has been read once",
    "once": "reads every source once",
    "amounts": "takes a fixed amount of each source",
}


def drawing_notes(
    found: Weights, streams: Sequence[Stream], drawn: Drawn, given: Streams
) -> tuple[list[str], list[str]]:
    """Notes and errors on the mixed stream: its end, its passes, and entries given twice."""
    notes, errors, rule = [], [], found.rule
    at = [i for i, stream in enumerate(streams) if stream.copy]
    for i in at:
        first = next(k for k, one in enumerate(streams) if (one.key, one.copy) == (streams[i].key, 0))
        double = min(drawn.units_E[k] * given.length_E[k] for k in (first, i))
        notes.append(
            f"{shown(streams[i].key)} is there twice: both start at its beginning, so {short(float(double))} tokens of "
            f"{streams[i].source} are read twice"
        )
    if not math.isfinite(drawn.stream):
        if rule.ends in ("first", "all", "once") and np.isnan(given.size_E).any():
            notes.append("the mixed stream ends with its sources, and the size of one is unknown: its end is too")
        return notes, errors
    what = f"the mixed stream {_ENDS[rule.ends]}: {short(drawn.stream)} tokens"
    if rule.passes is not None and abs(drawn.stream * rule.passes / given.tokens - 1) <= _NEAR:
        return notes, errors
    if rule.passes is not None:
        total = short(drawn.stream * rule.passes)
        notes.append(f"{what}; the file states {rule.passes:.4g} passes, {total} in all, whatever D is")
    elif drawn.passes > 1 + _NEAR:
        again = f"goes over the same {drawn.passes:.3g} times" if rule.same else f"takes {drawn.passes:.3g} passes"
        same = f": {_distinct(streams, drawn, given)}" if rule.same else ""
        notes.append(f"{what}; a run of {short(given.tokens)} {again}{same}")
    elif not rule.again and given.tokens > drawn.stream * (1 + _NEAR):
        errors.append(f"{what}, and training stops there, before {short(given.tokens)}")
    elif rule.ends == "once":
        used = [stream.source for stream, n, U in _rows(streams, drawn, given) if n >= U * (1 - _NEAR)]
        if used:
            notes.append(f"no source is read twice: {listed(used)} is used up, so shares are not the probabilities")
    if rule.ends == "all" and found.by_document and drawn.stream / given.length_E.mean() > _LONG:
        notes.append(f"{what}; a merged index of that length does not fit into memory, so stream the datasets")
    return notes, errors


def _rows(streams: Sequence[Stream], drawn: Drawn, given: Streams) -> list[tuple[Stream, float, float]]:
    return list(zip(streams, drawn.units_E.tolist(), given.size_E.tolist(), strict=True))


def _distinct(streams: Sequence[Stream], drawn: Drawn, given: Streams) -> str:
    """The different tokens of each source that a run reads."""
    tokens = (drawn.distinct_E * given.length_E).tolist()
    return listed((f"{short(n)} of {stream.source}" for stream, n in zip(streams, tokens, strict=True)), 4)


def few_draws(sources: Sources, documents_S: Array, trainer: str | None) -> tuple[list[str], list[str]]:
    """Notes on sources of which few documents are expected, and errors on those of which less than one is."""
    notes, errors = [], []
    for source, n in zip(sources, documents_S.tolist(), strict=True):
        if n < 1 - 1e-9:
            errors.append(
                f"{source.name}: {n:.2g} documents of it are expected in the run, less than one: {trainer} draws "
                "whole documents; leave it out, or cut its documents into pieces"
            )
        elif n < FEW * (1 - 1e-9):
            notes.append(f"{source.name}: only {n:.2g} documents of it are expected, so its share is left to chance")
    return notes, errors
