"""Support of a fit: ranges covered by its runs, and notes on sources that changed or that no run uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixlaw.errors import listed, short
from mixlaw.estimation.goals import Goal
from mixlaw.estimation.observations import Observations
from mixlaw.project.sources import Sources
from mixlaw.runs.run_table import Runs


@dataclass(frozen=True)
class Support:
    """Ranges covered by the fitted runs. Predictions outside them are extrapolations.

    Attributes:
        params, tokens, tokens_per_param: (smallest, largest) N, D and D/N, nan if the table has none.
        least_S, most_S: smallest and largest share of each source.
        epochs_S: largest number of epochs of each source (at most 1 if it never repeats).
        runs: number of distinct runs.
    """

    params: tuple[float, float]
    tokens: tuple[float, float]
    tokens_per_param: tuple[float, float]
    least_S: np.ndarray
    most_S: np.ndarray
    epochs_S: np.ndarray
    runs: int


def support_of(seen: Observations) -> Support:
    runs = seen.runs
    epochs_RxS = np.where(np.isfinite(runs.unique_RxS), runs.epochs_RxS, 1.0)
    return Support(
        params=_range(runs.params_R),
        tokens=_range(runs.tokens_R),
        tokens_per_param=_range(runs.tokens_R / runs.params_R),
        least_S=runs.w_RxS.min(0),
        most_S=runs.w_RxS.max(0),
        epochs_S=np.nan_to_num(epochs_RxS, nan=1.0).max(0),
        runs=len(np.unique(runs.cluster_R)),
    )


def _range(x_R: np.ndarray) -> tuple[float, float]:
    known = x_R[np.isfinite(x_R)]
    return (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)


SAME_COUNT = 1e-6
"""Relative difference below which two token counts belong to the same text."""


def same_count(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= SAME_COUNT * max(one, other)


def since_fit(goal: Goal | None, sources: Sources | None) -> list[str]:
    """One note for each source whose size has changed since the fit was made."""
    if goal is None or sources is None:
        return []
    notes = []
    for source in sources:
        before = goal.unique.get(source.name, np.inf)
        if np.isfinite(before) and source.tokens is not None and not same_count(before, source.tokens):
            notes.append(
                f"{source.name} has {short(source.tokens)} tokens, the fit was made for {short(before)}: runs are "
                "weighed, caps and epochs counted anew"
            )
    return notes


def unseen(runs: Runs) -> list[str]:
    """One note for each source that no run uses, and for each set of sources in the same proportions in every run."""
    used = [s for s in range(len(runs.sources)) if runs.w_RxS[:, s].max() > 0]
    absent = [name for s, name in enumerate(runs.sources) if s not in used]
    notes = [f"no run has seen {name}: its share rests on the law's priors alone" for name in absent]
    groups: dict[int, list[str]] = {}
    for i in used:
        first = next((j for j in groups if _proportional(runs.w_RxS[:, i], runs.w_RxS[:, j])), i)
        groups.setdefault(first, []).append(runs.sources[i])
    several = len(np.unique(runs.w_RxS, axis=0)) > 1
    for names in groups.values():
        if len(names) > 1 and several:
            notes.append(f"{listed(names)} have the same proportions in every run: their effects cannot be separated")
    return notes


def _proportional(one_R: np.ndarray, other_R: np.ndarray) -> bool:
    return bool(np.abs(one_R * other_R.sum() - other_R * one_R.sum()).max() <= 1e-9 * one_R.sum() * other_R.sum())
