"""A corpus: each source's training tokens, the targets' held-out tokens, and the split between them.

Tokens are bytes of UTF-8; every document is followed by one end mark. A source's unique tokens U are its
training tokens, end marks included.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from mixlaw.errors import MixlawError

END = 256  # the token after every document
VOCAB = 257
PIECE = 4096  # longer documents are drawn in pieces, so that no run depends on which few long files came first
HELD_OUT = 1 / 20  # of a source's tokens, and within these limits:
HELD_OUT_LEAST, HELD_OUT_MOST = 65_536, 131_072  # fewer make losses noisy, more make evaluation slow
HELD_OUT_LARGEST_SHARE = 0.2
SPLIT_LEAST = 200  # tokens: what is held out of less measures nothing


@dataclass(frozen=True)
class Text:
    """Documents end to end: `tokens` (uint16); `starts` (int64) of each piece, with the end appended."""

    tokens: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Corpus:
    """Training text by source, held-out tokens by target, and remarks for the person who reads the plan."""

    train: Mapping[str, Text]
    targets: Mapping[str, np.ndarray]
    seed: int
    notes: tuple[str, ...] = ()
    documents: Mapping[str, int] = field(default_factory=dict)
    cut_short: frozenset[str] = frozenset()
    """Sources of which only the beginning was read."""

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.train)

    @property
    def tokens(self) -> dict[str, int]:
        """U: the unique training tokens of each source."""
        return {source: len(text) for source, text in self.train.items()}

    @cached_property
    def hash(self) -> str:
        """Names every byte of the corpus and its split."""
        digest = hashlib.blake2b(f"mixlaw corpus 1, seed {self.seed}".encode(), digest_size=16)
        for kind, table in (("train", self.train), ("target", self.targets)):
            for name, text in table.items():
                arrays = (text.tokens, text.starts) if isinstance(text, Text) else (text,)
                digest.update(json.dumps([kind, name, [len(a) for a in arrays]]).encode())
                for array in arrays:
                    digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def save(self, folder: Path) -> Path:
        """Write `corpus-<hash>` into the folder, unless it is there, for `load`. Returns its path."""
        path = Path(folder) / f"corpus-{self.hash}"
        if (path / "corpus.json").exists():
            return path
        path.mkdir(parents=True, exist_ok=True)
        for index, text in enumerate(self.train.values()):
            np.save(path / f"train-{index}.npy", text.tokens)
            np.save(path / f"starts-{index}.npy", text.starts)
        for index, tokens in enumerate(self.targets.values()):
            np.save(path / f"target-{index}.npy", tokens)
        about = {"hash": self.hash, "seed": self.seed, "notes": self.notes, "documents": dict(self.documents)}
        about |= {"train": list(self.train), "targets": list(self.targets)}
        draft = path / f"corpus.json.{os.getpid()}"
        draft.write_text(json.dumps(about), encoding="utf-8")
        os.replace(draft, path / "corpus.json")  # last, so that a half-written corpus is written again
        return path

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        """The corpus that `save` wrote, its tokens mapped from disk rather than read."""
        about = json.loads((Path(path) / "corpus.json").read_text(encoding="utf-8"))

        def array(name: str) -> np.ndarray:
            return np.load(Path(path) / f"{name}.npy", mmap_mode="r")

        train = {s: Text(array(f"train-{i}"), array(f"starts-{i}")) for i, s in enumerate(about["train"])}
        targets = {t: array(f"target-{i}") for i, t in enumerate(about["targets"])}
        corpus = cls(train, targets, about["seed"], tuple(about["notes"]), about["documents"])
        corpus.__dict__["hash"] = about["hash"]  # the cached property: a worker need not read it all to know it
        return corpus


def encode(document: str) -> np.ndarray:
    """Tokens (uint16) of a document: its bytes, and END."""
    data = document.encode("utf-8", "surrogatepass")
    return np.append(np.frombuffer(data, np.uint8).astype(np.uint16), np.uint16(END))


def build_corpus(
    documents: Mapping[str, Iterable[str]],
    seed: int = 0,
    *,
    targets: Mapping[str, Iterable[str] | None] | None = None,
    limit: int = 64_000_000,
) -> Corpus:
    """Split every source into training and held-out documents.

    A target named without documents (None), like every source where `targets` is None, is measured on that
    source's held-out documents. Which documents are held out depends on their content and the seed alone.
    Exact duplicates are dropped, and no held-out document stays in the training text of any source
    (near-duplicates may). Reading a source stops at `limit` tokens, with a note.
    Raises MixlawError for a source or target
    that is empty or too small to be split.
    """
    if not documents:
        raise MixlawError("no source has text; give at least one source `paths`")
    own: dict[str, Iterable[str] | None] = dict(targets) if targets is not None else dict.fromkeys(documents)
    notes: list[str] = []
    pools, cut_short = {}, set()
    for source, stream in documents.items():
        pools[source], complete = _pool(source, stream, limit, notes)
        cut_short |= set() if complete else {source}
    held: dict[bytes, str] = {}  # digest -> the only source that may keep training on (the rest of) it
    targets_out: dict[str, np.ndarray] = {}
    for name, stream in own.items():
        if stream is None:
            if name not in pools:
                raise MixlawError(f"target {name}: no source has that name; give the target `paths` of its own")
            kept, pools[name], digests = _split(name, pools[name], seed, notes)
        else:
            pool, _ = _pool(name, stream, HELD_OUT_MOST, notes, kind="target")
            kept, digests = list(pool.values()), dict.fromkeys(pool, "")
        for digest, owner in digests.items():  # held out whole by one target, it is nobody's to train on
            held[digest] = owner if held.get(digest, owner) == owner else ""
        targets_out[name] = np.concatenate(kept)[:HELD_OUT_MOST]
    train = {source: _text(source, pool, held, notes) for source, pool in pools.items()}
    counts = {source: len(pool) for source, pool in pools.items()}
    return Corpus(train, targets_out, seed, tuple(notes), counts, frozenset(cut_short))


def _pool(
    name: str, stream: Iterable[str], limit: int, notes: list[str], kind: str = "source"
) -> tuple[dict[bytes, np.ndarray], bool]:
    """A source's distinct documents by the digest of their content, in the order read; whether all were read."""
    pool: dict[bytes, np.ndarray] = {}
    total, repeats, complete = 0, 0, True
    for document in stream:
        text = document.strip()
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if not text or digest in pool:
            repeats += bool(text)
            continue
        pool[digest] = encode(document)
        total += len(pool[digest])
        if total >= limit:
            notes.append(f"{kind} {name}: only its first {total:,} tokens were read (limit {limit:,})")
            complete = False
            break
    if repeats:
        notes.append(f"{kind} {name}: {repeats:,} exact duplicates were dropped")
    if not pool:
        raise MixlawError(f"{kind} {name}: no text in it; mend its `paths` or leave it out")
    return pool, complete


