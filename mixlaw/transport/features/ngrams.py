"""Hashed n-grams of words and characters: the same buckets on every machine, in every process, without a seed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mixlaw.errors import MixlawError
from mixlaw.typing import Array

_WORD = re.compile(r"\w+|[^\w\s]+")
_WORDS, _CHARACTERS = 1, 2  # hash kinds: a word of one letter and the letter itself get different buckets


@dataclass(frozen=True)
class NGrams:
    """Counts of hashed n-grams; calling it with documents embeds them.

    The default is DSIR's feature (2302.03169): unigrams and bigrams of lower-cased words, in 10,000 buckets.

    Attributes:
        words: lengths of the word n-grams; a run of letters or digits is a word, so is a run of other marks.
        characters: lengths of the character n-grams.
        buckets: number of hash buckets.

    >>> NGrams(words=(1,), buckets=8).total(["a b a"])
    array([0., 1., 0., 0., 0., 0., 0., 2.])
    """

    words: tuple[int, ...] = (1, 2)
    characters: tuple[int, ...] = ()
    buckets: int = 10_000

    def __post_init__(self) -> None:
        lengths = (*self.words, *self.characters)
        if not lengths or min(lengths) < 1 or self.buckets < 1:
            raise MixlawError(f"n-grams {self}: give lengths of 1 or more and at least one bucket")

    def __call__(self, documents: Iterable[str], /) -> csr_array:
        """Square roots of the documents' n-gram frequencies, (n, buckets), rows of unit length.

        The Euclidean distance of two rows is sqrt(2) times their Hellinger distance. A blank document gives a zero row.
        """
        count_NxB = self.counts(documents)
        total_N = np.maximum(count_NxB.sum(1), 1.0)
        count_NxB.data = np.sqrt(count_NxB.data / np.repeat(total_N, np.diff(count_NxB.indptr)))
        return count_NxB

    def counts(self, documents: Iterable[str]) -> csr_array:
        """Counts of the n-grams of each document, (n, buckets), float64."""
        column, count, end = [], [], [0]
        for document in documents:
            found, times = np.unique(self.buckets_of(document), return_counts=True)
            column.append(found)
            count.append(times.astype(np.float64))
            end.append(end[-1] + len(found))
        if not column:
            raise MixlawError("n-grams: there is no document to count")
        return csr_array((np.concatenate(count), np.concatenate(column), end), shape=(len(column), self.buckets))

    def total(self, documents: Iterable[str]) -> Array:
        """Counts over all documents of a stream, (buckets,)."""
        total_B = np.zeros(self.buckets)
        for document in documents:
            total_B += np.bincount(self.buckets_of(document), minlength=self.buckets)
        return total_B

    def buckets_of(self, document: str) -> NDArray[np.int64]:
        """The bucket of every n-gram of a document, repetitions included."""
        text = document.lower()
        grams = []
        if self.words:
            word_N = np.fromiter(map(_word, _WORD.findall(text)), np.uint64)
            grams += _ngrams(word_N, self.words, _WORDS)
        if self.characters:
            letter_N = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
            grams += _ngrams(letter_N, self.characters, _CHARACTERS)
        return (np.concatenate(grams) % np.uint64(self.buckets)).astype(np.int64)


@lru_cache(maxsize=1 << 18)
def _word(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _ngrams(item_N: NDArray[np.uint64], lengths: tuple[int, ...], kind: int) -> Iterator[NDArray[np.uint64]]:
    """Hashes of all n-grams of consecutive items, of each length n; they depend on the order of the items."""
    for length in lengths:
        hash_N = np.full(max(len(item_N) - length + 1, 0), kind, np.uint64)
        for offset in range(length):
            hash_N = _mix(hash_N ^ item_N[offset : offset + len(hash_N)])
        yield hash_N


def _mix(x_N: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit of x affects every bit of the result."""
    x_N = x_N + np.uint64(0x9E3779B97F4A7C15)
    x_N = (x_N ^ (x_N >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x_N = (x_N ^ (x_N >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x_N ^ (x_N >> np.uint64(31))
