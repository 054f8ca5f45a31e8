"""Megatron-Energon: a metadataset whose train split blends datasets by weight, or by repetitions."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError, shown
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Amount, Pairs, ReadOnly, Stated

_REST = (
    *("split_part", "subset", "subflavor", "subflavors", "shuffle_over_epochs_multiplier", "dataset_config"),
    *("split_config", "aux"),
)
_LISTS = ("blend", "datasets", "blend_epochized")


class Energon(ReadOnly):
    """Weights of samples, which are records: documents, unless each was packed to one length."""

    name = "energon"
    form = "splits: {train: {blend: [{weight: 6, path: ./web}, {weight: 4, path: ./code}]}}"
    counts = "samples"
    packed = False
    checked = "Megatron-Energon bef8be2, 2026-06-17"

    def claims(self, content: Any) -> bool:
        if not isinstance(content, dict) or not isinstance(content.get("splits"), dict):
            return False
        return "energon" in str(content.get("__module__")) or isinstance(content["splits"].get("train"), dict)

    def read(self, content: Any, where: str) -> Stated:
        splits = strict.mapping(content, where, ("splits",), known=None)["splits"]
        train = strict.mapping(splits, f"{where}: splits", ("train",), known=None)["train"]
        at = f"{where}: splits.train"
        train = strict.mapping(train, at, known=None)
        if "join" in train:
            raise MixlawError(f"{at}: join is not read; only blend and blend_epochized state a mixture")
        kind = next((key for key in _LISTS if key in train), None)
        if kind is None:
            path = strict.mapping(train, at, ("path",), known=None)["path"]
            return Stated([(str(path), 1.0)], "samples")
        return _blend(train[kind], f"{at}.{kind}", epochized=kind == "blend_epochized")


def _blend(value: Any, where: str, *, epochized: bool) -> Stated:
    key = "repetitions" if epochized else "weight"
    pairs: Pairs = []
    notes: list[str] = []
    for i, entry in enumerate(strict.entries(value, where)):
        at = f"{where}[{i}]"
        entry = strict.known_keys(entry, at, ("path",), (key, *_REST), notes)
        weight = strict.number(entry.get(key, 1.0), f"{at}: {key}", above=True)
        part = _part(entry.get("subset"), f"{at}: subset")
        if part < 1:
            notes.append(f"{at.rpartition(': ')[2]}: subset keeps {100 * part:.4g}% of it; epochs count all of it")
        pairs.append((str(entry["path"]), Amount(passes=weight * part) if epochized else weight))
    if epochized:
        return Stated(pairs, "samples", Rule("amounts", same=False), tuple(notes))
    return Stated(pairs, "samples", notes=tuple(notes))


def _part(subset: Any, where: str) -> float:
    """The part of a dataset that `subset: {range: [a, b]}` keeps; 1 for none and for numbers of samples."""
    if subset is None:
        return 1.0
    span = strict.entries(strict.mapping(subset, where, ("range",), known=None)["range"], where)
    ends = [str(end).strip() for end in span]
    if len(ends) == 2 and all(end.endswith("%") for end in ends):
        low, high = (strict.number(end[:-1], where, most=100) / 100 for end in ends)
        return high - low
    raise MixlawError(f"{where} is {shown(span)}; only ranges in percent are read")