def _split(
    source: str, pool: dict[bytes, np.ndarray], seed: int, notes: list[str]
) -> tuple[list[np.ndarray], dict[bytes, np.ndarray], dict[bytes, str]]:
    """(held-out documents, documents left to train on, digests held out) of one source."""
    total = sum(map(len, pool.values()))
    if total < SPLIT_LEAST:
        raise MixlawError(f"source {source}: {total:,} tokens are too few to hold any out; give it {SPLIT_LEAST:,}")
    goal = min(max(HELD_OUT * total, HELD_OUT_LEAST), HELD_OUT_MOST, HELD_OUT_LARGEST_SHARE * total)
    salt = f"held out {seed}".encode()[:16]
    order = sorted(pool, key=lambda d: hashlib.blake2b(d, digest_size=16, salt=salt).digest())
    chosen: dict[bytes, str] = {}
    taken = 0
    for digest in order:
        # A document that overshoots by much is passed over: holding it out would starve the training text.
        if taken < goal and len(pool[digest]) <= 1.5 * (goal - taken):
            chosen[digest] = ""
            taken += len(pool[digest])
    if chosen:
        rest = {digest: tokens for digest, tokens in pool.items() if digest not in chosen}
        return [pool[digest] for digest in chosen], rest, chosen
    longest = max(pool, key=lambda d: len(pool[d]))
    document = pool[longest]
    cut = len(document) - min(int(goal) + 1, len(document) // 2)
    notes.append(
        f"source {source}: its documents are too few or too long to hold whole ones out; the last"
        f" {len(document) - cut:,} tokens of its longest are held out"
    )
    return [document[cut:]], pool | {longest: document[:cut]}, {longest: source}


def _text(source: str, pool: dict[bytes, np.ndarray], held: dict[bytes, str], notes: list[str]) -> Text:
    """The training text of a source, without documents held out anywhere, cut into pieces."""
    kept = {d: tokens for d, tokens in pool.items() if held.get(d, source) == source}
    if len(kept) < len(pool):
        notes.append(f"source {source}: {len(pool) - len(kept):,} documents held out elsewhere were dropped")
    if not kept:
        raise MixlawError(f"source {source}: every document is held out as a target; give it more text")
    tokens = np.concatenate(list(kept.values()))
    starts, at = [], 0
    for document in kept.values():
        starts.extend(range(at, at + len(document), PIECE))
        at += len(document)
    return Text(tokens, np.asarray([*starts, at], np.int64))
