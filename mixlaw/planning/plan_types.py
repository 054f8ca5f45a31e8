"""The sections of a plan: one frozen dataclass for each object in plan.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixlaw.io.section import ADDED_LATER, OPTIONAL_KEY, Section


@dataclass(frozen=True, eq=False)
class Band(Section):
    """A predicted number with its 90% interval over the bootstrap, nats per token.

    >>> Band(2.1, 2.0, 2.2)["low"]
    2.0
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class HeldOutError(Section):
    """Cross-validated error of the law on mixtures left out: nats per token, rank correlation, number of folds.

    >>> HeldOutError(0.01, 0.9, 0.05, 5).mae
    0.01
    """

    mae: float
    spearman: float | None = field(metadata=ADDED_LATER)
    baseline_mae: float
    folds: int = field(metadata=ADDED_LATER)


@dataclass(frozen=True, eq=False)
class LawRecord(Section):
    """The fitted law by name, and its held-out error; null if no mixture could be left out.

    >>> LawRecord("mixture-index", None).to_dict()
    {'name': 'mixture-index', 'held_out': None}
    """

    name: str
    held_out: HeldOutError | None


@dataclass(frozen=True, eq=False)
class Prediction(Section):
    """Predicted loss of each target, and the objective, nats per token.

    >>> Prediction({"web": Band(2.1, 2.0, 2.2)}, 2.1).loss["web"].high
    2.2
    """

    loss: dict[str, Band]
    objective: float


@dataclass(frozen=True, eq=False)
class Baseline(Section):
    """Another mixture compared with the plan.

    Attributes:
        mixture: its shares.
        objective: predicted, nats per token; None in a plan without runs, as is `difference`.
        feasible: True if it satisfies the plan's bounds and constraints.
        difference: its objective minus the plan's, paired over the bootstrap.
        run_id: of the best run only.

    >>> Baseline({"web": 1.0}, 2.2, True, Band(0.1, 0.05, 0.15)).to_dict()["difference"]["mean"]
    0.1
    """

    mixture: dict[str, float]
    objective: float | None
    feasible: bool
    difference: Band | None
    run_id: str | None = field(default=None, metadata=OPTIONAL_KEY)


def best_feasible(found: Mapping[str, Baseline | None]) -> tuple[str, Baseline] | None:
    """Name of the feasible baseline with the lowest objective, and the baseline; None if no baseline is feasible.

    >>> best_feasible({"uniform": None}) is None
    True
    """
    feasible = [(name, one) for name, one in found.items() if one is not None and one.feasible]
    return min(feasible, key=lambda item: np.inf if item[1].objective is None else item[1].objective, default=None)


@dataclass(frozen=True, eq=False)
class Certificate(Section):
    """Certificate of the optimum: distance of the plan's objective from the law's optimum.

    Attributes:
        gap: upper bound on how far any feasible mixture can improve the objective, nats per token (if `kind` is
            "stationarity", a measure of stationarity only).
        relative: `gap` divided by the objective.
        kind: how the gap was computed.
        vertex, degenerate: True if the constraints fix every share; if a share could leave its bound at no cost.
        starts, agree: starting points of the solver, and the part of them that reached this optimum.
        broken: largest constraint violation.
        unit: of the gap, if it is not nats.

    >>> Certificate(1e-12, 5e-13, "frank-wolfe", False, False, 1, 1.0, 0.0).gap
    1e-12
    """

    gap: float
    relative: float | None = None
    kind: str | None = None
    vertex: bool | None = None
    degenerate: bool | None = None
    starts: int | None = None
    agree: float | None = None
    broken: float | None = None
    unit: str | None = field(default=None, metadata=OPTIONAL_KEY)


@dataclass(frozen=True, eq=False)
class Cap(Section):
    """Bounds of one source at the plan's budget, its cap in epochs, and which of these the share is at.

    >>> Cap(0.0, 0.3, 4.0, "max_epochs").binding
    'max_epochs'
    """

    min: float
    max: float
    max_epochs: float | None
    binding: str | None


