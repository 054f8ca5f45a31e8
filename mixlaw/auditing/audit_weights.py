"""audit: epochs and tokens of each source under given weights, violated caps, and losses that a fit predicts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixlaw.auditing.audit_comparison import ComparedPlan, by_source, known, planned, predicted
from mixlaw.auditing.audit_sections import AskedShares, AuditedLosses, PlanShares, RealisedShares, ViolatedCap
from mixlaw.errors import MixlawError, listed, short, shown
from mixlaw.exporters import Realised, Weights, import_mixture, realise
from mixlaw.exporters.reading import mixture_weights
from mixlaw.io.json import no_nan
from mixlaw.io.yaml import parse_number
from mixlaw.mixtures.simplex import SUM_TOLERANCE
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Source, Sources
from mixlaw.typing import Array

if TYPE_CHECKING:
    from mixlaw.fitting.fit_result import Fit

MANY_EPOCHS = 4.0  # epochs up to which repeated text is nearly as good as new (arXiv:2305.16264)
USELESS_EPOCHS = 40.0  # epochs beyond which further ones add nothing (arXiv:2305.16264)
_SLACK = 1e-9  # violations up to this size are treated as rounding


@dataclass(frozen=True)
class Audit:
    """The consequences of a mixture for a run of a given number of tokens.

    Attributes:
        mixture: token shares by source that the run gets, summing to 1: of a trainer's file, under the trainer's rule.
        epochs: epochs of each source; None if its tokens are unknown.
        tokens_by_source: tokens taken from each source.
        caps: the violated bounds of sources.
        tokens: D as given. The run may take another number: `realised.tokens`.
        notes: remarks on the weights and on repetition.
        errors: one line for each violated bound, and for each source that would be repeated to no use.
        plan: shares and epochs of the plan; None if no plan was given.
        predicted: losses that the fit predicts, compared with the plan's; None if no fit was given.
        trainer: the trainer whose format the weights were in; None for a plain {source: weight}.
        asked: shares and epochs that the weights ask for, without the trainer's rounding, ends and cuts.
        realised: what the trainer makes of them.

    >>> audit({"web": 1.0}, Sources([Source("web", 5e8)]), 1e9).to_dict()["epochs"]
    {'web': 2.0}
    """

    mixture: dict[str, float]
    epochs: dict[str, float | None]
    tokens_by_source: dict[str, float]
    caps: tuple[ViolatedCap, ...]
    tokens: float
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    plan: PlanShares | None = None
    predicted: AuditedLosses | None = None
    trainer: str | None = None
    asked: AskedShares | None = None
    realised: RealisedShares | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that `mixlaw audit --json` prints."""
        content = {
            "mixture": dict(self.mixture),
            "epochs": dict(self.epochs),
            "tokens_by_source": dict(self.tokens_by_source),
            "tokens": self.tokens,
            "caps": self.caps,
            "notes": list(self.notes),
            "errors": list(self.errors),
            "plan": self.plan,
            "predicted": self.predicted,
            "trainer": self.trainer,
            "asked": self.asked,
            "realised": self.realised,
        }
        return no_nan(content)


@dataclass(frozen=True)
class AuditOptions:
    """How weights are read, and what they are compared with.

    Attributes:
        trainer: name of the trainer whose format the file has; None: detected.
        samples: "packed" or "documents": what one sample of the trainer is, if not its default.
        plan: a plan to compare with.
        fit: to predict losses with.
        params: N of the run; None: the plan's.

    >>> AuditOptions(trainer="megatron").plan is None
    True
    """

    trainer: str | None = None
    samples: str | None = None
    plan: PlanLike | None = None
    fit: Fit | None = None
    params: float | None = None


