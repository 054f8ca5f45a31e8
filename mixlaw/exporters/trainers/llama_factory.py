"""LLaMA-Factory: `dataset`, `mix_strategy` and `interleave_probs` of a training YAML."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Amount, Pairs, Stated, Trainer, dump, unbroken
from mixlaw.exporters.trainers.datasets import interleaved
from mixlaw.io.yaml import parse_number

_STRATEGIES = {
    "interleave_over": "all_exhausted",
    "interleave_under": "first_exhausted",
    "interleave_once": "all_exhausted_without_replacement",
}
_CONCAT = "mix_strategy concat: every dataset is read once, so shares follow sizes"


class LlamaFactory(Trainer):
    """Probabilities of examples, for `interleave_datasets`; with `concat`, the trainer's default, they are an error."""

    name = "llama-factory"
    form = "dataset: web,code; mix_strategy: interleave_over; interleave_probs: 0.6,0.4"
    counts = "samples"
    checked = "LLaMA-Factory ff6d4d1, 2026-08-18"
    packed = False

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        del recipe
        names = ",".join(unbroken(name, self.name, ",") for name in value)
        probabilities = ",".join(map(repr, value.values()))
        return dump({"dataset": names, "mix_strategy": "interleave_over", "interleave_probs": probabilities})

    def claims(self, content: Any) -> bool:
        if not isinstance(content, dict):
            return False
        return "interleave_probs" in content or ("mix_strategy" in content and "dataset" in content)

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("dataset",), known=None)
        strategy, probabilities = content.get("mix_strategy", "concat"), content.get("interleave_probs")
        listing = content["dataset"] if isinstance(content["dataset"], list) else str(content["dataset"]).split(",")
        names = strict.texts([str(name).strip() for name in listing], f"{where}: dataset")
        at, passes = f"{where}: interleave_probs", _passes(content)
        if strategy == "concat" and probabilities is None:
            pairs: Pairs = [(name, Amount(passes=1.0)) for name in names]
            found = Stated(pairs, "samples", Rule("amounts", passes=passes), (_CONCAT,))
        elif strategy not in _STRATEGIES:
            raise MixlawError(
                f"{where}: mix_strategy is {shown(strategy)}; interleave_probs need one of {listed(_STRATEGIES)}"
            )
        else:
            listing = probabilities.split(",") if isinstance(probabilities, str) else probabilities
            listing = [listing] if isinstance(listing, (int, float)) else listing
            seed = content.get("seed", 42)
            seed = int(seed) if isinstance(seed, (int, float)) else None
            found = interleaved(names, listing, _STRATEGIES[strategy], at, seed=seed, passes=passes)
        return replace(found, notes=(*found.notes, *_cuts(content)), longest=_longest(content))


def _passes(content: dict[str, Any]) -> float | None:
    """Passes over the merged data, None if steps state the length of the run."""
    if (parse_number(content.get("max_steps")) or -1) > 0:
        return None
    return parse_number(content.get("num_train_epochs"))


def _cuts(content: dict[str, Any]) -> list[str]:
    """Notes on keys that cut the datasets before they are mixed."""
    return [f"max_samples: {content['max_samples']} cuts every dataset"] if content.get("max_samples") else []


def _longest(content: dict[str, Any]) -> float | None:
    """Tokens at which an example is cut off; None in pretraining, which packs unless told otherwise."""
    packs = content.get("packing", True if content.get("stage") == "pt" else None)
    if packs or "stage" not in content:
        return None
    return parse_number(content.get("cutoff_len", 2048))
