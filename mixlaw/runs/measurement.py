"""The measurement behind a table's losses: the tokenizer, and the text of each target. Different ones are never mixed.

A run table states the tokenizer in the column `tokenizer` and a target's text in the column `target:<target>`, by a
name unique to that text (sweeps write a hash of it). Fits and plans record both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mixlaw.errors import MixlawError, shown

TARGET_PREFIX = "target:"
"""Prefix of the columns that name a target's text."""


@dataclass(frozen=True)
class Measurement:
    """Tokenizer and target texts behind losses, as far as they are stated.

    Attributes:
        name: the table, fit or plan that states them, for messages.
        tokenizer: the tokenizer by which losses, D and shares count tokens; None if not stated.
        definitions: the name of each target's text, by target; targets whose text is not named are left out.
    """

    name: str
    tokenizer: str | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)


def of_frame(frame: pd.DataFrame, targets: tuple[str, ...], name: str) -> Measurement:
    """The measurement of a run table whose rows agree on it (`columns.check_measurement`).

    >>> of_frame(pd.DataFrame({"tokenizer": ["gpt2"], "target:web": ["1f3a"]}), ("web",), "runs.csv")
    Measurement(name='runs.csv', tokenizer='gpt2', definitions={'web': '1f3a'})
    """
    found = {target: _first(frame, f"{TARGET_PREFIX}{target}") for target in targets}
    definitions = {target: text for target, text in found.items() if text is not None}
    return Measurement(name, _first(frame, "tokenizer"), definitions)


def of_provenance(provenance: Mapping[str, Any] | None, name: str) -> Measurement:
    """The measurement that a fit or a plan records in its provenance; older files state less.

    >>> of_provenance({"tokenizer": "gpt2"}, "the fit").tokenizer
    'gpt2'
    """
    known = provenance or {}
    return Measurement(name, known.get("tokenizer"), known.get("definitions") or {})


def check_comparable(one: Measurement, other: Measurement) -> None:
    """Refuse losses of different tokenizers or texts. A fact that only one states is assumed to be true of both.

    Raises:
        MixlawError: if the tokenizers differ, or the texts of a target of the same name.

    >>> check_comparable(Measurement("the plan", "gpt2"), Measurement("the runs"))
    """
    if one.tokenizer is not None and other.tokenizer is not None and one.tokenizer != other.tokenizer:
        raise MixlawError(
            f"{other.name}: its tokenizer is {shown(other.tokenizer)}, that of {one.name} {shown(one.tokenizer)}; "
            "losses, token counts and shares of different tokenizers cannot be compared: measure again with one of them"
        )
    for target, text in one.definitions.items():
        found = other.definitions.get(target)
        if found is not None and found != text:
            raise MixlawError(
                f"{other.name}: target {shown(target)} is the text {shown(found)}, in {one.name} {shown(text)}; "
                "losses on different texts cannot be compared: measure on one text (targets with paths of their own "
                "keep it), or rename one of the targets"
            )


def unchecked(one: Measurement, other: Measurement) -> list[str]:
    """Notes on facts that only one of two measurements states, so that `check_comparable` could not compare them.

    >>> unchecked(Measurement("the plan", "gpt2"), Measurement("the runs"))
    ['the runs names no tokenizer: taken to be gpt2, as the plan says']
    """
    notes = []
    for stated, silent in ((one, other), (other, one)):
        if stated.tokenizer is not None and silent.tokenizer is None:
            notes.append(f"{silent.name} names no tokenizer: taken to be {stated.tokenizer}, as {stated.name} says")
    if one.definitions and not other.definitions:
        notes.append(f"{other.name} has no target: columns: its targets are taken to be the texts of {one.name}")
    return notes


def _first(frame: pd.DataFrame, column: str) -> str | None:
    """The first cell of a column that is not empty; None if there is none."""
    if column not in frame:
        return None
    return next((str(v).strip() for v in frame[column] if pd.notna(v) and str(v).strip()), None)
