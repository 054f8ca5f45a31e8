"""What given weights would do to the sources: epochs, tokens, the caps they break, and what a fit predicts of them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixlaw.auditing.audit_comparison import by_source, known, planned, predicted
from mixlaw.errors import MixlawError, listed, short, shown
from mixlaw.exporters import Weights, import_mixture
from mixlaw.exporters.reading import mixture_weights
from mixlaw.io.yaml import parse_number
from mixlaw.mixtures.simplex import SUM_TOLERANCE
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Source, Sources
from mixlaw.typing import Array

if TYPE_CHECKING:
    from mixlaw.fitting.fit_result import Fit

MANY_EPOCHS = 4.0  # passes up to which repeated text was found to be nearly as good as new (arXiv:2305.16264)
USELESS_EPOCHS = 40.0  # passes beyond which more of them were found to be worth nothing (arXiv:2305.16264)
_SLACK = 1e-9


@dataclass(frozen=True)
class Audit:
    """The consequences of a mixture for a run of a given number of tokens.

    Attributes:
        mixture: token shares by source, summing to 1.
        epochs: passes over each source, w D / U; None where its tokens are unknown.
        tokens_by_source: tokens taken from each source, w D.
        caps: the limits broken, each with `source`, `cap` (min, max or max_epochs), `limit`, `value`.
        tokens: D.
        notes: what else the user should know.
        errors: one line for each broken limit, and for each source that would be repeated past any use.
        plan: where a plan was given, its `mixture` and `epochs` by source; else None.
        predicted: where a fit was given, `params`, `loss` by target and `objective`, each with `audited`, and with
            `plan` and their `difference` {mean, low, high} (audited less plan) where a plan was given; else None.
        trainer: whose format the weights were in, None for a plain {source: weight}.
    """

    mixture: dict[str, float]
    epochs: dict[str, float | None]
    tokens_by_source: dict[str, float]
    caps: tuple[dict[str, Any], ...]
    tokens: float
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    plan: dict[str, Any] | None = None
    predicted: dict[str, Any] | None = None
    trainer: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, as `mixlaw audit --json` prints them."""
        return {
            "mixture": dict(self.mixture),
            "epochs": dict(self.epochs),
            "tokens_by_source": dict(self.tokens_by_source),
            "tokens": self.tokens,
            "caps": [dict(cap) for cap in self.caps],
            "notes": list(self.notes),
            "errors": list(self.errors),
            "plan": self.plan,
            "predicted": self.predicted,
            "trainer": self.trainer,
        }


@dataclass(frozen=True)
class AuditOptions:
    """How weights are read, and what they are compared with.

    Attributes:
        trainer: whose format a file is in; found out by its shape where None.
        samples: "packed" or "documents", what a sample of the trainer is where its default does not hold.
        plan: a plan to compare with.
        fit: to predict losses with.
        params: N of the run, in place of the plan's.
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
    """What `weights` mean for `sources` in a run of `tokens` tokens.

    Args:
        weights: token shares by source, or a weights file: a plan's, one of any trainer that `export` knows, or plain
            JSON or YAML. A source is named by its name, by one of its paths, or by a path whose last part is its
            name. Weights are brought from what the trainer counts to tokens and renormalised.
        sources: the sources they speak of.
        tokens: D, tokens of the run.
        options: the file's trainer, and a plan and a fit to compare with.

    Raises:
        MixlawError: no such file, an unknown form or source, a weight that is negative or no number, weights that
            count documents where their number is unknown, `tokens` not positive, or a plan or fit of other sources.
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
    w_S = np.array(list(found.mixture.values()))
    with np.errstate(over="ignore"):  # more epochs than a float can hold are infinitely many
        epochs_S = w_S * D / sources.tokens_S
    _note_epochs(epochs_S, w_S, sources, notes)
    caps = _broken(w_S, epochs_S, sources)
    mixture = by_source(sources, w_S)
    return Audit(
        mixture=mixture,
        epochs=known(sources, epochs_S),
        tokens_by_source=by_source(sources, w_S * D),
        caps=tuple(caps),
        tokens=D,
        notes=tuple(notes),
        errors=tuple(_errors(found, w_S, epochs_S, sources, caps, D)),
        plan=planned(options.plan, sources, D),
        predicted=predicted(options.fit, options.plan, sources, mixture, D, options.params),
        trainer=found.trainer,
    )


