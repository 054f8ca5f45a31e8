"""The columns of a run table, each read and checked on its own and then against the others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixlaw.errors import CONTROL, MixlawError, listed, nearest, shown
from mixlaw.io.fields import is_formula
from mixlaw.io.notes import UNIQUE, Note
from mixlaw.io.table import Table
from mixlaw.mixtures.simplex import SUM_TOLERANCE
from mixlaw.runs.measurement import TARGET_PREFIX
from mixlaw.typing import Array

NAMES = ("run_id", "params", "tokens", "seed", "step", "tokenizer")
"""Columns of a run table that have a fixed name."""
PREFIXES = ("w:", "loss:", "unique:", TARGET_PREFIX)
"""Prefixes of the others."""
SUM_ROUNDING = 1e-14
"""Largest error of a row's sum that is rounding: such rows are not divided by their sum again."""


def check_case(name: str, columns: list[str]) -> None:
    """Refuse a column that differs from a known one by case alone; taken for another, it would be lost unseen."""
    for column in columns:
        prefix, colon, rest = column.partition(":")
        meant = f"{prefix.lower()}:{rest}" if colon and f"{prefix.lower()}:" in PREFIXES else column.lower()
        known = meant in NAMES or (bool(colon) and f"{prefix.lower()}:" in PREFIXES)
        if known and meant != column and meant not in columns:
            raise MixlawError(f"{name}: column {shown(column)} differs from {shown(meant)} by case; rename it")


def run_ids(table: Table, name: str, notes: list[str]) -> NDArray[np.object_]:
    """Run ids (R,); rows are numbered if there is no such column."""
    if "run_id" not in table.frame:
        notes.append(f"{name}: no run_id column, so each row was taken as a run of its own and numbered")
        return np.array([str(i + 1) for i in range(len(table.frame))], dtype=object)
    ids = table.texts("run_id")
    if "" in ids:
        raise MixlawError(f"{table.at(ids.index(''), 'run_id')}: empty; give every run an id")
    for row, text in enumerate(ids):
        if is_formula(text):
            raise MixlawError(
                f"{table.at(row, 'run_id')}: a spreadsheet takes {shown(text)} for a formula; begin it otherwise"
            )
    _check_printable(table, "run_id", ids)
    return np.array(ids, dtype=object)


def weights(table: Table, sources: tuple[str, ...], name: str, notes: list[str]) -> Array:
    """Token shares (R, S); rows that sum to nearly 1 are divided by their sum."""
    columns = [f"w:{source}" for source in sources]
    w_RxS = np.stack([table.numbers(column) for column in columns], axis=1)
    for bad_RxS, complaint in (
        (np.isnan(w_RxS), "the weight is empty; write 0 where the source was not used"),
        (w_RxS < 0, "the weight is negative; token shares are 0 or more"),
    ):
        if bad_RxS.any():
            row, column = np.argwhere(bad_RxS)[0]
            raise MixlawError(f"{table.at(row, columns[column])}: {complaint}")
    with np.errstate(over="ignore"):  # an infinite sum is refused below
        sum_R = w_RxS.sum(axis=1)
    off_R = np.abs(sum_R - 1)
    if (off_R > SUM_TOLERANCE + 1e-9).any():
        row = int(np.flatnonzero(off_R > SUM_TOLERANCE + 1e-9)[0])
        percent = " (are they percentages? divide by 100)" if abs(sum_R[row] - 100) < 5 else ""
        raise MixlawError(
            f"{table.name}: {table.row_names[row]}, columns w:*: the weights sum to {sum_R[row]:.6g}; "
            f"they are token shares and must sum to 1{percent}"
        )
    rounded_R = off_R > 1e-6
    if rounded_R.any():
        spread = f"{sum_R[rounded_R].min():.4g} to {sum_R[rounded_R].max():.4g}"
        notes.append(f"{rounded_R.sum()} rows of {name}: weights summed to {spread}, renormalised")
    # Rows whose sum is 1 up to rounding are not changed: a table written and read again is the same to the bit.
    return w_RxS / np.where(off_R > SUM_ROUNDING, sum_R, 1.0)[:, None]


