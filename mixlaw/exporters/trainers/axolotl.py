"""Axolotl, which has no weights: entries with numbers of documents; a repeated source has several entries."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer, dump
from mixlaw.typing import Array

MOST_ENTRIES = 1000
_SLICE = re.compile(r"train\[:(\d+)\]")
_REST = ("name", "type", "data_files", "ds_type", "field", "text_column")


class Axolotl(Trainer):
    """Numbers of documents for one epoch of training, written as slices `train[:n]`."""

    name = "axolotl"
    form = "datasets: [{path, type, split: 'train[:1200]'}], sizes in documents, for num_epochs: 1"
    one_path = True
    counts = "documents"

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
        found = content.get("datasets") if isinstance(content, dict) else None
        return isinstance(found, list) and bool(found) and all(isinstance(e, dict) and "path" in e for e in found)

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("datasets",), known=None)
        pairs = []
        for i, entry in enumerate(strict.entries(content["datasets"], f"{where}: datasets")):
            at = f"{where}: datasets[{i}]"
            entry = strict.mapping(entry, at, ("path", "split"), _REST)
            size = _SLICE.fullmatch(str(entry["split"]))
            if size is None:
                raise MixlawError(f"{at}: split is {shown(entry['split'])}; write train[:n], n documents")
            pairs.append((str(entry["path"]), int(size[1])))
        return pairs, "documents"


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