def _remarks(found: Weights, name: str) -> list[str]:
    notes, total = [], sum(found.stated.values())
    if found.counts == "tokens" and abs(total - 1) > SUM_TOLERANCE:
        notes.append(f"{name}: weights sum to {total:.6g}, renormalised to 1")
    if found.counts != "tokens":
        notes.append(f"{name}: weights of {found.trainer} count {found.counts}; shares here are of tokens")
    if found.missing:
        notes.append(f"{name}: no weight for {listed(found.missing)}, taken as 0")
    return notes


def _note_epochs(epochs_S: Array, w_S: Array, sources: Sources, notes: list[str]) -> None:
    for source, epochs, share in zip(sources, epochs_S, w_S, strict=True):
        if math.isnan(epochs):
            if share > 0:
                notes.append(f"{source.name}: tokens unknown, so its epochs are too")
        elif MANY_EPOCHS < epochs <= USELESS_EPOCHS:  # of more an error speaks
            notes.append(f"{source.name}: {passes(epochs)} epochs, more than {MANY_EPOCHS:g}: repeats are worth less")


def _broken(w_S: Array, epochs_S: Array, sources: Sources) -> list[dict[str, Any]]:
    broken = []
    for source, share, epochs in zip(sources, w_S.tolist(), epochs_S.tolist(), strict=True):
        if source.max_epochs is not None and epochs > source.max_epochs * (1 + _SLACK):
            broken.append({"source": source.name, "cap": "max_epochs", "limit": source.max_epochs, "value": epochs})
        if share > source.max + _SLACK:
            broken.append({"source": source.name, "cap": "max", "limit": source.max, "value": share})
        if share < source.min - _SLACK:
            broken.append({"source": source.name, "cap": "min", "limit": source.min, "value": share})
    return broken


def _errors(
    found: Weights, w_S: Array, epochs_S: Array, sources: Sources, caps: list[dict[str, Any]], D: float
) -> list[str]:
    """What must not be missed, one line each, the most repeated source first."""
    errors, used = [], dict(zip(sources.names, zip(w_S.tolist(), epochs_S.tolist(), strict=True), strict=True))
    for name, (share, epochs) in sorted(used.items(), key=lambda item: -np.nan_to_num(item[1][1])):
        broken = [cap for cap in caps if cap["source"] == name]
        if epochs > USELESS_EPOCHS or any(cap["cap"] == "max_epochs" for cap in broken):
            errors.append(_repeated(sources[name], found.stated[name], share, epochs, D))
        for cap in broken:
            if cap["cap"] != "max_epochs":
                errors.append(f"{name}: share {share:.4g} breaks its {cap['cap']} of {cap['limit']:g}")
    return errors


def _repeated(source: Source, weight: float, share: float, epochs: float, D: float) -> str:
    limit = f"; no gain was found past {USELESS_EPOCHS:g}"
    if source.max_epochs is not None and epochs > source.max_epochs:
        limit = f"; its cap is {source.max_epochs:g}"
    return (
        f"{source.name}: weight {weight:.6g} ({100 * share:.3g}% of {short(D)} tokens) is {passes(epochs)} epochs "
        f"of its {short(source.tokens or 0.0)} tokens{limit}"
    )


def passes(epochs: float) -> str:
    """A number of epochs, whole and without an exponent where it is large, such as 4,038."""
    return f"{epochs:,.0f}" if 100 <= epochs < math.inf else f"{epochs:.3g}"
