"""Axolotl, which has no weights: entries with numbers of documents; a repeated source has several entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.syntax.slices import split_amount
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, dump
from mixlaw.io.yaml import parse_number
from mixlaw.typing import Array

MOST_ENTRIES = 1000
_LISTS = ("datasets", "pretraining_dataset")


class Axolotl(Trainer):
    """Numbers of documents for one epoch of training, written as slices `train[:n]`."""

    name = "axolotl"
    form = "datasets: [{path, type, split: 'train[:1200]'}], sizes in documents, for num_epochs: 1"
    one_path = True
    counts = "documents"
    checked = "Axolotl 067b021, 2026-07-24"

    def values(self, recipe: Recipe) -> dict[str, float]:
        D = recipe.needs_tokens(self.name, "takes numbers of documents")
        length_S = np.nan_to_num(recipe.length_S(self.name, packed=False), nan=1.0)
        n_S = _documents(recipe, length_S, D)
        for name, n, w in zip(recipe.sources.names, n_S.tolist(), recipe.w_S.tolist(), strict=True):
            if w and not n:
                raise MixlawError(f"source {name}: its share {w:.3g} is less than one document; fix it at 0")
        return {name: n for name, n in zip(recipe.sources.names, n_S.astype(np.int64).tolist(), strict=True) if n}

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        entries = []
        for name, n in value.items():
            full = recipe.sources[name].documents or n
            if n > full * MOST_ENTRIES:
                raise MixlawError(f"source {name}: {n / full:.4g} epochs; axolotl would need as many entries")
            sizes = [full] * int(n // full) + [n % full] * (n % full > 0)
            path = recipe.path(name)
            entries += [{"path": path, "type": "completion", "split": f"train[:{size}]"} for size in sizes]
        return dump({"datasets": entries, "num_epochs": 1})

    def claims(self, content: Any) -> bool:
        found = _entries(content)
        return isinstance(found, list) and bool(found) and all(isinstance(e, dict) and "path" in e for e in found)

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, known=None)
        key = next((key for key in _LISTS if content.get(key)), _LISTS[0])
        content = strict.mapping(content, where, (key,), known=None)
        found, notes = strict.entries(content[key], f"{where}: {key}"), []
        if key == _LISTS[1] and len(found) > 1:
            notes.append(f"{key}: Axolotl reads its first entry alone")
            found = found[:1]
        pairs: Pairs = []
        for i, entry in enumerate(found):
            at = f"{where}: {key}[{i}]"
            entry = strict.mapping(entry, at, ("path",), known=None)
            shards = strict.number(entry.get("shards") or 1, f"{at}: shards", least=1)
            pairs.append((str(entry["path"]), split_amount(entry.get("split"), at, shards)))
        lost = [str(e["path"]) for e in found if e.get("type") not in (None, "completion")]
        if lost:
            notes.append(f"{listed(lost)}: documents over sequence_len are dropped, as their type is not completion")
        held, passes = (
            _held_out(content, notes),
            strict.number(content.get("num_epochs") or 1, f"{where}: num_epochs", above=True),
        )
        steps = (parse_number(content.get("max_steps")) or 0) > 0
        rule = Rule("amounts", passes=None if steps else passes * held)
        if content.get("dataset_exact_deduplication") is True:
            notes.append("dataset_exact_deduplication drops documents that are there twice, also of a repeated source")
        return Stated(pairs, "documents", rule, tuple(notes))


def _entries(content: Any) -> Any:
    return next((content[key] for key in _LISTS if content.get(key)), None) if isinstance(content, dict) else None


def _held_out(content: dict[str, Any], notes: list[str]) -> float:
    """The part of the merged data that is trained on."""
    size = parse_number(content.get("val_set_size"))
    if size is None or size <= 0:
        return 1.0
    if size >= 1:
        notes.append(f"val_set_size {size:g} documents are held out and not subtracted here")
        return 1.0
    notes.append(f"val_set_size: {100 * size:.4g}% of the merged data is held out")
    return 1.0 - size


def _documents(recipe: Recipe, length_S: Array, D: float) -> Array:
    """Whole documents with about w D tokens each, within the caps, and D tokens or more in total if the caps allow.

    With fewer than D tokens, the shares of sources at a cap would exceed it.
    """
    exact_S = recipe.w_S * D / length_S
    most_S = np.where(recipe.w_S > 0, np.floor(recipe.upper_S * D / length_S * (1 + 1e-12)), 0.0)
    n_S = np.minimum(np.ceil(exact_S * (1 - 1e-12)), most_S)
    for i in np.argsort(-(most_S - n_S) * length_S):
        short = D - float((n_S * length_S).sum())
        n_S[i] += max(0.0, min(np.ceil(short / length_S[i]), most_S[i] - n_S[i]))
    return n_S
