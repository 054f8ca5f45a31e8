"""Grain's rounding of the weights of a mixture."""

from __future__ import annotations

import numpy as np

from mixlaw.typing import Array

_PARTS = 100


def grain_shares(weight_E: Array) -> Array:
    """Shares of records that Grain deals out: the smallest weight counts 100, the others are cut to whole numbers.

    Source: `mix.py` of grain 0.2.18.

    >>> grain_shares(np.array([0.5, 0.3, 0.2])).tolist()
    [0.5, 0.3, 0.2]
    >>> [round(w, 4) for w in grain_shares(np.array([0.6667, 0.3333])).tolist()]
    [0.6667, 0.3333]
    """
    parts_E = np.floor(weight_E / weight_E.min() * _PARTS * (1 + 1e-12))
    return parts_E / parts_E.sum()
