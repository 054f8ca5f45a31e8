"""Weights & Biases over steps: charts (`Step`, `<run> - <metric>`, `__MIN`, `__MAX`) and histories.

A history has one row per step; every chart is a file. Each metric is logged at its own steps, so all files are joined
by run and step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from mixlaw.errors import MixlawError, shown
from mixlaw.importers.draft import Draft, Origin, named, need, places
from mixlaw.importers.options import ImportOptions
from mixlaw.io.table import Table

_NAMES = ("Name", "name", "Run", "run", "ID", "id")
"""Columns that name the run, in order of precedence: charts refer to runs by name."""
_STEPS = ("Step", "_step", "step", "trainer/global_step", "global_step")
_BUCKETS = ("__MIN", "__MAX")
_GROUP = "Group: "
"""Start of the columns of a chart that was exported with grouping on."""


class _Cell(NamedTuple):
    run: str
    step: float
    ours: str
    value: object
    table: Table
    row: int
    column: str

    @property
    def where(self) -> str:
        return self.table.at(self.row, self.column)


def without_buckets(table: Table) -> Table:
    """The table without the columns of minima and maxima that W&B adds to a metric: they are no losses."""
    return replace(table, frame=table.frame[[c for c in table.columns if not c.endswith(_BUCKETS)]])


def name_column(table: Table, options: ImportOptions) -> str | None:
    """Column that names the run; None if the user's mapping gives it, or there is none."""
    if any(options.ours(column) == "run_id" for column in table.columns):
        return None
    return next((column for column in _NAMES if column in table.frame), None)


def is_chart(table: Table, options: ImportOptions) -> bool:
    """True if the file has runs in its columns instead of its rows."""
    told = any(options.ours(column) == "run_id" for column in table.columns)
    return not told and name_column(table, options) is None and any(" - " in column for column in table.columns)


def over_steps(tables: Sequence[Table], names: Sequence[str], options: ImportOptions) -> tuple[Draft, list[str]]:
    """Read files over steps.

    Args:
        names: names of the runs, which split a chart's column names into run and metric.

    Returns:
        A draft with one row per run and step, and the names of all columns and metrics of the files.

    Raises:
        MixlawError: if a file has no step, or two files contradict each other.
    """
    cells: dict[tuple[str, float], dict[str, _Cell]] = {}
    origins: dict[str, Origin] = {}
    metrics: list[str] = []
    left_out: list[str] = []
    for table in tables:
        chart = is_chart(table, options)
        found = _chart(table, names, options, metrics) if chart else _history(table, options, metrics, left_out)
        for cell in found:
            at_step = cells.setdefault((cell.run, cell.step), {})
            before = at_step.setdefault(cell.ours, cell)
            if str(before.value) != str(cell.value):
                raise MixlawError(
                    f"{cell.where}: {shown(cell.value)}, but {shown(before.value)} at {before.where}, the same run and "
                    "step; leave one of them out"
                )
            metric = _metric(cell.column, cell.run) if chart else cell.column
            origins.setdefault(cell.ours, Origin(table.name, metric))
    table = _long(tables[0], cells, list(origins))
    reasons = {"no mapped metric at this step": tuple(left_out)} if left_out else {}
    notes = tuple(note for table in tables for note in (*table.notes, *_grouped(table, names)))
    ignored = tuple(Origin(table.name, metric) for metric in dict.fromkeys(metrics) if not options.ours(metric))
    return Draft(table, origins, ignored, reasons, notes), metrics


def _long(first: Table, cells: dict[tuple[str, float], dict[str, _Cell]], columns: list[str]) -> Table:
    keys = sorted(cells)
    frame = pd.DataFrame({"run_id": [run for run, _ in keys], "step": [step for _, step in keys]})
    for column in columns:
        values = [cells[key][column].value if column in cells[key] else "" for key in keys]
        frame[column] = pd.Series(values, dtype=object)

    def locate(row: int, column: str) -> str:
        there = cells[keys[row]]
        return (there[column] if column in there else next(iter(there.values()))).where

    lines = tuple(next(iter(cells[key].values())) for key in keys)
    return Table(first.name, frame, tuple(cell.table.row_names[cell.row] for cell in lines), locate=locate)


