"""Trade-off between the losses of two targets."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mixlaw.errors import MixlawError, nearest
from mixlaw.figures import style
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_types import Prediction


def pareto_front(plans: Sequence[Plan], x: str, y: str, labels: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Predicted losses of two targets under several plans, with 90% intervals.

    Pareto-optimal plans are joined; dominated ones are hollow. Plans along the front come from target weights:
    `[recommend(fit, sources, budget, targets=(Target(x, w), Target(y, 1 - w))) for w in (.1, .5, .9)]`
    (for a law that is convex in the mixture, weights give the whole front).

    Args:
        plans: plans of one law at one N and D.
        x, y: names of targets.
        labels: one label per plan, such as its weights.

    Raises:
        MixlawError: there is no plan, a plan does not predict a target, or the plans differ in law, N or D.

    >>> from mixlaw.planning.plan_types import Band
    >>> losses = [(2.0, 3.0), (2.2, 2.8), (2.3, 3.1)]
    >>> found = [Prediction({"web": Band(x, x, x), "code": Band(y, y, y)}, 2.5) for x, y in losses]
    >>> ax = pareto_front([Plan({"web": 1.0}, predicted=one) for one in found], "web", "code")
    >>> [(line.get_label(), len(line.get_xdata())) for line in ax.lines]
    [('not beaten on both', 2), ('beaten', 1)]
    """
    predicted = _predicted(plans, x, y, labels)
    band_Mx2x3 = np.array(
        [[[one.loss[t].mean, one.loss[t].low, one.loss[t].high] for t in (x, y)] for one in predicted]
    )
    point_Mx2, half_Mx2x2 = band_Mx2x3[..., 0], np.abs(band_Mx2x3[..., 1:] - band_Mx2x3[..., :1])
    front_M = ~_beaten(point_Mx2)
    ax = style.new_axes(ax, 4.4, 5.2)
    ax.errorbar(
        *point_Mx2.T,
        xerr=half_Mx2x2[:, 0].T,
        yerr=half_Mx2x2[:, 1].T,
        **{"fmt": "none", "ecolor": style.MUTED, "elinewidth": 0.8, "alpha": 0.5, "zorder": 1},
    )
    line_Mx2 = point_Mx2[front_M][np.argsort(point_Mx2[front_M, 0], kind="stable")]
    ax.plot(*line_Mx2.T, "-o", color=style.RECOMMENDED, markersize=6, label="not beaten on both", zorder=3)
    if not front_M.all():
        hollow = {"color": style.ALARM, "markerfacecolor": "white", "markersize": 6, "label": "beaten", "zorder": 2}
        ax.plot(*point_Mx2[~front_M].T, "s", **hollow)
    for label, at in zip(labels, point_Mx2, strict=False):
        ax.annotate(style.plain(label), at, xytext=(5, 5), textcoords="offset points", fontsize="small")
    ax.set_xlabel(f"loss of {style.shortened([x])[0]}, nats per token")
    ax.set_ylabel(f"loss of {style.shortened([y])[0]}, nats per token")
    style.legend_above(ax)
    return style.clean(ax)


def _predicted(plans: Sequence[Plan], x: str, y: str, labels: Sequence[str]) -> list[Prediction]:
    """Predictions of the plans, which must be comparable and predict both targets."""
    if not plans:
        raise MixlawError("pareto_front: give at least one plan")
    if labels and len(labels) != len(plans):
        raise MixlawError(f"pareto_front: {len(labels)} labels for {len(plans)} plans; give one each")
    found = [style.required(plan, "predicted", plan.predicted) for plan in plans]
    for i, one in enumerate(found):
        for target in (x, y):
            if target not in one.loss:
                known = nearest(target, one.loss)
                raise MixlawError(f"pareto_front: plan {i} (from 0) predicts no target {target!r}: {known}")
    if len({(plan.law and plan.law.name, plan.params, plan.tokens) for plan in plans}) > 1:
        raise MixlawError(
            "pareto_front: the plans are of different laws or sizes; plan all with one fit at one N and D"
        )
    return found


def _beaten(point_Mx2: np.ndarray) -> np.ndarray:
    """Mask of the dominated points (M,): another point is at most as high in both losses, and lower in one."""
    no_worse_MxM = (point_Mx2[:, None] <= point_Mx2[None]).all(-1)
    return np.any(no_worse_MxM & (point_Mx2[:, None] < point_Mx2[None]).any(-1), axis=0)
