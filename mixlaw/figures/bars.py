"""Bar charts by source: shares compared with proportional, epochs compared with caps."""

import numpy as np
from matplotlib.axes import Axes

from mixlaw.figures import style
from mixlaw.planning.plan import Plan

MANY_EPOCHS = 4.0
"""Epochs above which bars change colour: up to 4, repeated text is nearly as good as new (Muennighoff et al.,
2305.16264)."""
LOG_AXIS_EPOCHS = 30.0
"""Epochs above which the axis is logarithmic beyond one epoch: a linear one would squeeze all other sources."""


def _order(plan: Plan) -> list[str]:
    """Sources, the largest share first."""
    return sorted(plan.mixture, key=plan.mixture.__getitem__, reverse=True)


def mixture_bars(plan: Plan, ax: Axes | None = None) -> Axes:
    """Bars of the recommended shares with 90% intervals, and of the proportional shares, largest first.

    >>> plan = Plan({"web": 0.7, "code": 0.3}, interval={"web": [0.6, 0.8], "code": [0.2, 0.4]})
    >>> [text.get_text() for text in mixture_bars(plan).get_yticklabels()]
    ['web', 'code']
    """
    interval, names = style.required(plan, "interval", plan.interval), _order(plan)
    ax = style.new_axes(ax, style.rows_height(len(names)))
    at, share = np.arange(len(names)), np.array([plan.mixture[n] for n in names])
    band = np.array([interval[n] for n in names])
    error = np.abs(np.stack([share - band[:, 0], band[:, 1] - share]))
    proportional, thick = plan.baselines.get("proportional"), 0.38
    up = 0.2 if proportional is not None else 0.0
    ax.barh(at - up, share, thick + 0.2 - up, color=style.RECOMMENDED, label="recommended (90% interval)")
    ax.errorbar(share, at - up, xerr=error, fmt="none", ecolor="black", elinewidth=1, capsize=2)
    if proportional is not None:
        other = [proportional.mixture[n] for n in names]
        ax.barh(at + up, other, thick, color=style.PROPORTIONAL, label="proportional")
    style.name_rows(ax, names)
    ax.set_xlim(left=0.0)
    ax.set_xlabel("share of training tokens")
    style.as_percent(ax.xaxis)
    style.legend_above(ax)
    return style.clean(ax)


def epochs_bars(plan: Plan, ax: Axes | None = None) -> Axes:
    """Bars of each source's epochs under the plan, largest share first, with its cap if it has one.

    Raises:
        MixlawError: the plan's epochs are null.

    >>> ax = epochs_bars(Plan({"web": 0.7, "code": 0.3}, epochs={"web": 0.5, "code": 2.0}))
    >>> [float(bar.get_width()) for bar in ax.patches]
    [0.5, 2.0]
    """
    epochs_by, names = style.required(plan, "epochs", plan.epochs), _order(plan)
    ax = style.new_axes(ax, style.rows_height(len(names)))
    epochs = np.array([epochs_by[n] for n in names])
    colors = [style.ALARM if e > MANY_EPOCHS else style.RECOMMENDED for e in epochs]
    ax.barh(np.arange(len(names)), epochs, 0.6, color=colors)
    bounds = plan.caps or {}
    caps = [bounds[name].max_epochs if name in bounds else None for name in names]
    wide = float(epochs.max()) > LOG_AXIS_EPOCHS
    widest = np.inf if wide else max(1.5, 2 * float(epochs.max()))  # a cap far off would squeeze the bars
    reach = 1.05 * max([1.1, float(epochs.max()), *(c for c in caps if c is not None and c <= widest)])
    for i, cap in enumerate(caps):
        if cap is not None and cap <= widest:
            ax.plot([cap, cap], [i - 0.4, i + 0.4], color="black", linewidth=2)
        elif cap is not None:
            ax.plot(reach, i, ">", color="black", markersize=4, clip_on=False)
    ax.axvline(1.0, color=style.MUTED, linewidth=1, linestyle="--")
    if wide:
        ax.set_xscale("symlog", linthresh=1.0)
        ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlim(0, reach)
    style.name_rows(ax, names)
    told = ["black: cap" + (", > beyond" if any(c is not None and c > widest for c in caps) else "")]
    told = told * any(cap is not None for cap in caps) + ["logarithmic above 1"] * wide
    ax.set_xlabel(f"epochs (dashed: one pass; orange: above {MANY_EPOCHS:g})" + "\n" * bool(told) + "; ".join(told))
    return style.clean(ax)
