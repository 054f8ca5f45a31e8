"""Leaderboard of laws by held-out loss error."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation.baseline_predictors import MEAN_OF_RUNS, NEAREST_RUN, OWN_WEIGHT, Baseline
from mixlaw.estimation.cross_validation import Refits, gather, law_predictions, point_predictions, refit, refit_inside
from mixlaw.estimation.metrics import Predictions, fold_errors, score
from mixlaw.estimation.observations import check_losses_differ, observe
from mixlaw.estimation.splits import (
    Split,
    check_mixtures,
    left_out,
    measurable_targets,
    over_mixtures,
    over_size,
    positions,
    with_row_numbers,
)
from mixlaw.fitting.law_selection import candidates, pick, scored_rows, usable_rows
from mixlaw.laws import Law
from mixlaw.runs.grouping import scales
from mixlaw.runs.run_table import Runs
from mixlaw.validation.eligibility import Refused, nowhere, reference_losses, supported, try_references
from mixlaw.validation.leaderboard import Board, Entry, Leaderboard

Tell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Table:
    """Data on which all entries of a board are scored.

    Attributes:
        runs: a `with_row_numbers` table. split: its training and test parts.
        last_KxR: mask of the last checkpoints, in training and test parts.
        scale_R: index of each row's scale.
    """

    runs: Runs
    split: Split
    last_KxR: np.ndarray
    scale_R: np.ndarray

    @property
    def scored_KxR(self) -> np.ndarray:
        """Mask of the last checkpoints in the test parts."""
        return self.last_KxR & (self.split.fold_R >= 0)

    def entry(self, name: str, kind: str, found: Predictions, seconds: float, **more: Any) -> Entry:
        """Score held-out predictions and make an entry of them."""
        fold_R, loss_KxR = self.split.fold_R, self.runs.loss_RxK.T
        scores = score(found, loss_KxR, self.scored_KxR, self.scale_R, fold_R)
        return Entry(name, kind, scores, seconds, found, **more)


def compare(runs: Runs, laws: Sequence[Any] | None = None, *, seed: int = 0, tell: Tell | None = None) -> Leaderboard:
    """Compare laws, `auto` and trivial baselines by cross-validation: a mixture held out is held out at every size.

    There are two boards. *mixtures*: cross-validation in folds of mixtures. *largest size*, if the runs have several
    sizes: fitted on the smaller sizes without a fold of mixtures, scored on that fold at the largest. Only the last
    checkpoint of each run is scored. `auto` is nested: inner folds choose its law within each training part, so its
    error is out of sample too. Laws use the intervals of `mixlaw.band`; the others use split-conformal intervals from
    inner folds.

    Args:
        runs: a run table.
        laws: classes or names [default: all that can be fitted to the table].
        seed: seed of the folds.
        tell: progress callback, called with (steps done, total steps, name of the next step).

    Raises:
        MixlawError: there are too few mixtures; or a law in `laws` is unknown, cannot be fitted to the table, or needs
            a package that is not installed. Without `laws` such laws are skipped.

    >>> import numpy as np, pandas as pd
    >>> web = np.linspace(0.1, 0.9, 12)
    >>> table = pd.DataFrame({"w:web": web, "w:code": 1 - web, "loss:web": 2.0 - 0.5 * web})
    >>> found = compare(Runs.from_frame(table), ["gaussian-process"])
    >>> found.boards[0].name, found.boards[0].entries[0].kind
    ('mixtures', 'reference')
    """
    check_losses_differ(runs)
    check_mixtures(runs)
    runs, notes = _measured(with_row_numbers(runs), seed)
    methods, skipped = supported(runs, laws)
    usable_R, tables = usable_rows(runs, methods), {}
    splits = {"mixtures": over_mixtures(runs, seed), "largest size": over_size(runs, seed)}
    notes += _remarks(runs, methods, usable_R, splits["largest size"])
    for name, split in splits.items():
        targets = [] if split is None else measurable_targets(runs, split, usable_R)
        if split is None or not targets:
            continue
        notes += left_out([t for t in runs.targets if t not in targets], f"too few runs to judge {name}")
        part = runs.with_targets(targets)
        tables[name] = _Table(part, split, scored_rows(part, usable_R), scales(part))
    refused = {name: Refused(laws is not None) for name in tables}
    for name, table in tables.items():
        try_references(table.runs, table.split, methods, refused[name], seed)
    steps = _Steps(tell, sum(len(methods) - len(refused[name]) + 2 for name in tables))
    boards = [_board(name, table, methods, refused[name], seed, steps) for name, table in tables.items()]
    steps.next("done")
    notes += [note for board in boards for note in _picked(board)]
    skipped |= nowhere(refused, notes)
    provenance = {"runs": runs.name, "runs_hash": runs.hash(), "seed": seed}
    return Leaderboard(tuple(boards), skipped, tuple(dict.fromkeys(notes)), provenance)


class _Steps:
    """Counter of steps for a progress bar."""

    def __init__(self, tell: Tell | None, total: int) -> None:
        self.tell, self.total, self.done = tell or (lambda *_: None), total, 0

    def next(self, what: str) -> None:
        """Report that a step begins."""
        self.tell(self.done, self.total, what)
        self.done += 1


def _measured(runs: Runs, seed: int) -> tuple[Runs, list[str]]:
    """The table with the targets that are measured in enough runs, and a note on the others."""
    split = over_mixtures(runs, seed)
    targets = [] if split is None else measurable_targets(runs, split)
    if not targets:
        raise MixlawError(f"{runs.name}: no loss: column is measured in enough mixtures to hold any out")
    few = [t for t in runs.targets if t not in targets]
    return runs.with_targets(targets), left_out(few, "measured in too few runs to hold any out")


def _remarks(runs: Runs, methods: list[Any], usable_R: np.ndarray, size: Split | None) -> list[str]:
    """Notes on the cross-validation."""
    notes, kept = [], len(np.unique(runs.run_id[usable_R]))
    if len(runs.scales) == 1:
        reading = [method.name for method in methods if "params" in method.needs]
        if reading:
            notes.append(f"the runs have one size: of {', '.join(reading)} only the part in the mixture is judged")
    if len(runs.scales) > 1 and size is None:
        notes.append("the largest size is not judged apart: it, or the smaller ones, have too few mixtures")
    if len(runs.scales) == 2 and size is not None:
        notes.append("with one smaller size the effect of size is not determined: losses at the largest rest on priors")
    if kept < len(np.unique(runs.run_id)):
        notes.append(f"{len(np.unique(runs.run_id)) - kept} runs that not all laws can be fitted on do not judge")
    return notes


def _board(name: str, table: _Table, methods: list[Any], refused: Refused, seed: int, steps: _Steps) -> Board:
    entries, refits = [], {}
    for method in [method for method in methods if method.name not in refused]:
        steps.next(method.name)
        began = time.perf_counter()
        with refused.instead(method.name):
            found, refits[method.name] = _predictions(table, method, seed)
            kind = "law" if isinstance(refits[method.name], Refits) else "reference"
            entries.append(table.entry(method.name, kind, found, time.perf_counter() - began))
    steps.next("auto")
    entries += _auto(table, {entry.name: entry for entry in entries}, refits)
    steps.next("baselines")
    entries += [
        entry for entry in (_baseline(table, baseline) for baseline in (MEAN_OF_RUNS, OWN_WEIGHT, NEAREST_RUN)) if entry
    ]
    loss_KxR = table.runs.loss_RxK.T
    return Board(name, table.runs.targets, tuple(entries), loss_KxR, table.scored_KxR, table.scale_R).sorted()


def _predictions(table: _Table, method: Any, seed: int) -> tuple[Predictions, Refits | None]:
    """Held-out predictions of a law, with its refits, or of a reference."""
    seen, rows = observe(table.runs, method), None
    if issubclass(method, Law):
        refits = refit(method, seen, table.split.train_FxR)
        return law_predictions(refits, table.split), refits
    rows = positions(seen.runs)
    predict = lambda k, train_R: reference_losses(method, seen, rows, k, train_R, seed)  # noqa: E731
    return point_predictions(predict, table.runs, table.last_KxR, table.split), None


def _baseline(table: _Table, baseline: Baseline) -> Entry | None:
    """A baseline's entry, None if it applies to no target."""
    runs, began = table.runs, time.perf_counter()
    serves_K = np.array([baseline is not OWN_WEIGHT or target in runs.sources for target in runs.targets])
    if not serves_K.any():
        return None

    def predict(k: int, train_R: np.ndarray) -> np.ndarray:
        if not serves_K[k]:
            return np.full(len(runs), np.nan)
        return baseline.predict(runs, k, train_R & table.last_KxR[k])

    found = point_predictions(predict, runs, table.last_KxR, table.split)
    return table.entry(baseline.name, "baseline", found, time.perf_counter() - began, serves_K=serves_K)


