"""MaxText with Grain: `grain_train_files: /d/web*,0.6;/d/code*,0.4`, or a JSON of paths and weights."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar

import numpy as np

from mixlaw.errors import MixlawError, nearest, shown
from mixlaw.exporters.drawing.grain import grain_shares
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.rounding import PRECISION
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Pairs, Stated, Trainer, dump, dump_json, unbroken
from mixlaw.typing import Array

_KEY, _JSON_KEY = "grain_train_files", "grain_train_mixture_config_path"
_DIGITS = 4
_LONGEST = 2048
_SPARE = 1.05
"""Allowance for the rounding of records: the mix must not end before the run does."""


class MaxText(Trainer):
    """Weights of records, which are documents unless each record was packed to one length.

    The inline form rounds normalised weights to 4 decimals; if that moves a share, the JSON form is written.
    """

    name = "maxtext"
    form = "grain_train_files: /d/web*,0.6;/d/code*,0.4"
    one_path = True
    counts = "samples"
    packed = False
    checked = "MaxText e591f30, 2026-08-22, with grain 0.2.18"
    versions: ClassVar[dict[str, str]] = {"inline": f"{_KEY}, weights of 4 decimals", "json": f"a file for {_JSON_KEY}"}

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        if self._as_json(recipe, value):
            return dump_json({name: {"path": recipe.path(name), "weight": weight} for name, weight in value.items()})
        parts = [f"{unbroken(recipe.path(name), self.name, ',;')},{weight!r}" for name, weight in value.items()]
        if len(parts) == 1:  # a lone path,weight is taken for a path
            parts = [recipe.path(name) for name in value]
        times = _times(recipe)
        settings = {"use_truncation": False} | ({"num_epoch": times} if times > 1 else {})
        return dump({"dataset_type": "grain", _KEY: ";".join(parts), **settings})

    def layout(self, recipe: Recipe, value: dict[str, float]) -> tuple[str, str | None]:
        return (".json", None) if self._as_json(recipe, value) else (self.suffix, self.comment)

    def advice(self, recipe: Recipe, value: dict[str, float]) -> list[str]:
        if not self._as_json(recipe, value):
            return []
        times = f", num_epoch: {_times(recipe)}" if _times(recipe) > 1 else ""
        return [f"for {_JSON_KEY}; in MaxText's configuration set use_truncation: false{times}"]

    def claims(self, content: Any) -> bool:
        if not isinstance(content, dict) or not content:
            return False
        if _KEY in content or _JSON_KEY in content:
            return True
        return all(isinstance(v, dict) and {"path", "weight"} <= set(v) for v in content.values())

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, known=None)
        if content.get(_JSON_KEY) and _KEY not in content:
            raise MixlawError(f"{where}: its mixture is in {shown(content[_JSON_KEY])}; audit that file")
        if _KEY in content:
            cuts = content.get("use_truncation") is not False
            longest = strict.number(
                content.get("max_target_length", _LONGEST), f"{where}: max_target_length", above=True
            )
            times = strict.number(content.get("num_epoch", 1), f"{where}: num_epoch", above=True)
            notes = [_trim_note(longest)] if cuts else []
            pairs = _files(content[_KEY], f"{where}: {_KEY}")
            rule = Rule("first", again=False, times=times, shares=functools.partial(_inline_shares, where=where))
            return Stated(pairs, "samples", rule, tuple(notes), longest if cuts else None)
        pairs, notes = [], []
        for name, entry in content.items():
            at = f"{where}: {name}"
            entry = strict.mapping(entry, at, ("path", "weight"), known=None)
            misspelt = [key for key in entry if key not in ("path", "weight") and "weight" in str(key)]
            if misspelt:
                raise MixlawError(f"{at}: unknown key {shown(misspelt[0])}; {nearest(misspelt[0], ['weight'])}")
            pairs.append((name, strict.number(entry["weight"], f"{at}: weight", above=True)))
        notes.append("num_epoch and use_truncation are in MaxText's configuration; here taken as enough and false")
        return Stated(pairs, "samples", Rule(shares=grain_shares), tuple(notes))

    def _as_json(self, recipe: Recipe, value: dict[str, float]) -> bool:
        """True if the JSON form is asked for, or the inline form would move a share."""
        if recipe.options.version is not None:
            return self.version(recipe) == "json"
        exact_E = np.array(list(value.values()))
        return bool((np.abs(np.round(exact_E, _DIGITS) / exact_E - 1) > max(PRECISION, 1e-3)).any())


def _inline_shares(weight_E: Array, where: str) -> Array:
    """Shares of records of the inline form: rounded to 4 decimals, then dealt out by Grain."""
    rounded_E = np.round(weight_E / weight_E.sum(), _DIGITS)
    if not rounded_E.all():
        raise MixlawError(
            f"{where}: {_KEY}: a weight of {weight_E.min() / weight_E.sum():.3g} is rounded to 0.0000, and Grain "
            f"refuses 0; use the JSON form, {_JSON_KEY}"
        )
    return grain_shares(rounded_E)


def _times(recipe: Recipe) -> int:
    """Passes over each source after which no source has ended before the run does."""
    epochs_S = np.nan_to_num(recipe.epochs_S)
    return max(1, math.ceil(float(epochs_S.max()) * _SPARE)) if epochs_S.max() * _SPARE > 1 else 1


def _trim_note(longest: float) -> str:
    return (
        f"use_truncation (MaxText's default) keeps the first {longest:g} tokens of a document: realised shares count "
        "those, for documents of their mean length"
    )


def _files(text: Any, where: str) -> Pairs:
    parts = str(text).strip().rstrip(";").split(";")
    pairs = []
    for part in parts:
        path, comma, weight = part.strip().rpartition(",")
        if not comma:
            if len(parts) == 1:
                return [(part.strip(), 1.0)]
            raise MixlawError(f"{where}: {shown(part)} has no weight; write path,weight;path,weight")
        pairs.append((path.strip(), strict.number(weight, f"{where}: {path}", above=True)))
    if len(parts) == 1:
        raise MixlawError(f"{where}: MaxText takes a lone {shown(parts[0])} for a path; write the path alone")
    return pairs
