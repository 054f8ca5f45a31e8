"""Join run tables, after `adapt` if sources changed: a source that a table lacks has no share in its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from mixlaw.errors import MixlawError, listed
from mixlaw.io.notes import UNIQUE, with_code
from mixlaw.runs.measurement import check_comparable, unchecked
from mixlaw.runs.run_table import Runs


def join_runs(tables: Sequence[Runs], name: str = "runs") -> Runs:
    """All rows of the tables, in their order, with notes on what was changed.

    A run id that an earlier table has too gets the table's number as a prefix ("2/proxy-001"). A row that is in two
    tables with the same numbers counts once. Losses that a table lacks count as not measured.

    Raises:
        MixlawError: tokenizers or targets' texts differ, no target is common to all, or there is no table.

    >>> first = pd.DataFrame({"run_id": ["a"], "w:web": [1.0], "loss:web": [2.0]})
    >>> second = pd.DataFrame({"run_id": ["b"], "w:web": [0.5], "w:code": [0.5], "loss:web": [2.1]})
    >>> joined = join_runs([Runs.from_frame(first, "first"), Runs.from_frame(second, "second")])
    >>> joined.sources, joined.w_RxS.tolist()
    (('web', 'code'), [[1.0, 0.0], [0.5, 0.5]])
    """
    if not tables:
        raise MixlawError("join: no run table was given")
    if len(tables) == 1:
        return tables[0]
    restated = {note for table in tables for note in with_code(table.notes, UNIQUE)}  # the joined table has its own
    notes = [note for table in tables for note in table.notes if note not in restated]
    for i, table in enumerate(tables):
        for other in tables[i + 1 :]:
            check_comparable(table.measurement, other.measurement)
            notes += unchecked(table.measurement, other.measurement)
    common = set(tables[0].targets).intersection(*(table.targets for table in tables[1:]))
    if not common:
        raise MixlawError(f"join: {listed(table.name for table in tables)} have no target in common")
    frames, taken = [], set()
    for number, table in enumerate(tables, start=1):
        frame, doubled = _fresh(table, frames)
        ids = frame["run_id"].astype(str)
        again = sorted(set(ids) & taken)
        if again:
            notes.append(f"{table.name}: {len(again)} run ids are those of another table, now {number}/{again[0]} ...")
            frame = frame.assign(run_id=[f"{number}/{run}" if run in taken else run for run in ids])
        if doubled:
            notes.append(f"{table.name}: {doubled} rows are in another table too and count once")
        taken |= set(frame["run_id"].astype(str))
        frames.append(frame)
    whole = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    shares = [column for column in whole if str(column).startswith("w:")]
    for table in tables:
        lacking = [str(column)[2:] for column in shares if column not in table.frame]
        if lacking:
            notes.append(f"{table.name}: has no {listed(lacking)}: no share in its runs")
    whole[shares] = whole[shares].fillna(0.0)
    found = Runs.from_frame(whole, name)
    return replace(found, notes=tuple(dict.fromkeys((*notes, *found.notes))))


def _fresh(table: Runs, before: list[pd.DataFrame]) -> tuple[pd.DataFrame, int]:
    """The rows that no earlier table has with the same id, shares, sizes and losses, and the number of the others."""
    frame = table.frame
    if not before:
        return frame, 0
    seen = {_key(row) for other in before for row in other.to_dict("records")}
    new = [_key(row) not in seen for row in frame.to_dict("records")]
    return frame[new], len(new) - sum(new)


def _key(row: dict) -> tuple:
    """The cells by which two rows are the same; shares of 0 and empty cells are left out."""
    kinds = ("w", "loss", "params", "tokens", "seed", "step", "run_id")
    told = ((str(c), v) for c, v in row.items() if str(c).partition(":")[0] in kinds and pd.notna(v) and v != 0.0)
    return tuple(sorted((column, str(value)) for column, value in told))
