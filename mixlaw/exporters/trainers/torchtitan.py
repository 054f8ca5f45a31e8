"""torchtitan: a Python file with a `DatasetMixConfig`, or with the loader that it had before August 2026."""

from __future__ import annotations

from typing import Any, ClassVar

from mixlaw.errors import MixlawError
from mixlaw.exporters.drawing.grain import grain_shares
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.syntax.parse import Call, Python
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer

_ENTRY, _OLD_ENTRY = "WeightedDataset", "HFDataSource"
_OLD_REST = ("dataset_path", "infinite", "num_workers", "persistent_workers", "pin_memory", "prefetch_factor")
_MIX = '''\
from torchtitan.components.data import (
    ConcatThenSplitPackingConfig,
    DatasetMixConfig,
    GrainDataLoader,
    HuggingFaceRandomAccessSource,
    SingleDatasetConfig,
    WeightedDataset,
)
from torchtitan.hf_datasets.text_datasets import TextProcessor

paths = {{
{paths}}}


def rows(name):
    """Rows of one length of a source: weights count tokens only if every source is packed before the mix."""
    source = HuggingFaceRandomAccessSource.Config(path=paths[name], split="train")
    dataset = SingleDatasetConfig(source=source, processor=TextProcessor.Config())
    return ConcatThenSplitPackingConfig(dataset=dataset)


dataloader = GrainDataLoader.Config(
    dataset=DatasetMixConfig(
        datasets=(
{entries}        )
    ),
    seed={seed},
)
'''


class TorchTitan(Trainer):
    """Weights of rows, which are packed to one length before they are mixed."""

    name = "torchtitan"
    form = "DatasetMixConfig(datasets=(WeightedDataset(dataset=rows('web'), weight=0.6), ...)), a Python file"
    one_path = True
    counts = "samples"
    suffix = ".py"
    checked = "torchtitan b5bcd76, 2026-08-21"
    versions: ClassVar[dict[str, str]] = {
        "mix": "since 1b04fc1 (#4088), 2026-08-19",
        "interleaved": "#3063, 2026-05-30, to 2026-08-18: InterleavedHuggingFaceTextDataLoader",
    }

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        if self.version(recipe) == "interleaved":
            return _interleaved(recipe, value)
        paths = "".join(f"    {name!r}: {recipe.path(name)!r},\n" for name in value)
        rows = "rows" if self.counted(recipe.options.samples) == "tokens" else "documents"
        entries = "".join(
            f"            {_ENTRY}(dataset={rows}({name!r}), weight={weight!r}),\n" for name, weight in value.items()
        )
        text = _MIX.format(paths=paths, entries=entries, seed=recipe.options.seed)
        return text if rows == "rows" else _unpacked(text)

    def claims(self, content: Any) -> bool:
        return isinstance(content, Python) and bool(content.named(_ENTRY) or content.named(_OLD_ENTRY))

    def read(self, content: Any, where: str) -> Stated:
        calls = content.named(_ENTRY) if isinstance(content, Python) else []
        if calls:
            return _mix(content, calls, where)
        calls = content.named(_OLD_ENTRY) if isinstance(content, Python) else []
        if not calls:
            raise MixlawError(
                f"{where}: has no {_ENTRY}(dataset=..., weight=...) and no {_OLD_ENTRY}; a file with them is read"
            )
        pairs: Pairs = []
        for call in calls:
            at = f"{where}: line {call.line}: {_OLD_ENTRY}"
            found = strict.mapping(call.keywords, at, ("dataset", "weight"), _OLD_REST)
            pairs.append((str(found["dataset"]), strict.number(found["weight"], f"{at}: weight", above=True)))
        loader = next((c for c in content.calls if "stopping_strategy" in c.keywords), None)
        endless = all(call.keywords.get("infinite") is not False for call in calls)
        if endless:
            return Stated(pairs, "samples")
        ends = "all" if loader and loader.keywords["stopping_strategy"] == "all_exhausted" else "first"
        return Stated(pairs, "samples", Rule(ends, again=False))


def _mix(content: Python, calls: list[Call], where: str) -> Stated:
    """The mixture of a `DatasetMixConfig`; a dataset is named by the first text within its expression."""
    pairs: Pairs = []
    for call in calls:
        at = f"{where}: line {call.line}: {_ENTRY}"
        found = strict.mapping(call.keywords, at, ("dataset",), ("weight",))
        name = call.names.get("dataset")
        if name is None:
            raise MixlawError(f"{at}: the dataset is not named by a text or a variable; write dataset=rows('web')")
        pairs.append((name, strict.number(found.get("weight", 1.0), f"{at}: weight", above=True)))
    ends = any(c.name == "Config" and c.keywords.get("repeat") is False for c in content.calls)
    return Stated(pairs, "samples", Rule("first" if ends else "never", again=False, shares=grain_shares))


def _unpacked(text: str) -> str:
    """The file without packing, for weights that count documents."""
    return (
        text.replace("    ConcatThenSplitPackingConfig,\n", "")
        .replace("def rows(name)", "def documents(name)")
        .replace(
            "Rows of one length of a source: weights count tokens only if every source is packed before the mix.",
            "Documents of a source: weights count documents, so pack after the mix.",
        )
        .replace("    dataset = SingleDatasetConfig", "    return SingleDatasetConfig")
        .replace("    return ConcatThenSplitPackingConfig(dataset=dataset)\n", "")
    )


def _interleaved(recipe: Recipe, value: dict[str, float]) -> str:
    lines = []
    for name, weight in value.items():
        path = f"dataset_path={recipe.path(name)!r}, " if recipe.path(name) != name else ""
        lines.append(f"        {_OLD_ENTRY}(dataset={name!r}, {path}infinite=True, weight={weight!r}),\n")
    return (
        f"from torchtitan.hf_datasets.text_datasets import {_OLD_ENTRY}, InterleavedHuggingFaceTextDataLoader\n\n"
        "dataloader = InterleavedHuggingFaceTextDataLoader.Config(\n"
        f"    sources=[\n{''.join(lines)}    ],\n    seed={recipe.options.seed},\n)\n"
    )
