"""What losses are measured with: the tokenizer, and which text each target is. Losses of different ones never mix.

A run table states the tokenizer in the column `tokenizer` and a target's text in the column `target:<target>`, under
any name that another text would not have (sweeps write a hash of it); fits and plans record both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mixlaw.errors import MixlawError, shown

PREFIX = "target:"
"""Of the columns that name a target's text."""


@dataclass(frozen=True)
class Yardstick:
    """What losses are measured with, as far as it is stated.

    Attributes:
        name: where it is stated, for messages.
        tokenizer: of whose tokens losses, N, D and shares speak; None where it is not stated.
        definitions: by target, what names its text; targets without one are left out.
    """

    name: str
    tokenizer: str | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)


def of_frame(frame: pd.DataFrame, targets: tuple[str, ...], name: str) -> Yardstick:
    """The yardstick of a run table, whose columns were found to agree over their rows."""
    found = {target: _first(frame, f"{PREFIX}{target}") for target in targets}
    definitions = {target: text for target, text in found.items() if text is not None}
    return Yardstick(name, _first(frame, "tokenizer"), definitions)


def of_provenance(provenance: Mapping[str, Any] | None, name: str) -> Yardstick:
    """The yardstick that a fit or a plan records; one of an earlier version states less."""
    known = provenance or {}
    return Yardstick(name, known.get("tokenizer"), known.get("definitions") or {})


def refuse_mixed(one: Yardstick, other: Yardstick) -> None:
    """Refuse what was measured differently. What only one of them states is taken to hold for both.

    Raises:
        MixlawError: they state different tokenizers, or different texts for a target of the same name.
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


def unstated(one: Yardstick, other: Yardstick) -> list[str]:
    """Notes on what only one of two states, so that it could not be checked."""
    notes = []
    for stated, silent in ((one, other), (other, one)):
        if stated.tokenizer is not None and silent.tokenizer is None:
            notes.append(f"{silent.name} names no tokenizer: taken to be {stated.tokenizer}, as {stated.name} says")
    unchecked = sorted(set(one.definitions) - set(other.definitions))
    if unchecked and not other.definitions:
        notes.append(f"{other.name} has no target: columns: its targets are taken to be the texts of {one.name}")
    return notes


def _first(frame: pd.DataFrame, column: str) -> str | None:
    """The first cell of a column that says something; None without such a cell."""
    if column not in frame:
        return None
    return next((str(v).strip() for v in frame[column] if pd.notna(v) and str(v).strip()), None)
