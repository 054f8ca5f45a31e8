"""Hugging Face datasets: a Python file with the call of `interleave_datasets`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.exporters import strict_fields as strict
from mixlaw.exporters.parse import Python
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.trainers.base import Stated, Trainer

_CALL = "interleave_datasets"
_KEYS = ("datasets", "probabilities", "seed", "info", "split", "stopping_strategy")
_STRATEGIES = ("first_exhausted", "all_exhausted", "all_exhausted_without_replacement")
_SPARE = 1.05
"""Allowance for sampling noise: a source may be drawn this much more often than planned before the stream ends."""
_FILE = '''\
from datasets import interleave_datasets


def mix(datasets):
    """The plan's mixture of `datasets`, a dict of one dataset for each name; stop at {tokens} tokens."""
    names = [{names}]
    return interleave_datasets(
        [datasets[name]{repeat} for name in names],
        probabilities=[{probabilities}],
        seed={seed},
        stopping_strategy="all_exhausted",
    )
'''


class Datasets(Trainer):
    """Probabilities of examples: documents, unless every example was packed to one length. Caps hold in expectation.

    The stream ends when the source with the fewest epochs has been seen once; if that is before D, all repeat.
    """

    name = "datasets"
    form = "interleave_datasets(..., probabilities=[0.6, 0.4], stopping_strategy=...), a Python file"
    counts = "samples"
    packed = False
    suffix = ".py"

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        epochs_S = recipe.epochs_S[recipe.w_S > 0]
        fewest = float(np.nanmin(epochs_S)) if np.isfinite(epochs_S).any() else 0.0
        times = math.ceil(fewest * _SPARE)
        return _FILE.format(
            tokens="the planned number of" if recipe.tokens is None else f"{recipe.tokens:.6g}",
            names=", ".join(map(_quoted, value)),
            repeat=f".repeat({times})" if fewest * _SPARE > 1 else "",
            probabilities=", ".join(map(repr, value.values())),
            seed=recipe.options.seed,
        )

    def claims(self, content: Any) -> bool:
        return isinstance(content, Python) and bool(content.named(_CALL))

    def read(self, content: Any, where: str) -> Stated:
        calls = content.named(_CALL) if isinstance(content, Python) else []
        if len(calls) != 1:
            raise MixlawError(f"{where}: has {len(calls)} calls of {_CALL}; a Python file with one is read")
        call, at = calls[0], f"{where}: line {calls[0].line}: {_CALL}"
        found = strict.mapping(call.keywords, at, ("probabilities",), _KEYS)
        if found.get("stopping_strategy", _STRATEGIES[0]) not in _STRATEGIES:
            raise MixlawError(f"{at}: stopping_strategy is {shown(found['stopping_strategy'])}; {listed(_STRATEGIES)}")
        if "names" not in content.lists:
            raise MixlawError(f"{where}: no list `names` says which dataset is which; write names = [...]")
        pairs = strict.paired(strict.texts(content.lists["names"], f"{where}: names"), found["probabilities"], at)
        strict.sums_to_one(pairs, at, most=1e-6)
        return pairs, "samples"


def _quoted(text: str) -> str:
    """A Python string literal, in double quotes if these need no escape."""
    return f'"{text}"' if '"' not in text and "\\" not in text else repr(text)
