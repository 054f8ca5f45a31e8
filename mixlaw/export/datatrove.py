"""datatrove: a Python file with one `SamplerFilter` a source, which keeps a part of its documents."""

from __future__ import annotations

import math
from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.export import strict
from mixlaw.export.parse import Python
from mixlaw.export.recipe import Recipe
from mixlaw.export.trainer import Stated, Trainer

_CALL = "SamplerFilter"
_DIGITS = 9


class Datatrove(Trainer):
    """Rates of documents kept, which are the epochs of each source: it samples down only, so none may exceed 1."""

    name = "datatrove"
    form = "{'web': SamplerFilter(rate=0.6, seed=0)}, a Python file"
    counts = "epochs"
    suffix = ".py"

    def values(self, recipe: Recipe) -> dict[str, Any]:
        D = recipe.needs_tokens(self.name, "keeps a part of each source")
        rates: dict[str, Any] = {}
        for source, w, epochs in zip(recipe.sources, recipe.w_S.tolist(), recipe.epochs_S.tolist(), strict=True):
            if not w:
                continue
            if epochs > 1 + 1e-9:
                most = min(t / v for t, v in zip(recipe.sources.tokens_S, recipe.w_S, strict=True) if v)
                raise MixlawError(
                    f"source {source.name}: {epochs:.4g} epochs of {D:.6g} tokens, and datatrove samples down only; "
                    f"give --tokens {math.floor(most * (1 - 1e-12)):d} or fewer, or cap the plan at one epoch"
                )
            rate, cap = float(f"{epochs:.{_DIGITS}g}"), min(1.0, source.max_epochs or 1.0)
            rates[source.name] = min(rate, cap)
        return rates

    def write(self, recipe: Recipe, value: dict[str, Any]) -> str:
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
        return pairs, "epochs"