def _auto(table: _Table, entries: dict[str, Entry], refits: dict[str, Refits | None]) -> list[Entry]:
    """Entry of `auto`, with its law picked within each training part; empty if there is no choice of law."""
    laws = [law.name for law in candidates(table.runs) if law.name in entries]
    if len(laws) < 2 or laws[0] != candidates(table.runs)[0].name:
        return []
    began = time.perf_counter()
    error_LxFxG = np.stack([_inner_errors(table, refits[name]) for name in laws])
    picks = [laws[pick(error_LxFxG[:, f])] for f in range(len(table.split.train_FxR))]
    parts = [(test_R, entries[name].predicted) for test_R, name in zip(table.split.test_FxR, picks, strict=True)]
    ends = {end: np.full(table.last_KxR.shape, np.nan) for end in ("loss_KxR", "low_KxR", "high_KxR")}
    for end, x_KxR in ends.items():
        for test_R, found in parts:
            x_KxR[:, test_R] = getattr(found, end)[:, test_R]
    seconds = time.perf_counter() - began + sum(entries[name].seconds for name in laws)
    return [table.entry("auto", "auto", Predictions(**ends), seconds, picks=tuple(picks))]


def _inner_errors(table: _Table, outer: Refits | None) -> np.ndarray:
    """Errors (F, G) of a law on the inner folds of every training part, nats per token."""
    assert outer is not None, "candidates of auto are laws"
    split, rows = table.split, positions(outer.seen.runs)
    inner = split.inner_train_FxGxR.shape[1]
    points = refit_inside(outer, split.inner_train_FxGxR).points()
    errors = []
    for f, test_GxR in enumerate(split.inner_test_FxGxR):
        loss_KxR = gather(points[f * inner : (f + 1) * inner], rows, test_GxR)
        last_KxR = table.last_KxR & test_GxR.any(0)
        errors.append(fold_errors(loss_KxR, table.runs.loss_RxK.T, last_KxR, test_GxR))
    return np.stack(errors)


def _picked(board: Board) -> list[str]:
    """Notes on the laws that `auto` took in the training parts, and on entries that lack some targets."""
    found = []
    for entry in board.entries:
        if entry.picks:
            names = dict.fromkeys(entry.picks)
            taken = ", ".join(f"{name} in {entry.picks.count(name)}" for name in names)
            found.append(f"auto, judged on {board.name}, took {taken} of {len(entry.picks)} training parts")
        if not np.all(entry.serves_K):
            some = [t for t, serves in zip(board.targets, entry.serves_K, strict=True) if serves]
            found.append(f"{entry.name} is a mean over the {len(some)} targets that are sources too")
    return found
