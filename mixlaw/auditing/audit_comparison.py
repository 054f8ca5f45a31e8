"""Compare audited weights with a plan and a fit: shares, epochs and predicted losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mixlaw.auditing.audit_sections import AuditedLoss, AuditedLosses, LossDifference, PlanShares
from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Sources
from mixlaw.runs.measurement import Measurement, check_comparable, of_provenance
from mixlaw.typing import Array

if TYPE_CHECKING:
    from mixlaw.fitting.fit_result import Fit


@dataclass(frozen=True)
class ComparedPlan:
    """The fields of plan.json that an audit compares weights with.

    Attributes:
        mixture: token shares by source.
        params: N; None if the plan has none.
        targets: weights of the targets in the objective; empty if the plan has none.
        measurement: the tokenizer and the targets' texts that the plan's losses are measured with.

    >>> class Shares:
    ...     def to_dict(self):
    ...         return {"mixture": {"web": 1.0}, "provenance": {"targets": {"web": 2.0}}}
    >>> ComparedPlan.of(Shares()).targets
    {'web': 2.0}
    """

    mixture: dict[str, float]
    params: float | None
    targets: dict[str, float]
    measurement: Measurement

    @classmethod
    def of(cls, plan: PlanLike) -> ComparedPlan:
        """The fields of a plan."""
        content = plan.to_dict()
        provenance = content.get("provenance") or {}
        measurement = of_provenance(provenance, "the plan")
        return cls(content["mixture"], content.get("params"), provenance.get("targets") or {}, measurement)


def by_source(sources: Sources, value_S: Array) -> dict[str, float]:
    """Values by source.

    >>> from mixlaw.project.sources import Source
    >>> by_source(Sources([Source("web", 1e9), Source("code", None)]), np.array([0.6, 0.4]))
    {'web': 0.6, 'code': 0.4}
    """
    return dict(zip(sources.names, value_S.tolist(), strict=True))


def known(sources: Sources, value_S: Array) -> dict[str, float | None]:
    """Values by source, None for nan.

    >>> from mixlaw.project.sources import Source
    >>> known(Sources([Source("web", 1e9), Source("code", None)]), np.array([0.6, np.nan]))
    {'web': 0.6, 'code': None}
    """
    return {n: None if math.isnan(x) else x for n, x in by_source(sources, value_S).items()}


def planned(plan: ComparedPlan | None, sources: Sources, D: float) -> PlanShares | None:
    """The plan's shares and its epochs at D tokens, by source.

    Raises:
        MixlawError: plan and project have different sources.
    """
    if plan is None:
        return None
    for name in (*plan.mixture, *sources.names):
        if name not in plan.mixture or name not in sources:
            where = "project" if name not in sources else "plan"
            raise MixlawError(f"audit: source {shown(name)} is not in the {where}; give the plan of this project")
    w_S = np.array([plan.mixture[name] for name in sources.names])
    return PlanShares(by_source(sources, w_S), known(sources, w_S * D / sources.tokens_S))


def predicted(
    fit: Fit | None,
    plan: ComparedPlan | None,
    sources: Sources,
    mixture: Mapping[str, float],
    D: float,
    N: float | None,
) -> AuditedLosses | None:
    """Predict the losses of `mixture` and of the plan's mixture at D tokens, with paired bootstrap differences.

    Args:
        N: params of the run; None for the plan's.

    Returns:
        Losses in nats per token; plan and difference only with a plan. None without a fit.

    Raises:
        MixlawError: the fit lacks a source that has a share, the law needs N and neither `N` nor the plan gives it, or
            plan and fit have different tokenizers or targets.
    """
    if fit is None:
        return None
    ours = Measurement("the plan") if plan is None else plan.measurement
    check_comparable(ours, of_provenance(fit.provenance, "the fit"))
    N = plan.params if N is None and plan is not None else N
    if N is None and "params" in fit.law.needs:
        raise MixlawError(f"audit: the law {fit.law.name} needs the run's params; give --params, or a plan with them")
    mixtures = [mixture] if plan is None else [mixture, plan.mixture]
    for name in (name for m in mixtures for name, w in m.items() if w > 0 and name not in fit.sources):
        raise MixlawError(f"audit: the fit does not know the source {shown(name)}; {nearest(name, fit.sources)}")
    w_MxS = np.array([[m.get(name, 0.0) for name in fit.sources] for m in mixtures])
    tokens_S = [sources[name].tokens if name in sources else None for name in fit.sources]
    unique_S = np.array([math.inf if tokens is None else tokens for tokens in tokens_S])
    at = {"params": math.nan if N is None else N, "tokens": D, "unique": unique_S}
    weight_K = _weights_K(fit, {} if plan is None else plan.targets)
    point_MxK, replicas_BxMxK = fit.losses(w_MxS, **at), fit.losses(w_MxS, **at, replicas=True)
    losses = {target: _compared(point_MxK[:, k], replicas_BxMxK[:, :, k]) for k, target in enumerate(fit.targets)}
    return AuditedLosses(N, _compared(point_MxK @ weight_K, replicas_BxMxK @ weight_K), losses)


def _weights_K(fit: Fit, targets: Mapping[str, float]) -> Array:
    """The targets' weights in the objective, summing to 1; equal weights if none are stated."""
    targets = targets or dict.fromkeys(fit.targets, 1.0)
    weight_K = np.array([targets.get(target, 0.0) for target in fit.targets])
    if not weight_K.sum() > 0:
        raise MixlawError(f"audit: the fit has none of the plan's targets {listed(targets)}; give the plan's fit")
    return weight_K / weight_K.sum()


def _compared(point_M: Array, replicas_BxM: Array) -> AuditedLoss:
    """Loss under the audited weights and, if M = 2, under the plan, with their difference and its 90% interval."""
    if len(point_M) == 1:
        return AuditedLoss(float(point_M[0]))
    gap_B, mean = replicas_BxM[:, 0] - replicas_BxM[:, 1], float(point_M[0] - point_M[1])
    low, high = (float(q) for q in np.quantile(gap_B, [0.05, 0.95])) if len(gap_B) else (None, None)
    return AuditedLoss(float(point_M[0]), float(point_M[1]), LossDifference(mean, low, high))
