"""Data for the page's computations: the law's steps, parameters and replicas, sources, caps, initial mixtures."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.exporters import recorded_sources
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import parametric
from mixlaw.planning.plan import Plan
from mixlaw.planning.verdict import FAR_SCALE_FACTOR, FAR_SHARE
from mixlaw.reports.budget_curve import weights
from mixlaw.reports.expression_graph import ExpressionGraph, expression_graph
from mixlaw.reports.intervals import pack
from mixlaw.reports.page_sections import BASELINES


@dataclass(frozen=True)
class Start:
    """An initial mixture: its name, and shares in the plan's order of sources."""

    name: str
    w: list[float]


@dataclass(frozen=True)
class Limits:
    """Tokens, bounds and cap of one source, and the runs' range of its share and epochs; None if not known."""

    tokens: float | None
    min: float
    max: float
    max_epochs: float | None
    least: float | None
    most: float | None
    epochs: float | None


@dataclass(frozen=True)
class ScaleRange:
    """How N and D follow the compute, and the runs' range.

    Attributes:
        power: exponent of N in the compute.
        reads: whether the law depends on N (`params`) and on D (`tokens`).
        params, tokens: the runs' smallest and largest N and D.
        far, far_share: as in the verdict.
    """

    power: float
    reads: dict[str, bool]
    params: list[float | None]
    tokens: list[float | None]
    far: float
    far_share: float


@dataclass(frozen=True)
class FitData:
    """The fit: steps of the formula (`tape`), the law's constants, and parameters and replicas as base64."""

    tape: ExpressionGraph
    known: dict[str, list[float]]
    z: str
    step: str
    replicas: str
    whole: bool


@dataclass(frozen=True)
class PlannedRun:
    """Shares in the fit's order of sources, N and D of the plan."""

    w: list[float]
    params: float | None
    tokens: float | None


@dataclass(frozen=True)
class PageData:
    """The data that `engine.js` and `page.js` read."""

    sources: list[str]
    targets: list[str]
    weights: list[float]
    objective: str
    unique: list[float | None]
    fit: FitData
    plan: PlannedRun
    scale: ScaleRange
    limits: list[Limits]
    starts: list[Start]

    def to_dict(self) -> Mapping[str, Any]:
        """The data as JSON types."""
        return asdict(self)


def page_data(plan: Plan, fit: Fit) -> PageData:
    """The data of a plan and the fit that it was made with.

    Raises:
        MixlawError: the law's formula has an operation that the page cannot run.
    """
    replicas = pack(fit)
    steps = expression_graph(parametric(fit.law), len(fit.sources))
    return PageData(
        sources=list(fit.sources),
        targets=list(fit.targets),
        weights=weights(plan, fit.targets).tolist(),
        objective=plan.objective,
        unique=[_number(x) for x in np.broadcast_to(fit.unique_S, len(fit.sources)).tolist()],
        fit=FitData(
            tape=steps,
            known={name: values.tolist() for name, values in fit.constants.items()},
            z=_packed(fit.z_KxP, "<f8"),
            step=_packed(replicas.step_KxP, "<f4"),
            replicas=_packed(replicas.count_RxKxP, "<i2"),
            whole=replicas.whole,
        ),
        plan=PlannedRun([plan.mixture[name] for name in fit.sources], plan.params, plan.tokens),
        scale=_scale(plan, fit),
        limits=_limits(plan, fit),
        starts=starts(plan),
    )


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")


def _number(x: float | None) -> float | None:
    return float(x) if x is not None and np.isfinite(x) else None


def _scale(plan: Plan, fit: Fit) -> ScaleRange:
    """N and D as functions of the compute, which of them the law needs, and the runs' range."""
    path, power = plan.path or (), 0.5 if "params" in fit.law.needs else 0.0
    if len(path) > 1:
        params, tokens = (np.log(path[-1][key] / path[0][key]) for key in ("params", "tokens"))
        power = float(params / (params + tokens))
    support = fit.support
    return ScaleRange(
        power=power,
        reads={"params": "params" in fit.law.needs, "tokens": bool({"tokens", "unique"} & fit.law.needs)},
        params=[_number(x) for x in support.params],
        tokens=[_number(x) for x in support.tokens],
        far=FAR_SCALE_FACTOR,
        far_share=FAR_SHARE,
    )


def _limits(plan: Plan, fit: Fit) -> list[Limits]:
    """By source: its tokens, bounds and cap, and the runs' range."""
    try:
        sources = recorded_sources(plan, at=plan.tokens)
    except MixlawError:  # an older plan, which lacks the sources' tokens
        sources = None
    found = []
    for i, name in enumerate(fit.sources):
        source = None if sources is None else sources[name]
        found.append(
            Limits(
                tokens=None if source is None else _number(source.tokens),
                min=0.0 if source is None else source.min,
                max=1.0 if source is None else source.max,
                max_epochs=None if source is None else source.max_epochs,
                least=_number(fit.support.least_S[i]),
                most=_number(fit.support.most_S[i]),
                epochs=_number(max(fit.support.epochs_S[i], 1.0)),
            )
        )
    return found


def starts(plan: Plan) -> list[Start]:
    """Initial mixtures by name, the plan's first."""
    found = [("the plan", plan.mixture)]
    found += [(BASELINES.get(name, name), one.mixture) for name, one in plan.baselines.items() if one is not None]
    near = () if plan.near_optimal is None else plan.near_optimal.mixtures
    found += [(f"alternative {i}", one.mixture) for i, one in enumerate(near, start=1)]
    if plan.unconstrained is not None:
        found.append(("without constraints", plan.unconstrained.mixture))
    return [Start(name, [mixture[source] for source in plan.mixture]) for name, mixture in found]
