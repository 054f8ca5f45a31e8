"""Which runs a refit may see and which judge it: folds over mixtures, and small sizes against the largest."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.runs.grouping import groups
from mixlaw.runs.run_table import Runs

FOLDS = 5
INNER = 4
"""Folds of a training part, for what is chosen or calibrated within it."""
FEWEST_RUNS = 3
"""Runs with a loss that every training part needs of every target, as every fit does."""
ROW = "table row"
"""Column that rides along with a table, so that rows are found again after some were left out."""


@dataclass(frozen=True)
class Split:
    """F ways to part a table of R rows.

    Attributes:
        train_FxR: rows that a refit may see.
        test_FxR: rows that it predicts; a row is in at most one test part.
        group_R: the mixture of each row (the run, where there is one source): all its rows are in one fold.
        seed: of the folds.
    """

    train_FxR: np.ndarray
    test_FxR: np.ndarray
    group_R: np.ndarray
    seed: int

    @cached_property
    def fold_R(self) -> np.ndarray:
        """The fold whose refit predicts each row, -1 where none does."""
        return np.where(self.test_FxR.any(0), self.test_FxR.argmax(0), -1)

    @cached_property
    def inner_train_FxGxR(self) -> np.ndarray:
        """The training parts without one of G folds of their own mixtures."""
        parts = []
        for f, train_R in enumerate(self.train_FxR):
            fold_R = _folds(self.group_R, train_R, INNER, [self.seed, 3, f])
            parts.append(train_R & (fold_R != np.arange(INNER)[:, None]))
        return np.stack(parts)

    @cached_property
    def inner_test_FxGxR(self) -> np.ndarray:
        """What each of `inner_train_FxGxR` leaves of its training part."""
        return self.train_FxR[:, None] & ~self.inner_train_FxGxR


def _folds(group_R: np.ndarray, among_R: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """A fold for every group that has a row in the mask, (R,); -1 for the others."""
    found = np.unique(group_R[among_R])
    fold_of = np.full(group_R.max() + 1, -1)
    fold_of[np.random.default_rng(seed).permutation(found)] = np.arange(len(found)) % count
    return fold_of[group_R]


def over_mixtures(runs: Runs, seed: int) -> Split | None:
    """Every mixture predicted by a refit that has not seen it; None where mixtures are too few."""
    group_R = groups(runs)
    if len(np.unique(group_R)) < 2 * FOLDS:
        return None
    fold_R = _folds(group_R, np.ones(len(runs), bool), FOLDS, [seed, 2])
    test_FxR = fold_R == np.arange(FOLDS)[:, None]
    return Split(~test_FxR, test_FxR, group_R, seed)


def over_size(runs: Runs, seed: int) -> Split | None:
    """The runs of the largest size predicted by refits on the smaller sizes, again without each fold of mixtures;
    None where there is one size or the largest has fewer mixtures than folds."""
    split = over_mixtures(runs, seed)
    if split is None or len(runs.scales) < 2:
        return None
    large_R = runs.params_R == runs.scales[-1]
    if len(np.unique(split.group_R[large_R])) < FOLDS:
        return None
    small_R = np.isfinite(runs.params_R) & ~large_R
    tested = replace(split, train_FxR=split.train_FxR & small_R, test_FxR=split.test_FxR & large_R)
    few = min(len(np.unique(split.group_R[train_R])) for train_R in tested.train_FxR) < 2 * INNER
    return None if few else tested


def measurable_targets(runs: Runs, split: Split, usable_R: np.ndarray | None = None) -> list[str]:
    """The targets with losses of `FEWEST_RUNS` runs in every training part (inner ones too) and of one in some test
    part. If `usable_R` is given, only its rows count."""
    found = []
    for k, target in enumerate(runs.targets):
        measured_R = np.isfinite(runs.loss_RxK[:, k]) & (True if usable_R is None else usable_R)
        parts = [*split.train_FxR, *split.inner_train_FxGxR.reshape(-1, len(runs))]
        enough = all(len(np.unique(runs.cluster_R[part_R & measured_R])) >= FEWEST_RUNS for part_R in parts)
        if enough and (split.test_FxR & measured_R).any():
            found.append(target)
    return found


def check_mixtures(runs: Runs) -> None:
    """Refuse a table with too few mixtures to hold any out.

    Raises:
        MixlawError: there are fewer than twice as many as folds.
    """
    count, what = len(np.unique(groups(runs))), "mixtures" if len(runs.sources) > 1 else "runs"
    if count < 2 * FOLDS:
        raise MixlawError(
            f"{runs.name}: {count} {what} are too few to hold any out: comparing laws takes at least {2 * FOLDS}"
        )


def with_row_numbers(runs: Runs) -> Runs:
    """The table with its rows' positions in the column `ROW`."""
    return replace(runs, frame=runs.frame.assign(**{ROW: np.arange(len(runs))}))


def positions(runs: Runs) -> np.ndarray:
    """Where the rows of a part of a `with_row_numbers` table stood in it."""
    return runs.frame[ROW].to_numpy(int)


def left_out(names: list[str], why: str) -> list[str]:
    """A note on targets that are not judged, none where there are none."""
    return [f"target{'s' * (len(names) > 1)} {listed(names)} left out: {why}"] if names else []
