"""Predicted loss over mixtures: of three sources in a triangle, or over the shares of two sources."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation

from mixlaw.errors import MixlawError
from mixlaw.figures import style
from mixlaw.figures.plan_context import PlanContext, index_of, planned
from mixlaw.fitting.fit_result import Fit
from mixlaw.planning.plan import Plan

GRID_STEPS = 60
"""Number of intervals along an edge of the grid."""
HIGHEST_LEVEL_QUANTILE = 0.85
"""Quantile of the losses at the highest contour level: laws may be steep near a share of 0."""
CONTOUR_LEVELS = 10
CORNERS_3x2 = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])


def ternary_contour(
    fit: Fit, plan: Plan, sources: tuple[str, str, str] | None = None, target: str | None = None, ax: Axes | None = None
) -> Axes:
    """Predicted loss at the plan's N and D over the shares of three sources, with the plan and the runs marked.

    If the fit has more than three sources, the others keep their shares in the plan, and a corner gives all of the rest
    to one source; runs and proportional are then not drawn, as they are outside the triangle. Dashed: the bounds.

    Args:
        fit: the fit behind the plan.
        sources: bottom left, bottom right, top; may be left out if the fit has three.
        target: the target whose loss is shown; default: the plan's objective.

    Raises:
        MixlawError: the fit is not the plan's, a source or the target is unknown, or the three have no share in the
            plan.

    >>> from mixlaw.fitting.support import Support
    >>> from mixlaw.laws.mixing.log_linear import LogLinear
    >>> from mixlaw.planning.plan_types import LawRecord, Provenance
    >>> names, none, one_S = ("web", "code", "maths"), (np.nan, np.nan), np.ones(3)
    >>> support = Support(none, none, none, 0 * one_S, one_S, one_S, 9)
    >>> z_KxP = np.array([[0.7, -0.5, -1.0, 0.5, 0.2]])
    >>> fit = Fit(LogLinear, names, ("web",), z_KxP, np.ones(1), {}, np.empty((0, 1, 5)), support, None, (), {})
    >>> plan = Plan(
    ...     mixture={"web": 0.6, "code": 0.3, "maths": 0.1},
    ...     law=LawRecord("log-linear", None),
    ...     provenance=Provenance.from_dict({"targets": {"web": 1.0}}),
    ... )
    >>> ternary_contour(fit, plan).get_legend_handles_labels()[1]
    ['recommended']
    """
    at = planned(fit, plan, target)
    names = sources or fit.sources
    if len(names) != 3:
        raise MixlawError(
            f"ternary_contour draws 3 sources, here are {len(names)}: name three of the fit's as `sources`"
        )
    index = index_of(fit, tuple(names))
    mass = float(at.mixture_S[index].sum())
    if mass < 1e-6:
        raise MixlawError(f"ternary_contour: the plan gives nothing to {list(names)}: name sources that have a share")
    share_Px3 = _grid()
    w_PxS = np.tile(at.mixture_S, (len(share_Px3), 1))
    w_PxS[:, index] = mass * share_Px3
    ax = style.new_axes(ax, 4.6, 6.2)
    _contours(ax, at, share_Px3 @ CORNERS_3x2, w_PxS)
    _edges(ax, style.shortened(names, 20), mass)
    if len(fit.sources) == 3 and fit.runs is not None:
        runs_Rx3 = fit.runs.w_RxS[:, [fit.runs.sources.index(name) for name in names]]
        ax.plot(*(runs_Rx3 @ CORNERS_3x2).T, "o", color="white", markersize=3, markeredgecolor="black", label="runs")
    _marks(ax, at, lambda w_S: w_S[index] / mass @ CORNERS_3x2)
    return ax


def loss_surface(fit: Fit, plan: Plan, x: str, y: str, target: str | None = None, ax: Axes | None = None) -> Axes:
    """Predicted loss at the plan's N and D over the shares of two sources, with the plan marked.

    The other sources share the rest in the proportions that they have in the plan (evenly if these are 0).
    The axes reach somewhat beyond the plan's intervals and, if the fit has three sources, beyond proportional, which is
    then marked. Dashed: the bounds.

    Raises:
        MixlawError: the fit is not the plan's, has fewer than three sources, or lacks a source or the target.

    >>> from mixlaw.fitting.support import Support
    >>> from mixlaw.laws.mixing.log_linear import LogLinear
    >>> from mixlaw.planning.plan_types import LawRecord, Provenance
    >>> names, none, one_S = ("web", "code", "maths"), (np.nan, np.nan), np.ones(3)
    >>> support = Support(none, none, none, 0 * one_S, one_S, one_S, 9)
    >>> z_KxP = np.array([[0.7, -0.5, -1.0, 0.5, 0.2]])
    >>> fit = Fit(LogLinear, names, ("web",), z_KxP, np.ones(1), {}, np.empty((0, 1, 5)), support, None, (), {})
    >>> plan = Plan(
    ...     mixture={"web": 0.6, "code": 0.3, "maths": 0.1},
    ...     interval={name: [0.0, 0.7] for name in names},
    ...     law=LawRecord("log-linear", None),
    ...     provenance=Provenance.from_dict({"targets": {"web": 1.0}}),
    ... )
    >>> loss_surface(fit, plan, "web", "code").get_xlabel()
    'share of web'
    """
    at = planned(fit, plan, target)
    index = index_of(fit, (x, y))
    if len(fit.sources) < 3:
        raise MixlawError("loss_surface needs a third source to take up the rest; with two there is only one share")
    rest_S = np.delete(at.mixture_S, index)
    rest_S = rest_S / rest_S.sum() if rest_S.sum() > 1e-6 else np.full(len(rest_S), 1.0 / len(rest_S))
    interval = style.required(plan, "interval", plan.interval)
    high_2 = np.array([interval[name][1] for name in (x, y)])
    if (proportional_S := _shown_proportional(at)) is not None:
        high_2 = np.maximum(high_2, proportional_S[index])
    reach_2 = np.clip(1.6 * high_2, 0.1, 1.0)
    share_Px3 = _grid(*reach_2)
    w_PxS = np.zeros((len(share_Px3), len(fit.sources)))
    w_PxS[:, index] = share_Px3[:, :2]
    w_PxS[:, np.delete(np.arange(len(fit.sources)), index)] = share_Px3[:, 2:] * rest_S
    ax = style.new_axes(ax, 4.6, 5.8)
    _contours(ax, at, share_Px3[:, :2], w_PxS)
    _marks(ax, at, lambda w_S: w_S[index])
    ax.set_xlim(0, reach_2[0])
    ax.set_ylim(0, reach_2[1])
    for axis, name in ((ax.xaxis, x), (ax.yaxis, y)):
        axis.set_label_text(f"share of {style.shortened([name])[0]}")
        style.as_percent(axis)
    return style.clean(ax)


def _grid(most_a: float = 1.0, most_b: float = 1.0) -> np.ndarray:
    """Mixtures of three (P, 3) on a grid over the triangle, or over its part up to these shares of the first two."""
    a, up = (
        part.ravel() for part in np.meshgrid(np.linspace(0, most_a, GRID_STEPS + 1), np.linspace(0, 1, GRID_STEPS + 1))
    )
    b = up * np.minimum(most_b, 1 - a)
    return np.unique(np.stack([a, b, np.maximum(1 - a - b, 0)], 1), axis=0)


def _contours(ax: Axes, at: PlanContext, xy_Px2: np.ndarray, w_PxS: np.ndarray) -> None:
    """Filled contours with a colour bar, and the boundary of the bounds."""
    loss_P = at.losses(w_PxS)
    known_P = np.isfinite(loss_P)
    xy_Px2, w_PxS, loss_P = xy_Px2[known_P], w_PxS[known_P], loss_P[known_P]
    triangles = Triangulation(*xy_Px2.T)
    levels = MaxNLocator(CONTOUR_LEVELS).tick_values(
        loss_P.min(), max(np.quantile(loss_P, HIGHEST_LEVEL_QUANTILE), loss_P.min() + 1e-6)
    )
    filled = ax.tricontourf(triangles, loss_P, levels=levels, cmap=f"{style.SURFACE_COLOURS}_r", extend="both")
    ax.tricontour(triangles, loss_P, levels=levels, colors="black", linewidths=0.4, alpha=0.5)
    figure = ax.get_figure(root=False)
    assert figure is not None
    figure.colorbar(filled, ax=ax, shrink=0.85, label=style.plain(at.label))
    low_S, high_S = at.bounds_Sx2().T  # only bounds inside (0, 1) are drawn
    low_S, high_S = np.where(low_S > 0, low_S, -1.0), np.where(high_S < 1, high_S, 2.0)
    excess_P = np.maximum(w_PxS - high_S, low_S - w_PxS).max(1)
    if excess_P.min() < 0 < excess_P.max():
        ax.tricontour(triangles, excess_P, levels=[0.0], colors="black", linestyles="--", linewidths=1.2)


def _edges(ax: Axes, names: list[str], mass: float) -> None:
    """The triangle with lines at fifths, its corners named, without the square axes."""
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.plot(*CORNERS_3x2[[0, 1, 2, 0]].T, color="black", linewidth=1)
    for share in (0.2, 0.4, 0.6, 0.8):
        for i in range(3):
            a, b, c = CORNERS_3x2[[i, (i + 1) % 3, (i + 2) % 3]]
            ends_2x2 = np.stack([share * a + (1 - share) * b, share * a + (1 - share) * c])
            ax.plot(*ends_2x2.T, color="white", linewidth=0.5, alpha=0.6)
            outward = 0.035 * (ends_2x2[0] - ends_2x2[1]) / np.linalg.norm(ends_2x2[0] - ends_2x2[1])
            x, y = ends_2x2[0] + outward
            ax.text(x, y, f"{100 * mass * share:.0f}%", ha="center", va="center", fontsize="x-small")
    ends = (("left", "top", (-0.1, -0.05)), ("right", "top", (0.1, -0.05)), ("center", "bottom", (0.0, 0.02)))
    for name, corner, (ha, va, shift) in zip(names, CORNERS_3x2, ends, strict=True):
        x, y = corner + shift
        ax.text(x, y, f"{100 * mass:.0f}%\n{name}", ha=ha, va=va, in_layout=False)  # the limits leave room for it
    ax.set_xlim(-0.12, 1.12)
    ax.set_ylim(-0.2, CORNERS_3x2[2, 1] + 0.15)


def _shown_proportional(at: PlanContext) -> np.ndarray | None:
    """The proportional shares (S,) if the fit has three sources, else None."""
    return at.baseline("proportional") if len(at.fit.sources) == 3 else None


def _marks(ax: Axes, at: PlanContext, place: Callable[[np.ndarray], np.ndarray]) -> None:
    """Mark the plan's mixture and, if the fit has three sources, the proportional one."""
    proportional_S = _shown_proportional(at)
    white = {"markeredgecolor": "white", "linestyle": "none", "zorder": 4, "clip_on": False}
    if proportional_S is not None:
        ax.plot(*place(proportional_S), "D", color=style.PROPORTIONAL, markersize=8, label="proportional", **white)
    ax.plot(*place(at.mixture_S), "*", color=style.ALARM, markersize=15, label="recommended", **white)
    style.legend_above(ax, 3)
