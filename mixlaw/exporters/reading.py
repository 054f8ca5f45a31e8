"""Read a trainer's weights file as token weights: detect its format and the unit of its weights."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.exporters.parse import parse
from mixlaw.exporters.recipe import lengths
from mixlaw.exporters.trainers.base import Pairs, Trainer
from mixlaw.exporters.trainers.registry import TRAINERS
from mixlaw.exporters.weights import match_source, read_weights
from mixlaw.io.files import read_text
from mixlaw.io.yaml import parse_number
from mixlaw.project.sources import Sources


@dataclass(frozen=True)
class Weights:
    """The weights of the sources, as read from a file.

    Attributes:
        trainer: name of the trainer's format, None for a plain {source: weight}.
        counts: unit of the weights: tokens, documents or epochs.
        stated: by source, the sum of its weights as written.
        tokens: by source, in proportion to tokens.
        missing: sources that the file does not name; their share is 0.

    >>> Weights("megatron", "tokens", {"web": 3.0, "code": 1.0}, {"web": 3.0, "code": 1.0}).mixture
    {'web': 0.75, 'code': 0.25}
    """

    trainer: str | None
    counts: str
    stated: dict[str, float]
    tokens: dict[str, float]
    missing: tuple[str, ...] = ()

    @property
    def mixture(self) -> dict[str, float]:
        """Token shares by source, summing to 1."""
        total = sum(self.tokens.values())
        return {name: value / total for name, value in self.tokens.items()}


def by_name(name: str) -> Trainer:
    """The trainer of that name; raises MixlawError with the nearest name if there is none.

    >>> by_name("megatron").counts
    'tokens'
    """
    for trainer in TRAINERS:
        if trainer.name == name:
            return trainer
    raise MixlawError(f"no trainer is called {shown(name)}; {nearest(name, [trainer.name for trainer in TRAINERS])}")


def import_mixture(
    path: str | os.PathLike[str],
    sources: Sources,
    trainer: str | None = None,
    *,
    samples: str | None = None,
    partial: bool = False,
) -> Weights:
    """Read the mixture from a trainer's weights file.

    Args:
        path: the file. It names a source by its name, by one of its paths, or by a path whose last part is its name.
        sources: the sources that the file must name; weights in documents need their `documents` and `tokens`.
        trainer: name of the format; None: detected from the content.
        samples: "packed" or "documents": the unit of a sample, if it differs from the trainer's default.
        partial: if True, sources that the file does not name get share 0; if False, they are an error.

    Raises:
        MixlawError: an unknown key, a weight of another unit or out of range, a source that is missing or unknown.

    >>> from tempfile import TemporaryDirectory
    >>> from mixlaw.project.sources import Source
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weights.json"
    ...     _ = path.write_text('{"web": 3, "code": 1}')
    ...     found = import_mixture(path, Sources([Source("web", 1e9), Source("code", 1e9)]))
    >>> found.counts, found.mixture
    ('tokens', {'web': 0.75, 'code': 0.25})
    """
    file = Path(path)
    return weights_in(read_text(file), str(file), sources, trainer, samples=samples, partial=partial)


def counts_of(path: str | os.PathLike[str], trainer: str | None = None, samples: str | None = None) -> str:
    """Unit of the weights in a file: tokens, documents or epochs. Raises as `import_mixture`."""
    return _stated(read_text(Path(path)), str(path), trainer, samples)[2]


def weights_in(
    text: str,
    name: str,
    sources: Sources,
    trainer: str | None = None,
    *,
    samples: str | None = None,
    partial: bool = False,
) -> Weights:
    """`import_mixture` for a text. `name` is the file's name for messages; its suffix selects the parser."""
    kind, pairs, counts = _stated(text, name, trainer, samples)
    stated = _by_source(pairs if kind is None else kind.keyed(pairs, sources), sources, name)
    missing = tuple(source for source in sources.names if source not in stated)
    if missing and not partial:
        raise MixlawError(f"{name}: no weight for {listed(missing)}; give each source one")
    stated = {source: stated.get(source, 0.0) for source in sources.names}
    per = _tokens_each(stated, counts, sources, name if kind is None else f"{name}: {kind.name}", kind)
    tokens = {source: value * per[source] for source, value in stated.items()}
    return Weights(None if kind is None else kind.name, counts, stated, tokens, missing)


def mixture_weights(mixture: Mapping[str, Any], sources: Sources, name: str = "weights") -> Weights:
    """Weights from a mapping {source: weight}; sources that it does not name get share 0."""
    found = _by_source(list(mixture.items()), sources, name)
    stated = {source: found.get(source, 0.0) for source in sources.names}
    return Weights(None, "tokens", stated, stated, tuple(source for source in sources.names if source not in found))


def _by_source(pairs: Pairs, sources: Sources, name: str) -> dict[str, float]:
    """The weights by source; those of several paths of one source are summed."""
    stated: dict[str, float] = {}
    for key, value in pairs:
        weight = parse_number(value)
        if weight is None or not math.isfinite(weight) or weight < 0:
            raise MixlawError(f"{name}: {shown(key)}: the weight is {shown(value)}; write a number, 0 or more")
        source = sources.names[match_source(str(key), sources, name)]
        stated[source] = stated.get(source, 0.0) + weight
    total = sum(stated.values())
    if not 0 < total < math.inf:
        raise MixlawError(f"{name}: the weights sum to {total:g}; at least one must be above 0, and the sum finite")
    return stated


def _stated(text: str, name: str, trainer: str | None, samples: str | None) -> tuple[Trainer | None, Pairs, str]:
    """The trainer's format, its pairs, and their unit: tokens, documents or epochs."""
    if trainer is not None:
        kind = by_name(trainer)
        pairs, counts = kind.read(parse(text, name, python=kind.suffix == ".py"), name)
        return kind, pairs, kind.counted(samples, counts)
    content = parse(text, name)
    for kind in TRAINERS:
        if kind.claims(content):
            pairs, counts = kind.read(content, name)
            return kind, pairs, kind.counted(samples, counts)
    return None, read_weights(content, name), "tokens"


def _tokens_each(
    stated: dict[str, float], counts: str, sources: Sources, where: str, kind: Trainer | None
) -> dict[str, Any]:
    """Tokens that a weight of 1 stands for, up to a common factor, by source."""
    used = [name for name, value in stated.items() if value > 0]
    per_S = np.ones(len(sources))
    if counts == "documents":
        per_S = lengths(sources, used, where, packed=kind is not None and kind.counts == "samples")
    elif counts == "epochs":
        per_S = sources.tokens_S
        unknown = [name for name in used if sources[name].tokens is None]
        if unknown:
            raise MixlawError(
                f"{where}: {unknown[0]}: the weight counts passes, and its tokens are unknown; state them"
            )
    return {n: per if n in used else 0.0 for n, per in zip(sources.names, per_S.tolist(), strict=True)}
