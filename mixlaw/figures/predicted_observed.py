"""Scatter plots of observed over predicted losses."""

import numpy as np
from matplotlib.axes import Axes

from mixlaw.errors import MixlawError, nearest
from mixlaw.figures import style
from mixlaw.validation.held_out import HeldOutLosses
from mixlaw.validation.leaderboard import Board, Entry


def predicted_actual(
    predicted_M: np.ndarray,
    observed_M: np.ndarray,
    low_M: np.ndarray | None = None,
    high_M: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Observed losses over predicted ones, nats per token, with the intervals of the predictions if given.

    The dashed line is equality. The title gives the number of runs, the mean absolute error and the bias (mean of
    predicted minus observed). Rows without an observed loss are left out.

    Raises:
        MixlawError: lengths differ, or there is no pair.

    >>> predicted_actual(np.array([2.2, 2.3]), np.array([2.0, 2.2])).get_title(loc="left")
    '2 runs, error 0.1500, bias +0.1500'
    """
    given = [np.asarray(x, float) for x in (predicted_M, observed_M, low_M, high_M) if x is not None]
    if len({x.shape for x in given}) != 1 or given[0].ndim != 1 or (low_M is None) != (high_M is None):
        raise MixlawError(
            f"predicted_actual: arrays of shapes {[x.shape for x in given]}; give one number a run in each"
        )
    known_M = np.isfinite(given).all(0)
    if not known_M.any():
        raise MixlawError("predicted_actual: no run has both a predicted and an observed loss")
    predicted_M, observed_M, *band = (x[known_M] for x in given)
    ax = _square(style.new_axes(ax, 4.4, 4.2), predicted_M, observed_M)
    if band:
        error = np.abs(np.stack([predicted_M - band[0], band[1] - predicted_M]))
        ax.errorbar(
            predicted_M, observed_M, xerr=error, fmt="none", ecolor=style.MUTED, elinewidth=0.8, alpha=0.5, zorder=1
        )
    gap_M = predicted_M - observed_M
    told = f"{len(gap_M)} runs, error {np.abs(gap_M).mean():.4f}, bias {gap_M.mean():+.4f}"
    ax.set_title(told, fontsize="medium", loc="left")
    ax.set_xlabel("predicted loss, nats per token" + (" (90% interval)" if band else ""))
    ax.set_ylabel("observed loss, nats per token")
    return ax


def held_out_actual(held: HeldOutLosses, target: str, ax: Axes | None = None) -> Axes:
    """`predicted_actual` for one target of the fitted runs, each predicted by a refit without its mixture.

    Args:
        held: `held_out` of the result of `mixlaw.reports.gather`.

    Raises:
        MixlawError: there is no such target.

    >>> from mixlaw.estimation.splits import Split
    >>> from mixlaw.runs.run_table import Runs
    >>> import pandas as pd
    >>> runs = Runs.from_frame(pd.DataFrame({"w:web": [0.3, 0.7], "w:code": [0.7, 0.3], "loss:web": [2.4, 2.2]}))
    >>> one_KxR, folds_FxR = np.ones((1, 2)), np.eye(2, dtype=bool)
    >>> split = Split(~folds_FxR, folds_FxR, np.arange(2), 0)
    >>> held = HeldOutLosses(runs, 2.4 * one_KxR, one_KxR > 0, 2.3 * one_KxR, split)
    >>> held_out_actual(held, "web").get_title(loc="left").splitlines()
    ['web', '2 runs, error 0.1000, bias +0.1000']
    """
    if target not in held.runs.targets:
        raise MixlawError(f"target {target!r} was not held out: {nearest(target, held.runs.targets)}")
    k = held.runs.targets.index(target)
    judged_R = held.scored_KxR[k]
    ax = predicted_actual(held.predicted_KxR[k, judged_R], held.runs.loss_RxK[judged_R, k], ax=ax)
    ax.set_title(f"{style.shortened([target])[0]}\n{ax.get_title(loc='left')}", fontsize="medium", loc="left")
    return ax


def board_actual(board: Board, entry: Entry, target: str, ax: Axes | None = None) -> Axes:
    """`predicted_actual` of one law or baseline on the held-out runs, for one target of a leaderboard's board.

    Raises:
        MixlawError: the board has no such target.

    >>> from mixlaw.estimation.metrics import Predictions
    >>> loss_KxR = np.array([[2.0, 2.2, 2.4]])
    >>> entry = Entry("log-linear", "law", {}, 1.0, Predictions(loss_KxR + 0.1, loss_KxR, loss_KxR + 0.2))
    >>> board = Board("mixtures", ("web",), (entry,), loss_KxR, np.full((1, 3), True), np.zeros(3, int))
    >>> board_actual(board, entry, "web").get_title(loc="left").splitlines()
    ['log-linear, web', '3 runs, error 0.1000, bias +0.1000']
    """
    if target not in board.targets:
        raise MixlawError(f"target {target!r} is not on the board: {nearest(target, board.targets)}")
    k, found = board.targets.index(target), entry.predicted
    judged_R = board.scored_KxR[k]
    arrays = (found.loss_KxR, board.loss_KxR, found.low_KxR, found.high_KxR)
    predicted_R, observed_R, low_R, high_R = (x[k, judged_R] for x in arrays)
    ends = (low_R, high_R) if np.isfinite([low_R, high_R]).all() else (None, None)
    ax = predicted_actual(predicted_R, observed_R, *ends, ax=ax)
    ax.set_title(f"{entry.name}, {style.shortened([target])[0]}\n{ax.get_title(loc='left')}", loc="left")
    return ax


def board_differences(board: Board, entry: Entry, ax: Axes | None = None) -> Axes:
    """Observed over predicted differences between mixtures: losses minus their mean at the same N and D, by target.

    >>> from mixlaw.estimation.metrics import Predictions
    >>> loss_KxR = np.array([[2.0, 2.2, 2.4]])
    >>> entry = Entry("log-linear", "law", {}, 1.0, Predictions(loss_KxR + 0.1, loss_KxR, loss_KxR + 0.2))
    >>> board = Board("mixtures", ("web",), (entry,), loss_KxR, np.full((1, 3), True), np.zeros(3, int))
    >>> board_differences(board, entry).get_title()
    'log-linear'
    """
    predicted, observed = [], []
    for k, judged_R in enumerate(board.scored_KxR):
        _, at = np.unique(board.scale_R[judged_R], return_inverse=True)
        pair = np.stack([entry.predicted.loss_KxR[k, judged_R], board.loss_KxR[k, judged_R]])
        mean = np.stack([np.bincount(at, x) / np.bincount(at) for x in pair])
        centred = pair - mean[:, at]
        predicted.append(centred[0])
        observed.append(centred[1])
    ax = _square(style.new_axes(ax, 4.0), np.concatenate(predicted), np.concatenate(observed))
    ax.set_title(entry.name, fontsize="medium")
    ax.set_xlabel("predicted difference (nats)")
    ax.set_ylabel("observed difference")
    return ax


def _square(ax: Axes, x: np.ndarray, y: np.ndarray) -> Axes:
    """Dots, the line of equality, and equal axes that contain both."""
    ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())])
    ends += max(0.05 * np.ptp(ends), 1e-6) * np.array([-1.0, 1.0])
    ax.plot(ends, ends, color=style.MUTED, linewidth=1, linestyle="--", zorder=0)
    alpha = max(0.12, min(0.8, 60 / len(x)))
    ax.scatter(x, y, s=12, color=style.RECOMMENDED, alpha=alpha, linewidths=0, rasterized=len(x) > 500, zorder=2)
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    ax.set_aspect("equal")
    return style.clean(ax)
