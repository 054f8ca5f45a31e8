"""Figures of a leaderboard: errors of every law, and differences between mixtures predicted by the best laws."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from mixlaw.figures import style
from mixlaw.figures.predicted_observed import board_differences
from mixlaw.io.writing import replacing
from mixlaw.validation.leaderboard import Board, Leaderboard


def board_dots(board: Board, ax: Axes | None = None) -> Axes:
    """Mean absolute error of every law and baseline, one dot per target, best at the top; dashed: the best baseline.

    >>> from mixlaw.estimation.metrics import METRICS, Predictions
    >>> loss_KxR, scores = np.array([[2.0, 2.2, 2.4]]), {metric: np.array([0.1]) for metric in METRICS}
    >>> from mixlaw.validation.leaderboard import Entry
    >>> entry = Entry("log-linear", "law", scores, 1.0, Predictions(loss_KxR + 0.1, loss_KxR, loss_KxR + 0.2))
    >>> board = Board("mixtures", ("web",), (entry,), loss_KxR, np.full((1, 3), True), np.zeros(3, int))
    >>> [text.get_text() for text in board_dots(board).get_yticklabels()]
    ['log-linear']
    """
    ranked = [(e, mean["mae"]) for e, mean in zip(board.entries, board.means, strict=True) if np.isfinite(mean["mae"])]
    ax = style.new_axes(ax, 1.2 + 0.3 * len(ranked))
    colors = {"law": style.RECOMMENDED, "auto": style.ALARM, "reference": style.PROPORTIONAL, "baseline": style.MUTED}
    for i, (entry, mae) in enumerate(ranked):
        color, error_K = colors[entry.kind], entry.scores["mae"][np.isfinite(entry.scores["mae"])]
        ax.plot([error_K.min(), error_K.max()], [i, i], color=color, alpha=0.25, linewidth=2, zorder=1)
        ax.scatter(error_K, np.full(len(error_K), i), s=18, color=color, alpha=0.45, linewidths=0, zorder=2)
        ax.scatter([mae], [i], s=70, marker="D", color=color, edgecolors="white", linewidths=1, zorder=3)
    rival = min((mae for entry, mae in ranked if entry.kind == "baseline"), default=None)
    if rival is not None:
        ax.axvline(rival, color=style.MUTED, linewidth=1, linestyle="--", zorder=0)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.set_yticks(np.arange(len(ranked)), [entry.name for entry, _ in ranked])
    ax.invert_yaxis()
    ax.set_xlabel(
        "mean absolute error, nats per token\n(dots: targets; diamond: their mean; dashed: the best baseline)"
    )
    return style.clean(ax)


def leaderboard_figure(leaderboard: Leaderboard) -> Figure:
    """One row per way of holding out: errors of all laws, and the differences predicted by the best two.

    >>> from mixlaw.estimation.metrics import METRICS, Predictions
    >>> loss_KxR, scores = np.array([[2.0, 2.2, 2.4]]), {metric: np.array([0.1]) for metric in METRICS}
    >>> from mixlaw.validation.leaderboard import Entry
    >>> entry = Entry("log-linear", "law", scores, 1.0, Predictions(loss_KxR + 0.1, loss_KxR, loss_KxR + 0.2))
    >>> board = Board("mixtures", ("web",), (entry,), loss_KxR, np.full((1, 3), True), np.zeros(3, int))
    >>> figure = leaderboard_figure(Leaderboard((board,), {}, (), {}))
    >>> len(figure.subfigs), [ax.get_title() for ax in figure.axes]
    (1, ['', 'log-linear'])
    """
    heights = [max(4.4, 1.8 + 0.28 * len(board.entries)) for board in leaderboard.boards]
    figure = Figure(figsize=(13.0, sum(heights)), layout="constrained")
    rows = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for board, row in zip(leaderboard.boards, rows, strict=True):
        best = [entry for entry in board.entries if entry.kind in ("law", "reference")][:2]
        axes = row.subplots(1, 1 + len(best), width_ratios=[1.5, *[1.0] * len(best)], squeeze=False)[0]
        board_dots(board, axes[0])
        for entry, ax in zip(best, axes[1:], strict=True):
            board_differences(board, entry, ax)
        row.suptitle(
            "mixtures held out" if board.name == "mixtures" else "fitted on smaller sizes, judged at the largest"
        )
    return figure


def save_leaderboard_figure(leaderboard: Leaderboard, path: str | Path) -> None:
    """Draw `leaderboard_figure` into a PNG, SVG or PDF file.

    >>> from tempfile import TemporaryDirectory
    >>> from mixlaw.estimation.metrics import METRICS, Predictions
    >>> loss_KxR, scores = np.array([[2.0, 2.2, 2.4]]), {metric: np.array([0.1]) for metric in METRICS}
    >>> from mixlaw.validation.leaderboard import Entry
    >>> entry = Entry("log-linear", "law", scores, 1.0, Predictions(loss_KxR + 0.1, loss_KxR, loss_KxR + 0.2))
    >>> board = Board("mixtures", ("web",), (entry,), loss_KxR, np.full((1, 3), True), np.zeros(3, int))
    >>> with TemporaryDirectory() as folder:
    ...     save_leaderboard_figure(Leaderboard((board,), {}, (), {}), Path(folder) / "leaderboard.svg")
    ...     (Path(folder) / "leaderboard.svg").stat().st_size > 1000
    True
    """
    with replacing(path) as draft:
        leaderboard_figure(leaderboard).savefig(draft, dpi=150)
