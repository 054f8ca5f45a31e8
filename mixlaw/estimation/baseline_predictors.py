"""Baseline predictors that use no law: mean of the runs, nearest run, share of the target's own source."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mixlaw.runs.grouping import scales
from mixlaw.runs.run_table import Runs


class Baseline(NamedTuple):
    """A predictor that uses no law.

    Attributes:
        name: name shown on the leaderboard.
        predict: function of a table, a target's index and the mask of the training rows with a loss; returns the
            predicted loss of every row (R,), nats per token.
    """

    name: str
    predict: Callable[[Runs, int, np.ndarray], np.ndarray]


def mean_of_the_runs(runs: Runs, target: int, train_R: np.ndarray) -> np.ndarray:
    """Predict the mean loss of the training rows of `training_rows_at_scale`."""
    loss_R = runs.loss_RxK[:, target]
    return np.array([loss_R[rows].mean() for rows in training_rows_at_scale(runs, train_R)])


def nearest_run(runs: Runs, target: int, train_R: np.ndarray) -> np.ndarray:
    """Predict the loss of the training row of `training_rows_at_scale` with the nearest mixture in L1 distance."""
    loss_R = runs.loss_RxK[:, target]
    found = [
        rows[np.abs(runs.w_RxS[rows] - w_S).sum(1).argmin()]
        for w_S, rows in zip(runs.w_RxS, training_rows_at_scale(runs, train_R), strict=True)
    ]
    return loss_R[found]


def own_weight(runs: Runs, target: int, train_R: np.ndarray) -> np.ndarray:
    """Predict by least squares of log-loss on the share of the source with the target's name: one slope for all scales,
    and the mean of the training rows of `training_rows_at_scale`."""
    own_R, loss_R = runs.w_RxS[:, runs.sources.index(runs.targets[target])], np.ones(len(runs))
    loss_R[train_R] = runs.loss_RxK[train_R, target]
    y_R, rows = np.log(loss_R), training_rows_at_scale(runs, train_R)
    y_level_R, x_level_R = (np.array([v_R[at].mean() for at in rows]) for v_R in (y_R, own_R))
    x_R = (own_R - x_level_R)[train_R]
    slope = x_R @ (y_R - y_level_R)[train_R] / (x_R @ x_R) if x_R @ x_R > 0 else 0.0
    return np.exp(y_level_R + slope * (own_R - x_level_R))


def training_rows_at_scale(runs: Runs, train_R: np.ndarray) -> list[np.ndarray]:
    """Positions of the training rows at each row's scale. If there are none: those of the nearest size, or all training
    rows if the table has no sizes."""
    scale_R, found = scales(runs), {}
    for scale in np.unique(scale_R):
        rows = np.flatnonzero(train_R & (scale_R == scale))
        if not len(rows):
            distance_R = np.abs(np.log(runs.params_R / runs.params_R[scale_R == scale][0]))
            nearest = np.min(distance_R[train_R])
            rows = np.flatnonzero(train_R & ((distance_R <= nearest + 1e-9) | np.isnan(nearest)))
        found[scale] = rows
    return [found[scale] for scale in scale_R]


MEAN_OF_RUNS = Baseline("mean of the runs", mean_of_the_runs)
OWN_WEIGHT = Baseline("own weight", own_weight)
NEAREST_RUN = Baseline("nearest run", nearest_run)
