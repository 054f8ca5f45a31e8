"""trl: `datasets` of a training YAML, with fractions of rows or without."""

from __future__ import annotations

from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.syntax import strict_fields as strict
from mixlaw.exporters.trainers.base import Amount, ReadOnly, Stated
from mixlaw.io.yaml import parse_number

_REST = ("name", "data_dir", "data_files", "split", "columns")


class Trl(ReadOnly):
    """Fractions of rows, which are documents; no source is taken more than once, so the scarcest sets the length."""

    name = "trl"
    form = "datasets: [{path: web, fraction: 0.6}, {path: code, fraction: 0.4}]"
    counts = "samples"
    packed = False
    checked = "trl f2cd577, 2026-07-24"

    def claims(self, content: Any) -> bool:
        found = content.get("datasets") if isinstance(content, dict) else None
        return isinstance(found, list) and any(isinstance(entry, dict) and "fraction" in entry for entry in found)

    def read(self, content: Any, where: str) -> Stated:
        content = strict.mapping(content, where, ("datasets",), known=None)
        notes: list[str] = []
        found = []
        for i, entry in enumerate(strict.entries(content["datasets"], f"{where}: datasets")):
            at = f"{where}: datasets[{i}]"
            found.append(strict.known_keys(entry, at, ("path",), ("fraction", *_REST), notes))
        passes = parse_number(content.get("num_train_epochs"))
        with_fraction = [entry for entry in found if entry.get("fraction") is not None]
        if not with_fraction:
            pairs = [(str(entry["path"]), Amount(passes=1.0)) for entry in found]
            return Stated(pairs, "samples", Rule("amounts", passes=passes), tuple(notes))
        if len(with_fraction) < len(found):
            raise MixlawError(f"{where}: datasets: some have a fraction and some have none; trl wants all or none")
        pairs = [
            (str(entry["path"]), strict.number(entry["fraction"], f"{where}: fraction", above=True)) for entry in found
        ]
        return Stated(pairs, "samples", Rule("first", passes=passes), tuple(notes))
