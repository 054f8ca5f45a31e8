"""Round shares to integers or short decimals (largest remainders) within the bounds of each source."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mixlaw.typing import Array

SLACK = 1e-9
"""Relative tolerance of `audit` at a cap."""
DIGITS = (6, 9, 12)
Groups = Sequence[tuple[NDArray[np.bool_], float]]
"""Mask of the group's members (S,), and the largest sum of their token shares."""
PRECISION = 1e-4
"""Largest relative change of a share by rounding to decimals."""
_NOISE = 1e-12


def whole(w_S: Array, total: int, lower_S: Array, upper_S: Array) -> NDArray[np.int64] | None:
    """Integers near `w_S * total` that sum to `total` and stay within the bounds; None if there are none.

    The largest-remainder method (Hamilton's), in which sources at a bound receive no remainder.

    Args:
        w_S: shares that sum to 1.
        total: of the integers.
        lower_S, upper_S: bounds of the shares; one that is missed by rounding error counts as satisfied.
    """
    low_S = np.ceil(lower_S * total * (1 - _NOISE)).astype(np.int64)
    upper_S = np.where((w_S == 0) & (lower_S <= 0), 0.0, np.minimum(upper_S, 1.0))  # what has no share gets none
    high_S = np.floor(upper_S * total * (1 + _NOISE)).astype(np.int64)
    if (low_S > high_S).any():
        return None
    exact_S = within(w_S, lower_S, upper_S) * total
    n_S = np.clip(np.floor(exact_S).astype(np.int64), low_S, high_S)
    while (left := total - int(n_S.sum())) != 0:
        step = 1 if left > 0 else -1
        free = np.flatnonzero(n_S < high_S if step > 0 else n_S > low_S)
        if not len(free):
            return None
        by_remainder = free[np.argsort(-step * (exact_S - n_S)[free], kind="stable")]
        n_S[by_remainder[: abs(left)]] += step
    return n_S


def whole_in_groups(w_S: Array, total: int, lower_S: Array, upper_S: Array, groups: Groups) -> NDArray[np.int64] | None:
    """`whole` with group caps: members that were rounded up are rounded down until every group is within its cap."""
    upper_S = upper_S.copy()
    for _ in range(4 * len(w_S) + 1):
        n_S = whole(w_S, total, lower_S, upper_S)
        if n_S is None:
            return None
        above = [in_S for in_S, cap in groups if n_S[in_S].sum() > np.floor(cap * total * (1 + _NOISE))]
        if not above:
            return n_S
        i = int(np.argmax(np.where(above[0] & (n_S > lower_S * total), n_S - w_S * total, -np.inf)))
        upper_S[i] = (n_S[i] - 1) / total
    return None


def within(w_S: Array, lower_S: Array, upper_S: Array) -> Array:
    """`w_S` (S,) clipped to the bounds; the difference is spread over the other sources in proportion to their room."""
    v_S = np.clip(w_S, lower_S, upper_S)
    short = 1 - v_S.sum()
    room_S = upper_S - v_S if short > 0 else v_S - lower_S
    return v_S + short * room_S / room_S.sum() if room_S.sum() >= abs(short) > 0 else v_S


def decimals(
    value_S: Array, shares: Callable[[Array], Array], lower_S: Array, upper_S: Array, groups: Groups = ()
) -> Array:
    """`value_S` (sum 1) as the shortest decimals that sum to 1, satisfy the bounds and change shares negligibly.

    If no decimals do (caps without any room), the values are returned unchanged.

    Args:
        value_S: shares in the unit of the file.
        shares: function from values in that unit to token shares.
        lower_S, upper_S, groups: bounds of the token shares.
    """
    w_S = shares(value_S)
    scale_S = np.divide(value_S, w_S, out=np.ones_like(w_S), where=w_S > 0)
    for digits in DIGITS:
        n_S = whole(value_S, 10**digits, lower_S * scale_S, upper_S * scale_S)
        if n_S is None or (n_S[value_S > 0] == 0).any():
            continue
        rounded_S = n_S / 10**digits
        moved = np.abs(rounded_S[value_S > 0] / value_S[value_S > 0] - 1).max()
        if moved <= PRECISION and keeps(shares(rounded_S), lower_S, upper_S, groups):
            return rounded_S
    return value_S


def keeps(w_S: Array, lower_S: Array, upper_S: Array, groups: Groups = ()) -> bool:
    """True if shares satisfy the bounds, up to `SLACK`."""
    summed = all(w_S[in_S].sum() <= cap * (1 + SLACK) for in_S, cap in groups)
    return summed and bool((w_S <= upper_S * (1 + SLACK)).all() and (w_S >= lower_S * (1 - SLACK)).all())
