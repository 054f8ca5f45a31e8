"""Samples of equal size from streams of documents, without holding the streams.

A mixture of few points looks farther from a target than one of many, whatever their text: mixtures of many sources then
look better than they are. So every source gives the same number of points, and a large one.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import numpy as np

from mixlaw.errors import MixlawError


def passages(documents: Iterable[str], characters: int = 1000) -> Iterator[str]:
    """Documents cut into pieces of nearly equal length, at most `characters` each, at whitespace where there is some.

    A mixture is a mixture of tokens: with documents of very different length, drawing documents does not draw tokens,
    drawing passages does (up to those of documents that are shorter than a passage).
    """
    if characters < 1:
        raise MixlawError(f"passages of {characters} characters: give 1 or more")
    for document in documents:
        pieces = math.ceil(len(document) / characters)
        start = 0
        for left in range(pieces, 0, -1):
            stop = start + math.ceil((len(document) - start) / left)
            blank = max(document.rfind(mark, start, stop) for mark in (" ", "\n")) if left > 1 else -1
            stop = blank + 1 if blank > start else stop
            if document[start:stop].strip():
                yield document[start:stop]
            start = stop


def reservoir(documents: Iterable[str], count: int, seed: int | tuple[int, ...]) -> list[str]:
    """`count` documents of a stream, every set of so many equally likely, in the stream's order; all, where there are
    fewer.

    Li's algorithm L (1994): one pass, and random numbers only for the documents that enter.
    """
    rng = np.random.default_rng(seed)
    stream = iter(documents)
    kept = dict(enumerate(islice(stream, count)))
    if len(kept) < count or count < 1:
        return list(kept.values())
    places = list(kept)
    at, log_w = count - 1, math.log1p(-rng.random()) / count
    while True:
        skip = math.floor(math.log1p(-rng.random()) / math.log1p(-math.exp(log_w)))
        document = next(islice(stream, skip, None), None)
        if document is None:
            return [kept[place] for place in sorted(kept)]
        at += skip + 1
        slot = int(rng.integers(count))
        del kept[places[slot]]
        kept[at], places[slot] = document, at
        log_w += math.log1p(-rng.random()) / count


def equal_samples(sources: Mapping[str, Iterable[str]], count: int, seed: int = 0) -> dict[str, list[str]]:
    """`count` documents of every source. A source's sample depends on its own text, its name and the seed alone.

    Raises:
        MixlawError: `count` is below 1, or a source has fewer documents; the message names it.
    """
    if count < 1:
        raise MixlawError(f"samples of {count} documents: give 1 or more")
    found = {}
    for name, documents in sources.items():
        found[name] = reservoir(documents, count, (seed, zlib.crc32(name.encode("utf-8", "surrogatepass"))))
        if len(found[name]) < count:
            raise MixlawError(
                f"source {name}: has {len(found[name]):,} documents where {count:,} of every source are asked for; "
                "lower the count, or cut the documents into passages"
            )
    return found