@dataclass(frozen=True, eq=False)
class Distance(Section):
    """Distance of the plan from the runs; a field is None if it is not known.

    Attributes:
        params, tokens: the plan's N and D as multiples of the runs' largest.
        mixture: half the L1 distance to the nearest run (the share of tokens that differs).
        mixture_of_runs: median over the runs of the same distance to the nearest other run.
        epochs: by source, epochs as multiples of the runs' largest.
        beyond_shares: sources whose share lies outside the runs' range, and by how much.

    >>> Distance(params=2.0, tokens=3.0).mixture is None
    True
    """

    params: float | None = None
    tokens: float | None = None
    mixture: float | None = None
    mixture_of_runs: float | None = None
    epochs: dict[str, float] | None = None
    beyond_shares: dict[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Alternative(Section):
    """A near-optimal mixture: objective, difference from the plan, and the share of tokens that it moves.

    >>> Alternative({"web": 1.0}, 2.1, Band(0.002, 0.0, 0.004), 0.1).moved
    0.1
    """

    mixture: dict[str, float]
    objective: float
    difference: Band
    moved: float


@dataclass(frozen=True, eq=False)
class NearOptimal(Section):
    """Smallest and largest share of each source among mixtures within `regret` nats of the plan, and some of them.

    >>> NearOptimal(0.002, {"web": [0.4, 0.6]}, ()).range["web"]
    [0.4, 0.6]
    """

    regret: float
    range: dict[str, list[float]]
    mixtures: tuple[Alternative, ...]


@dataclass(frozen=True, eq=False)
class SpeedUp(Section):
    """Multiple of the plan's compute at which a baseline is as good as the plan; infinite (null in JSON) if none is.

    >>> SpeedUp(2.0, 1.5, float("inf"), "proportional", "tokens").to_dict()["high"] is None
    True
    """

    mean: float | None
    low: float | None
    high: float | None
    against: str
    by: str


@dataclass(frozen=True, eq=False)
class PathPoint(Section):
    """The optimum at one budget: FLOP, parameters, tokens, shares, objective in nats per token.

    >>> PathPoint(1.2e19, 5e8, 4e9, {"web": 1.0}, 2.1).params
    500000000.0
    """

    flops: float
    params: float
    tokens: float
    mixture: dict[str, float]
    objective: float


@dataclass(frozen=True, eq=False)
class Bracket(Section):
    """Predicted gain on a baseline by law, and the smallest and largest of these, nats per token.

    >>> Bracket("uniform", {"a": 0.1, "b": 0.2}, 0.1, 0.2).high
    0.2
    """

    against: str
    gains: dict[str, float]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class SourcePrice(Section):
    """Shadow prices of one source: nats per unit of its largest share, per unique token, and gain of twice its tokens.

    >>> SourcePrice(0.02, None, 0.003).doubled
    0.003
    """

    per_share: float
    per_token: float | None
    doubled: float | None


@dataclass(frozen=True, eq=False)
class ShadowPrices(Section):
    """Shadow prices by source, and by constraint in nats per unit of its limit (the plan's key `worth`).

    >>> ShadowPrices({"web": SourcePrice(0.02, None, None)}, {}).sources["web"].per_share
    0.02
    """

    sources: dict[str, SourcePrice]
    constraints: dict[str, float]


@dataclass(frozen=True, eq=False)
class Unconstrained(Section):
    """The optimum without constraints, and what the constraints cost, nats per token.

    >>> Unconstrained({"web": 1.0}, 2.0, 0.1).cost
    0.1
    """

    mixture: dict[str, float]
    objective: float
    cost: float


@dataclass(frozen=True, eq=False)
class RobustChoice(Section):
    """Regrets of the robust and of the plain optimum over the refits, nats per token: mean, and a quantile.

    >>> RobustChoice("mean", 200, {"mean": 0.01}, {"mean": 0.02}).plain["mean"]
    0.02
    """

    measure: str
    refits: int
    robust: dict[str, float]
    plain: dict[str, float]


@dataclass(frozen=True, eq=False)
class CheckedDifference(Section):
    """Loss of proportional minus loss of the plan: predicted with its interval, and measured, nats per token.

    >>> CheckedDifference(0.1, 0.05, 0.15, 0.12).measured
    0.12
    """

    predicted: float
    low: float
    high: float
    measured: float


@dataclass(frozen=True, eq=False)
class Check(Section):
    """Measured losses by target of the plan's run and of the proportional run at the budget, nats per token.

    >>> Check({"web": 2.1}, {"web": 2.2}, None, CheckedDifference(0.1, 0.05, 0.15, 0.1)).recommended["web"]
    2.1
    """

    recommended: dict[str, float]
    proportional: dict[str, float]
    interval: dict[str, Band] | None = field(metadata=OPTIONAL_KEY)
    difference: CheckedDifference


@dataclass(frozen=True, eq=False)
class NearestMixture(Section):
    """The mixture whose text is nearest to the targets' by one distance, the distance, and the solver's gap.

    >>> NearestMixture({"web": 1.0}, 0.3, 1e-6).value
    0.3
    """

    mixture: dict[str, float]
    value: float
    gap: float


@dataclass(frozen=True, eq=False)
class TransportRecord(Section):
    """The nearest mixtures by distance, and by which of them the plan was made.

    >>> TransportRecord("exact", {"exact": NearestMixture({"web": 1.0}, 0.3, 1e-6)}).by
    'exact'
    """

    by: str
    distances: dict[str, NearestMixture]


@dataclass(frozen=True, eq=False)
class Provenance(Section):
    """Provenance of a plan: table, hashes, seeds, version, and the request.

    The request (`sources`, `budget`, `groups`, `near`, `ceilings`) is recorded as JSON objects of the project's own
    dataclasses. A fit adds keys of its own, which `provenance["key"]` reads.

    >>> Provenance.from_dict({"seed": 0, "targets": {"web": 1.0}, "text": "8a82"})["text"]
    '8a82'
    """

    runs: str | None = None
    runs_hash: str | None = None
    tokenizer: str | None = None
    sources_hash: str | None = None
    sources: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    groups: dict[str, Any] | None = None
    near: dict[str, Any] | None = None
    ceilings: dict[str, float | None] | None = None
    definitions: dict[str, str] | None = field(default=None, metadata=OPTIONAL_KEY)
    seed: int | None = None
    fit_seed: int | None = None
    replicas: int | None = None
    version: str | None = None
    targets: dict[str, float] = field(default_factory=dict)