def audit(
    weights: Mapping[str, float] | str | os.PathLike[str],
    sources: Sources,
    tokens: float,
    options: AuditOptions | None = None,
) -> Audit:
    """Epochs and tokens of each source under `weights` in a run of `tokens` tokens, and violated caps.

    Args:
        weights: token shares by source, or a weights file: a plan, a file of any trainer that `export` knows, or plain
            JSON or YAML. It identifies a source by its name, by one of its paths, or by a path that ends in its name.
            Weights are converted from the trainer's unit to tokens and renormalised.
        sources: the sources that the weights are for.
        tokens: D, tokens of the run.
        options: the file's trainer, and a plan and a fit to compare with.

    Raises:
        MixlawError: the file is missing or has an unknown form or source, a weight is negative or not a number, weights
            count documents and the number of documents is unknown, `tokens` is not positive, or plan or fit have other
            sources.

    >>> sources = Sources([Source("web", 1e9), Source("wiki", 1e7, max_epochs=4)])
    >>> found = audit({"web": 0.9, "wiki": 0.1}, sources, tokens=1e9)
    >>> found.epochs
    {'web': 0.9, 'wiki': 10.0}
    >>> found.caps[0].cap, found.caps[0].limit, found.caps[0].value
    ('max_epochs', 4.0, 10.0)
    """
    D, options = parse_number(tokens), options or AuditOptions()
    if D is None or not math.isfinite(D) or D <= 0:
        raise MixlawError(f"audit: tokens is {shown(tokens)}; it must be a number above 0")
    if isinstance(weights, Mapping):
        name, found = "weights", mixture_weights(weights, sources)
    else:
        name = str(Path(weights))
        found = import_mixture(weights, sources, options.trainer, samples=options.samples, partial=True)
    notes = _remarks(found, name)
    asked_S, realised = np.array(list(found.mixture.values())), realise(found, sources, D)
    w_S, epochs_S = realised.w_S, realised.epochs_S
    notes += realised.notes
    _note_epochs(epochs_S, w_S, sources, notes)
    caps = _violated(w_S, epochs_S, sources)
    mixture = by_source(sources, w_S)
    plan = None if options.plan is None else ComparedPlan.of(options.plan)
    errors = [*_errors(found, realised, sources, caps), *realised.errors]
    with np.errstate(over="ignore"):  # overflow counts as infinitely many epochs
        asked = AskedShares(by_source(sources, asked_S), known(sources, asked_S * D / sources.tokens_S))
    return Audit(
        mixture=mixture,
        epochs=known(sources, epochs_S),
        tokens_by_source=by_source(sources, realised.tokens_S),
        caps=tuple(caps),
        tokens=D,
        notes=tuple(notes),
        errors=tuple(errors),
        plan=planned(plan, sources, D),
        predicted=predicted(options.fit, plan, sources, mixture, D, options.params),
        trainer=found.trainer,
        asked=asked,
        realised=RealisedShares.from_dict(realised.to_dict(sources)),
    )


def _remarks(found: Weights, name: str) -> list[str]:
    notes, total = [], sum(found.stated.values())
    if found.counts == "tokens" and found.rule.ends != "amounts" and abs(total - 1) > SUM_TOLERANCE:
        notes.append(f"{name}: weights sum to {total:.6g}, renormalised to 1")
    if found.counts != "tokens":
        notes.append(f"{name}: weights of {found.trainer} count {found.counts}; shares here are of tokens")
    if found.missing:
        notes.append(f"{name}: no weight for {listed(found.missing)}, taken as 0")
    return [*notes, *found.notes]


def _note_epochs(epochs_S: Array, w_S: Array, sources: Sources, notes: list[str]) -> None:
    for source, epochs, share in zip(sources, epochs_S, w_S, strict=True):
        if math.isnan(epochs):
            if share > 0:
                notes.append(f"{source.name}: tokens unknown, so its epochs are too")
        elif MANY_EPOCHS < epochs <= USELESS_EPOCHS:  # above, an error is reported instead
            notes.append(f"{source.name}: {passes(epochs)} epochs, more than {MANY_EPOCHS:g}: repeats are worth less")


def _violated(w_S: Array, epochs_S: Array, sources: Sources) -> list[ViolatedCap]:
    found = []
    for source, share, epochs in zip(sources, w_S.tolist(), epochs_S.tolist(), strict=True):
        if source.max_epochs is not None and epochs > source.max_epochs * (1 + _SLACK):
            found.append(ViolatedCap(source.name, "max_epochs", source.max_epochs, epochs))
        if share > source.max + _SLACK:
            found.append(ViolatedCap(source.name, "max", source.max, share))
        if share < source.min - _SLACK:
            found.append(ViolatedCap(source.name, "min", source.min, share))
    return found


def _errors(found: Weights, realised: Realised, sources: Sources, caps: list[ViolatedCap]) -> list[str]:
    """One line for each violated bound or useless repetition, the most repeated source first."""
    errors, values = [], zip(realised.w_S.tolist(), realised.epochs_S.tolist(), strict=True)
    used = dict(zip(sources.names, values, strict=True))
    for name, (share, epochs) in sorted(used.items(), key=lambda item: -np.nan_to_num(item[1][1])):
        violated = [cap for cap in caps if cap.source == name]
        if epochs > USELESS_EPOCHS or any(cap.cap == "max_epochs" for cap in violated):
            errors.append(_repeated(sources[name], found.stated[name], share, epochs, realised.tokens))
        for cap in violated:
            if cap.cap != "max_epochs":
                errors.append(f"{name}: share {share:.4g} breaks its {cap.cap} of {cap.limit:g}")
    return errors


def _repeated(source: Source, weight: float, share: float, epochs: float, tokens: float) -> str:
    limit = f"; no gain was found past {USELESS_EPOCHS:g}"
    if source.max_epochs is not None and epochs > source.max_epochs:
        limit = f"; its cap is {source.max_epochs:g}"
    return (
        f"{source.name}: weight {weight:.6g} ({100 * share:.3g}% of {short(tokens)} tokens) is {passes(epochs)} epochs "
        f"of its {short(source.tokens or 0.0)} tokens{limit}"
    )


def passes(epochs: float) -> str:
    """A number of epochs as text, such as 4,038: large ones whole and without an exponent.

    >>> passes(0.24), passes(4038.2)
    ('0.24', '4,038')
    """
    return f"{epochs:,.0f}" if 100 <= epochs < math.inf else f"{epochs:.3g}"
