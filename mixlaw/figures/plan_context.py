"""Predictions of a fit for a plan's run: its objective, or one target's loss, for any mixture at any size."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, nearest
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import parametric
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_types import Cap


@dataclass(frozen=True)
class PlanContext:
    """A fit with the plan made with it.

    Attributes:
        fit: the fit that the plan was made with.
        plan: the plan.
        target: the target whose loss is shown; None for the plan's objective.
        mixture_S: the plan's shares, in the order of the fit's sources.
    """

    fit: Fit
    plan: Plan
    target: str | None
    mixture_S: np.ndarray

    @property
    def label(self) -> str:
        """Axis label for the losses."""
        what = {"mean": "mean loss of the targets", "worst": "largest loss of the targets"}
        name = what[self.plan.objective] if self.target is None else f"loss of {self.target}"
        return f"predicted {name}, nats per token"

    def losses(
        self, w_MxS: np.ndarray, params: Any = None, tokens: Any = None, *, replicas: bool = False
    ) -> np.ndarray:
        """Predicted losses (M,), or (B, M) of the bootstrap refits; N and D are the plan's by default."""
        at = [own if x is None else x for own, x in ((self.plan.params, params), (self.plan.tokens, tokens))]
        at = [np.nan if x is None else x for x in at]
        loss_K = self.fit.losses(w_MxS, *at, replicas=replicas)
        if self.target is not None:
            return loss_K[..., self.fit.targets.index(self.target)]
        weights = self.plan.provenance.targets
        weight_K = np.array([weights.get(target, 0.0) for target in self.fit.targets])
        if self.plan.objective == "worst":
            return loss_K[..., weight_K > 0].max(-1)
        return loss_K @ (weight_K / weight_K.sum())

    @property
    def size(self) -> tuple[float, float]:
        """N and D of the plan.

        Raises:
            MixlawError: one is null.
        """
        if self.plan.params is None or self.plan.tokens is None:
            raise MixlawError("this figure needs a plan with params and tokens")
        return self.plan.params, self.plan.tokens

    def bounds_Sx2(self) -> np.ndarray:
        """Smallest and largest share of each source under the plan's caps, (S, 2)."""
        caps, free = self.plan.caps or {}, Cap(0.0, 1.0, None, None)
        return np.array([[cap.min, cap.max] for cap in (caps.get(name, free) for name in self.fit.sources)])

    def baseline(self, name: str) -> np.ndarray | None:
        """The shares (S,) of a baseline, None if the plan does not have it."""
        found = self.plan.baselines.get(name)
        return None if found is None else np.array([found.mixture[source] for source in self.fit.sources])


def planned(fit: Fit, plan: Plan, target: str | None = None) -> PlanContext:
    """A fit with the plan made with it.

    Raises:
        MixlawError: the plan is not from this fit, the fit is of a reference, or the target is unknown.
    """
    parametric(fit.law)
    law = "no law" if plan.law is None else plan.law.name
    if set(plan.mixture) != set(fit.sources) or law != fit.law.name:
        raise MixlawError(
            f"the plan is of {law} and {len(plan.mixture)} sources, the fit of {fit.law.name} "
            f"and {len(fit.sources)}: give the fit that the plan was made with (fit.json beside plan.json)"
        )
    asked = list(plan.provenance.targets) if target is None else [target]
    for name in asked:
        if name not in fit.targets:
            raise MixlawError(f"target {name!r} is not among the fit's: {nearest(name, fit.targets)}")
    return PlanContext(fit, plan, target, np.array([plan.mixture[name] for name in fit.sources]))


def index_of(fit: Fit, names: tuple[str, ...]) -> list[int]:
    """Indices of sources in the fit's order.

    Raises:
        MixlawError: a source is unknown or named twice.
    """
    for name in names:
        if name not in fit.sources:
            raise MixlawError(f"source {name!r} is not among the fit's: {nearest(name, fit.sources)}")
    if len(set(names)) < len(names):
        raise MixlawError(f"sources {list(names)}: each must be another")
    return [fit.sources.index(name) for name in names]
