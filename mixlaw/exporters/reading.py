"""Read a trainer's weights file as token weights: detect its format and the unit of its weights."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed, nearest, shown
from mixlaw.exporters.drawing.weights_read import Stream, Weights
from mixlaw.exporters.recipe import lengths
from mixlaw.exporters.syntax.parse import parse
from mixlaw.exporters.trainers.base import Amount, Pairs, Stated, Trainer
from mixlaw.exporters.trainers.registry import FORMATS, TRAINERS
from mixlaw.exporters.weights import match_source, plain_weights
from mixlaw.io.files import read_text
from mixlaw.io.yaml import parse_number
from mixlaw.project.sources import Sources


def by_name(name: str) -> Trainer:
    """The trainer of that name; raises MixlawError with the nearest name if there is none.

    >>> by_name("megatron").counts
    'tokens'
    """
    return _named(name, TRAINERS)


def reader(name: str) -> Trainer:
    """The format of that name, also of trainers that a plan cannot be written for.

    >>> reader("gpt-neox").name
    'gpt-neox'
    """
    return _named(name, FORMATS)


def _named(name: str, trainers: Sequence[Trainer]) -> Trainer:
    for trainer in trainers:
        if trainer.name == name:
            return trainer
    raise MixlawError(f"no trainer is called {shown(name)}; {nearest(name, [trainer.name for trainer in trainers])}")


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
    kind, stated = _stated(read_text(Path(path)), str(path), trainer)
    return stated.counts if kind is None else kind.counted(samples, stated.counts)


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
    kind, read = _stated(text, name, trainer)
    counts = read.counts if kind is None else kind.counted(samples, read.counts)
    pairs, unused = _used(read.pairs if kind is None else kind.keyed(read.pairs, sources), sources, name)
    named = [sources.names[match_source(str(key), sources, name)] for key, _ in pairs]
    missing = tuple(source for source in sources.names if source not in named)
    if missing and not partial:
        raise MixlawError(f"{name}: no weight for {listed(missing)}; give each source one")
    where = name if kind is None else f"{name}: {kind.name}"
    size, per = _units(pairs, named, counts, sources, where, kind)
    streams = _streams(pairs, named, size, counts, name)
    stated = dict.fromkeys(sources.names, 0.0)
    for stream in streams:
        stated[stream.source] += stream.weight / (size[stream.source] if counts == "epochs" else 1.0)
    tokens = dict.fromkeys(sources.names, 0.0)
    for stream in streams:
        tokens[stream.source] += stream.weight * per[stream.source]
    for values, kept in ((stated, "weights"), (tokens, "tokens")):
        total = sum(values.values())
        if not 0 < total < math.inf:
            raise MixlawError(f"{name}: the {kept} sum to {total:g}; one must be above 0, and the sum finite")
    return Weights(
        None if kind is None else kind.name,
        counts,
        stated,
        tokens,
        missing,
        notes=tuple(f"{name}: {note}" for note in (*read.notes, *unused)),
        streams=tuple(stream for stream in streams if stream.weight > 0),
        rule=read.rule,
        longest=read.longest if counts == "documents" else None,
        part=read.part,
        by_document=kind is not None and (counts == "documents" or kind.by_document),
        limits={source: read.limits[key] for (key, _), source in zip(pairs, named, strict=True) if key in read.limits},
    )


def mixture_weights(mixture: Mapping[str, Any], sources: Sources, name: str = "weights") -> Weights:
    """Weights from a mapping {source: weight}; sources that it does not name get share 0."""
    pairs = list(mixture.items())
    named = [sources.names[match_source(str(key), sources, name)] for key, _ in pairs]
    stated = dict.fromkeys(sources.names, 0.0)
    for stream in _streams(pairs, named, {}, "tokens", name):
        stated[stream.source] += stream.weight
    total = sum(stated.values())
    if not 0 < total < math.inf:
        raise MixlawError(f"{name}: the weights sum to {total:g}; at least one must be above 0, and the sum finite")
    return Weights(None, "tokens", stated, dict(stated), tuple(n for n in sources.names if n not in named))


def _stated(text: str, name: str, trainer: str | None) -> tuple[Trainer | None, Stated]:
    """The format of the text and what it states; no format for {source: weight} and for a plan."""
    if trainer is not None:
        kind = reader(trainer)
        return kind, kind.read(parse(text, name, python=kind.suffix == ".py"), name)
    content = parse(text, name)
    for kind in FORMATS:
        if kind.claims(content):
            return kind, kind.read(content, name)
    pairs = plain_weights(content)
    if pairs is None:
        known = ", ".join(kind.name for kind in FORMATS)
        raise MixlawError(
            f"{name}: holds no weights in a known format ({known}; plan.json; {{source: weight}}); give --from TRAINER "
            "to see what differs"
        )
    return None, Stated(pairs, "tokens")


def _used(pairs: Pairs, sources: Sources, name: str) -> tuple[Pairs, list[str]]:
    """Pairs without entries of weight 0 that name no source, and a note on these."""
    kept, unused = [], []
    for key, value in pairs:
        if not isinstance(value, Amount) and parse_number(value) == 0:
            try:
                match_source(str(key), sources, name)
            except MixlawError:
                unused.append(key)
                continue
        kept.append((key, value))
    return kept, [f"not used, as the weight is 0: {listed(unused)}"] if unused else []


def _streams(pairs: Pairs, named: list[str], size: dict[str, float], counts: str, name: str) -> list[Stream]:
    """One stream for each source, and one for each repetition of a key; other entries of a source are added up."""
    weights: dict[tuple[str, int], float] = {}
    keys: dict[tuple[str, int], str] = {}
    times: dict[str, int] = {}
    for (key, value), source in zip(pairs, named, strict=True):
        if isinstance(value, Amount):
            weight = value.of(size[source])
        else:
            weight = parse_number(value)
            if weight is None or not math.isfinite(weight) or weight < 0:
                raise MixlawError(f"{name}: {shown(key)}: the weight is {shown(value)}; write a number, 0 or more")
            if counts == "epochs":
                weight *= size[source] if weight else 0.0
        at = (source, times.get(str(key), 0))
        times[str(key)] = at[1] + 1
        weights[at] = weights.get(at, 0.0) + weight
        keys.setdefault(at, str(key))
    return [Stream(keys[at], at[0], weight, at[1]) for at, weight in weights.items()]


def _units(
    pairs: Pairs, named: list[str], counts: str, sources: Sources, where: str, kind: Trainer | None
) -> tuple[dict[str, float], dict[str, float]]:
    """By source that has a weight: its size, and tokens per unit of weight, which is a document or a token."""
    entries = list(zip(pairs, named, strict=True))
    used = [n for (_, value), n in entries if isinstance(value, Amount) or (parse_number(value) or 0) > 0]
    per_S = np.ones(len(sources))
    if counts == "documents":
        per_S = lengths(sources, used, where, packed=kind is not None and kind.counts == "samples")
        size = {s.name: float(s.documents or 0) for s in sources}
    else:
        size = {s.name: s.tokens or math.nan for s in sources}
        sized = used if counts == "epochs" else [n for (_, value), n in entries if isinstance(value, Amount)]
        unknown = [name for name in sized if sources[name].tokens is None]
        if unknown:
            raise MixlawError(
                f"{where}: {unknown[0]}: the weight counts passes, and its tokens are unknown; state them"
            )
    per = {n: value if n in used else 0.0 for n, value in zip(sources.names, per_S.tolist(), strict=True)}
    return size, per
