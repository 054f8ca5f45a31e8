"""Tokenized text on disk: one folder a source, with its tokens, an index of its documents, and a hash of its content.

A folder of shards (`text` in a sweep's store) holds `<key>/`: `tokens.bin`, and for every document in the order read
`lengths.bin` (tokens, uint32), `bytes.bin` (of its text, uint32) and `digests.bin` (uint64); `shard.json` says how
many there are. The key names the files (path, size, and what their filesystem tells of a change), the tokenizer, the
limit and this code's version: if a shard of that key is there and undamaged, no text is read. A damaged one is made
again.
"""

import contextlib
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from proxies.text.atomic_folders import draft, is_whole, mapped, read_manifest, write_manifest
from proxies.text.readers import Documents, read_documents
from proxies.text.tokenizer import ByteTokenizer, Tokenizer, token_type

MANIFEST = "shard.json"
FILES = ("tokens.bin", "lengths.bin", "bytes.bin", "digests.bin")
VERSION = 1  # of what is on disk and of how text becomes tokens: shards of another are made anew
CHUNK_TEXT, CHUNK_DOCUMENTS = 1 << 20, 1 << 13  # characters and documents encoded together: more were slower
LIMIT = 1_000_000_000
"""Default limit of tokens read of a source: 2 GB on disk, far more than proxies train on."""
Tell = Callable[[int, int, str], None]
"""Progress callback: (bytes of text files read, bytes of all, name of the source)."""


@dataclass(frozen=True)
class Build:
    """Settings of tokenization.

    Attributes:
        tokenizer: bytes by default.
        limit: maximum number of tokens read of a source; None: all.
        cache: folder that stores shards; None: tokens stay in memory and nothing is reused.
        tell: progress callback.
    """

    tokenizer: Tokenizer = field(default_factory=ByteTokenizer)
    limit: int | None = LIMIT
    cache: Path | None = None
    tell: Tell | None = None


@dataclass(frozen=True)
class Shard:
    """Documents tokenized: `tokens` end to end and, by document, `lengths` (D,) in tokens with the end mark, `bytes`
    (D,) of its text, `digests` (D,) that equal documents share. `complete`: nothing was left unread."""

    tokens: np.ndarray
    lengths: np.ndarray
    bytes: np.ndarray
    digests: np.ndarray
    content: str
    complete: bool


def digest(data: bytes) -> int:
    """64 bits that name a document by its text, blanks around it left out."""
    return int.from_bytes(hashlib.sha256(data.strip()).digest()[:8], "little")


def tokenize(documents: Iterable[str], tokenizer: Tokenizer) -> Iterator[tuple[np.ndarray, ...]]:
    """(tokens, lengths, bytes, digests) of a few MB of documents at a time, as in a Shard."""
    for texts in _chunks(documents):
        tokens, lengths_D = tokenizer.encode(texts)
        data = [text.encode("utf-8", "surrogatepass") for text in texts]
        bytes_D = np.fromiter(map(len, data), np.uint32, len(data))
        digests_D = np.fromiter(map(digest, data), np.uint64, len(data))
        yield tokens, lengths_D.astype(np.uint32), bytes_D, digests_D


def _chunks(documents: Iterable[str]) -> Iterator[list[str]]:
    texts, size = [], 0
    for document in documents:
        if not document or document.isspace():
            continue
        texts.append(document)
        size += len(document)
        if size >= CHUNK_TEXT or len(texts) >= CHUNK_DOCUMENTS:
            yield texts
            texts, size = [], 0
    if texts:
        yield texts


def shard(name: str, documents: Iterable[str], build: Build, notes: list[str] | None = None) -> Shard:
    """A source's or target's documents as a shard: from `build.cache` if it is there, else made, and stored there
    if the documents come from files whose changes can be seen. `notes`: gets a note if a stored shard was damaged.
    Raises MixlawError if the folder cannot be written, and what the readers raise.
    """
    if build.cache is None or not isinstance(documents, Documents):
        return _in_memory(documents, build)
    seen = all(file.stamp is not None for file in documents.files)  # else a change could not be: never used again
    key = _key(documents, build) if seen else f".draft-once-{secrets.token_hex(8)}"
    path = Path(build.cache) / key
    if not is_whole(path, MANIFEST):
        if os.path.lexists(path) and notes is not None:
            notes.append(f"text of {name}: was damaged in the store, and was tokenized again")
        with draft(path, MANIFEST) as folder:
            _write(name, documents, build, folder)
    return _open(path, build)


