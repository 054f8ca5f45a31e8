"""Leaderboard: what `compare` returns, as it is read, printed and saved."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixlaw.estimation.metrics import METRICS, Predictions
from mixlaw.io.json import no_nan

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One law or baseline of a board.

    Attributes:
        name, kind: kind is law, auto, reference or baseline.
        scores: by metric (see `mixlaw.estimation.metrics.score`), one number a target (K,).
        seconds: of all its refits, compilation included; of `auto` with those of its candidates.
        predicted: its held-out predictions.
        serves_K: targets that it can be asked for.
        picks: of `auto`, the law taken in each training part.
    """

    name: str
    kind: str
    scores: dict[str, np.ndarray]
    seconds: float
    predicted: Predictions = field(repr=False)
    serves_K: Any = True
    picks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Board:
    """One way of holding out.

    Attributes:
        name: what judges: mixtures, or the largest size.
        targets: names of the K targets.
        entries: best first, by mean absolute error.
        loss_KxR: observed losses, nats per token.
        scored_KxR: the rows that judge. scale_R: index of each row's scale.
    """

    name: str
    targets: tuple[str, ...]
    entries: tuple[Entry, ...]
    loss_KxR: np.ndarray = field(repr=False)
    scored_KxR: np.ndarray = field(repr=False)
    scale_R: np.ndarray = field(repr=False)

    @cached_property
    def means(self) -> list[dict[str, float]]:
        """Of every entry the mean of each metric over the targets it serves, nan where it lacks one of them. Targets
        on which no entry has the metric (too few runs to rank) do not count."""
        found = []
        for entry in self.entries:
            mean = {}
            for metric in METRICS:
                known_K = np.any([np.isfinite(other.scores[metric]) for other in self.entries], axis=0)
                values = entry.scores[metric][known_K & entry.serves_K]
                mean[metric] = float(values.mean()) if len(values) else np.nan
            found.append(mean)
        return found

    def sorted(self) -> "Board":
        """With the lowest mean absolute error first."""
        error = [mean["mae"] if np.isfinite(mean["mae"]) else np.inf for mean in self.means]
        order = np.argsort(error, kind="stable")
        entries = tuple(self.entries[i] for i in order)
        return Board(self.name, self.targets, entries, self.loss_KxR, self.scored_KxR, self.scale_R)

    def rows(self) -> list[dict[str, Any]]:
        """One record an entry and target, each entry's mean over the targets first (its `target` is empty)."""
        found = []
        for rank, (entry, mean) in enumerate(zip(self.entries, self.means, strict=True), start=1):
            known = {"judged": self.name, "rank": rank, "name": entry.name, "kind": entry.kind}
            found.append(known | {"target": ""} | mean | {"seconds": entry.seconds})
            for k, target in enumerate(self.targets):
                found.append(known | {"target": target} | {m: float(entry.scores[m][k]) for m in METRICS})
        return found


@dataclass(frozen=True)
class Leaderboard:
    """Boards, best law first, and what to know of them.

    Attributes:
        boards: *mixtures*, and *largest size* where there is one to judge.
        skipped: laws and references that the table, or what is installed, does not serve, and why.
        notes: one line each. provenance: the run table and the seed.

    >>> board = Leaderboard((), {"chinchilla": "there are too few sizes"}, (), {"runs": "runs.csv", "seed": 0})
    >>> board.to_dict()["skipped"]
    {'chinchilla': 'there are too few sizes'}
    """

    boards: tuple[Board, ...]
    skipped: dict[str, str]
    notes: tuple[str, ...]
    provenance: dict[str, Any]

    def frame(self) -> pd.DataFrame:
        """A row for every board, entry and target; `target` is empty where a row is the mean over the targets."""
        return pd.DataFrame([row for board in self.boards for row in board.rows()])

    def to_dict(self) -> dict[str, Any]:
        """The leaderboard as JSON types; what has no value is null."""
        boards = []
        for board in self.boards:
            entries = [
                {
                    "name": entry.name,
                    "kind": entry.kind,
                    "mean": mean,
                    "by_target": {
                        t: {m: float(entry.scores[m][k]) for m in METRICS} for k, t in enumerate(board.targets)
                    },
                    "seconds": entry.seconds,
                    "picks": list(entry.picks) or None,
                }
                for entry, mean in zip(board.entries, board.means, strict=True)
            ]
            boards.append({"judged": board.name, "targets": list(board.targets), "entries": entries})
        known = {"schema": SCHEMA, "kind": "leaderboard", "boards": boards, "skipped": self.skipped}
        return no_nan(known | {"notes": list(self.notes), "provenance": self.provenance})

    def save(self, folder: str | Path) -> None:
        """Write leaderboard.csv and leaderboard.json into a folder that exists."""
        folder = Path(folder)
        self.frame().to_csv(folder / "leaderboard.csv", index=False)
        (folder / "leaderboard.json").write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")