def losses(table: Table, targets: tuple[str, ...], name: str, notes: list[str]) -> Array:
    """Losses (R, K) in nats per token, nan for empty cells."""
    if not targets:
        return np.empty((len(table.frame), 0))
    columns = [f"loss:{target}" for target in targets]
    loss_RxK = np.stack([table.numbers(column) for column in columns], axis=1)
    if (loss_RxK <= 0).any():
        row, column = np.argwhere(loss_RxK <= 0)[0]
        raise MixlawError(
            f"{table.at(row, columns[column])}: the loss is {loss_RxK[row, column]:.6g}; it must be above 0 "
            "(leave the cell empty if not measured)"
        )
    for k, column in enumerate(columns):
        if np.isnan(loss_RxK[:, k]).all():
            raise MixlawError(
                f"{table.name}: column {shown(column)}: no loss measured; fill it in or remove the column"
            )
    silent = int(np.isnan(loss_RxK).all(axis=1).sum())
    if silent:
        notes.append(f"{silent} rows of {name} have no loss and are not used in any fit")
    return loss_RxK


def optional(table: Table, column: str, positive: bool) -> Array:
    """A column of numbers (R,), nan if it is absent or for empty cells."""
    if column not in table.frame:
        return np.full(len(table.frame), np.nan)
    value_R = table.numbers(column)
    if positive and (value_R <= 0).any():
        row = int(np.flatnonzero(value_R <= 0)[0])
        raise MixlawError(
            f"{table.at(row, column)}: {value_R[row]:.6g} is not above 0; write a count, or leave it empty"
        )
    return value_R


def unique_tokens(table: Table, sources: tuple[str, ...], w_RxS: Array, name: str, notes: list[str]) -> Array:
    """Unique tokens (R, S) of each source, inf for a source that never repeats."""
    columns = [str(column) for column in table.frame if str(column).startswith("unique:")]
    for column in columns:
        if column[7:] not in sources:
            raise MixlawError(
                f"{table.name}: column {shown(column)} has no column 'w:{column[7:]}'; {nearest(column[7:], sources)}"
            )
    unique_RxS = np.full((len(table.frame), len(sources)), np.inf)
    for s, source in enumerate(sources):
        if f"unique:{source}" in columns:
            value_R = table.numbers(f"unique:{source}", infinite=True)
            if (value_R <= 0).any():
                row = int(np.flatnonzero(value_R <= 0)[0])
                raise MixlawError(
                    f"{table.at(row, f'unique:{source}')}: {value_R[row]:.6g} is not above 0; write the "
                    "unique tokens, or leave the cell empty if the source never repeats"
                )
            unique_RxS[:, s] = np.where(np.isnan(value_R), np.inf, value_R)
    notes += unique_notes(bool(columns), sources, w_RxS, unique_RxS, name)
    return unique_RxS


def unique_notes(stated: bool, sources: tuple[str, ...], w_RxS: Array, unique_RxS: Array, name: str) -> list[Note]:
    """Notes on sources that are taken as never repeating, because the table states no unique tokens of them.

    Args:
        stated: True if the table has `unique:` columns.
    """
    endless = [source for s, source in enumerate(sources) if (np.isinf(unique_RxS[:, s]) & (w_RxS[:, s] > 0)).any()]
    if not stated:
        text = f"{name}: no unique: columns, sources taken as never repeating"
    elif endless:
        text = f"{name}: unique: absent or empty for {listed(endless)}, taken as never repeating there"
    else:
        return []
    return [Note(UNIQUE, (), text)]


