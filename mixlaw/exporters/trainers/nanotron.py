"""nanotron: a data stage whose Nanoset has a list of folders and a list of weights."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Stated, Trainer, dump

_SET = ("dataset_folder", "dataset_weights")
_SET_REST = (
    *("dataset_read_path", "dataset_max_tokens", "vocab_size", "token_size_in_bytes", "tokenizer_name"),
    *("return_positions", "skip_in_stream", "shuffle_files", "pad_samples_to_global_batch_size"),
    "use_old_brrr_dataloader",
)


class Nanotron(Trainer):
    """Weights of samples of one length."""

    name = "nanotron"
    form = "data_stages: [{name, start_training_step, data: {dataset: {dataset_folder, dataset_weights}}}]"
    one_path = True
    counts = "samples"
    checked = "nanotron 2411b02, 2026-04-07"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        dataset = {"dataset_folder": [recipe.path(name) for name in value], "dataset_weights": list(value.values())}
        data = {"dataset": dataset, "num_loading_workers": 1, "seed": recipe.options.seed}
        return dump({"data_stages": [{"name": "mixlaw", "start_training_step": 1, "data": data}]})

    def claims(self, content: Any) -> bool:
        return isinstance(content, dict) and "data_stages" in content

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("data_stages",), known=None)
        stages = strict.entries(content["data_stages"], f"{where}: data_stages")
        if len(stages) > 1:
            raise MixlawError(f"{where}: data_stages is a schedule; audit one of its mixtures at a time")
        at, notes = f"{where}: data_stages[0]", []
        stage = strict.known_keys(stages[0], at, ("data",), ("name", "start_training_step", "sequence_length"), notes)
        data = strict.known_keys(stage["data"], f"{at}.data", ("dataset",), ("num_loading_workers", "seed"), notes)
        dataset = strict.known_keys(data["dataset"], f"{at}.data.dataset", _SET[:1], (*_SET, *_SET_REST), notes)
        folder, weights = dataset["dataset_folder"], dataset.get("dataset_weights")
        if isinstance(folder, str):
            return Stated([(folder, 1.0)], "samples", notes=tuple(notes))
        folders = strict.texts(folder, f"{at}: dataset_folder")
        if not weights:
            notes.append("no dataset_weights: nanotron gives all folders the same weight, whatever their size")
            return Stated([(folder, 1.0) for folder in folders], "samples", notes=tuple(notes))
        return Stated(strict.paired(folders, weights, f"{at}: dataset_weights"), "samples", notes=tuple(notes))
