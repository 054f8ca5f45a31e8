"""Join of two tables by the run's key, never by position."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.importers.draft import Draft, places
from mixlaw.io.table import Table
from mixlaw.typing import Array

_CHECKPOINT = ("step", "tokens")


def join(mixtures: Draft, losses: Draft, partial: bool) -> Draft:
    """Join every row of `losses` with the mixture of its run, in the order of `mixtures`.

    Keys are compared as text. If some have no match and all keys are whole numbers, they are compared as numbers, with
    a note. Runs that are missing in one file are omitted and recorded. If each file lacks runs of the other, the keys
    may be shifted, so the join raises unless `partial`.

    Raises:
        MixlawError: if a key is empty or duplicated, no key is in both tables, or the tables contradict each other.
    """
    one, other = mixtures.table, losses.table
    key_M, key_L, notes = _keys(one, other)
    refuse_doubled(one, key_M, ())
    refuse_doubled(other, key_L, tuple(c for c in _CHECKPOINT if c in other.frame))
    at = {key: row for row, key in enumerate(key_M)}
    without_mixture = [row for row, key in enumerate(key_L) if key not in at]
    known = set(key_L)
    without_losses = [row for row, key in enumerate(key_M) if key not in known]
    _check_unmatched(one, other, without_losses, without_mixture, partial)
    pairs = sorted((at[key], row) for row, key in enumerate(key_L) if key in at)
    left_out = {**mixtures.left_out, **losses.left_out}
    for rows, table, reason in (
        (without_losses, one, f"no row in {other.name}"),
        (without_mixture, other, f"no row in {one.name}"),
    ):
        if rows:
            left_out[reason] = places(table, rows)
    return replace(
        losses,
        table=_side_by_side(one, other, np.array(pairs, dtype=np.intp)),
        origins={**losses.origins, **mixtures.origins},
        ignored=(*mixtures.ignored, *losses.ignored),
        left_out=left_out,
        notes=(*mixtures.notes, *losses.notes, *notes),
    )


def refuse_swapped(mixtures: Draft, losses: Draft) -> None:
    """Raise if every row of the second file sums to 1 and no row of the first does: the files are swapped."""
    one_R, other_R = (
        np.sum([_numbers(draft, column) for column in draft.family(family)], axis=0)
        for draft, family in ((mixtures, "w:"), (losses, "loss:"))
    )
    near_R, far_R = np.abs(other_R - 1) < 0.02, ~(np.abs(one_R - 1) < 0.02)
    if len(near_R) and near_R.all() and far_R.all():
        raise MixlawError(
            f"{losses.table.name}: every row sums to 1, and none of {mixtures.table.name}: are the files swapped? "
            "Mixtures come first, then losses"
        )


def _numbers(draft: Draft, column: str) -> Array:
    try:
        return draft.table.numbers(column, infinite=True, undefined=True)
    except MixlawError as error:
        raise MixlawError(f"{error}; if the column is neither weight nor loss, leave it out with --ignore") from None


def _keys(one: Table, other: Table) -> tuple[list[str], list[str], tuple[str, ...]]:
    keys = one.texts("run_id"), other.texts("run_id")
    for table, texts in zip((one, other), keys, strict=True):
        if "" in texts:
            raise MixlawError(f"{table.at(texts.index(''), 'run_id')}: empty; give every row its run")
    if set(keys[0]) == set(keys[1]):
        return *keys, ()
    whole = [[_whole(text) for text in texts] for texts in keys]
    if any(key is None for side in whole for key in side) or not set(whole[0]) & set(whole[1]):
        return *keys, ()
    first, second = ([str(key) for key in side] for side in whole)
    if first == keys[0] and second == keys[1]:
        return *keys, ()
    return first, second, (f"keys of {one.name} and {other.name} were compared as whole numbers",)


def _whole(text: str) -> int | None:
    """Value of a key written as a whole number ('7', '007', '7.0'), otherwise None."""
    digits = text.removesuffix(".0")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def refuse_doubled(table: Table, key_R: list[str], besides: tuple[str, ...]) -> None:
    """Raise if two rows have the same key (and, if columns `besides` are given, the same numbers in these)."""
    frame = pd.DataFrame({"key": key_R, **{c: table.numbers(c) for c in besides}})
    double_R = frame.duplicated().to_numpy()
    if double_R.any():
        row = int(np.flatnonzero(double_R)[0])
        alike_R = frame.groupby(list(frame), dropna=False).ngroup().to_numpy()
        first = int(np.flatnonzero(alike_R == alike_R[row])[0])
        alike = f" with the same {' and '.join(besides)}" if besides else ""
        raise MixlawError(
            f"{table.at(row, 'run_id')}: {shown(key_R[row])} is there twice{alike} (also at "
            f"{table.row_names[first]}); keep one row, or name what tells runs apart with --map COLUMN=run_id"
        )


def _check_unmatched(one: Table, other: Table, only_one: list[int], only_other: list[int], partial: bool) -> None:
    """Raise if no run is in both tables, or if each lacks runs of the other and `partial` is False."""
    if len(only_one) == len(one.frame):
        raise MixlawError(
            f"{one.name} and {other.name}: no run is in both; the keys are {listed(one.texts('run_id'), 3)} and "
            f"{listed(other.texts('run_id'), 3)}: are these files of one set? --map COLUMN=run_id names another key"
        )
    if only_one and only_other and not partial:
        raise MixlawError(
            f"{one.at(only_one[0], 'run_id')}: {shown(one.texts('run_id')[only_one[0]])} is not in {other.name}, and "
            f"{shown(other.texts('run_id')[only_other[0]])} of that file is not here; if the keys are right, "
            "--partial leaves such runs out"
        )


def _side_by_side(one: Table, other: Table, pair_Rx2: NDArray[np.intp]) -> Table:
    """One table of row pairs; raises if a column that is in both tables has different values."""
    m_R, l_R = pair_Rx2[:, 0], pair_Rx2[:, 1]
    for column in one.frame.columns.intersection(other.frame.columns).drop("run_id"):
        for m, r, a, b in zip(m_R, l_R, *_both(one, other, column, m_R, l_R), strict=True):
            if a != b and a and b and not _equal(a, b):
                raise MixlawError(
                    f"{other.at(r, column)}: {shown(b)}, but {shown(a)} at {places(one, [m])[0]}; mend one of the "
                    "files, or leave the column out with --ignore"
                )
    left = one.frame.iloc[m_R].reset_index(drop=True)
    right = other.frame.drop(columns=list(one.frame.columns), errors="ignore").iloc[l_R].reset_index(drop=True)

    def locate(row: int, column: str) -> str:
        return one.at(int(m_R[row]), column) if column in one.frame else other.at(int(l_R[row]), column)

    names = tuple(one.row_names[row] for row in m_R)
    return Table(one.name, pd.concat([left, right], axis=1), names, locate=locate)


def _both(one: Table, other: Table, column: str, m_R: NDArray[np.intp], l_R: NDArray[np.intp]):
    a, b = one.texts(column), other.texts(column)
    return [a[m] for m in m_R], [b[r] for r in l_R]


def _equal(a: str, b: str) -> bool:
    try:
        return float(a) == float(b)
    except ValueError:
        return False
