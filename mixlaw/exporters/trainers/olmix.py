"""Olmix: `mix` with a weight and a repetition factor by source."""

from __future__ import annotations

import math
from typing import Any

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, dump

_KEYS = ("weight", "repetition_factor")


class Olmix(Trainer):
    """Token shares. The repetition factor is the largest number of epochs: the plan's, rounded up, or the cap."""

    name = "olmix"
    form = "mix: {web: {weight: 0.6, repetition_factor: 1.0}}"
    zeros = True
    checked = "Olmix 9586977, 2026-03-06"

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
        return isinstance(mix, dict) and bool(mix) and any(isinstance(entry, dict) for entry in mix.values())

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("mix",), known=None)
        pairs: Pairs = []
        mix = strict.mapping(content["mix"], f"{where}: mix", known=None)
        _read_leaves(mix, "", 1.0, f"{where}: mix", pairs)
        return Stated(pairs, "tokens")


def _read_leaves(node: dict[str, Any], name: str, weight: float, where: str, pairs: Pairs) -> None:
    """Add the leaves below a node, each with the product of the weights on its way; a child is named parent:child."""
    children = {key: value for key, value in node.items() if not name or key not in _KEYS}
    if not children:
        pairs.append((name, weight))
        return
    for key, child in children.items():
        at, leaf = f"{where}.{key}", f"{name}:{key}" if name else str(key)
        if not isinstance(child, dict):
            if key in _misspelt(node):
                raise MixlawError(f"{where}: unknown key {shown(key)}; {nearest(key, _KEYS)}")
            pairs.append((leaf, weight * strict.number(child, at)))
            continue
        entry = strict.mapping(child, at, known=None)
        strict.number(entry.get("repetition_factor", 1), f"{at}: repetition_factor", above=True)
        flat = all(not isinstance(value, dict) for value in entry.values())
        if flat and "weight" not in entry and not set(entry) - set(_KEYS):
            raise MixlawError(f"{at}: the key 'weight' is missing; it has {listed(entry)}")
        own = strict.number(entry.get("weight", 1.0), f"{at}: weight")
        _read_leaves(entry, leaf, weight * own, at, pairs)


def _misspelt(node: dict[str, Any]) -> list[str]:
    """Keys of numbers that are nearly `weight` or `repetition_factor`: no children, but typing errors."""
    return [key for key in node if any(known.startswith(str(key)[:6]) for known in _KEYS)]
