"""Corpus: training tokens by source and held-out tokens by target.

A source's unique tokens U are its training tokens, including end marks. All its tokens are stored in one array, mapped
from disk if it is large. Duplicates and held-out documents are stored there too, but no training piece contains them.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.holdout import HELD_OUT_MOST, NOBODY, Held, given, hold_out, pool_of, training_pieces
from proxies.text.atomic_folders import crc32, digest_of, draft, is_whole, link, mapped, read_manifest, write_manifest
from proxies.text.readers import Documents
from proxies.text.shards import Build
from proxies.text.tokenizer import END, VOCAB

__all__ = ["END", "HELD_OUT_MOST", "VOCAB", "Build", "Corpus", "Text", "build_corpus"]
MANIFEST = "corpus.json"
LOG = logging.getLogger("proxies")


@dataclass(frozen=True)
class Text:
    """Pieces of stored tokens: `starts` (P,) and `lengths` (P,) of each in `stored`, in the order read.

    `content`: hash of the stored tokens, None if they would have to be read for it.
    """

    stored: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    content: str | None = None

    def __len__(self) -> int:
        return self._total

    @cached_property
    def _total(self) -> int:
        return int(self.lengths.sum(dtype=np.int64))

    @property
    def tokens(self) -> np.ndarray:
        """All pieces concatenated in memory."""
        pieces = zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        return np.concatenate([self.stored[start : start + length] for start, length in pieces])


@dataclass(frozen=True)
class Corpus:
    """Training text by source and held-out tokens by target. Made by `build_corpus`.

    Attributes:
        train: training text by source. targets: held-out tokens by target.
        seed: of the split.
        notes: remarks for the reader of the plan.
        documents: number of training documents by source.
        tokenizer: its name. vocab: number of different tokens. end: the token after every document.
        bytes_per_token: by target; nats per token divided by it are nats per byte, which can be compared between
            tokenizers.
    """

    train: Mapping[str, Text]
    targets: Mapping[str, np.ndarray]
    seed: int
    notes: tuple[str, ...] = ()
    documents: Mapping[str, int] = field(default_factory=dict)
    cut_short: frozenset[str] = frozenset()
    """Sources of which only the beginning was read."""
    tokenizer: str = "bytes"
    vocab: int = VOCAB
    end: int = END
    bytes_per_token: Mapping[str, float] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.train)

    @property
    def tokens(self) -> dict[str, int]:
        """U: number of unique training tokens by source."""
        return {source: len(text) for source, text in self.train.items()}

    @cached_property
    def hash(self) -> str:
        """Hash of all tokens, the tokenizer and the split."""
        about = ["mixlaw corpus 2", self.seed, self.tokenizer, self.vocab, self.end]
        whole = hashlib.blake2b(json.dumps(about).encode(), digest_size=16)
        for source, text in self.train.items():
            content = text.content or digest_of(text.stored)
            whole.update(json.dumps(["train", source, content, len(text.starts)]).encode())
            whole.update(digest_of(text.starts, text.lengths).encode())
        for target, tokens in self.targets.items():
            whole.update(json.dumps(["target", target, len(tokens), digest_of(tokens)]).encode())
        return whole.hexdigest()

    @cached_property
    def definitions(self) -> dict[str, str]:
        """Hash of each target's held-out tokens, which identifies its text in run tables."""
        return {target: digest_of(tokens)[:16] for target, tokens in self.targets.items()}

    def save(self, folder: Path) -> Path:
        """Write the folder `corpus-<hash>` for `load`, unless it exists undamaged. Returns its path.

        Tokens on the same disk are linked instead of copied. Raises MixlawError if it cannot be written.
        """
        path = Path(folder) / f"corpus-{self.hash}"
        if not is_whole(path, MANIFEST):
            if os.path.lexists(path):
                LOG.warning("%s: was damaged, and is written again", path)
            with draft(path, MANIFEST) as place:
                for index, text in enumerate(self.train.values()):
                    link(text.stored, place / f"tokens-{index}.bin")
                    _check_linked(text, place / f"tokens-{index}.bin")
                    text.starts.astype(np.int64).tofile(place / f"starts-{index}.bin")
                    text.lengths.astype(np.uint32).tofile(place / f"lengths-{index}.bin")
                for index, tokens in enumerate(self.targets.values()):
                    tokens.tofile(place / f"target-{index}.bin")
                write_manifest(place, MANIFEST, self._about())
        return path

    def _about(self) -> dict[str, Any]:
        """Content of `corpus.json` without the sizes of the files."""
        kinds = [str(text.stored.dtype) for text in self.train.values()]
        return {
            "hash": self.hash,
            "seed": self.seed,
            "notes": self.notes,
            "documents": dict(self.documents),
            "cut_short": sorted(self.cut_short),
            "tokenizer": self.tokenizer,
            "vocab": self.vocab,
            "end": self.end,
            "bytes_per_token": dict(self.bytes_per_token),
            "train": [[s, text.content, kind] for (s, text), kind in zip(self.train.items(), kinds, strict=True)],
            "targets": [[target, str(tokens.dtype)] for target, tokens in self.targets.items()],
        }

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        """The corpus that `save` wrote, its tokens mapped from disk rather than read.

        Raises MixlawError, naming the folder, if a file is absent or is not what was written.
        """
        path = Path(path)
        if not is_whole(path, MANIFEST):
            raise MixlawError(f"{path}: absent or damaged (a file is not what was written); delete it and sweep again")
        about = read_manifest(path, MANIFEST)

        def array(name: str, kind: Any) -> np.ndarray:
            return mapped(path / f"{name}.bin", kind)

        train = {
            source: Text(
                array(f"tokens-{i}", kind), array(f"starts-{i}", np.int64), array(f"lengths-{i}", "u4"), content
            )
            for i, (source, content, kind) in enumerate(about["train"])
        }
        targets = {target: array(f"target-{i}", kind) for i, (target, kind) in enumerate(about["targets"])}
        corpus = cls(
            train, targets, about["seed"], tuple(about["notes"]), about["documents"], frozenset(about["cut_short"]),
            about["tokenizer"], about["vocab"], about["end"], about["bytes_per_token"],
        )  # fmt: skip
        corpus.__dict__["hash"] = about["hash"]  # the cached property: a worker need not read it all to know it
        return corpus


