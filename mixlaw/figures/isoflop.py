"""IsoFLOP curves: predicted loss over model size at fixed compute."""

import numpy as np
from matplotlib.axes import Axes

from mixlaw.errors import MixlawError
from mixlaw.figures import style
from mixlaw.figures.plan_context import PlanContext, planned
from mixlaw.fitting.fit_result import Fit
from mixlaw.planning.plan import Plan

CURVE_FACTORS = (1 / 16, 1 / 4, 1.0, 4.0, 16.0)
"""Multiples of the plan's compute for which a curve is drawn."""
CURVE_RANGE = 16.0
"""Range of a curve: from the best size divided by this to the best size times this."""
CURVE_POINTS = 121


def isoflop(fit: Fit, plan: Plan, target: str | None = None, ax: Axes | None = None) -> Axes:
    """Predicted loss of the plan's mixture over N, with D = C / 6N, a curve for each compute C around the plan's.

    The best N of each curve and the plan's N and D are marked; the band is the 90% interval at the plan's compute. The
    range of the runs' sizes is shaded. (6 N D: Kaplan et al., 2001.08361.)

    Args:
        target: the target whose loss is shown; default: the plan's objective.

    Raises:
        MixlawError: the fit is not the plan's, its law does not depend on both N and D, or the plan lacks one of them.

    >>> from mixlaw.fitting.support import Support
    >>> from mixlaw.laws.scaling.chinchilla import Chinchilla
    >>> from mixlaw.planning.plan_types import LawRecord, Provenance
    >>> z_KxP, one = np.log([[1.7, 400.0, 0.34, 410.0, 0.28]]), np.ones(1)
    >>> support = Support((1e7, 1e8), (2e8, 2e9), (20.0, 20.0), one, one, one, 9)
    >>> fit = Fit(Chinchilla, ("web",), ("web",), z_KxP, one, {}, np.empty((0, 1, 5)), support, None, (), {})
    >>> plan = Plan(
    ...     mixture={"web": 1.0},
    ...     params=1e8,
    ...     tokens=2e9,
    ...     law=LawRecord("chinchilla", None),
    ...     provenance=Provenance.from_dict({"targets": {"web": 1.0}}),
    ... )
    >>> isoflop(fit, plan).get_legend_handles_labels()[1][-3:]
    ['best N', 'plan', "runs' sizes"]
    """
    at = planned(fit, plan, target)
    if not {"params", "tokens"} <= fit.law.needs or at.plan.params is None:
        raise MixlawError(f"isoflop needs a law that reads params and tokens, and a plan that has them: {fit.law.name}")
    own_params, own_tokens = at.size
    compute = 6.0 * own_params * own_tokens
    ax = style.new_axes(ax, 4.2)
    optima = []
    for factor, color in zip(
        CURVE_FACTORS, ("#56B4E9", "#009E73", style.RECOMMENDED, "#CC79A7", "#000000"), strict=True
    ):
        params_M, loss_M = _curve(at, factor * compute)
        best = int(np.argmin(loss_M))
        optima.append((params_M[best], loss_M[best], 0 < best < len(params_M) - 1))
        ax.plot(params_M, loss_M, color=color, label=f"{factor * compute:.2g}", zorder=2)
        if factor == 1.0 and len(fit.replicas_BxKxP):
            w_MxS = np.tile(at.mixture_S, (len(params_M), 1))
            loss_BxM = at.losses(w_MxS, params_M, factor * compute / 6 / params_M, replicas=True)
            low_M, high_M = np.quantile(loss_BxM, [0.05, 0.95], axis=0)
            ax.fill_between(params_M, low_M, high_M, color=color, alpha=0.2, linewidth=0)
    found = np.array([(params, loss) for params, loss, inside in optima if inside]).reshape(-1, 2)
    ax.plot(*found.T, "o--", color="black", linewidth=0.8, markersize=4, label="best N", zorder=3)
    own = at.losses(at.mixture_S[None])[0]
    ax.plot(own_params, own, "*", color=style.ALARM, markersize=14, label="plan", linestyle="none", zorder=4)
    ax.axvspan(*fit.support.params, color=style.MUTED, alpha=0.2, linewidth=0, label="runs' sizes", zorder=0)
    ax.set_xscale("log")
    ax.set_xlabel("parameters N, with tokens D = C / 6N")
    ax.set_ylabel(style.plain(at.label))
    ax.legend(frameon=False, title="compute C, FLOP", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return style.clean(ax)


def _curve(at: PlanContext, compute: float) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (M,) around the best one for a compute in FLOP, and the predicted losses (M,)."""
    own_params, own_tokens = at.size
    params = own_params * np.sqrt(compute / (6.0 * own_params * own_tokens))
    loss_M = params_M = np.empty(0)
    for around in (CURVE_RANGE**2, CURVE_RANGE):
        params_M = params * np.geomspace(1 / around, around, CURVE_POINTS)
        loss_M = at.losses(np.tile(at.mixture_S, (CURVE_POINTS, 1)), params_M, compute / 6 / params_M)
        params = float(params_M[np.argmin(loss_M)])
    return params_M, loss_M
