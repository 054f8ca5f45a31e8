"""A plan prepared for export: sources in the plan's order, shares, bounds and provenance."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.exporters.rounding import Groups
from mixlaw.mixtures.simplex import as_mixture, without_dust
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Source, Sources
from mixlaw.typing import Array

SAMPLES = ("packed", "documents")
_NEAR = 1e-6
"""Relative tolerance: a share that exceeds a cap by less (the optimiser's tolerance) is set to the cap."""


@dataclass(frozen=True)
class ExportOptions:
    """Settings of an export that a plan does not contain.

    Attributes:
        samples: unit of the trainer's samples: "packed" (all of one length, so that weights are token shares) or
            "documents"; None: the trainer's default.
        tokens: D, in place of the plan's.
        paths: by source, the path to write for it, in place of the project's.
        batch_tokens: OLMo-core's global_batch_size.
        short: RegMix's name of the collection, as in train_<short>_<source>.
        seed: of the trainer's sampling.
        version: of the trainer's format, if it has several; None: the newest.

    Raises:
        MixlawError: a value is out of range.

    >>> ExportOptions(samples="documents", tokens=1e9).seed
    0
    """

    samples: str | None = None
    tokens: float | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    batch_tokens: int = 4_194_304
    short: str = "mix"
    seed: int = 0
    version: str | None = None

    def __post_init__(self) -> None:
        if self.samples not in (None, *SAMPLES):
            raise MixlawError(f"samples is {shown(self.samples)}; {nearest(self.samples, SAMPLES)}")
        if self.tokens is not None and not 0 < self.tokens < math.inf:
            raise MixlawError(f"tokens is {self.tokens:g}; it must be a number above 0")
        if self.batch_tokens < 1:
            raise MixlawError(f"batch tokens is {self.batch_tokens}; it must be 1 or more")
        if not self.short or "_" in self.short or not self.short.isprintable():
            raise MixlawError(f"short is {shown(self.short)}; it must be a word without '_'")


@dataclass(frozen=True)
class Recipe:
    """A plan made ready for export; arrays are in the order of `sources`.

    Attributes:
        w_S: token shares, summing to 1.
        lower_S, upper_S: smallest and largest token share at `tokens`.
        tokens: D, None if the plan has none.
        provenance: the plan's hash, version and tokenizer.
        groups: members and cap of each group of sources that the plan records.
    """

    sources: Sources
    w_S: Array
    lower_S: Array
    upper_S: Array
    tokens: float | None
    options: ExportOptions
    provenance: Mapping[str, Any]
    groups: Groups = ()

    @property
    def epochs_S(self) -> Array:
        """Epochs of each source (S,), nan if its tokens or D are unknown."""
        return self.w_S * (math.nan if self.tokens is None else self.tokens) / self.sources.tokens_S

    def length_S(self, trainer: str, packed: bool) -> Array:
        """Mean tokens of a document of each source, (S,), nan where not used.

        Raises:
            MixlawError: a source that has a share states no documents or no tokens.
        """
        return lengths(
            self.sources, [s.name for s, w in zip(self.sources, self.w_S, strict=True) if w], trainer, packed
        )

    def needs_tokens(self, trainer: str, why: str) -> float:
        """D, for formats that need it and the sources' sizes; MixlawError naming the missing values."""
        if self.tokens is None:
            raise MixlawError(f"{trainer} {why}, and the plan has no number of training tokens; give --tokens")
        unknown = [s.name for s, w in zip(self.sources, self.w_S, strict=True) if w and s.tokens is None]
        if unknown:
            raise MixlawError(f"source {unknown[0]}: {trainer} {why}, and its tokens are unknown; state `tokens`")
        return self.tokens

    def path(self, name: str) -> str:
        """The one path to write for a source: as given, its only one, or its name."""
        paths = self.sources[name].paths
        return self.options.paths.get(name) or (paths[0] if len(paths) == 1 else name)

    def all_paths(self, name: str) -> list[str]:
        """The paths to write for a source, for formats that take several."""
        given = self.options.paths.get(name)
        return [given] if given else list(self.sources[name].paths) or [name]


def lengths(sources: Sources, names: list[str], trainer: str, packed: bool) -> Array:
    """Mean tokens of a document, (S,), for the sources in `names`, else nan.

    Raises:
        MixlawError: one of them has no documents or no tokens; with `packed` the message suggests "packed".
    """
    length_S = np.full(len(sources), math.nan)
    for i, source in enumerate(sources):
        if source.name in names:
            for key in ("documents", "tokens"):
                if getattr(source, key) is None:
                    raise MixlawError(
                        f"source {source.name}: {trainer} counts documents, and its {key} are not known; state `{key}` "
                        "in the project file" + ", or say --samples packed if all have the same length" * packed
                    )
            length_S[i] = (source.tokens or 0.0) / (source.documents or 1)
    return length_S


def recipe(plan: PlanLike, sources: Sources | None, options: ExportOptions) -> Recipe:
    """The plan ready for export.

    Args:
        plan: its mixture, and if `sources` is None the sources that it records.
        sources: the project's, with the plan's names.

    Raises:
        MixlawError: the names differ, a path is for an unknown source, or the plan violates a bound at its D.
    """
    content = plan.to_dict()
    D = content.get("tokens") if options.tokens is None else options.tokens
    known = recorded_sources(content, at=D) if sources is None else _ordered(sources, content["mixture"])
    for name in options.paths:
        if name not in known:
            raise MixlawError(f"--path {name}: the plan has no such source; {nearest(name, known.names)}")
    w_S = without_dust(as_mixture(list(content["mixture"].values()), "the plan's mixture"), D, known.min_S)
    upper_S = known.upper_S(D)
    _check(known, w_S, upper_S, D)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    origin = content.get("provenance") or {}
    provenance = {"plan": digest, "version": origin.get("version"), "tokenizer": origin.get("tokenizer")}
    return Recipe(known, w_S, known.min_S, upper_S, D, options, provenance, _groups(origin, known, w_S))


def _groups(origin: Mapping[str, Any], sources: Sources, w_S: Array) -> Groups:
    """Groups as a plan's provenance may hold them: {name: {"sources": [...], "max": share}}."""
    found = []
    for group in (origin.get("groups") or {}).values():
        in_S = np.array([name in group["sources"] for name in sources.names])
        found.append((in_S, max(float(group.get("max", 1.0)), float(w_S[in_S].sum()))))
    return tuple(found)


def _ordered(sources: Sources, mixture: Mapping[str, float]) -> Sources:
    for name in mixture:
        if name not in sources:
            raise MixlawError(f"source {shown(name)} of the plan is not in the project; {nearest(name, sources.names)}")
    for name in sources.names:
        if name not in mixture:
            raise MixlawError(f"source {shown(name)} of the project is not in the plan; recommend again")
    return Sources(sources[name] for name in mixture)


def recorded_sources(content: Mapping[str, Any], at: float | None = None) -> Sources:
    """The sources that a plan records; for an older plan, those that follow from its epochs and caps.

    Args:
        content: the JSON object of plan.json.
        at: D of the run; the caps of an older plan apply at the plan's own D only.

    >>> plan = {"mixture": {"web": 1.0}, "provenance": {"sources": {"web": {"tokens": 1e9, "max_epochs": 2.0}}}}
    >>> recorded_sources(plan)["web"].max_epochs
    2.0
    """
    kept = (content.get("provenance") or {}).get("sources")
    if kept:
        return Sources(_recorded(name, kept.get(name)) for name in content["mixture"])
    D, epochs, caps = content.get("tokens"), content.get("epochs") or {}, content.get("caps") or {}
    if at != D and any(cap.get("max_epochs") for cap in caps.values()):
        raise MixlawError("the plan records no sources, and its caps hold at its own tokens alone; give --project")
    found = []
    for name, w in content["mixture"].items():
        cap = caps.get(name) or {}
        tokens = w * D / epochs[name] if D and epochs.get(name) else None
        found.append(Source(name, tokens, min=min(cap.get("min", 0.0), w), max=max(min(cap.get("max", 1.0), 1.0), w)))
    return Sources(found)


def _recorded(name: str, settings: Any) -> Source:
    known = [f.name for f in fields(Source)]
    if not isinstance(settings, dict) or not set(settings) <= set(known):
        raise MixlawError(f"the plan records source {shown(name)} in a way this version does not read; give --project")
    return Source(**{"tokens": None, **settings, "name": name})


def _check(sources: Sources, w_S: Array, upper_S: Array, D: float | None) -> None:
    for source, w, upper in zip(sources, w_S, upper_S, strict=True):
        if w > upper * (1 + _NEAR) + 1e-12:
            cap = f"max {source.max:g}"
            if D is not None and source.tokens is not None and upper < source.max:
                cap = f"max_epochs {source.max_epochs:g}: {w * D / source.tokens:.4g} epochs of {D:g} tokens"
            raise MixlawError(f"source {source.name}: the plan's share {w:.6g} breaks its {cap}; recommend again")
        if w < source.min * (1 - _NEAR) - 1e-12:
            raise MixlawError(f"source {source.name}: the plan's share {w:.6g} is below its min {source.min:g}")
    if upper_S.sum() < 1 - _NEAR:
        raise MixlawError(f"the caps of {listed(sources.names)} leave no mixture at {D:g} tokens; recommend again")
