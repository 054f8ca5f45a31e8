"""Blends of Megatron-LM and of trainers that use its parser: weights and prefixes, or prefixes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Amount, Pairs, Stated
from mixlaw.io.yaml import parse_number

NO_WEIGHTS = "no weights: every prefix is read once, so shares follow sizes"
ONCE = Rule("amounts", again=False)
"""Every prefix once; the end of the data ends the run."""


def blend(content: Any, where: str, *, parts: float = 1.0, notes: Sequence[str] = ()) -> Stated:
    """The mixture of a blend: a text, or a list of words, in the form `weight prefix weight prefix` or `prefix prefix`.

    Args:
        parts: part of every prefix that is trained on (`--split`).

    Raises:
        MixlawError: weights and prefixes are not paired, a weight is 0 or negative.
    """
    words = content.split() if isinstance(content, str) else [str(word) for word in strict.entries(content, where)]
    if not words:
        raise MixlawError(f"{where}: is empty; write pairs of weight and path")
    numbers = [parse_number(word) is not None for word in words]
    if not any(numbers):
        return unweighted(words, where, parts=parts, notes=notes)
    if len(words) % 2:
        raise MixlawError(
            f"{where}: {len(words)} words; Megatron's form is pairs of weight and path: 0.6 /d/web 0.4 /d/code"
        )
    for word, number in zip(words[::2], numbers[::2], strict=True):
        if not number:
            raise MixlawError(f"{where}: {shown(word)} stands where a weight must; write pairs of weight and path")
    return weighted(words[1::2], words[::2], where, parts=parts, notes=notes)


def weighted(
    paths: list[str], weights: Sequence[Any], where: str, *, parts: float = 1.0, notes: Sequence[str] = ()
) -> Stated:
    """The mixture of prefixes and their weights, each above 0."""
    pairs: Pairs = strict.paired(paths, list(weights), where)
    for path, weight in pairs:
        if strict.number(weight, f"{where}: {path}") == 0:
            raise MixlawError(f"{where}: {shown(path)} has weight 0 and Megatron wants more; leave it out")
    return Stated(pairs, "tokens", notes=tuple(notes), part=parts)


def unweighted(paths: list[str], where: str, *, parts: float = 1.0, notes: Sequence[str] = ()) -> Stated:
    """The mixture of prefixes without weights: each once."""
    pairs: Pairs = [(path, Amount(passes=parts)) for path in strict.texts(paths, where)]
    return Stated(pairs, "tokens", ONCE, (*notes, NO_WEIGHTS), part=parts)


def two_lists(value: Any, where: str, *, parts: float = 1.0, notes: Sequence[str] = ()) -> Stated:
    """The mixture of `[paths, weights]`; weights may be null."""
    both = list(value) if isinstance(value, (list, tuple)) else []
    if len(both) != 2 or not isinstance(both[0], (list, tuple)):
        raise MixlawError(f"{where}: must be a list of paths and a list of weights (or null), not {shown(value)}")
    paths = strict.texts(list(both[0]), where)
    if both[1] is None:
        return unweighted(paths, where, parts=parts, notes=notes)
    return weighted(paths, list(both[1]), where, parts=parts, notes=notes)


def train_part(split: Any, where: str) -> float:
    """The part of each prefix that a split such as `969,30,1` trains on; 1 for None."""
    if split is None:
        return 1.0
    parts = [parse_number(word) for word in str(split).replace("/", ",").split(",") if word.strip()]
    numbers = [part for part in parts if part is not None and part >= 0]
    if len(numbers) < len(parts) or not numbers or not numbers[0] > 0:
        raise MixlawError(f"{where}: {shown(split)} is no split; write it like 969,30,1, the first part above 0")
    return numbers[0] / sum(numbers)
