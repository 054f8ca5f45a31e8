"""The columns of a run table rewritten for changed sources."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mixlaw.changes.spec import Changes, Parts, proportions
from mixlaw.runs.run_table import Runs

FAMILIES = ("w", "unique", "seen")
"""Prefixes of the columns with one value per source: shares, unique tokens, tokens drawn."""


def carried(runs: Runs, changes: Changes, w_RxS: np.ndarray, log_RxK: np.ndarray) -> pd.DataFrame:
    """The table with its columns renamed, added up, divided and dropped.

    Args:
        changes: with the proportions of every merged source.
        w_RxS: mixtures of old sources that the new mixtures are equal to.
        log_RxK: changes of the log-losses.
    """
    w = {name: w_RxS[:, s] for s, name in enumerate(runs.sources)}
    frame = runs.frame.copy()
    for name, w_R in w.items():
        frame[f"w:{name}"] = w_R
    for k, target in enumerate(runs.targets):
        changed_R = log_RxK[:, k] != 0
        frame[f"loss:{target}"] = np.where(changed_R, runs.loss_RxK[:, k] * np.exp(log_RxK[:, k]), runs.loss_RxK[:, k])
    made: dict[str, dict[str, np.ndarray]] = {}
    for name, parts in changes.merge.items():
        at = [runs.sources.index(part) for part in parts]
        used_RxP = runs.w_RxS[:, at] > 0
        used_RxP |= ~used_RxP.any(1, keepdims=True)
        made[name] = {
            "w": frame[[f"w:{part}" for part in parts]].to_numpy().sum(1),
            "unique": np.where(used_RxP, runs.unique_RxS[:, at], 0.0).sum(1),
            **_seen(frame, parts),
        }
    for name, parts in changes.split.items():
        for part, share in proportions(parts, f"split {name}").items():
            made[part] = {"w": share * w[name], "unique": share * runs.unique_RxS[:, runs.sources.index(name)]}
            if f"seen:{name}" in frame:
                made[part]["seen"] = share * frame[f"seen:{name}"].to_numpy(float)
    gone = [*(part for parts in changes.merge.values() for part in parts), *changes.split, *changes.drop]
    made |= {name: {"w": np.zeros(len(runs))} for name in changes.add}
    frame = frame.drop(
        columns=[c for c in map(str, frame) if c.partition(":")[0] in FAMILIES and c.partition(":")[2] in gone]
    )
    families = [f for f in FAMILIES if any(str(c).startswith(f"{f}:") for c in runs.frame)]
    for name, columns in made.items():
        for family in families:
            if family in columns:
                values = columns[family]
                frame[f"{family}:{name}"] = np.where(np.isinf(values), np.nan, values)
    return frame.rename(columns={c: _renamed(c, changes.rename) for c in map(str, frame)})


def _seen(frame: pd.DataFrame, parts: Parts) -> dict[str, np.ndarray]:
    columns = [f"seen:{part}" for part in parts]
    return {"seen": frame[columns].to_numpy(float).sum(1)} if set(columns) <= set(frame) else {}


def _renamed(column: str, names: Mapping[str, str]) -> str:
    family, colon, name = str(column).partition(":")
    known = family in (*FAMILIES, "loss", "target") and bool(colon) and name in names
    return f"{family}:{names[name]}" if known else str(column)
