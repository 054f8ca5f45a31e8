"""RegMix: a YAML of weights under `train`, each key train_<collection>_<source>."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, dump
from mixlaw.project.sources import Sources


class RegMix(Trainer):
    """Token shares. The trainer also needs `valid`, whose keys name the files that it evaluates on."""

    name = "regmix"
    form = "train: {train_mix_web: 0.6, train_mix_code: 0.4}, valid: {valid_mix_web: 1.0}"
    zeros = True
    checked = "RegMix b004d3a, 2024-10-03"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        short = recipe.options.short
        train = {f"train_{short}_{name}": weight for name, weight in value.items()}
        return dump({"train": train, "valid": {f"valid_{short}_{name}": 1.0 for name in value}})

    def claims(self, content: Any) -> bool:
        train = content.get("train") if isinstance(content, dict) else None
        return isinstance(train, dict) and bool(train) and all(str(key).startswith("train_") for key in train)

    def read(self, content: Any, where: str) -> Stated:
        notes: list[str] = []
        content = strict.known_keys(content, where, ("train",), ("valid", "model_name", "data_seed"), notes)
        train = strict.mapping(content["train"], f"{where}: train", known=None)
        for key in train:
            if not str(key).startswith("train_"):
                raise MixlawError(f"{where}: train: the key {shown(key)} must be train_<collection>_<source>")
        return Stated(list(train.items()), "tokens", notes=tuple(notes))

    def keyed(self, pairs: Pairs, sources: Sources) -> Pairs:
        """Keys without train_<collection>_, if one such prefix leaves a source's name in every key."""
        first, found = str(pairs[0][0]), []
        for name in sources.names:
            start = first.removesuffix(name)
            names = [str(key).removeprefix(start) for key, _ in pairs]
            whole = all(
                str(key) == start + bare and bare in sources for (key, _), bare in zip(pairs, names, strict=True)
            )
            if first.endswith(f"_{name}") and start != "train_" and whole:
                found.append([(bare, weight) for bare, (_, weight) in zip(names, pairs, strict=True)])
        return found[0] if len(found) == 1 else pairs
