"""What is audited beside a plan and a fit: shares, epochs, and predicted losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Sources
from mixlaw.runs.measurement import check_comparable, of_provenance
from mixlaw.typing import Array

if TYPE_CHECKING:
    from mixlaw.fitting.fit_result import Fit


def by_source(sources: Sources, value_S: Array) -> dict[str, float]:
    """Values by source."""
    return dict(zip(sources.names, value_S.tolist(), strict=True))


def known(sources: Sources, value_S: Array) -> dict[str, float | None]:
    """Values by source, None for nan."""
    return {n: None if math.isnan(x) else x for n, x in by_source(sources, value_S).items()}


def planned(plan: PlanLike | None, sources: Sources, D: float) -> dict[str, Any] | None:
    """The plan's shares and its epochs at D, by source."""
    if plan is None:
        return None
    mixture = plan.to_dict()["mixture"]
    for name in (*mixture, *sources.names):
        if name not in mixture or name not in sources:
            where = "project" if name not in sources else "plan"
            raise MixlawError(f"audit: source {shown(name)} is not in the {where}; give the plan of this project")
    w_S = np.array([mixture[name] for name in sources.names])
    return {"mixture": by_source(sources, w_S), "epochs": known(sources, w_S * D / sources.tokens_S)}


def predicted(
    fit: Fit | None, plan: PlanLike | None, sources: Sources, mixture: Mapping[str, float], D: float, N: float | None
) -> dict[str, Any] | None:
    """What a fit predicts of `mixture` at D and, beside it and paired over the bootstrap, of the plan's mixture.

    Args:
        N: params of the run; the plan's where None.

    Returns:
        `params`, `loss` by target and `objective`, each {audited, plan, difference {mean, low, high}} in nats per
        token, the last two only with a plan; None without a fit.

    Raises:
        MixlawError: the fit lacks a source that has a share, its law needs N and there is none, or plan and fit are of
            different tokenizers or targets.
    """
    if fit is None:
        return None
    content = {} if plan is None else plan.to_dict()
    check_comparable(of_provenance(content.get("provenance"), "the plan"), of_provenance(fit.provenance, "the fit"))
    N = content.get("params") if N is None else N
    if N is None and "params" in fit.law.needs:
        raise MixlawError(f"audit: the law {fit.law.name} needs the run's params; give --params, or a plan with them")
    mixtures = [mixture, content["mixture"]] if content else [mixture]
    for name in (name for m in mixtures for name, w in m.items() if w > 0 and name not in fit.sources):
        raise MixlawError(f"audit: the fit does not know the source {shown(name)}; {nearest(name, fit.sources)}")
    w_MxS = np.array([[m.get(name, 0.0) for name in fit.sources] for m in mixtures])
    tokens_S = [sources[name].tokens if name in sources else None for name in fit.sources]
    unique_S = np.array([math.inf if tokens is None else tokens for tokens in tokens_S])
    at = {"params": math.nan if N is None else N, "tokens": D, "unique": unique_S}
    weight_K = _weights_K(fit, content)
    point_MxK, replicas_BxMxK = fit.losses(w_MxS, **at), fit.losses(w_MxS, **at, replicas=True)
    losses = {target: _column(point_MxK[:, k], replicas_BxMxK[:, :, k]) for k, target in enumerate(fit.targets)}
    return {"params": N, "objective": _column(point_MxK @ weight_K, replicas_BxMxK @ weight_K), "loss": losses}


def _weights_K(fit: Fit, content: Mapping[str, Any]) -> Array:
    """The targets' weights in the objective, summing to 1: the plan's, else the same for each."""
    targets = (content.get("provenance") or {}).get("targets") or dict.fromkeys(fit.targets, 1.0)
    weight_K = np.array([targets.get(target, 0.0) for target in fit.targets])
    if not weight_K.sum() > 0:
        raise MixlawError(f"audit: the fit has none of the plan's targets {listed(targets)}; give the plan's fit")
    return weight_K / weight_K.sum()


def _column(point_M: Array, replicas_BxM: Array) -> dict[str, Any]:
    """One target's losses: audited, and the plan's with their difference and its 90% interval."""
    if len(point_M) == 1:
        return {"audited": float(point_M[0])}
    gap_B, mean = replicas_BxM[:, 0] - replicas_BxM[:, 1], float(point_M[0] - point_M[1])
    low, high = (float(q) for q in np.quantile(gap_B, [0.05, 0.95])) if len(gap_B) else (None, None)
    difference = {"mean": mean, "low": low, "high": high}
    return {"audited": float(point_M[0]), "plan": float(point_M[1]), "difference": difference}
