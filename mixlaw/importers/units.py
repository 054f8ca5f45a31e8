"""Conversion of losses from the units that trainers report to nats per token.

Sources: the definitions of cross-entropy in base e and 2, of perplexity, exp(loss), and of bits per byte,
loss / (ln 2 x bytes per token).
"""

from __future__ import annotations

import re

import numpy as np

from mixlaw.typing import Array

UNITS = ("nats", "bits", "perplexity", "nats-per-byte", "bits-per-byte")
"""The first three are per token."""
_OTHER = {"bpb", "bits", "bit", "byte", "bytes", "ppl", "perplexity", "acc", "accuracy", "f1", "score"}


def looks_other(column: str) -> bool:
    """True if a word of the column's name indicates another quantity than a loss in nats per token."""
    return bool(_OTHER.intersection(re.split(r"[^a-z0-9]+", column.lower())))


def in_nats(value_R: Array, unit: str, bytes_per_token: float = 1.0) -> Array:
    """Losses of shape (R,) in one of `UNITS` as nats per token; nan stays nan, an invalid value is negative."""
    if unit == "perplexity":
        return np.log(np.maximum(value_R, np.finfo(np.float64).tiny))
    scale = np.log(2) if unit.startswith("bits") else 1.0
    return value_R * scale * (bytes_per_token if unit.endswith("per-byte") else 1.0)