def _check_linked(text: Text, path: Path) -> None:
    """Raise MixlawError if the file is not the text that was opened, whose name ends with its checksum."""
    if text.content and f"{crc32(path):08x}" != text.content.rpartition("-")[2]:
        raise MixlawError(f"{path.parent.parent}: tokenized text has been damaged since it was opened; sweep again")


def build_corpus(
    documents: Mapping[str, Iterable[str]],
    seed: int = 0,
    *,
    targets: Mapping[str, Iterable[str] | None] | None = None,
    build: Build | None = None,
) -> Corpus:
    """Tokenize every source and split it into training and held-out documents.

    The split depends on the documents' content and the seed only. Exact duplicates are dropped, and no held-out
    document stays in the training text of any source (near-duplicates may). A source is read up to `build.limit`
    tokens, with a note. Memory: about 60 bytes per document, and the tokens if `build.cache` is None or a source is
    not a `Documents` of files.

    >>> corpus = build_corpus({"web": [f"text {i} " * 20 for i in range(40)]}, seed=0)
    >>> corpus.sources, list(corpus.targets), corpus.tokenizer
    (('web',), ['web'], 'bytes')

    Args:
        documents: texts by source.
        seed: of the split.
        targets: texts by target; None for a target: the held-out documents of the source of this name. If omitted,
            every source is a target.
        build: tokenizer, limit and cache.

    Raises:
        MixlawError: if a source or target is empty or too small to be split.
    """
    if not documents:
        raise MixlawError("no source has text; give at least one source `paths`")
    own = dict(targets) if targets is not None else dict.fromkeys(documents)
    build = build or Build()
    notes: list[str] = []
    pools = {}
    for source, stream in documents.items():
        pools[source] = pool_of("source", source, stream, _told(build, documents, source), notes)
    held: dict[str, Held] = {}
    for name, stream in own.items():
        if stream is not None:
            held[name] = given(name, stream, build, notes)
        elif name in pools:
            held[name] = hold_out(pools[name], seed, notes)
        else:
            raise MixlawError(f"target {name}: no source has that name; give the target `paths` of its own")
    owners: dict[int, str] = {}
    for part in held.values():
        for digest, owner in part.owners.items():  # held out whole by one target, it is nobody's to train on
            owners[digest] = owner if owners.get(digest, owner) == owner else NOBODY
    train, counts = {}, {}
    for source, pool in pools.items():
        train[source] = Text(pool.shard.tokens, *training_pieces(pool, owners, notes), pool.shard.content)
        counts[source] = int(pool.kept_D.sum())
    if build.tell is not None:
        total = sum(_size(stream) for stream in documents.values())
        build.tell(total, total, "")
    tokenizer = build.tokenizer
    return Corpus(
        train,
        {name: part.tokens for name, part in held.items()},
        seed,
        tuple(notes),
        counts,
        frozenset(source for source, pool in pools.items() if not pool.shard.complete),
        tokenizer.name,
        tokenizer.vocab,
        tokenizer.end,
        {name: part.bytes / len(part.tokens) for name, part in held.items()},
    )


def _size(stream: Iterable[str]) -> int:
    return stream.size if isinstance(stream, Documents) else 0


def _told(build: Build, documents: Mapping[str, Iterable[str]], source: str) -> Build:
    """`build` with progress counted over the files of all sources."""
    tell, names = build.tell, list(documents)
    if tell is None:
        return build
    before = sum(_size(documents[name]) for name in names[: names.index(source)])
    total = sum(map(_size, documents.values()))
    return replace(build, tell=lambda done, _, name: tell(before + done, total, name))