def _steps_of(table: Table, column: str) -> list[float]:
    step_R = table.numbers(column)
    if np.isnan(step_R).any():
        raise MixlawError(
            f"{table.at(int(np.flatnonzero(np.isnan(step_R))[0]), column)}: empty; give every row its step"
        )
    return step_R.tolist()


def _chart(table: Table, names: Sequence[str], options: ImportOptions, metrics: list[str]) -> Iterator[_Cell]:
    told = [column for column in table.columns if options.ours(column) == "step"]
    step = next((c for c in (*told, *_STEPS) if c in table.frame), None)
    if step is None:
        raise MixlawError(
            f"{table.name}: row 1: no column of steps ({shown(table.frame.columns[0])} is first); export the chart "
            "over steps, or name the column with --map COLUMN=step"
        )
    metrics.append(step)
    steps = _steps_of(table, step)
    longest_first = sorted(set(names), key=len, reverse=True)
    for column in (c for c in table.columns if " - " in c and c != step):
        whole = (column, column.removeprefix(_GROUP))
        run = next((name for name in longest_first if any(text.startswith(f"{name} - ") for text in whole)), None)
        run = whole[1].rpartition(" - ")[0] if run is None else run
        metric = _metric(column, run)
        metrics.append(metric)
        ours = options.ours(metric)
        if ours:
            for row, text in enumerate(table.texts(column)):
                if text:
                    yield _Cell(run, steps[row], ours, text, table, row, column)


def _metric(column: str, run: str) -> str:
    """The metric of a chart's column `<run> - <metric>`, or `Group: <run> - <metric>`."""
    start = "" if column.startswith(f"{run} - ") else _GROUP
    return column.removeprefix(f"{start}{run} - ")


def _grouped(table: Table, names: Sequence[str]) -> list[str]:
    """A note if a chart shows means over groups of runs.

    Raises:
        MixlawError: the groups are values of a setting, such as `lr: 0.1`, and not names of runs.
    """
    runs = [column.rpartition(" - ")[0] for column in table.columns if " - " in column]
    if any(run.startswith(_GROUP) and run not in names for run in runs):
        return [f"{table.name}: the chart was exported with grouping on: a value is the mean over the runs of a group"]
    settings = {run.partition(": ")[0] for run in runs if ": " in run and run not in names}
    if runs and len(settings) == 1 and all(": " in run and run not in names for run in runs):
        raise MixlawError(
            f"{table.name}: the chart was exported with grouping on ({shown(settings.pop())}): its values are means "
            "over runs; turn grouping off and export it again"
        )
    return []


def _history(table: Table, options: ImportOptions, metrics: list[str], left_out: list[str]) -> Iterator[_Cell]:
    metrics.extend(table.columns)
    known = name_column(table, options)
    told = any(options.ours(column) == "step" for column in table.columns)
    step = None if told else next((column for column in _STEPS if column in table.frame), None)
    draft = named(table, options, lambda column: {known: "run_id", step: "step"}.get(column, ""))
    mend = "a file over steps is a chart's export, or a history with the run and the step in every row"
    need(draft, ["run_id", "step"], f"{mend}: name them with --map COLUMN=run_id, --map COLUMN=step")
    steps, runs = _steps_of(draft.table, "step"), draft.table.texts("run_id")
    columns = {
        ours: draft.table.texts(ours) for ours in draft.family("loss:") + ["tokens"] * ("tokens" in draft.table.frame)
    }
    silent = [row for row in range(len(runs)) if not any(texts[row] for texts in columns.values())]
    left_out.extend(places(draft.table, silent))
    for row, run in enumerate(runs):
        for ours, texts in columns.items():
            if texts[row]:
                yield _Cell(run, steps[row], ours, texts[row], table, row, draft.origins[ours].column)
