"""Megatron-LM: pairs of weight and path, as `--data-path` takes them and a file for `--data-args-path` holds them."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.syntax.blends import blend, train_part
from mixlaw.exporters.syntax.parse import Words
from mixlaw.exporters.trainers.base import Stated, Trainer, unbroken
from mixlaw.io.yaml import parse_number

_SPLITS = ("train", "valid", "test")
_FLAGS = ("--train-data-path", "--data-path")
_DEFAULT_SPLIT = "969,30,1"


class Megatron(Trainer):
    """Weights of samples of one length, above 0; the file is split at blanks, so it has no comments."""

    name = "megatron"
    form = "0.6 /d/web 0.4 /d/code, for --data-args-path"
    one_path = True
    suffix = ".txt"
    comment = None
    checked = "Megatron-LM d98e8a6, 2026-08-22"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        pairs = []
        for name, weight in value.items():
            path = unbroken(recipe.path(name), self.name, " \t")
            pairs.append(f"{_decimal(weight)} {path}")
        return "\n".join(pairs) + "\n"

    def advice(self, recipe: Recipe, value: dict[str, float]) -> list[str]:
        del recipe, value
        return ["Megatron-LM trains on the first part of --split alone: epochs here count all of each source"]

    def claims(self, content: Any) -> bool:
        listing = isinstance(content, list) and content and all(isinstance(w, (str, int, float)) for w in content)
        train = content.get("train") if isinstance(content, dict) else None
        words = isinstance(train, list) or (isinstance(train, str) and parse_number(train) is None)
        return isinstance(content, Words) or bool(listing) or words

    def read(self, content: Any, where: str) -> Stated:
        if isinstance(content, dict):
            return _per_split(content, where)
        if not isinstance(content, Words):
            return blend(content, where)
        if not content.flags:
            return blend(content.words, where)
        flag = next((flag for flag in _FLAGS if flag in content.flags), None)
        if flag is None:
            raise MixlawError(f"{where}: has no --data-path or --train-data-path")
        split = content.flags.get("--split", [_DEFAULT_SPLIT] if flag == "--data-path" else [None])
        part = train_part(split[0] if split else None, f"{where}: --split")
        said = "as given" if "--split" in content.flags else "Megatron-LM's default"
        notes = [f"--split ({said}): {100 * part:.4g}% of each source is trained on, and epochs count that part"]
        return blend(content.flags[flag], f"{where}: {flag}", parts=part, notes=notes if part < 1 else ())


def _per_split(content: dict[str, Any], where: str) -> Stated:
    """The train blend of a file for `--per-split-data-args-path`; valid and test are checked and not counted."""
    notes: list[str] = []
    content = strict.known_keys(content, where, _SPLITS, (), notes)
    for split in _SPLITS[1:]:
        if content[split] is not None:
            blend(content[split], f"{where}: {split}")
    found = blend(content["train"], f"{where}: train")
    return Stated(found.pairs, found.counts, found.rule, (*notes, *found.notes))


def _decimal(weight: float) -> str:
    """A number without an exponent, so that a shell line stays readable."""
    return f"{weight:.17f}".rstrip("0") if weight < 1e-4 else repr(weight)
