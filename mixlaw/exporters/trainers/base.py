"""Base class of trainers' formats: unit of the weights, writing, and strict reading."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import yaml

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.exporters.drawing.rules import Rule
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.rounding import decimals
from mixlaw.io.yaml import parse_yaml
from mixlaw.project.sources import Sources
from mixlaw.typing import Array

Pairs = list[tuple[str, Any]]
"""Pairs of a source's name or path and its weight, as in the file."""
COUNTS = ("tokens", "samples", "documents", "epochs")
"""Units: tokens (or samples of one length); the trainer's samples (packed or documents); documents; epochs."""


@dataclass(frozen=True)
class Stated:
    """The mixture that a file of a trainer states.

    Attributes:
        pairs: source's name or path and its weight: a number, or an `Amount` of the source.
        counts: unit of the weights, one of `COUNTS`.
        rule: by which the trainer draws.
        notes: remarks for the user: what was ignored, what the trainer does with it.
        longest: tokens at which the trainer cuts a document off, the rest of which is lost; None: it does not.
        part: part of every source that is trained on; the rest is for validation.
        limits: by name in the file, the epochs above which the trainer refuses to start.
    """

    pairs: Pairs
    counts: str
    rule: Rule = field(default_factory=Rule)
    notes: tuple[str, ...] = ()
    longest: float | None = None
    part: float = 1.0
    limits: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Amount:
    """A part of a source, as rules of its size: `passes` over it, and `units` more.

    Attributes:
        passes: multiple of the source.
        units: added to it, in the unit of the file's weights.
        most: multiple of the source that the amount cannot exceed.
    """

    passes: float = 0.0
    units: float = 0.0
    most: float = math.inf

    def of(self, size: float) -> float:
        """Units of a source of `size` units."""
        return min(max(self.passes * size + self.units, 0.0), self.most * size)


class Trainer(ABC):
    """One trainer's format. A subclass is one file; it is listed in `TRAINERS`.

    Attributes:
        name: name on the command line.
        form: the format in a few words.
        counts: unit of the weights that it writes, one of `COUNTS`.
        packed: for weights in samples: True if these have one length by default.
        suffix: suffix of its files.
        comment: start of a comment line, None if the format has no comments.
        zeros: True if sources with share 0 are written.
        one_path: True if it names each source by one path.
        by_document: True if it draws whole documents, whatever its weights count.
        checked: version of the trainer whose source code the format was checked with.
        versions: names of the formats that `--version` chooses from, with the versions that read them; the first is
            the default.
    """

    name: ClassVar[str]
    form: ClassVar[str]
    counts: ClassVar[str] = "tokens"
    packed: ClassVar[bool] = True
    suffix: ClassVar[str] = ".yaml"
    comment: ClassVar[str | None] = "#"
    zeros: ClassVar[bool] = False
    one_path: ClassVar[bool] = False
    by_document: ClassVar[bool] = False
    checked: ClassVar[str] = ""
    versions: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        """Text of the file for weights `value` by source, in the unit of the format.

        Raises:
            MixlawError: the format cannot express this plan.
        """

    @abstractmethod
    def claims(self, content: Any) -> bool:
        """True if a parsed file has this format's structure."""

    @abstractmethod
    def read(self, content: Any, where: str) -> Stated:
        """The weights of a file of this format.

        Raises:
            MixlawError: a key that the format does not have, one that is missing, or a weight of another unit.
        """

    def values(self, recipe: Recipe) -> dict[str, float]:
        """By source, the plan's shares in the unit of the format, rounded without violating a cap."""
        per_S = np.ones(len(recipe.sources))
        if self.counted(recipe.options.samples) == "documents":
            per_S = np.nan_to_num(recipe.length_S(self.name, self.counts == "samples"), nan=1.0)

        def shares(value_S: Array) -> Array:
            return value_S * per_S / (value_S * per_S).sum()

        exact_S = recipe.w_S / per_S
        exact_S = decimals(exact_S / exact_S.sum(), shares, recipe.lower_S, self.upper_S(recipe), recipe.groups)
        return {n: v for n, v in zip(recipe.sources.names, exact_S.tolist(), strict=True) if v > 0 or self.zeros}

    def keyed(self, pairs: Pairs, sources: Sources) -> Pairs:
        """Pairs as read, with keys mapped to names of `sources` for formats that spell them differently."""
        del sources
        return pairs

    def upper_S(self, recipe: Recipe) -> Array:
        """The largest token shares (S,); lower for formats whose trainers count tokens themselves."""
        return recipe.upper_S

    def version(self, recipe: Recipe) -> str:
        """The format asked for with `--version`, else the first.

        Raises:
            MixlawError: the trainer has no format of that name.
        """
        asked, known = recipe.options.version, list(self.versions)
        if asked is None:
            return known[0] if known else ""
        if asked not in known:
            choices = nearest(asked, known) if known else "it has one format; leave --version out"
            raise MixlawError(f"{self.name} has no version {shown(asked)}; {choices}")
        return asked

    def layout(self, recipe: Recipe, value: dict[str, float]) -> tuple[str, str | None]:
        """Suffix and start of a comment of the file that `write` makes."""
        del recipe, value
        return self.suffix, self.comment

    def advice(self, recipe: Recipe, value: dict[str, float]) -> list[str]:
        """Notes on settings that the file cannot hold."""
        del recipe, value
        return []

    def counted(self, samples: str | None, counts: str | None = None) -> str:
        """Unit of the weights, with samples resolved to tokens or documents: tokens, documents or epochs."""
        counts = counts or self.counts
        if counts != "samples":
            return counts
        return "tokens" if samples == "packed" or (samples is None and self.packed) else "documents"


class ReadOnly(Trainer):
    """A format that `audit` reads and `export` does not write."""

    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        del recipe, value
        raise MixlawError(f"{self.name}: is read by audit and not written")


def part_of(content: Any, place: Sequence[str]) -> Any:
    """The value under nested keys; None if there is none."""
    for key in place:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def dump(content: Any) -> str:
    """YAML that readers of versions 1.1 and 1.2 read as the same values."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16)


def dump_json(content: Any) -> str:
    """JSON on several lines."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


class _Dumper(yaml.SafeDumper):
    """Dumper that also quotes texts which YAML 1.2 reads as numbers; PyYAML quotes only those of YAML 1.1."""

    def represent_text(self, text: str) -> yaml.Node:
        try:
            alike = parse_yaml(text, "text") == text
        except MixlawError:
            alike = False
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if alike else '"')


_Dumper.add_representer(str, _Dumper.represent_text)


def unbroken(text: str, trainer: str, signs: str) -> str:
    """Return `text`; raise if it contains a separator of the format."""
    bad = [sign for sign in signs if sign in text]
    if bad:
        raise MixlawError(f"{shown(text)}: {trainer} cannot name it, as {listed(map(repr, bad))} divides its entries")
    return text
