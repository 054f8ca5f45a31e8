"""Appraisal and its sections: one frozen dataclass for each object that `mixlaw appraise --json` prints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from mixlaw.io.section import Section

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Gain(Section):
    """A gain in nats per token of training, with its 90% interval over the bootstrap.

    >>> Gain(0.04, 0.01, 0.09)["low"]
    0.01
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class CurvePoint(Section):
    """Gain (nats per token) from the first `tokens` tokens of the source, which are this share of the run.

    >>> CurvePoint(2e8, 0.04, 0.02).gain
    0.02
    """

    tokens: float
    share: float
    gain: float


@dataclass(frozen=True, eq=False)
class LawName(Section):
    """The law of the fit.

    >>> LawName("mixture-index").to_dict()
    {'name': 'mixture-index'}
    """

    name: str


@dataclass(frozen=True, eq=False)
class Optimality(Section):
    """Optimality gap of the mixture, in the unit of what it minimises (nats per token, or the distance).

    >>> Optimality(1e-12).gap
    1e-12
    """

    gap: float


@dataclass(frozen=True, eq=False)
class TextEvidence(Section):
    """Regression of the sources' law parameters (theta) on text, and its prediction for the new source.

    Attributes:
        slope, spread: of the regression line of theta on the text covariate, and the deviation of theta from it.
        left_out_error: root mean square error of theta of the runs' sources, each left out; None for one source.
        novelty: from near 0 (a copy of known sources) to 1.
        old_part: share of its tokens that may count as tokens of the most similar known source.
        nearest: mixture of known sources that its text is nearest to.
        theta: by target, predicted theta minus the mean theta of the known sources.

    >>> TextEvidence(2.6, 0.3, 0.1, 0.2, 0.8, {"web": 0.9, "code": 0.1}, {"math": 0.5}).similar_source
    'web'
    """

    slope: float
    spread: float
    left_out_error: float | None
    novelty: float
    old_part: float
    nearest: dict[str, float]
    theta: dict[str, float]

    @property
    def similar_source(self) -> str | None:
        """The known source most similar to the new one; None if it resembles none."""
        return max(self.nearest, key=self.nearest.__getitem__) if self.old_part > 0 else None


@dataclass(frozen=True, eq=False)
class DistanceEvidence(Section):
    """Distance of the nearest mixture from the targets' text, without and with the new source (JSON key `with`).

    >>> DistanceEvidence("ngram-kl", 0.30, 0.25).to_dict()
    {'by': 'ngram-kl', 'without': 0.3, 'with': 0.25}
    """

    by: str
    without: float
    with_it: float

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The section that a JSON object holds."""
        return super().from_dict({"with_it" if key == "with" else key: value for key, value in content.items()})

    def __iter__(self) -> Iterator[str]:
        return iter(("by", "without", "with"))

    def __getitem__(self, key: str) -> Any:
        return self.with_it if key == "with" else super().__getitem__(key)


@dataclass(frozen=True, eq=False)
class Sample(Section):
    """Passages that were used of each source, and characters of the new source's.

    >>> Sample(100, 30_000).passages
    100
    """

    passages: int
    characters: int


@dataclass(frozen=True, eq=False)
class Provenance(Section):
    """Hash of the project's sources, seed and mixlaw's version.

    >>> Provenance("0123", 0, "1.0").seed
    0
    """

    sources_hash: str
    seed: int
    version: str


@dataclass(frozen=True)
class SourceValue:
    """The estimated value of a source; attributes as in `Appraisal`."""

    best_share: float
    best_share_interval: list[float]
    gain_per_token: Gain | None
    worth_tokens: float | None
    worth_tokens_interval: list[float] | None
    gain: Gain | None
    mixture: dict[str, float]
    curve: list[CurvePoint] | None
    basis: str
    law: LawName | None
    certificate: Optimality
    text: TextEvidence | DistanceEvidence


@dataclass(frozen=True, eq=False)
class Appraisal(Section):
    """The estimated value of a new source. What cannot be known is None, with the reason in `notes`.

    Attributes:
        name, available: of the new source, and its unique tokens (None: unlimited).
        best_share, best_share_interval: its share in the optimal plan, and the 90% interval.
        gain_per_token: fall of the objective per token of the source, nats per token of training.
        worth_tokens, worth_tokens_interval: unique tokens that the plan would use, if there were enough.
        gain: fall of the objective from the plan without the source to the plan with it, nats per token.
        mixture: shares of the plan with the source.
        curve: gain as a function of the number of tokens.
        basis: "runs" or "transport" (text distance alone).
        law, certificate: law of the fit, and optimality gap of the plan.
        text: evidence from the text.
        sample: text that was used.
        params, tokens, flops: size of the plan.
        provenance, schema: where the figures are from; version of the JSON object.
        notes: assumptions and reasons for missing values.

    >>> appraisal = Appraisal.from_dict({"best_share": 0.2, "gain": {"mean": 0.04, "low": 0.0, "high": 0.1}})
    >>> appraisal.gain.mean, appraisal.gain["high"], appraisal.to_dict()["best_share"]
    (0.04, 0.1, 0.2)
    """

    name: str
    available: float | None
    best_share: float
    best_share_interval: list[float]
    gain_per_token: Gain | None
    worth_tokens: float | None
    worth_tokens_interval: list[float] | None
    gain: Gain | None
    mixture: dict[str, float]
    curve: list[CurvePoint] | None
    basis: str
    law: LawName | None
    certificate: Optimality
    text: TextEvidence | DistanceEvidence
    sample: Sample
    params: float | None
    tokens: float | None
    flops: float | None
    provenance: Provenance
    schema: int
    notes: list[str]
