"""DoReMi: a JSON of train and eval weights by source."""

from __future__ import annotations

from typing import Any

from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Stated, Trainer, dump_json

_KEYS = ("train_domain_weights", "eval_domain_weights")


class DoReMi(Trainer):
    """Token shares. The eval weights only select what is evaluated, and get the same values."""

    name = "doremi"
    form = '{"train_domain_weights": {...}, "eval_domain_weights": {...}}'
    suffix = ".json"
    comment = None
    zeros = True
    checked = "DoReMi 7cde52d, 2023-12-26"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        del recipe
        return dump_json(dict.fromkeys(_KEYS, value))

    def claims(self, content: Any) -> bool:
        return isinstance(content, dict) and _KEYS[0] in content

    def read(self, content: Any, where: str) -> Stated:
        notes: list[str] = []
        content = strict.known_keys(content, where, _KEYS, (), notes)
        for key in _KEYS:
            strict.mapping(content[key], f"{where}: {key}", known=None)
        return Stated(list(content[_KEYS[0]].items()), "tokens", notes=tuple(notes))
