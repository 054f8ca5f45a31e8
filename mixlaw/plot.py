"""Figures as functions that return matplotlib Axes. One style, safe for colour-blind readers (Okabe–Ito)."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import EngFormatter, PercentFormatter

from mixlaw.laws import by_name
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
