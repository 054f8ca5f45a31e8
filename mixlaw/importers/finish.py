"""From a draft to checked runs: names, sizes, units, rows without losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.importers.draft import Draft, Origin, renamed
from mixlaw.importers.options import FAMILIES, ImportOptions
from mixlaw.importers.units import in_nats, looks_other
from mixlaw.io.table import Table
from mixlaw.runs.run_table import Runs, runs_from_table
from mixlaw.typing import Array

_SHOWN = 20
_FIRST = ("run_id", "params", "tokens", "seed", "step", "tokenizer")


@dataclass(frozen=True)
class Imported:
    """Result of an import.

    Attributes:
        runs: the run table; its notes list the omitted rows.
        columns: original file and column of each column; ignored: original columns that are not used.
        left_out: locations (file, row, run) of the omitted rows, by reason.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"run_id": ["a"], "w:web": [0.6], "w:code": [0.4], "loss:web": [2.0]})
    >>> columns = {"w:web": Origin("runs.csv", "mix.web")}
    >>> found = Imported(Runs.from_frame(table, "runs.csv"), columns, (), {})
    >>> found.to_dict()["columns"]
    {'w:web': 'runs.csv: mix.web'}
    """

    runs: Runs
    columns: Mapping[str, Origin]
    ignored: tuple[Origin, ...]
    left_out: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Summary printed by `mixlaw import --json`, with at most 20 locations per reason and 20 ignored columns."""
        left_out = [{"reason": r, "rows": len(p), "first": list(p[:_SHOWN])} for r, p in self.left_out.items()]
        return {
            "runs": len(np.unique(self.runs.cluster_R)),
            "rows": len(self.runs),
            "sources": list(self.runs.sources),
            "targets": list(self.runs.targets),
            "not_measured": int(np.isnan(self.runs.loss_RxK).sum()),
            "columns": {ours: f"{Path(o.file).name}: {o.column}" for ours, o in self.columns.items()},
            "ignored": [f"{Path(o.file).name}: {o.column}" for o in self.ignored[:_SHOWN]],
            "left_out": left_out,
            "notes": list(self.runs.notes),
            "schema": 1,
        }


def finished(draft: Draft, options: ImportOptions) -> Imported:
    """Runs from a draft: names and sizes applied, losses in nats per token, rows without a loss omitted.

    Raises:
        MixlawError: if the options do not fit the table, a unit is not stated, or the rows are no valid runs.
    """
    _refuse_empty(draft)
    draft = _with_losses(_with_sizes(_renamed(draft, options.rename), options), options)
    loss_KxR = np.array([draft.table.numbers(column) for column in draft.family("loss:")])
    empty_R = np.asarray(np.isnan(loss_KxR).all(axis=0))
    draft = draft.without(empty_R, "no loss in the row")
    _refuse_empty(draft)
    table = _normalised(draft.table) if options.normalise else draft.table
    order = [c for c in _FIRST if c in table.frame]
    order += [c for f in FAMILIES for c in table.columns if c.startswith(f"{f}:")]
    order += [c for c in table.columns if c not in order and c != "state"]
    frame = table.frame[order].assign(run_id=[options.id_prefix + text for text in table.texts("run_id")])
    runs = runs_from_table(replace(table, frame=frame, notes=()), Path(table.name).name)
    left = [
        f"{len(places)} row{'s' * (len(places) != 1)} left out: {reason} ({listed(places, 3)})"
        for reason, places in draft.left_out.items()
    ]
    runs = replace(runs, notes=(*left, *dict.fromkeys(draft.notes), *runs.notes))
    columns = {column: draft.origins[column] for column in order if column in draft.origins}
    return Imported(runs, columns, draft.ignored, draft.left_out)


def _refuse_empty(draft: Draft) -> None:
    if not len(draft.table.frame):
        reasons = listed(f"{len(places)} rows: {reason}" for reason, places in draft.left_out.items())
        raise MixlawError(f"{draft.table.name}: no run is left ({reasons or 'the file has none'})")


def _renamed(draft: Draft, rename: Mapping[str, str]) -> Draft:
    parts = {c: c.partition(":") for c in draft.table.columns}
    known = {name for family, _, name in parts.values() if family in FAMILIES and name}
    for old in rename:
        if old not in known:
            raise MixlawError(f"--rename {shown(old)}: no source or target is called so; {nearest(old, sorted(known))}")
    names = {c: f"{f}:{rename[n]}" if f in FAMILIES and n in rename else c for c, (f, _, n) in parts.items()}
    taken: dict[str, str] = {}
    for old, new in names.items():
        if new in taken:
            raise MixlawError(f"--rename: {shown(taken[new])} and {shown(old)} would both be {shown(new)}")
        taken[new] = old
    origins = {names.get(c, c): origin for c, origin in draft.origins.items()}
    return replace(draft, table=renamed(draft.table, names), origins=origins)


