"""A tokenizer of one's own: byte-level BPE, trained by the `tokenizers` library on an equal sample of every source."""

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mixlaw.errors import MixlawError
from proxies.text.readers import Documents
from proxies.text.shards import Tell
from proxies.text.tokenizer import END_MARKS, VOCAB, FileTokenizer, tokenizers_library

SAMPLE = 64_000_000  # characters over all sources
READ = 100  # times its share of the sample are read of a source at most
PART = 1 << 16  # characters: a longer document is drawn in parts


@dataclass(frozen=True)
class Trained:
    """A trained tokenizer: its JSON `text`, `vocab` entries with the end mark, by source the characters it saw and
    the bytes a token holds in them, and what to know of it."""

    text: str
    vocab: int
    sampled: Mapping[str, int]
    bytes_per_token: Mapping[str, float]
    notes: tuple[str, ...]


def train_tokenizer(
    documents: Mapping[str, Iterable[str]], vocab: int, *, seed: int = 0, size: int = SAMPLE, tell: Tell | None = None
) -> Trained:
    """Train a tokenizer of `vocab` entries on `size` characters, an equal share of them drawn from every source.

    `tell(done, total, what)` is told of bytes read and then of characters learnt from. The same text, seed and
    settings give the same tokenizer. Raises MixlawError for a vocabulary too small for bytes and their end mark, or
    a source without text.
    """
    library = tokenizers_library()
    if vocab < VOCAB:
        raise MixlawError(f"vocab {vocab}: all bytes and the end mark need {VOCAB}; give at least that many")
    notes: list[str] = []
    share = max(1, size // max(1, len(documents)))
    parts = {name: _sample(name, stream, share, seed, notes, tell) for name, stream in documents.items()}
    model = library.Tokenizer(library.models.BPE())
    model.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END_MARKS[0]],
        initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    model.train_from_iterator(_watched(parts, tell), trainer)
    text = model.to_str()
    trained = FileTokenizer(text, "the tokenizer trained")
    if trained.vocab < vocab:
        notes.append(f"the text has only {trained.vocab:,} entries to learn, of {vocab:,} asked for")
    bytes_per_token = {name: _bytes_per_token(trained, own) for name, own in parts.items()}
    sampled = {name: sum(map(len, own)) for name, own in parts.items()}
    return Trained(text, trained.vocab, sampled, bytes_per_token, tuple(notes))


def _sample(name: str, stream: Iterable[str], share: int, seed: int, notes: list[str], tell: Tell | None) -> list[str]:
    """Parts of documents of `share` characters in all, each as likely as any other, in memory that holds no more.

    A part's rank is a hash of its text and the seed; the lowest are kept, so the order of files does not matter.
    """
    kept: list[tuple[int, str]] = []
    size, read = 0, 0
    for number, part in enumerate(_parts(stream)):
        rank = hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=8, key=str(seed).encode()[:64]).digest()
        heapq.heappush(kept, (-int.from_bytes(rank, "little"), part))
        size, read = size + len(part), read + len(part)
        while size - len(kept[0][1]) >= share:
            size -= len(heapq.heappop(kept)[1])
        if tell is not None and isinstance(stream, Documents) and number % 256 == 0:
            tell(stream.done(), stream.size, f"reading {name}")
        if read >= READ * share:
            notes.append(f"source {name}: sampled from its first {read:,} characters")
            break
    if not kept:
        raise MixlawError(f"source {name}: no text in it; mend its `paths` or leave it out")
    if size < share:
        notes.append(f"source {name}: all of its {size:,} characters are used, less than its share of {share:,}")
    return [part for _, part in sorted(kept, reverse=True)]


def _parts(stream: Iterable[str]) -> Iterator[str]:
    for document in stream:
        for start in range(0, len(document), PART):
            yield document[start : start + PART]


def _watched(parts: Mapping[str, list[str]], tell: Tell | None) -> Iterator[list[str]]:
    total, done = sum(sum(map(len, own)) for own in parts.values()), 0
    for name, own in parts.items():
        for start in range(0, len(own), 64):
            batch = [part.encode("utf-8", "replace").decode() for part in own[start : start + 64]]
            yield batch
            done += sum(map(len, batch))
            if tell is not None:
                tell(done, total, f"learning from {name}")


def _bytes_per_token(tokenizer: FileTokenizer, parts: list[str]) -> float:
    """Over the first parts of a sample, which are in no order."""
    few = parts[:64]
    tokens, _ = tokenizer.encode(few)
    return sum(len(part.encode("utf-8", "replace")) for part in few) / len(tokens)
