"""Weights & Biases: a CSV of runs (one row per run or per step), and optional exports of charts or histories.

The first file has the mixture of every run, in one column per source or in one column of {source: weight}. Losses are
in the same file, or in further files over steps (see `wandb_steps`). Source: the
exports of the W&B app and of its public API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mixlaw.errors import MixlawError, shown
from mixlaw.importers.draft import Draft, Format, named, need
from mixlaw.importers.join import join, refuse_doubled
from mixlaw.importers.options import ImportOptions
from mixlaw.importers.wandb_steps import is_chart, name_column, over_steps, without_buckets
from mixlaw.io.table import Table
from mixlaw.io.yaml import parse_yaml
from mixlaw.mixtures.simplex import SUM_TOLERANCE


def read(tables: Sequence[Table], options: ImportOptions) -> Draft:
    """Runs of the first file, with the losses of the further files if there are any.

    Rows without a mixture are omitted, and runs that did not finish, unless the options keep them. An empty weight is 0
    if the others sum to 1.

    Raises:
        MixlawError: if no mixture or loss is mapped, names are not unique, or files do not match (see `join`).
    """
    tables = [_flattened(without_buckets(table), options) for table in tables]
    first = tables[0]
    if is_chart(first, options):
        raise MixlawError(
            f"{first.name}: row 1: a chart's export, without the mixtures; give the table of runs before it: "
            f"mixlaw import wandb RUNS.csv {first.name}"
        )
    known = name_column(first, options)
    state = next((column for column in ("State", "state") if column in first.frame), None)
    runs = named(first, options, lambda column: {known: "run_id", state: "state"}.get(column, ""))
    need(runs, ["run_id"], "name it with --map COLUMN=run_id")
    steps, metrics = over_steps(tables[1:], runs.table.texts("run_id"), options) if tables[1:] else (None, [])
    options.check_used([*first.columns, *metrics], " or ".join(table.name for table in tables))
    need(runs, ["w:"], "name what holds the mixture, such as --map 'config.mix.*=w:*'")
    need(steps or runs, ["loss:"], "name the losses, such as --map 'eval/*/loss=loss:*'")
    _refuse_shared_names(runs.table, first, options)
    runs, gone = _finished(runs, options)
    runs = _filled(runs)
    if steps is None:
        return runs
    steps = steps.without(np.isin(steps.table.texts("run_id"), list(gone)), "the run did not finish")
    over = {"step", *steps.table.columns} - {"run_id"}  # files over steps take precedence
    told = [column for column in runs.table.columns if column in over or column.startswith("loss:")]
    origins = {column: origin for column, origin in runs.origins.items() if column not in told}
    table = replace(runs.table, frame=runs.table.frame.drop(columns=told))
    return join(replace(runs, table=table, origins=origins), steps, options.partial)


def _flattened(table: Table, options: ImportOptions) -> Table:
    """Expand columns of {key: value} whose keys the mapping names into columns 'column.key'."""
    frame: dict[str, Any] = {}
    for column in table.columns:
        texts = table.texts(column)
        reached = any(rule.pattern.startswith(f"{column}.") for rule in options.rules)
        if not reached or not next((text for text in texts if text), "").startswith("{"):
            frame[column] = table.frame[column]
            continue
        parsed: dict[str, dict[str, Any]] = {"": {}}
        for row, text in enumerate(texts):
            if text not in parsed:
                where = table.at(row, column)
                content = parse_yaml(text, where)
                if not isinstance(content, dict):
                    raise MixlawError(f"{where}: {shown(text)} is not of the form {{name: value}}")
                parsed[text] = dict(_leaves(content))
        for key in dict.fromkeys(key for text in texts for key in parsed[text]):
            frame[f"{column}.{key}"] = pd.Series([parsed[text].get(key) for text in texts], dtype=object)
    return replace(table, frame=pd.DataFrame(frame))


def _leaves(content: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for key, value in content.items():
        if isinstance(value, dict):
            leaves += _leaves(value, f"{above}{key}.")
        else:
            leaves.append((f"{above}{key}", None if value == "None" else value))  # as Python writes it
    return leaves


def _refuse_shared_names(runs: Table, raw: Table, options: ImportOptions) -> None:
    """Raise if several runs share a name, which W&B allows: they would be read as checkpoints of one run."""
    names = runs.texts("run_id")
    identity = next((column for column in ("ID", "id") if column in raw.frame), None)
    if identity is not None and options.ours(identity) != "run_id":
        seen: dict[str, str] = {}
        for row, (name, code) in enumerate(zip(names, raw.texts(identity), strict=True)):
            if seen.setdefault(name, code) != code:
                raise MixlawError(
                    f"{runs.at(row, 'run_id')}: {shown(name)} is the name of several runs; tell them apart with "
                    f"--map {identity}=run_id"
                )
    refuse_doubled(runs, names, ("step",) if "step" in runs.frame else ())


def _finished(runs: Draft, options: ImportOptions) -> tuple[Draft, set[str]]:
    """Finished runs, and the names of the others."""
    if "state" not in runs.table.frame or options.unfinished:
        return runs, set()
    states = [text.lower() for text in runs.table.texts("state")]
    names = runs.table.texts("run_id")
    gone = {name for name, state in zip(names, states, strict=True) if state not in ("", "finished")}
    for state in dict.fromkeys(s for s in states if s not in ("", "finished")):
        now = [text.lower() for text in runs.table.texts("state")]
        reason = f"state {state}, --unfinished keeps it"
        runs = runs.without(np.array([text == state for text in now], dtype=bool), reason)
    return runs, gone


def _filled(runs: Draft) -> Draft:
    """Set empty weights to 0 if the others sum to 1; omit rows without any weight."""
    columns = runs.family("w:")
    w_RxS = np.stack([runs.table.numbers(column) for column in columns], axis=1)
    empty_RxS = np.isnan(w_RxS)
    none_R = np.asarray(empty_RxS.all(axis=1))
    runs, w_RxS, empty_RxS = runs.without(none_R, "no mixture in the row"), w_RxS[~none_R], empty_RxS[~none_R]
    whole_R = np.abs(np.nansum(w_RxS, axis=1) - 1) <= SUM_TOLERANCE
    zero_RxS = empty_RxS & whole_R[:, None]
    if not zero_RxS.any():
        return runs
    w_RxS = np.where(zero_RxS, 0.0, w_RxS)
    frame = runs.table.frame.assign(**{column: w_RxS[:, s] for s, column in enumerate(columns)})
    note = f"{zero_RxS.any(axis=1).sum()} rows: empty weights taken as 0, since the others sum to 1"
    return replace(runs, table=replace(runs.table, frame=frame), notes=(*runs.notes, note))


WANDB = Format("RUNS.csv [STEPS.csv ...]", 1, None, read)