def _with_sizes(draft: Draft, options: ImportOptions) -> Draft:
    frame, table = draft.table.frame, draft.table
    for name in ("params", "tokens"):
        given = getattr(options, name) is not None or (name == "tokens" and options.tokens_per_step is not None)
        if given and name in frame:
            raise MixlawError(
                f"{draft.origins[name]} gives {name} already; leave out the option, or --ignore the column"
            )
    added: dict[str, Any] = {}
    if options.params is not None:
        added["params"] = options.params
    if options.tokens is not None:
        added["tokens"] = options.tokens
    if options.tokens_per_step is not None:
        if "step" not in frame:
            raise MixlawError(f"--tokens-per-step: {table.name} has no column step; name it with --map COLUMN=step")
        step_R = table.numbers("step")
        draft = draft.without(step_R <= 0, "before the first step")
        added["tokens"] = step_R[~(step_R <= 0)] * options.tokens_per_step
    table = replace(draft.table, frame=draft.table.frame.assign(**added))
    _refuse_constant_tokens(table)
    return replace(draft, table=table)


def _refuse_constant_tokens(table: Table) -> None:
    """Raise if rows of one run at several steps have the same tokens: every law would be fitted as constant in D."""
    if not {"step", "tokens"} <= set(table.frame):
        return
    keys = pd.DataFrame({"run": table.texts("run_id"), "tokens": table.numbers("tokens")})
    double_R = keys.duplicated().to_numpy() & keys["tokens"].notna().to_numpy()
    if double_R.any():
        row = int(np.flatnonzero(double_R)[0])
        raise MixlawError(
            f"{table.at(row, 'step')}: run {shown(keys['run'][row])} has {keys['tokens'][row]:g} tokens at several "
            "steps; give --tokens-per-step in place of the run's tokens, and --ignore a column that holds them"
        )


def _with_losses(draft: Draft, options: ImportOptions) -> Draft:
    columns, notes = draft.family("loss:"), list(draft.notes)
    targets = [column[5:] for column in columns]
    for option, names in (("--unit", options.units), ("--bytes-per-token", options.bytes_per_token)):
        for target in names:
            if target != "*" and target not in targets:
                raise MixlawError(f"{option} {shown(target)}: no target is called so; {nearest(target, targets)}")
    read: dict[str, Array] = {}
    for column, target in zip(columns, targets, strict=True):
        unit, scale = _unit(draft, column, options)
        value_R = draft.table.numbers(column, infinite=True, undefined=True)
        value_R = _measured(draft.table, column, value_R, notes)
        if np.isnan(value_R).all():
            raise MixlawError(f"{draft.origins[column]}: no loss measured in any run; leave it out with --ignore")
        read[column] = in_nats(value_R, unit, scale)
        if unit != "nats":
            notes.append(f"{target}: taken as {unit}{f', {scale:g} bytes per token' * unit.endswith('byte')}")
    return replace(draft, table=replace(draft.table, frame=draft.table.frame.assign(**read)), notes=tuple(notes))


def _unit(draft: Draft, column: str, options: ImportOptions) -> tuple[str, float]:
    """Unit of a target's losses and its bytes per token; raises if an option must state them and does not."""
    target, origin = column[5:], draft.origins[column]
    unit = options.units.get(target, options.units.get("*"))
    if unit is None and (not draft.unit_stated or looks_other(origin.column)):
        raise MixlawError(
            f"{origin}: its unit is not known to be nats per token; state it, --unit nats or --unit "
            f"{shown(f'{target}=bits-per-byte')}, or leave the column out with --ignore"
        )
    unit = unit or "nats"
    scale = options.bytes_per_token.get(target, options.bytes_per_token.get("*"))
    if scale is None and unit.endswith("per-byte"):
        raise MixlawError(
            f"{origin}: {unit} become nats per token by the mean bytes of a token; give --bytes-per-token "
            f"{shown(f'{target}=4.3')} (1 keeps them per byte)"
        )
    return unit, scale or 1.0


def _measured(table: Table, column: str, value_R: Array, notes: list[str]) -> Array:
    """Losses with infinite values as nan; a note counts the written NaN and infinite values (diverged runs)."""
    written_R = ~np.isfinite(value_R) & np.array([bool(text) for text in table.texts(column)], dtype=bool)
    if written_R.any():
        first = table.at(int(np.flatnonzero(written_R)[0]), column)
        notes.append(f"{written_R.sum()} losses are NaN or infinite and taken as not measured (first: {first})")
    return np.where(np.isfinite(value_R), value_R, np.nan)


def _normalised(table: Table) -> Table:
    columns = [column for column in table.columns if column.startswith("w:")]
    w_RxS = np.stack([table.numbers(column) for column in columns], axis=1)
    sum_R = w_RxS.sum(axis=1)
    if (sum_R <= 0).any():
        row = int(np.flatnonzero(sum_R <= 0)[0])
        raise MixlawError(
            f"{table.name}: {table.row_names[row]}: the weights sum to {sum_R[row]:g}; nothing to normalise"
        )
    return replace(table, frame=table.frame.assign(**{c: w_RxS[:, s] / sum_R for s, c in enumerate(columns)}))
