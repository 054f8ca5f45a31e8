"""The sections of an `Audit`: one frozen dataclass for each object that `mixlaw audit --json` prints."""

from __future__ import annotations

from dataclasses import dataclass, field

from mixlaw.io.section import OPTIONAL_KEY, Section


@dataclass(frozen=True, eq=False)
class ViolatedCap(Section):
    """A bound of a source that the weights violate: `cap` is min, max (shares) or max_epochs.

    >>> ViolatedCap("code", "max", 0.5, 0.6)["value"]
    0.6
    """

    source: str
    cap: str
    limit: float
    value: float


@dataclass(frozen=True, eq=False)
class PlanShares(Section):
    """The plan's token shares and epochs by source; epochs are None if the source's tokens are unknown.

    >>> PlanShares({"web": 1.0}, {"web": None}).to_dict()
    {'mixture': {'web': 1.0}, 'epochs': {'web': None}}
    """

    mixture: dict[str, float]
    epochs: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class AskedShares(Section):
    """Token shares that the weights ask for, and the epochs that follow from them at D.

    >>> AskedShares({"web": 1.0}, {"web": 0.5})["epochs"]
    {'web': 0.5}
    """

    mixture: dict[str, float]
    epochs: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class MixedStream(Section):
    """A trainer's mixed stream that ends: its tokens, and the passes of the run over it.

    >>> MixedStream(1.5e10, 6.67).passes
    6.67
    """

    tokens: float
    passes: float


@dataclass(frozen=True, eq=False)
class RealisedShares(Section):
    """What the trainer makes of the weights: values by source, tokens of the run, and its mixed stream if that ends.

    `distinct_tokens_by_source` counts repeated text once; `documents_by_source` is the expected number of documents, or
    None if the trainer does not draw documents.

    >>> RealisedShares({"web": 1.0}, {"web": 2.0}, {"web": 2e9}, {"web": 1e9}, {"web": None}, 2e9).stream is None
    True
    """

    mixture: dict[str, float]
    epochs: dict[str, float | None]
    tokens_by_source: dict[str, float]
    distinct_tokens_by_source: dict[str, float | None]
    documents_by_source: dict[str, float | None]
    tokens: float
    stream: MixedStream | None = None


@dataclass(frozen=True, eq=False)
class LossDifference(Section):
    """Loss under the audited weights minus loss under the plan, nats per token, with its 90% interval, paired over the
    bootstrap; ends are None if the fit has no replicas.

    >>> LossDifference(0.02, None, None).mean
    0.02
    """

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class AuditedLoss(Section):
    """Predicted loss under the audited weights and, with a plan, under the plan; nats per token.

    >>> AuditedLoss(2.1).to_dict()
    {'audited': 2.1}
    """

    audited: float
    plan: float | None = field(default=None, metadata=OPTIONAL_KEY)
    difference: LossDifference | None = field(default=None, metadata=OPTIONAL_KEY)


@dataclass(frozen=True, eq=False)
class AuditedLosses(Section):
    """Predictions of a fit at N = `params`: the objective and each target.

    >>> AuditedLosses(3e8, AuditedLoss(2.1), {"web": AuditedLoss(2.1)}).loss["web"]["audited"]
    2.1
    """

    params: float | None
    objective: AuditedLoss
    loss: dict[str, AuditedLoss]
