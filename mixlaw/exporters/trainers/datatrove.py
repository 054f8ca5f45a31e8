"""datatrove: a Python file with one `SamplerFilter` per source, which keeps a part of its documents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.rounding import keeps
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.syntax.parse import Python
from mixlaw.exporters.trainers.base import Stated, Trainer
from mixlaw.typing import Array

_CALL = "SamplerFilter"
_DIGITS = (6, 9, 12)


class Datatrove(Trainer):
    """Sampling rates of documents, equal to the epochs of each source: at most 1, as the filter only samples down."""

    name = "datatrove"
    form = "{'web': SamplerFilter(rate=0.6, seed=0)}, a Python file"
    counts = "epochs"
    suffix = ".py"
    by_document = True
    checked = "datatrove a649de7, 2026-08-13"

    def values(self, recipe: Recipe) -> dict[str, float]:
        D = recipe.needs_tokens(self.name, "keeps a part of each source")
        used_S = recipe.w_S > 0
        epochs_S = np.where(used_S, recipe.epochs_S, 0.0)
        if epochs_S.max() > 1 + 1e-9:
            worst = int(np.argmax(epochs_S))
            raise MixlawError(
                f"source {recipe.sources.names[worst]}: {epochs_S[worst]:.4g} epochs of it in a run of {D:.6g} tokens, "
                f"and datatrove samples down only; give --tokens {math.floor(D / epochs_S[worst])} or fewer, or cap "
                "the plan at one epoch"
            )
        rate_S = _rounded(recipe, epochs_S)
        return {n: r for n, r in zip(recipe.sources.names, rate_S.tolist(), strict=True) if r}

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        rows = [f"    {name!r}: {_CALL}(rate={r!r}, seed={recipe.options.seed}),\n" for name, r in value.items()]
        return f"from datatrove.pipeline.filters import {_CALL}\n\nfilters = {{\n{''.join(rows)}}}\n"

    def claims(self, content: Any) -> bool:
        return isinstance(content, Python) and bool(content.named(_CALL))

    def read(self, content: Any, where: str) -> Stated:
        if not isinstance(content, Python) or not content.named(_CALL):
            raise MixlawError(f"{where}: has no {_CALL}(rate=...); a Python file with a dict of them is read")
        keyed = [(key, call) for key, call in content.keyed if call.name == _CALL]
        if len(keyed) != len(content.named(_CALL)):
            line = content.named(_CALL)[0].line
            raise MixlawError(
                f"{where}: line {line}: which source is a {_CALL} for? write a dict, {{'web': {_CALL}(...)}}"
            )
        pairs = []
        for key, call in keyed:
            at = f"{where}: line {call.line}: {_CALL}"
            found = strict.mapping(call.keywords, at, ("rate",), ("seed", "exclusion_writer"))
            pairs.append((key, strict.number(found["rate"], f"{at}: rate", most=1)))
        return Stated(pairs, "epochs", Rule("amounts", again=False))


def _rounded(recipe: Recipe, epochs_S: Array) -> Array:
    """Rates rounded to few digits within the bounds of shares and epochs; unrounded if no rounding is."""
    size_S, most_S = np.nan_to_num(recipe.sources.tokens_S), np.minimum(recipe.sources.max_epochs_S, 1.0)
    for digits in _DIGITS:
        rate_S = np.minimum([float(f"{epochs:.{digits}g}") for epochs in epochs_S], most_S)
        if keeps(rate_S * size_S / (rate_S * size_S).sum(), recipe.lower_S, recipe.upper_S, recipe.groups):
            return rate_S
    return np.minimum(epochs_S, 1.0)