def _check_printable(table: Table, column: str, texts: list[str]) -> None:
    """Refuse control characters in a column of names, which notes and exported files show."""
    for row, text in enumerate(texts):
        if CONTROL.search(text) or "\n" in text:
            raise MixlawError(f"{table.at(row, column)}: {shown(text)} has control characters; remove them")


def check_rows(
    table: Table,
    run_id: NDArray[np.object_],
    arrays: Mapping[str, Array],
    w_RxS: Array,
    notes: list[str],
    name: str,
) -> None:
    """Refuse duplicate rows, and runs whose size differs between their checkpoints."""
    params_R, tokens_R, step_R = arrays["params_R"], arrays["tokens_R"], arrays["step_R"]
    stepped_R = ~np.isnan(step_R)
    keys = pd.DataFrame({"run": run_id, "step": step_R})
    keys["params"] = np.where(stepped_R, np.nan, params_R)
    keys["tokens"] = np.where(stepped_R, np.nan, tokens_R)
    double_R = keys.duplicated().to_numpy()
    if double_R.any():
        row = int(np.flatnonzero(double_R)[0])
        same_R = keys.groupby(list(keys), dropna=False).ngroup().to_numpy()
        first = int(np.flatnonzero(same_R == same_R[row])[0])
        agreeing = "step" if stepped_R[row] else "params and tokens"
        raise MixlawError(
            f"{table.at(row, 'run_id')}: {shown(run_id[row])} is there twice with the same {agreeing} (also at "
            f"{table.row_names[first]}); give runs ids of their own and checkpoints their step or tokens"
        )
    cluster_R, ids = pd.factorize(run_id)
    first_of = np.unique(cluster_R, return_index=True)[1]
    start_R = first_of[cluster_R]
    resized_R = (params_R != params_R[start_R]) & ~(np.isnan(params_R) & np.isnan(params_R[start_R]))
    if resized_R.any():
        row = int(np.flatnonzero(resized_R)[0])
        raise MixlawError(
            f"{table.at(row, 'params')}: run {shown(run_id[row])} has {params_R[row]:.6g} here and "
            f"{params_R[start_R[row]]:.6g} at {table.row_names[start_R[row]]}; give each size its own ids"
        )
    shifted = np.unique(cluster_R[np.abs(w_RxS - w_RxS[start_R]).max(axis=1) > 1e-6])
    if len(shifted):
        notes.append(f"{name}: the mixture changes between checkpoints of {len(shifted)} runs ({listed(ids[shifted])})")


def check_measurement(table: Table, targets: tuple[str, ...]) -> None:
    """Refuse a table if its rows name different tokenizers, or different texts for one target."""
    for column in ("tokenizer", *(f"{TARGET_PREFIX}{target}" for target in targets)):
        texts = table.texts(column) if column in table.frame else []
        _check_printable(table, column, texts)
        named = [(row, text) for row, text in enumerate(texts) if text]
        for row, text in named:
            if text != named[0][1]:
                what = "tokenizers" if column == "tokenizer" else "texts"
                raise MixlawError(
                    f"{table.at(row, column)}: {shown(text)} differs from {shown(named[0][1])}; "
                    f"losses of different {what} cannot be compared, so split the table"
                )


def typed(frame: pd.DataFrame, read: Mapping[str, NDArray]) -> pd.DataFrame:
    """The frame with the columns of `read` put in; other text columns become numbers if all their cells are numbers."""
    columns: dict[str, object] = {}
    for column in frame:
        values = frame[column]
        if values.dtype == object and column not in read and not _is_name(str(column)):
            values = values.map(lambda v: None if isinstance(v, str) and not v.strip() else v)
            try:
                values = pd.to_numeric(values)
            except (TypeError, ValueError):
                values = frame[column]
        columns[str(column)] = read.get(str(column), values)
    return pd.DataFrame({**columns, **read}, index=frame.index)


def _is_name(column: str) -> bool:
    """True for a column of names, which may look like numbers."""
    return column == "tokenizer" or column.startswith(TARGET_PREFIX)
