"""Samples of equal size of the text of every source, and of the targets: the data of an estimate without runs."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.transport import passages, reservoir

PASSAGE_CHARACTERS = 300
"""Length of a passage: short, so that few documents give many passages, and passages have nearly equal tokens."""
MAX_PASSAGES = 2000
"""Largest number of passages sampled from a source or target."""
MIN_PASSAGES = 8
"""Smallest number of passages of a source (about 2,400 characters); below it is an error."""
MIN_TARGET_PASSAGES = 4
"""The same for a target, which may be a fifth of a source's text."""
FEW_PASSAGES = 100
"""Passages of a source below which a note says that they are few."""
HELD_OUT_EVERY = 5
"""One in this many documents is set aside if a target uses a source's own text."""
MIN_HELD_OUT_PASSAGES = 20
"""Smallest number of passages in the documents set aside; with fewer, the last fifth of the text is set aside."""


@dataclass(frozen=True)
class Texts:
    """Passages of text of at most `PASSAGE_CHARACTERS` characters.

    Attributes:
        sources: the same number of passages of every source.
        targets: passages of every target; no document of them is in a source's sample.
        notes: problems found, one line each.

    >>> Texts({"web": ["some text", "more text"]}, {"news": ["held-out text"]}).count
    2
    """

    sources: Mapping[str, Sequence[str]]
    targets: Mapping[str, Sequence[str]]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Passages of each source."""
        return len(next(iter(self.sources.values())))


def sample_texts(
    sources: Mapping[str, Iterable[str]],
    targets: Mapping[str, Iterable[str] | None],
    seed: int = 0,
    most: int = MAX_PASSAGES,
) -> Texts:
    """Sample passages of the documents of every source and target.

    Documents are read more than once: give lists, or `proxies.text.readers.Documents`.

    A target without documents (None) uses a fifth of the documents of the source of its name, chosen by a hash of
    their content; the source's sample excludes these. No document of a target is in a source's sample.

    Raises:
        MixlawError: a source gives fewer than `MIN_PASSAGES` passages, a target fewer than `MIN_TARGET_PASSAGES`, or
            no source has the name of a target without documents.

    >>> documents = {name: [f"{name} text about {name} {i} " * 20 for i in range(20)] for name in ("web", "code")}
    >>> texts = sample_texts(documents, {"code": [f"other code {i} " * 20 for i in range(20)]})
    >>> tuple(texts.sources), texts.count == len(texts.sources["web"])
    (('web', 'code'), True)
    >>> len(texts.targets["code"]) >= MIN_TARGET_PASSAGES
    True
    """
    for name, documents in targets.items():
        if documents is None and name not in sources:
            raise MixlawError(f"target {name}: is no source and has no `paths`: add its text")
    notes: list[str] = []
    own = {name: _own(name, sources[name]) for name, documents in targets.items() if documents is None}
    found = {}
    for name, docs in targets.items():
        stream = own[name].held if docs is None else passages(docs, PASSAGE_CHARACTERS)
        found[name] = reservoir(stream, most, (seed, 1, _key(name)))
    barred = {_key(text) for docs in targets.values() for text in docs or ()}
    kept, dropped = {}, {}
    for name, documents in sources.items():
        free = own[name].left if name in own else documents
        fresh = _Fresh(free, barred | {key for other, part in own.items() if other != name for key in part.keys})
        kept[name] = reservoir(passages(fresh, PASSAGE_CHARACTERS), most, (seed, _key(name)))
        dropped[name] = fresh.dropped
    for least, least_target in ((1, 1), (MIN_PASSAGES, MIN_TARGET_PASSAGES)):
        for name, part in kept.items():
            _refuse_short(f"source {name}", part, least, sources[name])
        for name, part in found.items():
            _refuse_short(f"target {name}", part, least_target, targets[name])
    for name, count in dropped.items():
        if count:
            notes.append(f"source {name}: {count:,} documents that a target holds were left out of its sample")
    count = min(map(len, kept.values()))
    if count < FEW_PASSAGES:
        short = listed(name for name, part in kept.items() if len(part) < FEW_PASSAGES)
        notes.append(f"{short}: {count} passages of {PASSAGE_CHARACTERS} characters are few to compare sources by")
    equal = {name: _some(part, count, (seed, 2, _key(name))) for name, part in kept.items()}
    return Texts(equal, found, tuple(notes))


def _refuse_short(what: str, part: Sequence[str], least: int, documents: object) -> None:
    """Raise if a text has too few passages; the message names the files, if the documents are from files."""
    if len(part) >= least:
        return
    files = [file.name.rpartition("/")[2] for file in getattr(documents, "files", ())]
    where = f" ({listed(files, 3)})" if files else ""
    if not part:
        raise MixlawError(f"{what}{where}: no text in it that is not blank or a target's; give it more")
    many = f"{len(part)} passage{'s' * (len(part) > 1)} of up to {PASSAGE_CHARACTERS} characters"
    raise MixlawError(
        f"{what}{where}: its text gives {many}, too few to say anything of it; give at least {least}, "
        f"{least * PASSAGE_CHARACTERS:,} characters"
    )


def _key(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _some(part: list[str], count: int, seed: tuple[int, ...]) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(part))[:count]
    return [part[i] for i in sorted(order.tolist())]


@dataclass(frozen=True)
class _Own:
    """A source that is also a target: passages set aside, hashes of their documents, and the remaining text."""

    held: list[str]
    keys: frozenset[int]
    left: Iterable[str]


class _Left:
    """The documents of a stream that are not set aside."""

    def __init__(self, documents: Iterable[str]) -> None:
        self.documents = documents

    def __iter__(self) -> Iterator[str]:
        return (text for text in self.documents if _key(text) % HELD_OUT_EVERY)


class _Fresh:
    """The documents of a stream that are in no target; after reading, `dropped` is the number left out."""

    def __init__(self, documents: Iterable[str], barred: set[int]) -> None:
        self.documents, self.barred, self.dropped = documents, barred, 0

    def __iter__(self) -> Iterator[str]:
        self.dropped = 0
        for text in self.documents:
            if _key(text) in self.barred:
                self.dropped += 1
            else:
                yield text


def _own(name: str, documents: Iterable[str]) -> _Own:
    """Set aside whole documents by a hash of their content; if these are too few, the end of the text."""
    chosen = [text for text in documents if _key(text) % HELD_OUT_EVERY == 0]
    held = list(passages(chosen, PASSAGE_CHARACTERS))
    left = sum(
        1 for _ in zip(range(MIN_HELD_OUT_PASSAGES), passages(_Left(documents), PASSAGE_CHARACTERS), strict=False)
    )
    if len(held) >= MIN_HELD_OUT_PASSAGES and left == MIN_HELD_OUT_PASSAGES:
        return _Own(held, frozenset(map(_key, chosen)), _Left(documents))
    every = list(passages(documents, PASSAGE_CHARACTERS))
    if len(every) < 2:
        raise MixlawError(f"source {name}: its text is too short to set some aside for the target {name}; give it more")
    cut = len(every) - max(1, len(every) // HELD_OUT_EVERY)
    return _Own(every[cut:], frozenset(), every[:cut])
