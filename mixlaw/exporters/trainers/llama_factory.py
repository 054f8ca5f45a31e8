"""LLaMA-Factory: `dataset`, `mix_strategy` and `interleave_probs` of a training YAML."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer, dump, unbroken

_STRATEGIES = ("interleave_over", "interleave_under", "interleave_once")


class LlamaFactory(Trainer):
    """Probabilities of examples, for `interleave_datasets`; with `concat`, the trainer's default, they are an error."""

    name = "llama-factory"
    form = "dataset: web,code; mix_strategy: interleave_over; interleave_probs: 0.6,0.4"
    counts = "samples"
    packed = False

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        del recipe
        names = ",".join(unbroken(name, self.name, ",") for name in value)
        probabilities = ",".join(map(repr, value.values()))
        return dump({"dataset": names, "mix_strategy": _STRATEGIES[0], "interleave_probs": probabilities})

    def claims(self, content: Any) -> bool:
        return isinstance(content, dict) and "interleave_probs" in content

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("dataset", "mix_strategy", "interleave_probs"), known=None)
        if content["mix_strategy"] not in _STRATEGIES:
            strategy = shown(content["mix_strategy"])
            raise MixlawError(
                f"{where}: mix_strategy is {strategy}; interleave_probs need one of {listed(_STRATEGIES)}"
            )
        names = [name.strip() for name in str(content["dataset"]).split(",")]
        probabilities = str(content["interleave_probs"]).split(",")
        at = f"{where}: interleave_probs"
        pairs = strict.paired(strict.texts(names, f"{where}: dataset"), list(probabilities), at)
        strict.sums_to_one(pairs, at, most=1e-6)
        return pairs, "samples"
