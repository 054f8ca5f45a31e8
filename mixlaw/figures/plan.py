"""Overview of a plan in one figure: shares, epochs and the check at the budget."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from mixlaw.errors import short
from mixlaw.figures import style
from mixlaw.figures.bars import epochs_bars, mixture_bars
from mixlaw.io.writing import replacing
from mixlaw.laws import by_name
from mixlaw.planning.plan import Plan


def check_points(plan: Plan, ax: Axes | None = None) -> Axes:
    """Measured against predicted difference of the demo's check at the budget.

    Raises:
        MixlawError: the plan has no such check.

    >>> from mixlaw.planning.plan_types import Check, CheckedDifference
    >>> check = Check({"web": 2.1}, {"web": 2.2}, None, CheckedDifference(0.1, 0.05, 0.15, 0.12))
    >>> check_points(Plan({"web": 1.0}, check=check)).lines[2].get_xdata().tolist()
    [0.12]
    """
    difference = style.required(plan, "check", plan.check).difference
    ax = style.new_axes(ax, 1.6)
    ax.plot(
        [difference.low, difference.high],
        [0, 0],
        color=style.RECOMMENDED,
        linewidth=6,
        alpha=0.35,
        label="90% interval",
    )
    ax.plot(
        difference.predicted,
        0,
        "|",
        color=style.RECOMMENDED,
        markersize=16,
        markeredgewidth=2,
        label="predicted",
    )
    ax.plot(difference.measured, 0, "o", color=style.ALARM, label="measured")
    ax.axvline(0.0, color=style.MUTED, linewidth=1, linestyle="--")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("loss of proportional minus loss of recommended (nats per token)")
    ax.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.45))
    return style.clean(ax)


def plan_figure(plan: Plan) -> Figure:
    """Shares, with epochs to their right if the plan has them, and below the check at the budget if there was one.

    >>> from mixlaw.planning.plan_types import LawRecord
    >>> shares = {"interval": {"web": [0.6, 0.8], "code": [0.2, 0.4]}, "law": LawRecord("log-linear", None)}
    >>> figure = plan_figure(Plan({"web": 0.7, "code": 0.3}, verdict="tie", **shares))
    >>> figure.get_suptitle()
    'verdict: tie (log-linear)'
    """
    names, checked = len(plan.mixture), plan.check is not None
    wide, height = plan.epochs is not None, 0.4 + style.rows_height(names)
    figure = Figure(figsize=(11.0 if wide else 7.0, height + 1.6 * checked), layout="constrained")
    rows: list[Figure | SubFigure] = [figure]
    if checked:
        rows = list(figure.subfigures(2, 1, squeeze=False, height_ratios=[height, 1.6])[:, 0])
    columns: Any = rows[0].subplots(1, 1 + wide, squeeze=False)[0]
    mixture_bars(plan, columns[0])
    if wide:
        epochs_bars(plan, columns[1]).tick_params(axis="y", labelleft=False)  # the rows are those at the left
    if checked:
        check_points(plan, rows[1].subplots())
    budget, law = "", style.required(plan, "law", plan.law).name
    if plan.tokens is not None and {"params", "tokens"} & by_name(law).needs:
        size = "" if plan.params is None else f", {short(plan.params)} parameters"
        budget = f"{size}, {short(plan.tokens)} tokens"
    rows[0].suptitle(f"verdict: {plan.verdict} ({law}{budget})")
    return figure


def save_plan_figure(plan: Plan, path: str | Path) -> None:
    """Draw `plan_figure` into a PNG, SVG or PDF file.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from mixlaw.planning.plan_types import LawRecord
    >>> plan = Plan({"web": 1.0}, interval={"web": [1.0, 1.0]}, verdict="tie", law=LawRecord("log-linear", None))
    >>> with TemporaryDirectory() as folder:
    ...     save_plan_figure(plan, Path(folder) / "plan.svg")
    ...     (Path(folder) / "plan.svg").stat().st_size > 1000
    True
    """
    with replacing(path) as draft:
        plan_figure(plan).savefig(draft, dpi=150)
