"""Megatron-LM: pairs of weight and path, as `--data-path` takes them and a file for `--data-args-path` holds them."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.parse import Words
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, unbroken
from mixlaw.exporters.weights import megatron_pairs

_SPLITS = ("train", "valid", "test")


class Megatron(Trainer):
    """Weights of samples of one length, above 0; the file is split at blanks, so it has no comments."""

    name = "megatron"
    form = "0.6 /d/web 0.4 /d/code, for --data-args-path"
    one_path = True
    suffix = ".txt"
    comment = None

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        pairs = []
        for name, weight in value.items():
            path = unbroken(recipe.path(name), self.name, " \t")
            pairs.append(f"{_decimal(weight)} {path}")
        return "\n".join(pairs) + "\n"

    def claims(self, content: Any) -> bool:
        listing = isinstance(content, list) and content and all(isinstance(w, (str, int, float)) for w in content)
        splits = isinstance(content, dict) and set(content) == set(_SPLITS)
        return isinstance(content, Words) or bool(listing) or splits

    def read(self, content: Any, where: str) -> Stated:
        if isinstance(content, dict):
            content = strict.mapping(content, where, _SPLITS)
            blends = {split: _blend(content[split], f"{where}: {split}") for split in _SPLITS}
            return blends["train"], "tokens"
        return _blend(content, where), "tokens"


def _blend(content: Any, where: str) -> Pairs:
    if isinstance(content, str):
        content = content.split()
    words = content.words if isinstance(content, Words) else [str(word) for word in strict.entries(content, where)]
    words = words[1:] if words[0] in ("--data-path", "--train-data-path") else words
    pairs = megatron_pairs(words, where)
    for path, weight in pairs:
        if strict.number(weight, f"{where}: {path}") == 0:
            raise MixlawError(f"{where}: {shown(path)} has weight 0 and Megatron wants more; leave it out")
    return pairs


def _decimal(weight: float) -> str:
    """A number without an exponent, so that a shell line stays readable."""
    return f"{weight:.17f}".rstrip("0") if weight < 1e-4 else repr(weight)
