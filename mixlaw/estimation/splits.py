"""Training and test splits of a run table: folds over mixtures, and smaller sizes against the largest."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.runs.grouping import groups
from mixlaw.runs.run_table import Runs

FOLDS = 5
INNER_FOLDS = 4
"""Number of inner folds of a training part, used for nested choices and for calibration."""
FEWEST_RUNS = 3
"""Smallest number of runs with a loss that every training part needs for every target, as every fit does."""
ROW_COLUMN = "table row"
"""Column with the row number in the full table, to identify rows after some were left out."""


@dataclass(frozen=True)
class Split:
    """F training and test splits of a table of R rows.

    Attributes:
        train_FxR: masks of the training rows.
        test_FxR: masks of the test rows. A row is in at most one test part.
        group_R: index of each row's mixture (of its run, if there is one source): a group is in one fold.
        seed: seed of the folds.
    """

    train_FxR: np.ndarray
    test_FxR: np.ndarray
    group_R: np.ndarray
    seed: int

    @cached_property
    def fold_R(self) -> np.ndarray:
        """Fold whose test part contains each row, -1 if none does."""
        return np.where(self.test_FxR.any(0), self.test_FxR.argmax(0), -1)

    @cached_property
    def inner_train_FxGxR(self) -> np.ndarray:
        """Inner training masks: each training part without one of its G inner folds of mixtures."""
        parts = []
        for f, train_R in enumerate(self.train_FxR):
            fold_R = _folds(self.group_R, train_R, INNER_FOLDS, [self.seed, 3, f])
            parts.append(train_R & (fold_R != np.arange(INNER_FOLDS)[:, None]))
        return np.stack(parts)

    @cached_property
    def inner_test_FxGxR(self) -> np.ndarray:
        """Inner test masks: the inner fold that `inner_train_FxGxR` leaves out."""
        return self.train_FxR[:, None] & ~self.inner_train_FxGxR


def _folds(group_R: np.ndarray, among_R: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """Random fold of each row (R,), the same within a group; -1 for groups without a row in the mask."""
    found = np.unique(group_R[among_R])
    fold_of = np.full(group_R.max() + 1, -1)
    fold_of[np.random.default_rng(seed).permutation(found)] = np.arange(len(found)) % count
    return fold_of[group_R]


def over_mixtures(runs: Runs, seed: int) -> Split | None:
    """Cross-validation over mixtures: each is in one test part. None if there are too few mixtures."""
    group_R = groups(runs)
    if len(np.unique(group_R)) < 2 * FOLDS:
        return None
    fold_R = _folds(group_R, np.ones(len(runs), bool), FOLDS, [seed, 2])
    test_FxR = fold_R == np.arange(FOLDS)[:, None]
    return Split(~test_FxR, test_FxR, group_R, seed)


def over_size(runs: Runs, seed: int) -> Split | None:
    """Extrapolation in size: train on the smaller sizes without a fold of mixtures, test on that fold at the largest
    size. None if there is one size, or if the largest or the smaller sizes have too few mixtures."""
    split = over_mixtures(runs, seed)
    if split is None or len(runs.scales) < 2:
        return None
    large_R = runs.params_R == runs.scales[-1]
    if len(np.unique(split.group_R[large_R])) < FOLDS:
        return None
    small_R = np.isfinite(runs.params_R) & ~large_R
    tested = replace(split, train_FxR=split.train_FxR & small_R, test_FxR=split.test_FxR & large_R)
    few = min(len(np.unique(split.group_R[train_R])) for train_R in tested.train_FxR) < 2 * INNER_FOLDS
    return None if few else tested


def measurable_targets(runs: Runs, split: Split, usable_R: np.ndarray | None = None) -> list[str]:
    """Targets with losses of at least `FEWEST_RUNS` runs in every training part, inner parts included, and of one run
    in some test part. If `usable_R` is given, only its rows count."""
    found = []
    for k, target in enumerate(runs.targets):
        measured_R = np.isfinite(runs.loss_RxK[:, k]) & (True if usable_R is None else usable_R)
        parts = [*split.train_FxR, *split.inner_train_FxGxR.reshape(-1, len(runs))]
        enough = all(len(np.unique(runs.cluster_R[part_R & measured_R])) >= FEWEST_RUNS for part_R in parts)
        if enough and (split.test_FxR & measured_R).any():
            found.append(target)
    return found


def check_mixtures(runs: Runs) -> None:
    """Raise if a table has too few mixtures for cross-validation.

    Raises:
        MixlawError: there are fewer mixtures than twice the number of folds.
    """
    count, what = len(np.unique(groups(runs))), "mixtures" if len(runs.sources) > 1 else "runs"
    if count < 2 * FOLDS:
        raise MixlawError(
            f"{runs.name}: {count} {what} are too few to hold any out: comparing laws takes at least {2 * FOLDS}"
        )


def with_row_numbers(runs: Runs) -> Runs:
    """The table with row numbers in the column `ROW_COLUMN`."""
    return replace(runs, frame=runs.frame.assign(**{ROW_COLUMN: np.arange(len(runs))}))


def positions(runs: Runs) -> np.ndarray:
    """Row numbers, in the full table, of the rows of a subset of a `with_row_numbers` table."""
    return runs.frame[ROW_COLUMN].to_numpy(int)


def left_out(names: list[str], why: str) -> list[str]:
    """A note that names the targets left out; empty if there are none."""
    return [f"target{'s' * (len(names) > 1)} {listed(names)} left out: {why}"] if names else []
