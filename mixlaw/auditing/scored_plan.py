"""ScoredPlan: the fields of plan.json that scoring compares with real runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from mixlaw.auditing.score_sections import Interval
from mixlaw.errors import MixlawError
from mixlaw.project.plan_like import PlanLike
from mixlaw.runs.measurement import Measurement, of_provenance
from mixlaw.typing import Array


@dataclass(frozen=True)
class PlannedBaseline:
    """A baseline of a plan: its shares, and its objective minus the plan's, nats per token (None if not recorded).

    >>> PlannedBaseline({"web": 1.0}, Interval(0.10, 0.05, 0.15)).difference.low
    0.05
    """

    mixture: dict[str, float]
    difference: Interval | None


@dataclass(frozen=True)
class ScoredPlan:
    """A plan as scoring reads it, for S sources and K targets.

    Attributes:
        mixture: token shares by source.
        params, tokens: N and D; None if the plan has none.
        loss: predicted loss of each target, nats per token.
        objective: predicted objective, nats per token.
        worst: True if the objective is the worst target's loss, not the weighted mean.
        weight_K: weights of the targets in the objective, as stated (they need not sum to 1).
        baselines: those that the plan could predict.
        verdict: better, no_better or unknown.
        measurement: the tokenizer and the targets' texts that the plan's losses are measured with.
        digest: hash of the plan's JSON, 16 hexadecimal digits.

    >>> class Shares:
    ...     def to_dict(self):
    ...         bands = {"web": {"mean": 2.0, "low": 1.9, "high": 2.1}}
    ...         return {"mixture": {"web": 0.7, "code": 0.3}, "verdict": "unknown",
    ...                 "predicted": {"loss": bands, "objective": 2.0}, "provenance": {"targets": {"web": 1.0}}}
    >>> plan = ScoredPlan.of(Shares())
    >>> plan.sources, plan.loss["web"].high, float(plan.objective_of([2.3]))
    (('web', 'code'), 2.1, 2.3)
    """

    mixture: dict[str, float]
    params: float | None
    tokens: float | None
    loss: dict[str, Interval]
    objective: float
    worst: bool
    weight_K: Array
    baselines: dict[str, PlannedBaseline]
    verdict: str
    measurement: Measurement
    digest: str

    @classmethod
    def of(cls, plan: PlanLike) -> ScoredPlan:
        """The fields of a plan.

        Raises:
            MixlawError: the plan predicts no losses, because it was made without runs.
        """
        content = plan.to_dict()
        predicted = content.get("predicted")
        if not predicted:
            raise MixlawError("the plan predicts no losses, as it was made without runs: score a plan made from runs")
        weights, provenance = content["provenance"]["targets"], content["provenance"]
        baselines = {
            name: PlannedBaseline(one["mixture"], Interval.read(one.get("difference")))
            for name, one in (content.get("baselines") or {}).items()
            if one is not None
        }
        return cls(
            mixture=content["mixture"],
            params=content.get("params"),
            tokens=content.get("tokens"),
            loss={
                target: Interval(band["mean"], band["low"], band["high"]) for target, band in predicted["loss"].items()
            },
            objective=predicted["objective"],
            worst=content.get("objective") == "worst",
            weight_K=np.array([weights[target] for target in predicted["loss"]], float),
            baselines=baselines,
            verdict=content["verdict"],
            measurement=of_provenance(provenance, "the plan"),
            digest=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16],
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, in the plan's order."""
        return tuple(self.mixture)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets, in the plan's order."""
        return tuple(self.loss)

    @property
    def mean_K(self) -> Array:
        """Predicted mean losses (K,), nats per token."""
        return np.array([band.mean for band in self.loss.values()])

    @property
    def size(self) -> dict[str, float | None]:
        """N and D by key, in this order: params, tokens."""
        return {"params": self.params, "tokens": self.tokens}

    def objective_of(self, losses: Array) -> Array:
        """The plan's objective for losses (..., K): weighted mean, or the largest loss of a target with weight."""
        losses, counts_K = np.asarray(losses), self.weight_K > 0
        if self.worst:
            return losses[..., counts_K].max(-1)
        return losses[..., counts_K] @ (self.weight_K[counts_K] / self.weight_K.sum())
