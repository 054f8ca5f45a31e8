"""Leaderboard: the result of `compare`, with its table, JSON and files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixlaw.estimation.metrics import METRICS, Predictions
from mixlaw.io.section import Section

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One law or baseline of a board.

    Attributes:
        name: name of the law or baseline.
        kind: law, auto, reference or baseline.
        scores: {metric: (K,)}, one number per target (see `mixlaw.estimation.metrics.score`).
        seconds: time of all its refits, including compilation; for `auto` also of its candidates.
        predicted: its held-out predictions.
        serves_K: mask of the targets that it can predict.
        picks: for `auto`, the law taken in each training part.
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
    """Scores of all entries under one kind of split.

    Attributes:
        name: the test set: mixtures, or largest size.
        targets: names of the K targets.
        entries: best first, by mean absolute error.
        loss_KxR: observed losses, nats per token.
        scored_KxR: mask of the scored rows. scale_R: index of each row's scale.
    """

    name: str
    targets: tuple[str, ...]
    entries: tuple[Entry, ...]
    loss_KxR: np.ndarray = field(repr=False)
    scored_KxR: np.ndarray = field(repr=False)
    scale_R: np.ndarray = field(repr=False)

    @cached_property
    def means(self) -> list[dict[str, float]]:
        """Mean of each metric over the targets that an entry can predict, one dict per entry; nan if a value is nan.
        Targets for which no entry has the metric (too few runs to rank) are ignored."""
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
        """The board with entries in ascending order of mean absolute error."""
        error = [mean["mae"] if np.isfinite(mean["mae"]) else np.inf for mean in self.means]
        order = np.argsort(error, kind="stable")
        entries = tuple(self.entries[i] for i in order)
        return Board(self.name, self.targets, entries, self.loss_KxR, self.scored_KxR, self.scale_R)

    def rows(self) -> list[dict[str, str | float]]:
        """One record per entry and target, after one with the entry's mean over targets (its `target` is empty)."""
        found = []
        for rank, (entry, mean) in enumerate(zip(self.entries, self.means, strict=True), start=1):
            known: dict[str, str | float] = {"judged": self.name, "rank": rank, "name": entry.name, "kind": entry.kind}
            found.append(known | {"target": ""} | mean | {"seconds": entry.seconds})
            for k, target in enumerate(self.targets):
                found.append(known | {"target": target} | {m: float(entry.scores[m][k]) for m in METRICS})
        return found

    def record(self) -> "BoardRecord":
        """The board as leaderboard.json has it."""
        entries = tuple(
            EntryRecord(
                entry.name,
                entry.kind,
                mean,
                {t: {m: float(entry.scores[m][k]) for m in METRICS} for k, t in enumerate(self.targets)},
                entry.seconds,
                entry.picks or None,
            )
            for entry, mean in zip(self.entries, self.means, strict=True)
        )
        return BoardRecord(self.name, self.targets, entries)


@dataclass(frozen=True, eq=False)
class EntryRecord(Section):
    """One law or baseline in leaderboard.json: scores by metric, None if not known.

    Attributes:
        mean: means over the targets. by_target: the same for each target.
        seconds, picks: as in `Entry`.

    >>> EntryRecord("log-linear", "law", {"mae": 0.01}, {}, 1.0, None).mean["mae"]
    0.01
    """

    name: str
    kind: str
    mean: Mapping[str, float | None]
    by_target: Mapping[str, Mapping[str, float | None]]
    seconds: float
    picks: tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class BoardRecord(Section):
    """One board in leaderboard.json: the test set, its targets, and the entries with the best first.

    >>> BoardRecord("mixtures", ("web",), ()).judged
    'mixtures'
    """

    judged: str
    targets: tuple[str, ...]
    entries: tuple[EntryRecord, ...]


@dataclass(frozen=True, eq=False)
class LeaderboardRecord(Section):
    """The JSON object of leaderboard.json; see `Leaderboard`.

    >>> LeaderboardRecord.from_dict({"boards": [], "skipped": {"dcpt": "knows one source"}}).skipped
    {'dcpt': 'knows one source'}
    """

    schema: int
    kind: str
    boards: tuple[BoardRecord, ...]
    skipped: dict[str, str]
    notes: tuple[str, ...]
    provenance: dict[str, str | int | None]


@dataclass(frozen=True)
class Leaderboard:
    """Boards with the best law first, and notes.

    Attributes:
        boards: *mixtures*, and *largest size* if the runs allow it.
        skipped: {name: reason} of laws and references that cannot be fitted to the table or are not installed.
        notes: one line each. provenance: the run table and the seed.

    >>> board = Leaderboard((), {"chinchilla": "there are too few sizes"}, (), {"runs": "runs.csv", "seed": 0})
    >>> board.to_dict()["skipped"]
    {'chinchilla': 'there are too few sizes'}
    """

    boards: tuple[Board, ...]
    skipped: dict[str, str]
    notes: tuple[str, ...]
    provenance: dict[str, str | int | None]

    def frame(self) -> pd.DataFrame:
        """One row per board, entry and target; `target` is empty in rows with the mean over targets."""
        return pd.DataFrame([row for board in self.boards for row in board.rows()])

    def to_dict(self) -> dict[str, Any]:
        """The leaderboard as JSON types, with None for missing values."""
        boards = tuple(board.record() for board in self.boards)
        return LeaderboardRecord(SCHEMA, "leaderboard", boards, self.skipped, self.notes, self.provenance).to_dict()

    def save(self, folder: str | Path) -> None:
        """Write leaderboard.csv and leaderboard.json into an existing folder."""
        folder = Path(folder)
        self.frame().to_csv(folder / "leaderboard.csv", index=False)
        (folder / "leaderboard.json").write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")
