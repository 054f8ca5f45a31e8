"""Optimal shares as a function of the budget."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixlaw.figures import style
from mixlaw.io.writing import replacing
from mixlaw.planning.plan import Plan


def budget_path(plan: Plan, ax: Axes | None = None) -> Axes:
    """Shares of the optimum over compute; the plan's own budget is marked. Needs the plan's `path`.

    The sources with the largest shares on the path have a colour and a marker each; the others are grey.

    Raises:
        MixlawError: the plan's path is null.

    >>> from mixlaw.planning.plan_types import PathPoint
    >>> points = [PathPoint(6e17 * d, 1e8, 1e9 * d, {"web": 1 - d / 4, "code": d / 4}, 2.5) for d in (1, 2)]
    >>> ax = budget_path(Plan(points[1].mixture, params=1e8, tokens=2e9, path=tuple(points)))
    >>> ax.lines[0].get_ydata().tolist()
    [0.75, 0.5]
    """
    points = style.required(plan, "path", plan.path)
    params, tokens = (
        style.required(plan, key, value) for key, value in (("params", plan.params), ("tokens", plan.tokens))
    )
    ax = style.new_axes(ax, 3.6, 8.0)
    shares = {name: [point.mixture[name] for point in points] for name in plan.mixture}
    names, flops = (
        sorted(shares, key=lambda name: -max(shares[name])),
        [6 * point.params * point.tokens for point in points],
    )
    named = names if len(names) <= len(style.LINE_COLOURS) else names[: len(style.LINE_COLOURS) - 1]
    handles = []
    for name, color, marker in zip(named, style.LINE_COLOURS, style.MARKERS, strict=False):
        handles += ax.plot(flops, shares[name], marker, color=color, linestyle="-", markersize=4, zorder=3)
    rest = []
    for name in names[len(named) :]:
        rest += ax.plot(flops, shares[name], color=style.MUTED, linewidth=0.8, alpha=0.7, zorder=1)
    ax.axvline(6 * params * tokens, color=style.MUTED, linewidth=1, linestyle="--", zorder=0)
    ax.set_xscale("log")
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("training compute in FLOP (dashed: the plan's)")
    ax.set_ylabel("share of training tokens")
    style.as_percent(ax.yaxis)
    style.legend_right(ax, handles + rest[:1], [*named, *([f"{len(rest)} other sources"] if rest else [])])
    return style.clean(ax)


def save_path_figure(plan: Plan, path: str | Path) -> bool:
    """Draw `budget_path` into a file; False, with nothing drawn, if the plan's path has fewer than two budgets.

    >>> save_path_figure(Plan({"web": 1.0}), "path.png")
    False
    """
    if len(plan.path or ()) < 2:
        return False
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    budget_path(plan, figure.subplots())
    with replacing(path) as draft:
        figure.savefig(draft, dpi=150)
    return True
