"""The run table: read, validate, select, write.

One row is one checkpoint of one run: its mixture (`w:<source>`), its size and tokens, and the losses measured.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mixlaw._table import Table, from_frame, read_table
from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.simplex import SUM_TOLERANCE, Array


@dataclass(frozen=True, eq=False)
class Runs:
    """A validated run table of R rows, S sources and K targets. Arrays are read-only.

    Attributes:
        sources, targets: names, in the order of the columns.
        run_id: shape (R,), text; rows that share one are checkpoints of one run.
        w_RxS: token shares, each row summing to 1.
        loss_RxK: nats per token, nan where not measured.
        params_R, tokens_R, seed_R, step_R: nan where absent.
        unique_RxS: unique tokens available to that run, inf where the source never repeats.
        frame: the table itself with all its columns, the weights normalised.
        name: the file's name. notes: what the reader should know about how the table was taken.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    run_id: NDArray[np.object_]
    w_RxS: Array
    loss_RxK: Array
    params_R: Array
    tokens_R: Array
    unique_RxS: Array
    seed_R: Array
    step_R: Array
    frame: pd.DataFrame
    name: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for array in (self.run_id, *(getattr(self, field) for field in _ROW_ARRAYS)):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.run_id)

    @cached_property
    def cluster_R(self) -> NDArray[np.intp]:
        """The index of each row's run, 0 .. runs - 1 in order of appearance: checkpoints of one run share it."""
        return pd.factorize(self.run_id)[0]

    @cached_property
    def last_R(self) -> NDArray[np.bool_]:
        """True for the last checkpoint of each run: by tokens, then step, then order in the table."""
        by_tokens_R, by_step_R = np.nan_to_num(self.tokens_R, nan=-1.0), np.nan_to_num(self.step_R, nan=-1.0)
        order_R = np.lexsort((np.arange(len(self)), by_step_R, by_tokens_R, self.cluster_R))
        last_R = np.zeros(len(self), bool)
        ends_R = np.diff(self.cluster_R[order_R], append=-1) != 0
        last_R[order_R[ends_R]] = True
        return last_R

    @cached_property
    def epochs_RxS(self) -> Array:
        """Passes over each source, w D / U: 0 where the source never repeats, nan where tokens are unknown."""
        endless_RxS = np.isinf(self.unique_RxS)
        epochs_RxS = self.w_RxS * self.tokens_R[:, None] / np.where(endless_RxS, 1.0, self.unique_RxS)
        return np.where(endless_RxS, 0.0, epochs_RxS)

    @property
    def scales(self) -> Array:
        """The sizes (params) that occur, sorted; empty where the table has none."""
        return np.unique(self.params_R[~np.isnan(self.params_R)])

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer all rows agree on, None where the table names none."""
        if "tokenizer" not in self.frame:
            return None
        return next((str(v).strip() for v in self.frame["tokenizer"] if pd.notna(v) and str(v).strip()), None)

    def select(self, rows: ArrayLike) -> Runs:
        """The rows of a boolean mask or of positions, in that order."""
        index = np.arange(len(self))[np.asarray(rows)]
        arrays = {field: getattr(self, field)[index] for field in _ROW_ARRAYS}
        frame = self.frame.iloc[index].reset_index(drop=True)
        return replace(self, run_id=self.run_id[index], frame=frame, **arrays)

    def with_targets(self, names: Sequence[str]) -> Runs:
        """The same rows with only these targets, in this order; MixlawError for a name that has no losses."""
        for name in names:
            if name not in self.targets:
                raise MixlawError(
                    f"{self.name}: no column 'loss:{name}' for target {name}; {nearest(name, self.targets)}"
                )
        columns = [self.targets.index(name) for name in names]
        dropped = {f"loss:{target}" for target in self.targets if target not in names}
        frame = self.frame[[column for column in self.frame if column not in dropped]]
        return replace(self, targets=tuple(names), loss_RxK=self.loss_RxK[:, columns], frame=frame)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table as CSV or Parquet by its suffix; reading it back gives the same runs."""
        file = Path(path)
        if file.name.lower().endswith(".parquet"):
            write = self.frame.to_parquet
        elif file.name.lower().endswith((".csv", ".csv.gz")):
            write = self.frame.to_csv
        else:
            raise MixlawError(f"{file}: unknown kind of file; run tables end in .csv, .csv.gz or .parquet")
        try:
            write(file, index=False)
        except OSError as error:
            raise MixlawError(f"{file}: cannot be written ({error.strerror or error})") from None

    def hash(self) -> str:
        """A short sha256 of what laws see: names, run ids and numbers, in their order."""
        digest = hashlib.sha256(repr((self.sources, self.targets, self.run_id.tolist())).encode())
        for field in _ROW_ARRAYS:
            digest.update(np.ascontiguousarray(getattr(self, field)).tobytes())
        return digest.hexdigest()[:16]

    @classmethod
    def from_frame(cls, df: pd.DataFrame, name: str = "runs") -> Runs:
        """Runs from a DataFrame with the columns of a run table; NaN means empty.

        Raises:
            MixlawError: as `read_runs`, rows named by position from 0.
        """
        return _runs(from_frame(df, name), name)


