"""Samples of equal size from streams of documents, in bounded memory.

A mixture of few points is farther from a target than one of many points of the same text, so mixtures of many sources
would look better than they are. Therefore every source gives the same, large number of points.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import numpy as np

from mixlaw.errors import MixlawError


def passages(documents: Iterable[str], characters: int = 1000) -> Iterator[str]:
    """Cut documents into passages of nearly equal length, at most `characters` each, at whitespace if possible.

    Shares are shares of tokens. If documents differ much in length, a uniform sample of documents is not one of tokens;
    a uniform sample of passages nearly is (except for documents shorter than a passage).

    >>> list(passages(["one two three four"], characters=10))
    ['one two ', 'three four']
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
    """Uniform sample of `count` documents of a stream without replacement, in stream order; all if there are fewer.

    Li's algorithm L (1994): one pass, with random numbers only for documents that enter the sample.

    >>> reservoir((f"document {i}" for i in range(100)), 2, seed=0)
    ['document 32', 'document 58']
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
    """Sample `count` documents of every source. A source's sample depends only on its text, its name and the seed.

    Raises:
        MixlawError: if `count` is below 1, or a source has fewer documents; the message names it.

    >>> equal_samples({"web": ["a", "b", "c"], "code": ["d", "e"]}, 2)
    {'web': ['b', 'c'], 'code': ['d', 'e']}
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
