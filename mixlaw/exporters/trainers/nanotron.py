"""nanotron: a data stage whose Nanoset has a list of folders and a list of weights."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer, dump

_SET = ("dataset_folder", "dataset_weights")
_SET_REST = ("vocab_size", "token_size_in_bytes", "return_positions", "tokenizer_name", "skip_in_stream", "pad_samples")


class Nanotron(Trainer):
    """Weights of samples of one length."""

    name = "nanotron"
    form = "data_stages: [{name, start_training_step, data: {dataset: {dataset_folder, dataset_weights}}}]"
    one_path = True
    counts = "samples"

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
        at = f"{where}: data_stages[0]"
        stage = strict.mapping(stages[0], at, ("name", "start_training_step", "data"))
        data = strict.mapping(stage["data"], f"{at}.data", ("dataset",), ("num_loading_workers", "seed"))
        dataset = strict.mapping(data["dataset"], f"{at}.data.dataset", _SET, _SET_REST)
        folders = strict.texts(dataset["dataset_folder"], f"{at}: dataset_folder")
        return strict.paired(folders, dataset["dataset_weights"], f"{at}: dataset_weights"), "samples"
