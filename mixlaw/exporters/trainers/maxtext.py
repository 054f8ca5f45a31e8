"""MaxText with Grain: `grain_train_files=/d/web*,0.6;/d/code*,0.4`, or a JSON of paths and weights."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, dump, unbroken

_KEY = "grain_train_files"


class MaxText(Trainer):
    """Weights of records, which are documents unless each record was packed to one length."""

    name = "maxtext"
    form = "grain_train_files: /d/web*,0.6;/d/code*,0.4"
    one_path = True
    counts = "samples"
    packed = False

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        parts = [f"{unbroken(recipe.path(name), self.name, ',;')},{weight!r}" for name, weight in value.items()]
        return dump({"dataset_type": "grain", _KEY: ";".join(parts)})

    def claims(self, content: Any) -> bool:
        if not isinstance(content, dict) or not content:
            return False
        return _KEY in content or all(isinstance(v, dict) and set(v) == {"path", "weight"} for v in content.values())

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, known=None)
        if _KEY in content:
            return _files(content[_KEY], f"{where}: {_KEY}"), "samples"
        pairs = []
        for name, entry in content.items():
            entry = strict.mapping(entry, f"{where}: {name}", ("path", "weight"))
            pairs.append((name, strict.number(entry["weight"], f"{where}: {name}: weight")))
        return pairs, "samples"


def _files(text: Any, where: str) -> Pairs:
    pairs = []
    for part in str(text).split(";"):
        path, comma, weight = part.strip().rpartition(",")
        if not comma:
            raise MixlawError(f"{where}: {shown(part)} has no weight; write path,weight;path,weight")
        pairs.append((path.strip(), strict.number(weight, f"{where}: {path}")))
    return pairs
