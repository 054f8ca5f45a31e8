"""Olmix: `mix` with a weight and a repetition factor by source."""

from __future__ import annotations

import math
from typing import Any

from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer, dump


class Olmix(Trainer):
    """Token shares. The repetition factor is the largest number of epochs: the plan's, rounded up, or the cap."""

    name = "olmix"
    form = "mix: {web: {weight: 0.6, repetition_factor: 1.0}}"
    zeros = True

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        D = recipe.needs_tokens(self.name, "states repetition")
        mix = {}
        for name, share in value.items():
            source = recipe.sources[name]
            epochs = share * D / source.tokens if source.tokens else 0.0
            factor = max(1.0, math.ceil(epochs * 1e3) / 1e3)
            mix[name] = {"weight": share, "repetition_factor": min(factor, max(source.max_epochs or factor, 1.0))}
        return dump({"mix": mix})

    def claims(self, content: Any) -> bool:
        mix = content.get("mix") if isinstance(content, dict) else None
        return isinstance(mix, dict) and bool(mix) and all(isinstance(v, dict) and "weight" in v for v in mix.values())

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("mix",), known=None)
        pairs = []
        for name, entry in strict.mapping(content["mix"], f"{where}: mix", known=None).items():
            at = f"{where}: mix.{name}"
            entry = strict.mapping(entry, at, ("weight",), ("repetition_factor",))
            strict.number(entry.get("repetition_factor", 1), f"{at}: repetition_factor", above=True)
            pairs.append((name, strict.number(entry["weight"], f"{at}: weight")))
        return pairs, "tokens"
