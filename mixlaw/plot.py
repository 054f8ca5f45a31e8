"""Figures as functions that return matplotlib Axes. One style, safe for colour-blind readers (Okabe–Ito)."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import EngFormatter, LogLocator, PercentFormatter

from mixlaw.laws import by_name
from mixlaw.leaderboard import Board, Entry, Leaderboard
from mixlaw.plan import Plan

RECOMMENDED, PROPORTIONAL, MUTED, ALARM = "#0072B2", "#E69F00", "#999999", "#D55E00"


def _axes(ax: Axes | None, height: float) -> Axes:
    """A new Axes of a figure of its own, or the one given. No pyplot: nothing global is changed."""
    return Figure(figsize=(7.0, height), layout="constrained").subplots() if ax is None else ax


def mixture_bars(plan: Plan, ax: Axes | None = None) -> Axes:
    """Recommended shares with 90% intervals beside the proportional ones, largest first."""
    content = plan.to_dict()
    names = sorted(content["mixture"], key=content["mixture"].get, reverse=True)
    ax = _axes(ax, 1.2 + 0.34 * len(names))
    at, share = np.arange(len(names)), np.array([content["mixture"][n] for n in names])
    band = np.array([content["interval"][n] for n in names])
    error = np.abs(np.stack([share - band[:, 0], band[:, 1] - share]))
    ax.barh(at - 0.2, share, 0.38, color=RECOMMENDED, label="recommended (90% interval)")
    ax.errorbar(share, at - 0.2, xerr=error, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    proportional = content["baselines"]["proportional"]
    if proportional is not None:
        ax.barh(
            at + 0.2,
            [proportional["mixture"][n] for n in names],
            0.38,
            color=PROPORTIONAL,
            label="proportional",
        )
    ax.set_yticks(at, names)
    ax.invert_yaxis()
    ax.set_xlabel("share of training tokens")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
    _clean(ax)
    return ax


def epochs_bars(plan: Plan, ax: Axes | None = None) -> Axes:
    """Epochs of each source under the plan, with its cap where it has one."""
    content = plan.to_dict()
    names = sorted(content["mixture"], key=content["mixture"].get, reverse=True)
    ax = _axes(ax, 1.2 + 0.34 * len(names))
    epochs = np.array([content["epochs"][n] for n in names])
    widest, reach = max(1.5, 2 * float(epochs.max())), max(1.1, float(epochs.max()))
    ax.barh(np.arange(len(names)), epochs, 0.6, color=[ALARM if e > 4 else RECOMMENDED for e in epochs])
    for i, name in enumerate(names):
        cap = (content["caps"] or {}).get(name, {}).get("max_epochs")
        if cap is not None and cap <= widest:  # one far off would squeeze the bars
            ax.plot([cap, cap], [i - 0.4, i + 0.4], color="black", linewidth=2)
            reach = max(reach, cap)
    ax.axvline(1.0, color=MUTED, linewidth=1, linestyle="--")
    ax.set_xlim(0, 1.05 * reach)
    ax.set_yticks(np.arange(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel("epochs (dashed: one pass; orange: above 4; black: cap)")
    _clean(ax)
    return ax


def check_points(plan: Plan, ax: Axes | None = None) -> Axes:
    """Measured against predicted difference of the demo's check at the budget."""
    check = plan.to_dict()["check"]
    ax = _axes(ax, 1.6)
    difference = check["difference"]
    ax.plot(
        [difference["low"], difference["high"]],
        [0, 0],
        color=RECOMMENDED,
        linewidth=6,
        alpha=0.35,
        label="90% interval",
    )
    ax.plot(
        difference["predicted"],
        0,
        "|",
        color=RECOMMENDED,
        markersize=16,
        markeredgewidth=2,
        label="predicted",
    )
    ax.plot(difference["measured"], 0, "o", color=ALARM, label="measured")
    ax.axvline(0.0, color=MUTED, linewidth=1, linestyle="--")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("loss of proportional minus loss of recommended (nats per token)")
    ax.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.45))
    _clean(ax)
    return ax


