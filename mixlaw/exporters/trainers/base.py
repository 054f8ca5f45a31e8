"""What a trainer's format is: how weights are counted in it, how it is written, and how it is read back, strictly."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import yaml

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.exporters.recipe import Recipe
from mixlaw.exporters.rounding import decimals
from mixlaw.io.yaml import parse_yaml
from mixlaw.project.sources import Sources
from mixlaw.typing import Array

Pairs = list[tuple[str, Any]]
"""A source's name or path and its weight, as a file has them."""
Stated = tuple[Pairs, str]
"""Pairs with what their weights count: one of `COUNTS`."""
COUNTS = ("tokens", "samples", "documents", "epochs")
"""Tokens (or samples of one length); samples of the trainer, packed or documents; documents; passes over a source."""


class Trainer(ABC):
    """One trainer's format. A subclass is one file; it is listed in `TRAINERS`.

    Attributes:
        name: on the command line.
        form: the format in a few words.
        counts: what the weights it writes count, one of `COUNTS`.
        packed: of one that counts samples, whether they have one length unless the user says otherwise.
        suffix: of its files.
        comment: what starts a comment line, None where the format has none.
        zeros: whether sources without a share are written.
        one_path: whether it names each source by one path.
    """

    name: ClassVar[str]
    form: ClassVar[str]
    counts: ClassVar[str] = "tokens"
    packed: ClassVar[bool] = True
    suffix: ClassVar[str] = ".yaml"
    comment: ClassVar[str | None] = "#"
    zeros: ClassVar[bool] = False
    one_path: ClassVar[bool] = False

    @abstractmethod
    def write(self, recipe: Recipe, value: dict[str, float]) -> str:
        """The file for weights `value` by source, in the unit of the format.

        Raises:
            MixlawError: the format cannot say this.
        """

    @abstractmethod
    def claims(self, content: Any) -> bool:
        """Whether a parsed file has this format's own shape."""

    @abstractmethod
    def read(self, content: Any, where: str) -> Stated:
        """The weights of a file of this format.

        Raises:
            MixlawError: a key that the format does not have, one that is missing, or a weight of another unit.
        """

    def values(self, recipe: Recipe) -> dict[str, float]:
        """The plan's shares in the unit of the format, rounded so that no cap is broken, by source."""
        per_S = np.ones(len(recipe.sources))
        if self.counted(recipe.options.samples) == "documents":
            per_S = np.nan_to_num(recipe.length_S(self.name, self.counts == "samples"), nan=1.0)

        def shares(value_S: Array) -> Array:
            return value_S * per_S / (value_S * per_S).sum()

        exact_S = recipe.w_S / per_S
        exact_S = decimals(exact_S / exact_S.sum(), shares, recipe.lower_S, self.upper_S(recipe), recipe.groups)
        return {n: v for n, v in zip(recipe.sources.names, exact_S.tolist(), strict=True) if v > 0 or self.zeros}

    def keyed(self, pairs: Pairs, sources: Sources) -> Pairs:
        """Pairs as read, their keys brought to names of `sources` where the format spells them its own way."""
        del sources
        return pairs

    def upper_S(self, recipe: Recipe) -> Array:
        """The largest token shares; a format that counts tokens itself may need them lower."""
        return recipe.upper_S

    def counted(self, samples: str | None, counts: str | None = None) -> str:
        """What weights count once it is known what a sample is: tokens, documents or epochs."""
        counts = counts or self.counts
        if counts != "samples":
            return counts
        return "tokens" if samples == "packed" or (samples is None and self.packed) else "documents"


def dump(content: Any) -> str:
    """YAML that a 1.1 reader and a 1.2 reader take for the same values."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**16)


def dump_json(content: Any) -> str:
    """JSON on several lines."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


class _Dumper(yaml.SafeDumper):
    """Quotes texts that YAML 1.2 takes for numbers; PyYAML quotes those of 1.1 alone."""

    def represent_text(self, text: str) -> yaml.Node:
        try:
            alike = parse_yaml(text, "text") == text
        except MixlawError:
            alike = False
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if alike else '"')


_Dumper.add_representer(str, _Dumper.represent_text)


def unbroken(text: str, trainer: str, signs: str) -> str:
    """`text`, refused if it holds a sign that divides the parts of the format."""
    bad = [sign for sign in signs if sign in text]
    if bad:
        raise MixlawError(f"{shown(text)}: {trainer} cannot name it, as {listed(map(repr, bad))} divides its entries")
    return text
