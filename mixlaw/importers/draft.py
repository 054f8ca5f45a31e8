"""Draft of a run table: columns renamed, every cell traced to its original file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.importers.options import COLUMNS, ImportOptions
from mixlaw.io.table import Table


class Origin(NamedTuple):
    """File and column from which a column of the draft was read."""

    file: str
    column: str

    def __str__(self) -> str:
        return f"{self.file}: column {shown(self.column)}"


@dataclass(frozen=True)
class Draft:
    """A table with the run table's columns, before it is checked.

    Attributes:
        table: the table; its `at` returns the location of a cell in the original files.
        origins: original file and column of each column; ignored: original columns that are not used.
        left_out: locations of the omitted rows, by reason.
        unit_stated: True if the format defines losses as nats per token.
    """

    table: Table
    origins: Mapping[str, Origin]
    ignored: tuple[Origin, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unit_stated: bool = True

    def family(self, prefix: str) -> list[str]:
        """Columns with a prefix, such as 'loss:'."""
        return [column for column in self.table.columns if column.startswith(prefix)]

    def without(self, drop_R: NDArray[np.bool_], reason: str) -> Draft:
        """The draft without the rows of a mask, which are recorded in `left_out` under the reason."""
        if not drop_R.any():
            return self
        dropped = places(self.table, np.flatnonzero(drop_R).tolist())
        left_out = {**self.left_out, reason: (*self.left_out.get(reason, ()), *dropped)}
        return replace(self, table=rows_of(self.table, np.flatnonzero(~drop_R)), left_out=left_out)


class Format(NamedTuple):
    """An import format: its files as the help text names them, their smallest and largest number, and its reader.

    `read` takes the tables in the order given and returns a draft with run_id, w: and loss: columns.
    """

    files: str
    least: int
    most: int | None
    read: Callable[[Sequence[Table], ImportOptions], Draft]


def places(table: Table, rows: Sequence[int]) -> tuple[str, ...]:
    """Location (file name and row) and run_id of each of some rows."""
    runs = table.texts("run_id")
    cells = [table.at(row, "run_id").rpartition(", column ")[0].rpartition(": ") for row in rows]
    return tuple(f"{Path(c[0]).name}: {c[2]} ({shown(runs[row])})" for c, row in zip(cells, rows, strict=True))


def rows_of(table: Table, rows: NDArray[np.intp]) -> Table:
    """The table with only some rows, by position."""
    return replace(
        table,
        frame=table.frame.iloc[rows].reset_index(drop=True),
        row_names=tuple(table.row_names[row] for row in rows),
        locate=lambda row, column: table.at(int(rows[row]), column),
    )


def named(table: Table, options: ImportOptions, default: Callable[[str], str]) -> Draft:
    """Rename the columns of a file by the user's mapping, otherwise by the format's `default` ('': column ignored).

    Raises:
        MixlawError: if two columns get the same name.
    """
    names: dict[str, str] = {}
    for column in table.columns:
        given = options.ours(column)
        ours = given if given is not None else column if column in COLUMNS else default(column)
        if ours in names:
            raise MixlawError(
                f"{table.name}: row 1: columns {shown(names[ours])} and {shown(column)} would both be {shown(ours)}; "
                "tell them apart with --map COLUMN=NAME, or leave one out with --ignore COLUMN"
            )
        if ours:
            names[ours] = column
    ignored = tuple(Origin(table.name, c) for c in table.columns if c not in names.values())
    origins = {ours: Origin(table.name, column) for ours, column in names.items()}
    return Draft(renamed(table, {column: ours for ours, column in names.items()}), origins, ignored, notes=table.notes)


def renamed(table: Table, names: Mapping[str, str]) -> Table:
    """Only the columns in `names`, under their new names; errors still use the old names."""
    back = {new: old for old, new in names.items()}

    def locate(row: int, column: str) -> str:
        return table.at(row, back.get(column, column))

    return replace(
        table,
        frame=table.frame[list(names)].rename(columns=dict(names)),
        locate=locate,
        notes=(),
    )


def need(draft: Draft, columns: Iterable[str], mend: str) -> None:
    """Raise if a file has no rows, or lacks a column, or has no column of a prefix (a name that ends in a colon)."""
    for column in columns:
        if column not in draft.table.frame and not (column.endswith(":") and draft.family(column)):
            what = {"run_id": "names the run", "w:": "holds weights", "loss:": "holds losses"}.get(column, column)
            there = listed(o.column for o in (*draft.origins.values(), *draft.ignored)) or "none"
            raise MixlawError(f"{draft.table.name}: row 1: no column {what}; {mend} (its columns are {there})")
    if not len(draft.table.frame):
        raise MixlawError(f"{draft.table.name}: no rows below the header; is the file complete?")
