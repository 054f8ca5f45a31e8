"""Hugging Face datasets: a Python file with the call of `interleave_datasets`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.exporters.drawing.rules import Ends, Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.syntax.parse import Python
from mixlaw.exporters.trainers.base import Stated, Trainer
from mixlaw.io.yaml import parse_number

_CALL = "interleave_datasets"
_KEYS = ("datasets", "probabilities", "seed", "info", "split", "stopping_strategy")
ENDS: dict[str, Ends] = {
    "first_exhausted": "first",
    "all_exhausted": "all",
    "all_exhausted_without_replacement": "once",
}
"""Stopping strategies, the library's default first."""
SUM_TOLERANCE = 1.5e-8
"""`numpy.random.Generator.choice` refuses probabilities whose sum is further from 1."""
IN_TURN = "no probabilities: one example of each dataset in turn"
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
    checked = "datasets 5.2.0 and b7cb10b, 2026-07-31"

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
        found = strict.mapping(call.keywords, at, (), _KEYS) if call.keywords else {}
        strategy = found.get("stopping_strategy", next(iter(ENDS)))
        if strategy not in ENDS:
            raise MixlawError(f"{at}: stopping_strategy is {shown(strategy)}; {listed(ENDS)}")
        if "names" not in content.lists:
            raise MixlawError(f"{where}: no list `names` says which dataset is which; write names = [...]")
        names = strict.texts(content.lists["names"], f"{where}: names")
        times = {c.arguments[0] for c in content.named("repeat") if c.arguments and isinstance(c.arguments[0], int)}
        repeat = float(times.pop()) if len(times) == 1 else 1.0
        if "probabilities" not in found or "probabilities" in call.nulls:
            return interleaved(names, None, strategy, at, times=repeat)
        seed = found.get("seed")
        seed = seed if isinstance(seed, int) else None
        listing = strict.entries(found["probabilities"], f"{at}: probabilities")
        return interleaved(names, listing, strategy, at, seed=seed, times=repeat)


def interleaved(
    names: list[str],
    probabilities: Any,
    strategy: str,
    where: str,
    *,
    seed: int | None = None,
    times: float = 1.0,
    passes: float | None = None,
) -> Stated:
    """The mixture that `interleave_datasets` makes; without probabilities it takes one example of each in turn."""
    rule = Rule(ENDS[strategy], seed=seed, times=times, passes=passes)
    if probabilities is None:
        return Stated([(name, 1.0) for name in names], "samples", replace(rule, seed=None), (IN_TURN,))
    pairs = strict.paired(names, probabilities, where)
    strict.sums_to_one(pairs, where, most=SUM_TOLERANCE)
    zero = [name for name, value in pairs if parse_number(value) == 0]
    notes = (f"{listed(zero)} has probability 0: with {strategy} the stream may never end",) if zero else ()
    return Stated(pairs, "samples", rule, notes if rule.ends in ("all", "once") else ())


def _quoted(text: str) -> str:
    """A Python string literal, in double quotes if these need no escape."""
    return f'"{text}"' if text.isprintable() and '"' not in text and "\\" not in text else repr(text)
