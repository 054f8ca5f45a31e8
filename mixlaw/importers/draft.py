"""Runs on their way into the run table: columns named as there, every cell still traced to the file it came from."""

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
    """The file and the column that a column of the draft was read from."""

    file: str
    column: str

    def __str__(self) -> str:
        return f"{self.file}: column {shown(self.column)}"


@dataclass(frozen=True)
class Draft:
    """A table with run-table columns.

    Attributes:
        table: its `at` names cells of the foreign files.
        origins: where each of its columns came from; ignored: columns that were not taken.
        left_out: the places of rows left out, by reason.
        unit_stated: the format itself says that losses are nats per token.
    """

    table: Table
    origins: Mapping[str, Origin]
    ignored: tuple[Origin, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unit_stated: bool = True

    def family(self, prefix: str) -> list[str]:
        """Its columns of one prefix, such as 'loss:'."""
        return [column for column in self.table.columns if column.startswith(prefix)]

    def without(self, drop_R: NDArray[np.bool_], reason: str) -> Draft:
        """The draft without the rows of a mask, which are remembered under the reason."""
        if not drop_R.any():
            return self
        dropped = places(self.table, np.flatnonzero(drop_R).tolist())
        left_out = {**self.left_out, reason: (*self.left_out.get(reason, ()), *dropped)}
        return replace(self, table=rows_of(self.table, np.flatnonzero(~drop_R)), left_out=left_out)


class Format(NamedTuple):
    """A foreign format: how its files are called in a help text, how many there are at least and at most, its reader.

    `read` takes the tables in the order given and returns a draft with run_id, w: and loss: columns.
    """

    files: str
    least: int
    most: int | None
    read: Callable[[Sequence[Table], ImportOptions], Draft]


def places(table: Table, rows: Sequence[int]) -> tuple[str, ...]:
    """Where the runs of some rows stand and what they are called, the file by its last part."""
    runs = table.texts("run_id")
    cells = [table.at(row, "run_id").rpartition(", column ")[0].rpartition(": ") for row in rows]
    return tuple(f"{Path(c[0]).name}: {c[2]} ({shown(runs[row])})" for c, row in zip(cells, rows, strict=True))


def rows_of(table: Table, rows: NDArray[np.intp]) -> Table:
    """Some rows of a table, by position."""
    return replace(
        table,
        frame=table.frame.iloc[rows].reset_index(drop=True),
        row_names=tuple(table.row_names[row] for row in rows),
        locate=lambda row, column: table.at(int(rows[row]), column),
    )


def named(table: Table, options: ImportOptions, default: Callable[[str], str]) -> Draft:
    """The columns of a file that the user's mapping or the format's own `default` takes ('': not taken), renamed.

    Raises:
        MixlawError: two columns would get one name.
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
    """Only the columns in `names`, under their new names; errors still call them by the old ones."""
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
    """Refuse a file without rows, or that lacks a column, or all columns of a prefix that ends in a colon."""
    for column in columns:
        if column not in draft.table.frame and not (column.endswith(":") and draft.family(column)):
            what = {"run_id": "names the run", "w:": "holds weights", "loss:": "holds losses"}.get(column, column)
            there = listed(o.column for o in (*draft.origins.values(), *draft.ignored)) or "none"
            raise MixlawError(f"{draft.table.name}: row 1: no column {what}; {mend} (its columns are {there})")
    if not len(draft.table.frame):
        raise MixlawError(f"{draft.table.name}: no rows below the header; is the file complete?")
