"""torchtitan: a Python file with one `HFDataSource` per source for its interleaved text loader."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.parse import Python
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer

_ENTRY = "HFDataSource"
_REST = ("dataset_path", "infinite", "num_workers", "persistent_workers", "pin_memory", "prefetch_factor")


class TorchTitan(Trainer):
    """Weights of rows, which the text loader packs to one length before interleaving."""

    name = "torchtitan"
    form = "InterleavedHuggingFaceTextDataLoader.Config(sources=[HFDataSource(dataset, weight)]), a Python file"
    one_path = True
    counts = "samples"
    suffix = ".py"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        lines = []
        for name, weight in value.items():
            path = f"dataset_path={recipe.path(name)!r}, " if recipe.path(name) != name else ""
            lines.append(f"        {_ENTRY}(dataset={name!r}, {path}infinite=True, weight={weight!r}),\n")
        return (
            f"from torchtitan.hf_datasets.text_datasets import {_ENTRY}, InterleavedHuggingFaceTextDataLoader\n\n"
            "dataloader = InterleavedHuggingFaceTextDataLoader.Config(\n"
            f"    sources=[\n{''.join(lines)}    ],\n    seed={recipe.options.seed},\n)\n"
        )

    def claims(self, content: Any) -> bool:
        return isinstance(content, Python) and bool(content.named(_ENTRY))

    def read(self, content: Any, where: str) -> Stated:
        calls = content.named(_ENTRY) if isinstance(content, Python) else []
        if not calls:
            raise MixlawError(f"{where}: has no {_ENTRY}(dataset=..., weight=...); a Python file with them is read")
        pairs = []
        for call in calls:
            at = f"{where}: line {call.line}: {_ENTRY}"
            found = strict.mapping(call.keywords, at, ("dataset", "weight"), _REST)
            pairs.append((str(found["dataset"]), strict.number(found["weight"], f"{at}: weight")))
        return pairs, "samples"
