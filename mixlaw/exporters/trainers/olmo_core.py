"""OLMo-core: the `SourceMixtureConfig` entries and token request of a `SourceMixtureDatasetConfig`."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Stated, Trainer, dump
from mixlaw.typing import Array

_ENTRY = ("source_name", "target_ratio", "paths")
_LIMITS = ("max_repetition_ratio", "max_source_fraction")
_TOP = ("requested_tokens", "global_batch_size")
_REST = ("processes", "seed", "render_tables", "quiet", "source_list", "sources")
_SPARE = 1.01
"""Factor on the epochs that the file allows a source without a cap: OLMo-core may count fewer tokens than stated."""


class OlmoCore(Trainer):
    """Token shares above 0 that sum to 1. OLMo-core stops if int(requested * ratio) exceeds a source's limit."""

    name = "olmo-core"
    form = "sources: [{source_name, target_ratio, paths, max_repetition_ratio}]"
    checked = "OLMo-core fa6c501, 2026-06-22"
    versions: ClassVar[dict[str, str]] = {
        "sources": "SourceMixtureList.from_yaml",
        "config": "SourceMixtureDatasetConfig, with source_list, requested_tokens and global_batch_size",
    }

    def upper_S(self, recipe: Recipe) -> Array:
        """Largest shares in whole tokens, slightly below the caps."""
        sources, D = recipe.sources, int(recipe.needs_tokens(self.name, "asks for tokens"))
        whole_S = np.floor(np.nan_to_num(sources.tokens_S)) * sources.max_epochs_S / D
        return np.minimum(recipe.upper_S, np.where(np.isfinite(sources.max_epochs_S), whole_S, 1.0))

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        D = int(recipe.needs_tokens(self.name, "asks for tokens"))
        sources = []
        for name, share in value.items():
            source, epochs = recipe.sources[name], share * D / (recipe.sources[name].tokens or math.inf)
            cap = source.max_epochs or max(1.0, math.ceil(epochs * _SPARE * 1e3) / 1e3)
            if cap < 1:
                limits = {"max_repetition_ratio": 1.0, "max_source_fraction": cap}
            else:
                limits = {"max_repetition_ratio": cap, "max_source_fraction": 1.0}
            sources.append({"source_name": name, "target_ratio": share, "paths": recipe.all_paths(name), **limits})
        if self.version(recipe) == "sources":
            return dump({"sources": sources})
        top = {"requested_tokens": D, "global_batch_size": recipe.options.batch_tokens, "seed": recipe.options.seed}
        return dump({"source_list": {"sources": sources}, **top})

    def advice(self, recipe: Recipe, value: dict[str, float]) -> list[str]:
        del value
        if self.version(recipe) != "sources":
            return []
        D, batch = int(recipe.tokens or 0), recipe.options.batch_tokens
        return [f"for SourceMixtureList.from_yaml, with requested_tokens={D} and global_batch_size={batch}"]

    def claims(self, content: Any) -> bool:
        return _sources(content) is not None

    def read(self, content: Any, where: str) -> Stated:
        notes: list[str] = []
        content = strict.known_keys(content, where, (), (*_TOP, *_REST), notes)
        for key in _TOP:
            if key in content:
                strict.number(content[key], f"{where}: {key}", least=1)
        pairs, limits = [], {}
        for i, entry in enumerate(strict.entries(_sources(content), f"{where}: sources")):
            at = f"{where}: sources[{i}]"
            entry = strict.known_keys(entry, at, _ENTRY, _LIMITS, notes)
            strict.texts(entry["paths"], f"{at}: paths")
            repeats = strict.number(entry.get("max_repetition_ratio") or 1, f"{at}: max_repetition_ratio", least=1)
            fraction = entry.get("max_source_fraction")
            fraction = strict.number(
                1 if fraction is None else fraction, f"{at}: max_source_fraction", most=1, above=True
            )
            ratio = strict.number(entry["target_ratio"], f"{at}: target_ratio", most=1, above=True)
            pairs.append((str(entry["source_name"]), ratio))
            limits[str(entry["source_name"])] = repeats * fraction
        if len(limits) < len(pairs):
            raise MixlawError(f"{where}: sources: a source_name is there twice; names must differ")
        strict.sums_to_one(pairs, f"{where}: sources", most=1e-5)
        return Stated(pairs, "tokens", notes=tuple(notes), limits=limits)


def _sources(content: Any) -> list[Any] | None:
    content = content.get("source_mixture_config", content) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        return None
    listed = content.get("source_list", content)
    found = listed.get("sources") if isinstance(listed, dict) else None
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        return None
    return found if {"source_name", "target_ratio"} & set(found[0]) else None
