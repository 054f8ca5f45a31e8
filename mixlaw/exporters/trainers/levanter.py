"""Levanter and Marin: `data.train_weights` over `data.components`, assigned in blocks of whole sequences."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.exporters.drawing.rules import Ends, Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.rounding import whole_in_groups
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, dump
from mixlaw.typing import Array

BLOCK = 2048
ABOVE_BLOCK = 2**16
"""Blocks are smaller: Levanter's indices within a block have 16 bits."""
LARGEST_BLOCK = 2**15
"""Largest block that is written."""
FEWEST = 64
"""Sequences of a source per block below which a larger block is written, for a finer resolution."""

_SETS = ("components", "configs")
_ENDS: dict[str, Ends] = {"restart": "never", "first_exhausted": "first", "all_exhausted": "all"}


class Levanter(Trainer):
    """Weights of sequences, written as whole sequences of a block.

    A block of 2,048 contains int(weight * block) sequences of each source: a source with less than one gets none, and
    one source gets the remainder.
    """

    name = "levanter"
    form = "data: {components: {web: {source}}, train_weights, mixture_block_size}"
    zeros = True
    checked = "Levanter in Marin 071105a, and Levanter 9263f81, 2025-09-26"
    versions: ClassVar[dict[str, str]] = {
        "components": "LmDataConfig of Marin's Levanter",
        "configs": "LMMixtureDatasetConfig, Levanter 9263f81",
    }

    def values(self, recipe: Recipe) -> dict[str, float]:
        counts = _counts(recipe)
        return {name: count / sum(counts) for name, count in zip(recipe.sources.names, counts, strict=True)}

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        tokenizer = recipe.provenance["tokenizer"]
        urls = {name: {"train_urls": recipe.all_paths(name)} for name in value}
        if self.version(recipe) == "configs":
            sets: dict[str, Any] = {"configs": urls}
        else:
            sets = {"components": {name: {"source": source} for name, source in urls.items()}}
        data = {**sets, "train_weights": value, "mixture_block_size": sum(_counts(recipe))}
        return dump({"data": ({} if tokenizer is None else {"tokenizer": tokenizer}) | data})

    def claims(self, content: Any) -> bool:
        data = content.get("data", content) if isinstance(content, dict) else None
        if not isinstance(data, dict):
            return False
        weights = data.get("train_weights")
        return isinstance(weights, (dict, list)) or isinstance(_sets(data), dict)

    def read(self, content: Any, where: str) -> Stated:
        data = strict.mapping(content, where, known=None)
        data = strict.mapping(data.get("data", data), f"{where}: data", known=None)
        sets, at = _sets(data), f"{where}: train_weights"
        if sets is None:
            raise MixlawError(f"{where}: data: the key 'components' is missing; it has {listed(data)}")
        sets = strict.mapping(sets, f"{where}: {next(key for key in _SETS if key in data)}", known=None)
        weights, notes = _weights(data, sets, at)
        block = strict.number(data.get("mixture_block_size") or BLOCK, f"{where}: mixture_block_size", least=1)
        if block >= ABOVE_BLOCK:
            raise MixlawError(f"{where}: mixture_block_size is {block:g}; Levanter wants less than {ABOVE_BLOCK}")
        pairs = [(name, strict.number(value, f"{at}: {name}")) for name, value in weights.items()]
        _check_block(pairs, block, at)
        unused = [name for name in sets if not float(dict(pairs).get(name, 0.0))]
        if unused:
            notes.append(f"for validation only, as they have no train weight: {listed(unused)}")
        part = _experiment(data, where, notes)
        shares = functools.partial(block_shares, block=block)
        stop = data.get("stop_strategy") or "restart"
        if stop not in _ENDS:
            raise MixlawError(f"{where}: stop_strategy is {shown(stop)}; {listed(_ENDS)}")
        return Stated(pairs, "tokens", Rule(_ENDS[stop], again=False, shares=shares), tuple(notes), part=part)


def block_shares(weight_E: Array, block: float) -> Array:
    """Shares of sequences in a block: whole sequences, and what is left over goes to the first of the largest.

    Source: `MixtureDataset._compute_expected_counts_per_block` of Levanter (data/mixture.py).

    >>> block_shares(np.array([0.4, 0.3, 0.3]), 4).tolist()
    [0.5, 0.25, 0.25]
    """
    counts_E = np.trunc(weight_E / weight_E.sum() * block)
    counts_E[int(np.argmax(counts_E))] += block - counts_E.sum()
    return counts_E / block


def _sets(data: dict[str, Any]) -> Any:
    """The sources of a file: `components` of today's class, `configs` of the one before."""
    return next((data[key] for key in _SETS if data.get(key) is not None), None)


def _weights(data: dict[str, Any], sets: dict[str, Any], at: str) -> tuple[dict[str, Any], list[str]]:
    """The train weights of sources that the file has; null gives each of `components` the same weight."""
    weights: Any = data.get("train_weights")
    if isinstance(weights, list):
        if len(weights) != 1 or not isinstance(weights[0], list) or len(weights[0]) != 2:
            raise MixlawError(f"{at} is a schedule; audit one of its mixtures at a time")
        weights = weights[0][1]
    if weights is None:
        if "train_weights" not in data or "configs" in data:
            raise MixlawError(f"{at}: the key 'train_weights' is missing or null; give every source a weight")
        return dict.fromkeys(sets, 1.0), ["train_weights is null: all components have the same weight"]
    weights = strict.mapping(weights, at, known=None)
    for name in weights:
        if name not in sets:
            raise MixlawError(f"{at}: {shown(name)} is not in {_name(data)}; {nearest(name, list(map(str, sets)))}")
    return weights, []


def _name(data: dict[str, Any]) -> str:
    return next(key for key in _SETS if data.get(key) is not None)


def _check_block(pairs: Pairs, block: float, at: str) -> None:
    total = sum(value for _, value in pairs)
    lost = [name for name, value in pairs if 0 < value * block < total]
    if lost:
        raise MixlawError(
            f"{at}: {listed(lost)} has under one sequence of a block of {block:g}, and Levanter drops it; "
            "raise mixture_block_size"
        )


def _experiment(data: dict[str, Any], where: str, notes: list[str]) -> float:
    """The part of every source that a simulated epoch keeps; adds notes on keys that take away sequences."""
    for key in ("num_validation_sequences", "max_train_batches"):
        if data.get(key):
            notes.append(f"{key} takes sequences off {listed(data[key])}, which are not known here: epochs are larger")
    target, experiment = data.get("target_budget"), data.get("experiment_budget")
    if target is None or experiment is None:
        return 1.0
    part = strict.number(experiment, f"{where}: experiment_budget", above=True) / strict.number(
        target, f"{where}: target_budget", above=True
    )
    if part < 1:
        notes.append(f"experiment_budget / target_budget keeps {100 * part:.4g}% of every source; epochs count that")
    return min(part, 1.0)


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
