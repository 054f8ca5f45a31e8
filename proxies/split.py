"""Which documents are held out: the split of every source's text into what is trained on and what is measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mixlaw.errors import MixlawError
from proxies.shards import Build, Shard, first_of_each, shard

PIECE = 4096  # longer documents are drawn in pieces, so that no run depends on which few long files came first
HELD_OUT = 1 / 20  # of a source's tokens, and within these limits:
HELD_OUT_LEAST, HELD_OUT_MOST = 65_536, 131_072  # fewer make losses noisy, more make evaluation slow
HELD_OUT_LARGEST_SHARE = 0.2
SPLIT_LEAST = 200  # tokens: what is held out of less measures nothing
NOBODY = ""  # who may train on what is held out whole


@dataclass
class Pool:
    """A source's distinct documents in the order read: where each lies in its shard, and the tokens of it to use."""

    name: str
    shard: Shard
    places: np.ndarray
    """The number of each among all documents of the shard."""
    starts: np.ndarray
    lengths: np.ndarray
    digests: np.ndarray
    kept: np.ndarray
    """Numbers of the documents that are not held out for this source's own target."""

    def tokens(self, document: int, cut: int = 0) -> np.ndarray:
        """A document's tokens from `cut` on, shape (T,)."""
        start = int(self.starts[document])
        return np.asarray(self.shard.tokens[start + cut : start + int(self.lengths[document])])

    def bytes(self, document: int) -> int:
        """Bytes of a document's text."""
        return int(self.shard.bytes[self.places[document]])


@dataclass(frozen=True)
class Held:
    """A target's tokens, their bytes of text, and who may train on (the rest of) each document it was taken from."""

    tokens: np.ndarray
    bytes: float
    owners: Mapping[int, str]


def pool_of(kind: str, name: str, stream: Iterable[str], build: Build, notes: list[str]) -> Pool:
    """A source's or target's (`kind`) distinct documents. Raises MixlawError where it has no text."""
    made = shard(name, stream, build)
    if not made.complete:
        notes.append(f"{kind} {name}: only its first {len(made.tokens):,} tokens were read (limit {build.limit:,})")
    first = first_of_each(made.digests)
    if not len(first):
        raise MixlawError(f"{kind} {name}: no text in it; mend its `paths` or leave it out")
    if len(first) < len(made.digests):
        notes.append(f"{kind} {name}: {len(made.digests) - len(first):,} exact duplicates were dropped")
    lengths = np.asarray(made.lengths)
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    return Pool(
        name, made, first, starts[first], lengths[first].astype(np.int64), made.digests[first], np.arange(len(first))
    )


def given(name: str, stream: Iterable[str], build: Build, notes: list[str]) -> Held:
    """A target's own text, as much of it as is measured."""
    pool = pool_of("target", name, stream, replace(build, limit=HELD_OUT_MOST, tell=None), notes)
    return _held(pool, pool.kept.tolist(), dict.fromkeys(pool.digests.tolist(), NOBODY))


def _held(pool: Pool, documents: list[int], owners: Mapping[int, str], cut: int = 0) -> Held:
    """The documents' tokens from `cut` on, up to HELD_OUT_MOST; bytes of a document cut count in proportion."""
    tokens = np.concatenate([pool.tokens(document, cut) for document in documents])[:HELD_OUT_MOST]
    left, size = len(tokens), 0.0
    for document in documents:
        part = min(left, int(pool.lengths[document]) - cut)
        size += pool.bytes(document) * part / int(pool.lengths[document])
        left -= part
    return Held(tokens, size, owners)


def hold_out(pool: Pool, seed: int, notes: list[str]) -> Held:
    """Takes documents, or the end of the longest, out of the pool: which follows from content and seed alone.

    Raises MixlawError where the source is too small.
    """
    total = int(pool.lengths.sum())
    if total < SPLIT_LEAST:
        raise MixlawError(f"source {pool.name}: {total:,} tokens are too few to hold any out; give it {SPLIT_LEAST:,}")
    goal = min(max(HELD_OUT * total, HELD_OUT_LEAST), HELD_OUT_MOST, HELD_OUT_LARGEST_SHARE * total)
    chosen = _chosen(np.argsort(_mixed(pool.digests, seed)), pool.lengths, goal)
    if chosen:
        pool.kept = np.delete(pool.kept, chosen)
        return _held(pool, chosen, dict.fromkeys(pool.digests[chosen].tolist(), NOBODY))
    longest = int(np.argmax(pool.lengths))
    length = int(pool.lengths[longest])
    cut = length - min(int(goal) + 1, length // 2)
    notes.append(
        f"source {pool.name}: its documents are too few or too long to hold whole ones out; the last"
        f" {length - cut:,} tokens of its longest are held out"
    )
    held = _held(pool, [longest], {int(pool.digests[longest]): pool.name}, cut)
    pool.lengths[longest] = cut
    return held


def _chosen(order_D: np.ndarray, lengths_D: np.ndarray, goal: float) -> list[int]:
    """The first documents in order that make up the goal in tokens.

    One that overshoots by much is passed over: holding it out would starve the training text.
    """
    chosen: list[int] = []
    taken = 0
    for start in range(0, len(order_D), 4096):
        part = order_D[start : start + 4096]
        for document, length in zip(part.tolist(), lengths_D[part].tolist(), strict=True):
            if taken >= goal:
                return chosen
            if length <= 1.5 * (goal - taken):
                chosen.append(document)
                taken += length
    return chosen


def _mixed(digests_D: np.ndarray, seed: int) -> np.ndarray:
    """Digests in an order of the seed's own: SplitMix64's finisher (Steele et al. 2014), a bijection of 64 bits."""
    key = np.random.default_rng([seed, 0x4E1D]).integers(0, 1 << 64, dtype=np.uint64)
    x_D = digests_D ^ key
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x_D = (x_D ^ (x_D >> np.uint64(shift))) * np.uint64(factor)
    return x_D ^ (x_D >> np.uint64(31))


def training_pieces(pool: Pool, owners: Mapping[int, str], notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(starts_P, lengths_P) of a source's training text, without documents held out anywhere, cut into pieces.

    Raises MixlawError where nothing is left.
    """
    barred = np.array([digest for digest, owner in owners.items() if owner != pool.name], np.uint64)
    elsewhere = np.isin(pool.digests[pool.kept], barred)
    if elsewhere.any():
        notes.append(f"source {pool.name}: {elsewhere.sum():,} documents held out elsewhere were dropped")
        pool.kept = pool.kept[~elsewhere]
    if not len(pool.kept):
        raise MixlawError(f"source {pool.name}: every document is held out as a target; give it more text")
    return _pieces(pool.starts[pool.kept], pool.lengths[pool.kept])


def _pieces(starts_D: np.ndarray, lengths_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(starts, lengths) of documents cut into pieces of PIECE tokens, the last of each shorter."""
    counts_D = -(-lengths_D // PIECE)
    owner_P = np.repeat(np.arange(len(starts_D)), counts_D)
    offset_P = (np.arange(len(owner_P)) - np.repeat(np.cumsum(counts_D) - counts_D, counts_D)) * PIECE
    return starts_D[owner_P] + offset_P, np.minimum(PIECE, lengths_D[owner_P] - offset_P).astype(np.uint32)