_ROW_ARRAYS = ("w_RxS", "loss_RxK", "params_R", "tokens_R", "unique_RxS", "seed_R", "step_R")


def read_runs(path: str | os.PathLike[str]) -> Runs:
    """Read a run table from CSV (.csv, .csv.gz) or Parquet.

    Raises:
        MixlawError: one line naming the file, the row (the line in a CSV file, the header being row 1), the
            column and the mend.
    """
    file = Path(path)
    return _runs(read_table(file), file.name)


def _runs(table: Table, name: str) -> Runs:
    columns = [str(column) for column in table.frame]
    sources = tuple(c[2:] for c in columns if c.startswith("w:"))
    targets = tuple(c[5:] for c in columns if c.startswith("loss:"))
    for found, what in ((sources, "w:<source>"), (targets, "loss:<target>")):
        if not found:
            raise MixlawError(f"{table.name}: no {what} column; its columns are {listed(columns) or 'none'}")
    if not len(table.frame):
        raise MixlawError(f"{table.name}: no rows below the header; add one for each run")

    notes = list(table.notes)
    run_id = _run_ids(table, name, notes)
    w_RxS = _weights(table, sources, name, notes)
    loss_RxK = _losses(table, targets, name, notes)
    arrays = {f"{c}_R": _optional(table, c, positive=c in ("params", "tokens")) for c in _SCALARS}
    unique_RxS = _unique(table, sources, w_RxS, name, notes)
    _check_rows(table, run_id, arrays, w_RxS, notes, name)
    _check_tokenizer(table)
    frame = _typed(table.frame).assign(run_id=run_id)
    frame[[f"w:{source}" for source in sources]] = w_RxS
    return Runs(
        sources, targets, run_id, w_RxS, loss_RxK, unique_RxS=unique_RxS, frame=frame, name=name, notes=tuple(notes),
        **arrays,
    )  # fmt: skip


_SCALARS = ("params", "tokens", "seed", "step")


def _run_ids(table: Table, name: str, notes: list[str]) -> NDArray[np.object_]:
    if "run_id" not in table.frame:
        notes.append(f"{name}: no run_id column, so each row was taken as a run of its own and numbered")
        return np.array([str(i + 1) for i in range(len(table.frame))], dtype=object)
    ids = table.texts("run_id")
    if "" in ids:
        raise MixlawError(f"{table.at(ids.index(''), 'run_id')}: empty; give every run an id")
    return np.array(ids, dtype=object)


def _weights(table: Table, sources: tuple[str, ...], name: str, notes: list[str]) -> Array:
    columns = [f"w:{source}" for source in sources]
    w_RxS = np.stack([table.numbers(column) for column in columns], axis=1)
    for bad_RxS, complaint in (
        (np.isnan(w_RxS), "the weight is empty; write 0 where the source was not used"),
        (w_RxS < 0, "the weight is negative; token shares are 0 or more"),
    ):
        if bad_RxS.any():
            row, column = np.argwhere(bad_RxS)[0]
            raise MixlawError(f"{table.at(row, columns[column])}: {complaint}")
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
    return w_RxS / sum_R[:, None]


def _losses(table: Table, targets: tuple[str, ...], name: str, notes: list[str]) -> Array:
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
        notes.append(f"{silent} rows of {name} have no loss at all and inform no fit")
    return loss_RxK


