"""Replay of the draws of Hugging Face `interleave_datasets`: the same generator, hence the same examples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mixlaw.typing import Array

REPLAYED = 1_000_000
"""Most draws that are replayed; above, expected values are as good: their relative error is below 1e-3."""
_MORE = 1.2
"""Factor by which a try with too few draws is enlarged."""


def replayed(
    p_E: Array, size_E: Array, seed: int, ends: str, length_E: Array | None = None, total: float = math.inf
) -> Array:
    """Examples of each dataset (E,) in the interleaved stream, or in its first `total` tokens.

    The generator draws blocks of 1,000 with `choice`, which gives the same numbers as one long draw
    (arrow_dataset.py and iterable_dataset.py of datasets 5.2.0).

    Args:
        p_E: probabilities, summing to 1.
        size_E: examples of each dataset.
        ends: first (first_exhausted), all (all_exhausted) or once (all_exhausted_without_replacement).
        length_E: tokens of an example, needed with `total`.

    >>> replayed(np.array([0.7, 0.2, 0.1]), np.array([5000.0, 800.0, 60.0]), 0, "first").tolist()
    [336.0, 112.0, 60.0]
    """
    size_E = np.ceil(size_E - 1e-9)
    n = int(min(_expected(p_E, size_E, ends, length_E, total) * _MORE + 1000, 4 * REPLAYED))
    while True:
        drawn_N = np.random.default_rng(seed).choice(len(p_E), size=n, p=p_E)
        found = _counted(drawn_N, p_E, size_E, ends, length_E, total)
        if found is not None:
            return found
        if n >= 16 * REPLAYED:  # an unlikely seed
            return p_E * n
        n *= 2


def _expected(p_E: Array, size_E: Array, ends: str, length_E: Array | None, total: float) -> float:
    used = p_E > 0
    passes_E = size_E[used] / p_E[used]
    draws = passes_E.min() if ends == "first" else passes_E.max()
    if length_E is not None and ends != "once":
        draws = min(draws, total / (p_E @ length_E))
    return float(draws)


def _counted(
    drawn_N: NDArray[np.int64], p_E: Array, size_E: Array, ends: str, length_E: Array | None, total: float
) -> Array | None:
    """Examples of each dataset among the draws up to the end of the stream; None if the draws do not reach it."""
    E, n = len(p_E), len(drawn_N)
    places = [np.flatnonzero(drawn_N == e) for e in range(E)]
    last_E = np.array(
        [place[int(size) - 1] if len(place) >= size else n for place, size in zip(places, size_E, strict=True)]
    )
    last_E = last_E[p_E > 0]
    end = int(last_E.min() if ends == "first" else last_E.max()) + 1
    kept_N = np.ones(n, bool)
    if ends == "once":
        for place, size in zip(places, size_E, strict=True):
            kept_N[place[int(size) :]] = False
    if length_E is not None and math.isfinite(total):
        reached_N = np.cumsum(length_E[drawn_N] * kept_N) >= total
        end = min(end, int(np.argmax(reached_N)) + 1 if reached_N.any() else n + 1)
    if end > n:
        return None
    return np.bincount(drawn_N[:end][kept_N[:end]], minlength=E).astype(float)
