"""What given weights would do to the sources: epochs, tokens, and the caps they break."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw._weights import match_source, read_weights
from mixlaw._yaml import parse_number
from mixlaw.errors import MixlawError, listed, shown
from mixlaw.simplex import SUM_TOLERANCE, Array
from mixlaw.sources import Sources

MANY_EPOCHS = 4.0  # passes up to which repeated text was found to be nearly as good as new (arXiv:2305.16264)
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
    """

    mixture: dict[str, float]
    epochs: dict[str, float | None]
    tokens_by_source: dict[str, float]
    caps: tuple[dict[str, Any], ...]
    tokens: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, as `mixlaw audit --json` prints them."""
        return {
            "mixture": dict(self.mixture),
            "epochs": dict(self.epochs),
            "tokens_by_source": dict(self.tokens_by_source),
            "tokens": self.tokens,
            "caps": [dict(cap) for cap in self.caps],
            "notes": list(self.notes),
        }


def audit(weights: Mapping[str, float] | str | os.PathLike[str], sources: Sources, tokens: float) -> Audit:
    """What `weights` mean for `sources` in a run of `tokens` tokens.

    Args:
        weights: token shares by source, or a file of them: JSON or YAML (also a plan's, or in the
            form of DoReMi, Levanter, Olmix or RegMix) or Megatron's `0.6 path 0.4 path`. A source is named by
            its name, by one of its paths, or by a path whose last part is its name. Weights are renormalised.
        sources: the sources they speak of.
        tokens: D, tokens of the run.

    Raises:
        MixlawError: no such file, an unknown form or source, a weight that is negative or no number,
            or `tokens` not positive.
    """
    D = parse_number(tokens)
    if D is None or not math.isfinite(D) or D <= 0:
        raise MixlawError(f"audit: tokens is {shown(tokens)}; it must be a number above 0")
    if isinstance(weights, Mapping):
        name, pairs = "weights", list(weights.items())
    else:
        name = str(Path(weights))
        pairs = read_weights(Path(weights))
    notes: list[str] = []
    w_S = _shares(pairs, sources, name, notes)
    with np.errstate(over="ignore"):  # more epochs than a float can hold are infinitely many
        epochs_S = w_S * D / sources.tokens_S
    _note_epochs(epochs_S, w_S, sources, notes)
    return Audit(
        mixture=_by_source(sources, w_S),
        epochs={n: None if math.isnan(e) else float(e) for n, e in zip(sources.names, epochs_S, strict=True)},
        tokens_by_source=_by_source(sources, w_S * D),
        caps=tuple(_broken(w_S, epochs_S, sources)),
        tokens=D,
        notes=tuple(notes),
    )


def _by_source(sources: Sources, value_S: Array) -> dict[str, float]:
    return dict(zip(sources.names, value_S.tolist(), strict=True))


def _shares(pairs: list[tuple[str, Any]], sources: Sources, name: str, notes: list[str]) -> Array:
    weight_of = [0.0] * len(sources)  # Python floats: a sum that overflows is inf, and refused below
    named = set()
    for key, value in pairs:
        weight = parse_number(value)
        if weight is None or not math.isfinite(weight) or weight < 0:
            raise MixlawError(f"{name}: {shown(key)}: the weight is {shown(value)}; write a number, 0 or more")
        position = match_source(str(key), sources, name)
        weight_of[position] += weight
        named.add(position)
    total = sum(weight_of)
    if not 0 < total < math.inf:
        raise MixlawError(f"{name}: the weights sum to {total:g}; at least one must be above 0, and the sum finite")
    if abs(total - 1) > SUM_TOLERANCE:
        notes.append(f"{name}: weights sum to {total:.6g}, renormalised to 1")
    left_out = [n for i, n in enumerate(sources.names) if i not in named]
    if left_out:
        notes.append(f"{name}: no weight for {listed(left_out)}, taken as 0")
    return np.array(weight_of) / total


def _note_epochs(epochs_S: Array, w_S: Array, sources: Sources, notes: list[str]) -> None:
    for source, epochs, share in zip(sources, epochs_S, w_S, strict=True):
        if math.isnan(epochs):
            if share > 0:
                notes.append(f"{source.name}: tokens unknown, so its epochs are too")
        elif epochs > MANY_EPOCHS:
            notes.append(f"{source.name}: {epochs:.3g} epochs, more than {MANY_EPOCHS:g}: repeats are worth less")


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