def _optional(table: Table, column: str, positive: bool) -> Array:
    if column not in table.frame:
        return np.full(len(table.frame), np.nan)
    value_R = table.numbers(column)
    if positive and (value_R <= 0).any():
        row = int(np.flatnonzero(value_R <= 0)[0])
        raise MixlawError(
            f"{table.at(row, column)}: {value_R[row]:.6g} is not above 0; write a count, or leave it empty"
        )
    return value_R


def _unique(table: Table, sources: tuple[str, ...], w_RxS: Array, name: str, notes: list[str]) -> Array:
    columns = [str(column) for column in table.frame if str(column).startswith("unique:")]
    for column in columns:
        if column[7:] not in sources:
            raise MixlawError(
                f"{table.name}: column {shown(column)} has no 'w:{column[7:]}' beside it; {nearest(column[7:], sources)}"
            )
    unique_RxS = np.full((len(table.frame), len(sources)), np.inf)
    for s, source in enumerate(sources):
        if f"unique:{source}" in columns:
            value_R = table.numbers(f"unique:{source}", infinite=True)
            if (value_R <= 0).any():
                row = int(np.flatnonzero(value_R <= 0)[0])
                raise MixlawError(
                    f"{table.at(row, f'unique:{source}')}: {value_R[row]:.6g} is not above 0; write the unique tokens, "
                    "or leave the cell empty if the source never repeats"
                )
            unique_RxS[:, s] = np.where(np.isnan(value_R), np.inf, value_R)
    endless = [
        source for s, source in enumerate(sources) if (np.isinf(unique_RxS[:, s]) & (w_RxS[:, s] > 0)).any()
    ]
    if not columns:
        notes.append(f"{name}: no unique: columns, sources taken as never repeating")
    elif endless:
        notes.append(f"{name}: unique: absent or empty for {listed(endless)}, taken as never repeating there")
    return unique_RxS


def _check_rows(
    table: Table,
    run_id: NDArray[np.object_],
    arrays: dict[str, Array],
    w_RxS: Array,
    notes: list[str],
    name: str,
) -> None:
    """Refuse rows that say the same thing twice, and runs that change size between their checkpoints."""
    params_R, tokens_R, step_R = arrays["params_R"], arrays["tokens_R"], arrays["step_R"]
    stepped_R = ~np.isnan(step_R)
    keys = pd.DataFrame({"run": run_id, "step": step_R})
    keys["params"] = np.where(stepped_R, np.nan, params_R)
    keys["tokens"] = np.where(stepped_R, np.nan, tokens_R)
    double_R = keys.duplicated().to_numpy()
    if double_R.any():
        row = int(np.flatnonzero(double_R)[0])
        first = int(np.flatnonzero((keys == keys.iloc[row]).to_numpy()[:, 0])[0])
        alike = "step" if stepped_R[row] else "params and tokens"
        raise MixlawError(
            f"{table.at(row, 'run_id')}: {shown(run_id[row])} is there twice with the same {alike} (also at "
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
            f"{params_R[start_R[row]]:.6g} at {table.row_names[start_R[row]]}; give runs of other sizes other ids"
        )
    shifted = np.unique(cluster_R[np.abs(w_RxS - w_RxS[start_R]).max(axis=1) > 1e-6])
    if len(shifted):
        notes.append(
            f"{name}: the mixture changes between checkpoints of {len(shifted)} runs ({listed(ids[shifted])})"
        )


def _check_tokenizer(table: Table) -> None:
    if "tokenizer" in table.frame:
        texts = table.texts("tokenizer")
        named = [(row, text) for row, text in enumerate(texts) if text]
        for row, text in named:
            if text != named[0][1]:
                raise MixlawError(
                    f"{table.at(row, 'tokenizer')}: {shown(text)} differs from {shown(named[0][1])}; losses of "
                    "different tokenizers cannot be compared, so split the table"
                )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that came as text turned into numbers where all their cells are numbers."""
    columns = {}
    for column in frame:
        values = frame[column]
        if values.dtype == object and column not in ("run_id", "tokenizer"):
            values = values.map(lambda v: None if isinstance(v, str) and not v.strip() else v)
            try:
                values = pd.to_numeric(values)
            except (TypeError, ValueError):
                values = frame[column]
        columns[column] = values
    return pd.DataFrame(columns, index=frame.index)