def path_lines(plan: Plan, ax: Axes | None = None) -> Axes:
    """Shares of the optimum over compute, a line a source; the plan's own budget is marked. Needs the plan's `path`."""
    content = plan.to_dict()
    ax = _axes(ax, 3.6)
    flops = [point["flops"] for point in content["path"]]
    for name in sorted(content["mixture"], key=content["mixture"].get, reverse=True):
        ax.plot(flops, [point["mixture"][name] for point in content["path"]], marker="o", markersize=3, label=name)
    ax.axvline(6 * content["params"] * content["tokens"], color=MUTED, linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.set_xlabel("training compute in FLOP (dashed: the plan's)")
    ax.set_ylabel("share of training tokens")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=1 + len(content["mixture"]) // 16)
    _clean(ax)
    return ax


def save_path_figure(plan: Plan, path: str | Path) -> bool:
    """Draw `path_lines` into a file; False where the plan has no path of at least two budgets, and nothing is drawn."""
    if len(plan.to_dict().get("path") or ()) < 2:
        return False
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    path_lines(plan, figure.subplots())
    figure.savefig(path, dpi=150)
    return True


def _clean(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)


def plan_figure(plan: Plan) -> Figure:
    """Shares, and beside them what the plan has of epochs; below, the check at the budget if there was one."""
    content = plan.to_dict()
    names, checked = len(content["mixture"]), bool(content.get("check"))
    wide, height = content["epochs"] is not None, 1.6 + 0.36 * names
    figure = Figure(figsize=(10.0 if wide else 7.0, height + 1.6 * checked), layout="constrained")
    rows: list[Figure | SubFigure] = [figure]
    if checked:
        rows = list(figure.subfigures(2, 1, squeeze=False, height_ratios=[height, 1.6])[:, 0])
    columns: Any = rows[0].subplots(1, 1 + wide, squeeze=False)[0]
    mixture_bars(plan, columns[0])
    if wide:
        epochs_bars(plan, columns[1])
    if checked:
        check_points(plan, rows[1].subplots())
    count = EngFormatter(places=1, sep="")
    budget = ""
    if content["tokens"] is not None and {"params", "tokens"} & by_name(content["law"]["name"]).needs:
        size = "" if content["params"] is None else f", {count(content['params'])} parameters"
        budget = f"{size}, {count(content['tokens'])} tokens"
    rows[0].suptitle(f"verdict: {content['verdict']} ({content['law']['name']}{budget})")
    return figure


def save_plan_figure(plan: Plan, path: str | Path) -> None:
    """Draw `plan_figure` into a PNG, SVG or PDF file."""
    plan_figure(plan).savefig(path, dpi=150)


def board_dots(board: Board, ax: Axes | None = None) -> Axes:
    """Mean absolute error of every law and baseline, a dot a target, best at the top; dashed: the best baseline."""
    ranked = [(e, mean["mae"]) for e, mean in zip(board.entries, board.means, strict=True) if np.isfinite(mean["mae"])]
    ax = _axes(ax, 1.2 + 0.3 * len(ranked))
    colors = {"law": RECOMMENDED, "auto": ALARM, "reference": PROPORTIONAL, "baseline": MUTED}
    for i, (entry, mae) in enumerate(ranked):
        color, error_K = colors[entry.kind], entry.scores["mae"][np.isfinite(entry.scores["mae"])]
        ax.plot([error_K.min(), error_K.max()], [i, i], color=color, alpha=0.25, linewidth=2, zorder=1)
        ax.scatter(error_K, np.full(len(error_K), i), s=18, color=color, alpha=0.45, linewidths=0, zorder=2)
        ax.scatter([mae], [i], s=70, marker="D", color=color, edgecolors="white", linewidths=1, zorder=3)
    rival = min((mae for entry, mae in ranked if entry.kind == "baseline"), default=None)
    if rival is not None:
        ax.axvline(rival, color=MUTED, linewidth=1, linestyle="--", zorder=0)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")
    ax.set_yticks(np.arange(len(ranked)), [entry.name for entry, _ in ranked])
    ax.invert_yaxis()
    ax.set_xlabel(
        "mean absolute error, nats per token\n(dots: targets; diamond: their mean; dashed: the best baseline)"
    )
    _clean(ax)
    return ax


def board_differences(board: Board, entry: Entry, ax: Axes | None = None) -> Axes:
    """Observed against predicted differences between mixtures: losses less their mean within the scale, by target."""
    ax = _axes(ax, 4.0)
    predicted, observed = [], []
    for k, judged_R in enumerate(board.judged_KxR):
        _, at = np.unique(board.scale_R[judged_R], return_inverse=True)
        pair = np.stack([entry.predicted.loss_KxR[k, judged_R], board.loss_KxR[k, judged_R]])
        mean = np.stack([np.bincount(at, x) / np.bincount(at) for x in pair])
        centred = pair - mean[:, at]
        predicted.append(centred[0])
        observed.append(centred[1])
    x, y = np.concatenate(predicted), np.concatenate(observed)
    ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())])
    ends += 0.05 * np.ptp(ends) * np.array([-1.0, 1.0])
    ax.plot(ends, ends, color=MUTED, linewidth=1, linestyle="--", zorder=0)
    ax.scatter(x, y, s=10, color=RECOMMENDED, alpha=max(0.12, min(0.6, 60 / len(x))), linewidths=0, rasterized=True)
    ax.set_xlim(*ends)
    ax.set_ylim(*ends)
    ax.set_aspect("equal")
    ax.set_title(entry.name, fontsize=10)
    ax.set_xlabel("predicted difference (nats)")
    ax.set_ylabel("observed difference")
    _clean(ax)
    return ax


def leaderboard_figure(leaderboard: Leaderboard) -> Figure:
    """For each way of holding out a row: errors of all laws, and the differences that the best two predict."""
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
    """Draw `leaderboard_figure` into a PNG, SVG or PDF file."""
    leaderboard_figure(leaderboard).savefig(path, dpi=150)
