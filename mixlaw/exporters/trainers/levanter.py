"""Levanter and Marin: `data.train_weights` over `data.configs`, assigned in blocks of whole sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.rounding import whole_in_groups
from mixlaw.exporters.trainers.base import Stated, Trainer, dump

BLOCK = 2048
LARGEST_BLOCK = 2**15
"""Largest block: Levanter's indices within a block have 16 bits."""
FEWEST = 64
"""Sequences of a source per block below which a larger block is written, for a finer resolution."""


class Levanter(Trainer):
    """Weights of sequences, written as whole sequences of a block.

    A block of 2,048 contains int(weight * block) sequences of each source: a source with less than one gets none, and
    one source gets the remainder.
    """

    name = "levanter"
    form = "data: {configs, train_weights, mixture_block_size}"
    zeros = True

    def values(self, recipe: Recipe) -> dict[str, float]:
        counts = _counts(recipe)
        return {name: count / sum(counts) for name, count in zip(recipe.sources.names, counts, strict=True)}

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        tokenizer = recipe.provenance["tokenizer"]
        configs = {name: {"train_urls": recipe.all_paths(name)} for name in value}
        data = {"configs": configs, "train_weights": value, "mixture_block_size": sum(_counts(recipe))}
        return dump({"data": ({} if tokenizer is None else {"tokenizer": tokenizer}) | data})

    def claims(self, content: Any) -> bool:
        data = content.get("data", content) if isinstance(content, dict) else None
        if not isinstance(data, dict):
            return False
        configs, weights = data.get("configs"), data.get("train_weights")
        return isinstance(configs, dict) and isinstance(weights, dict) and set(configs) == set(weights)

    def read(self, content: Any, where: str) -> Stated:
        data = strict.mapping(content, where, known=None)
        data = strict.mapping(data.get("data", data), f"{where}: data", ("configs", "train_weights"), known=None)
        weights, at = data["train_weights"], f"{where}: train_weights"
        if isinstance(weights, list):
            raise MixlawError(f"{at} is a schedule; audit one of its mixtures at a time")
        weights = strict.mapping(weights, at, known=None)
        configs = strict.mapping(data["configs"], f"{where}: configs", known=None)
        if set(weights) != set(configs):
            apart = sorted(set(weights) ^ set(configs))
            raise MixlawError(
                f"{at}: {shown(apart[0])} stands in one of configs and train_weights; Levanter wants both"
            )
        block = strict.number(data.get("mixture_block_size", BLOCK), f"{where}: mixture_block_size", least=1)
        pairs = [(name, strict.number(value, f"{at}: {name}")) for name, value in weights.items()]
        total = sum(value for _, value in pairs)
        lost = [name for name, value in pairs if 0 < value * block < total]
        if lost:
            raise MixlawError(
                f"{at}: {listed(lost)} has under one sequence of a block of {block:g}, and Levanter drops it; "
                "raise mixture_block_size"
            )
        return pairs, "tokens"


def _counts(recipe: Recipe) -> list[int]:
    """Sequences of each source in a block, which they fill."""
    block, positive = BLOCK, recipe.w_S > 0
    while recipe.w_S[positive].min() * block < FEWEST and block < LARGEST_BLOCK:
        block *= 2
    while block <= LARGEST_BLOCK:
        counts_S = whole_in_groups(recipe.w_S, block, recipe.lower_S, recipe.upper_S, recipe.groups)
        if counts_S is not None and (counts_S[positive] > 0).all():
            return counts_S.tolist()
        block *= 2
    small = int(np.argmin(np.where(positive, recipe.w_S, 1)))
    if recipe.w_S[small] * LARGEST_BLOCK < 1:
        raise MixlawError(
            f"source {recipe.sources.names[small]}: its share {recipe.w_S[small]:.3g} is under one sequence of "
            f"levanter's largest block, {LARGEST_BLOCK}, and would be dropped; fix its share at 0 or merge it"
        )
    raise MixlawError(
        f"levanter deals out whole sequences of a block of {LARGEST_BLOCK}, and the caps leave no room for that; "
        "raise a cap a little"
    )
