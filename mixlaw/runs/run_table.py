"""The run table: read, validate, select, write.

One row is one checkpoint of one run: its mixture (`w:<source>`), its size and tokens, and its losses.
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

from mixlaw.errors import MixlawError, listed, nearest
from mixlaw.io.table import Table, check_kind, from_frame, read_table
from mixlaw.io.writing import replacing
from mixlaw.runs import columns as _columns
from mixlaw.runs.measurement import TARGET_PREFIX, Measurement, of_frame
from mixlaw.typing import Array


@dataclass(frozen=True, eq=False)
class Runs:
    """A validated run table of R rows, S sources and K targets. Arrays are read-only.

    >>> rows = {"run_id": ["a", "b"], "w:web": [0.3, 0.8], "w:code": [0.7, 0.2], "loss:web": [3.1, 2.9]}
    >>> runs = Runs.from_frame(pd.DataFrame(rows))
    >>> runs.sources, runs.targets, len(runs)
    (('web', 'code'), ('web',), 2)
    >>> runs.w_RxS[1]
    array([0.8, 0.2])

    Attributes:
        sources, targets: names, in the order of the columns.
        run_id: shape (R,), text; rows that share one are checkpoints of one run.
        w_RxS: token shares, each row summing to 1.
        loss_RxK: nats per token, nan if not measured.
        params_R, tokens_R, seed_R, step_R: nan if absent.
        unique_RxS: unique tokens available to that run, inf for a source that never repeats.
        frame: the table itself with all its columns, the weights normalised.
        name: the file's name.
        notes: remarks on how the table was read, for the user.
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
        """The index of each row's run, 0 .. runs - 1 in order of appearance, shared by its checkpoints."""
        return pd.factorize(self.run_id)[0]

    @cached_property
    def last_R(self) -> NDArray[np.bool_]:
        """True for the last checkpoint of each run: by tokens, then step, then order in the table."""
        return self.select_last(np.ones(len(self), bool))

    def select_last(self, among_R: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mask (R,) of each run's last checkpoint among the rows of a mask (R,)."""
        by_tokens_R, by_step_R = np.nan_to_num(self.tokens_R, nan=-1.0), np.nan_to_num(self.step_R, nan=-1.0)
        order_R = np.lexsort((np.arange(len(self)), by_step_R, by_tokens_R, self.cluster_R))
        order_R = order_R[among_R[order_R]]
        last_R = np.zeros(len(self), bool)
        ends_R = np.diff(self.cluster_R[order_R], append=-1) != 0
        last_R[order_R[ends_R]] = True
        return last_R

    @cached_property
    def epochs_RxS(self) -> Array:
        """Passes over each source, w D / U: 0 if it never repeats, nan if D is unknown."""
        endless_RxS = np.isinf(self.unique_RxS)
        epochs_RxS = self.w_RxS * self.tokens_R[:, None] / np.where(endless_RxS, 1.0, self.unique_RxS)
        return np.where(endless_RxS, 0.0, epochs_RxS)

    @property
    def scales(self) -> Array:
        """The sizes (params) that occur, sorted; empty where the table has none."""
        return np.unique(self.params_R[~np.isnan(self.params_R)])

    @property
    def states_unique(self) -> bool:
        """True if the table has a `unique:` column."""
        return any(str(column).startswith("unique:") for column in self.frame)

    @property
    def measurement(self) -> Measurement:
        """The tokenizer and target texts that the table states; all its rows agree on them."""
        return of_frame(self.frame, self.targets, self.name)

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer of all rows, None if the table names none."""
        return self.measurement.tokenizer

    def select(self, rows: ArrayLike) -> Runs:
        """The rows of a boolean mask or of positions, in that order."""
        rows = np.asarray(rows)
        index = np.arange(len(self))[rows if rows.size else rows.astype(np.intp)]
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
        dropped = {f"{kind}{t}" for t in self.targets if t not in names for kind in ("loss:", TARGET_PREFIX)}
        frame = self.frame[[column for column in self.frame if column not in dropped]]
        return replace(self, targets=tuple(names), loss_RxK=self.loss_RxK[:, columns], frame=frame)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table as CSV or Parquet by its suffix; reading it back gives the same runs."""
        file = Path(path)
        check_kind(file)
        write = self.frame.to_parquet if file.name.lower().endswith(".parquet") else self.frame.to_csv
        with replacing(file) as draft:
            try:
                write(draft, index=False)
            except (TypeError, ValueError) as error:  # Parquet, a column of mixed types
                raise MixlawError(f"{file}: cannot be written ({error})") from None

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
            MixlawError: as `read_runs`; rows are named by position from 0.
        """
        return runs_from_table(from_frame(df, name), name)


_ROW_ARRAYS = ("w_RxS", "loss_RxK", "params_R", "tokens_R", "unique_RxS", "seed_R", "step_R")


def read_runs(path: str | os.PathLike[str], *, losses: bool = True) -> Runs:
    """Read a run table from CSV (.csv, .csv.gz) or Parquet.

    Args:
        losses: read the loss: columns; False for a table of runs still to be made.

    Raises:
        MixlawError: one line with the file, the row (the line in a CSV file, the header being row 1), the column and
            how to fix it.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "runs.csv"
    >>> _ = file.write_text("run_id,w:web,w:code,loss:web\\nr1,0.3,0.7,3.1\\n")
    >>> read_runs(file).loss_RxK
    array([[3.1]])
    """
    file = Path(path)
    return runs_from_table(read_table(file), file.name, losses)


def runs_from_table(table: Table, name: str, losses: bool = True) -> Runs:
    """The runs of a table from a file or a DataFrame.

    Raises:
        MixlawError: as `read_runs`; cells are named by `table.at`.
    """
    names = [str(column) for column in table.frame]
    _columns.check_case(table.name, names)
    sources = tuple(c[2:] for c in names if c.startswith("w:"))
    targets = tuple(c[5:] for c in names if c.startswith("loss:") and losses)
    for found, what in ((sources, "w:<source>"), (targets or not losses, "loss:<target>")):
        if not found:
            raise MixlawError(f"{table.name}: no {what} column; its columns are {listed(names) or 'none'}")
    if not len(table.frame):
        raise MixlawError(f"{table.name}: no rows below the header; add one for each run")

    notes = list(table.notes)
    run_id = _columns.run_ids(table, name, notes)
    w_RxS = _columns.weights(table, sources, name, notes)
    loss_RxK = _columns.losses(table, targets, name, notes)
    scalars = ("params", "tokens", "seed", "step")
    arrays = {f"{c}_R": _columns.optional(table, c, positive=c in ("params", "tokens")) for c in scalars}
    unique_RxS = _columns.unique_tokens(table, sources, w_RxS, name, notes)
    _columns.check_rows(table, run_id, arrays, w_RxS, notes, name)
    _columns.check_measurement(table, targets)
    read = {f"w:{source}": w_RxS[:, s] for s, source in enumerate(sources)}
    read |= {f"loss:{target}": loss_RxK[:, k] for k, target in enumerate(targets)}
    frame = _columns.typed(table.frame, {**read, "run_id": run_id})
    return Runs(
        sources=sources,
        targets=targets,
        run_id=run_id,
        w_RxS=w_RxS,
        loss_RxK=loss_RxK,
        unique_RxS=unique_RxS,
        frame=frame,
        name=name,
        notes=tuple(notes),
        **arrays,
    )