def _key(documents: Documents, build: Build) -> str:
    files = [[file.address, file.size, file.stamp, file.found] for file in documents.files]
    about = json.dumps([VERSION, build.tokenizer.hash, build.limit, files])
    return hashlib.blake2b(about.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Content:
    """Names tokens by what they are and how they fall into documents."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.hash, self.check = hashlib.blake2b(tokenizer.hash.encode(), digest_size=16), 0
        self.complete, self.documents = True, 0

    def add(self, chunk: tuple[np.ndarray, ...], more: bool) -> None:
        tokens, lengths, _, digests = chunk
        self.check = zlib.crc32(tokens.data, self.check)  # the digests leave the blanks around a text out
        self.hash.update(lengths.data)
        self.hash.update(digests.data)
        self.complete, self.documents = not more, self.documents + len(lengths)

    def name(self) -> str:
        return f"{self.hash.hexdigest()}-{self.check:08x}"


def _limited(chunks: Iterable[tuple[np.ndarray, ...]], limit: int | None) -> Iterator[tuple[tuple, bool]]:
    """Chunks up to the one that reaches the limit, cut after the document that does; whether more may follow."""
    total = 0
    for chunk in chunks:
        tokens, lengths, *others = chunk
        ends = np.cumsum(lengths, dtype=np.int64)
        if limit is not None and total + ends[-1] >= limit:
            last = int(np.searchsorted(ends, limit - total)) + 1
            yield (tokens[: ends[last - 1]], lengths[:last], *(other[:last] for other in others)), True
            return
        total += int(ends[-1])
        yield chunk, False


def _in_memory(documents: Iterable[str], build: Build) -> Shard:
    content, kinds = _Content(build.tokenizer), _kinds(build.tokenizer)
    parts = [tuple(np.zeros(0, kind) for kind in kinds)]
    for chunk, more in _limited(tokenize(documents, build.tokenizer), build.limit):
        content.add(chunk, more)
        parts.append(chunk)
    arrays = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Shard(*arrays, content=content.name(), complete=content.complete)


def _write(name: str, documents: Documents, build: Build, folder: Path) -> None:
    content = _Content(build.tokenizer)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context((folder / file).open("wb")) for file in FILES]
        for chunk, more in _limited(tokenize(documents, build.tokenizer), build.limit):
            for file, array in zip(files, chunk, strict=True):
                file.write(array.data)
            content.add(chunk, more)
            if build.tell is not None:
                build.tell(documents.done(), documents.size, name)
    about = {"content": content.name(), "complete": content.complete, "documents": content.documents}
    write_manifest(folder, MANIFEST, about)


def _open(path: Path, build: Build) -> Shard:
    about = read_manifest(path, MANIFEST)
    arrays = [mapped(path / file, kind) for file, kind in zip(FILES, _kinds(build.tokenizer), strict=True)]
    return Shard(*arrays, content=about["content"], complete=about["complete"])


def _kinds(tokenizer: Tokenizer) -> tuple[Any, ...]:
    return token_type(tokenizer.vocab), np.uint32, np.uint32, np.uint64


def first_of_each(digests_D: np.ndarray) -> np.ndarray:
    """Mask (D,) of the documents that are the first with their digest.

    >>> first_of_each(np.array([7, 3, 7], np.uint64)).tolist()
    [True, True, False]
    """
    order_D = np.argsort(digests_D, kind="stable")
    again_D = np.zeros(len(order_D), bool)
    for at in range(1, len(order_D), CHUNK_TEXT):  # in parts: a sorted copy would take as much memory again
        part = order_D[at - 1 : at + CHUNK_TEXT]
        sorted_B = digests_D[part]
        again_D[part[1:][sorted_B[1:] == sorted_B[:-1]]] = True
    return ~again_D


def count_documents(
    paths: Sequence[str | Path],
    *,
    base: Path | str = ".",
    tokenizer: Tokenizer | None = None,
    within: Path | str | None = None,
) -> tuple[int, int]:
    """(documents, tokens) of the distinct documents of all files, end marks counted; bytes where no tokenizer is given.

    Memory holds 12 bytes a document. `base`, `within` and errors: as in `read_documents`.
    """
    chunks = tokenize(read_documents(paths, base=base, within=within), tokenizer or ByteTokenizer())
    parts = [(lengths, digests) for _, lengths, _, digests in chunks]
    if not parts:
        return 0, 0
    lengths, digests = (np.concatenate(column) for column in zip(*parts, strict=True))
    first = first_of_each(digests)
    return int(first.sum()), int(lengths[first].sum(dtype=np.int64))
