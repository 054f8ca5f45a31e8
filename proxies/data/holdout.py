"""Split of every source's documents into training and held-out text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mixlaw.errors import MixlawError
from proxies.text.shards import Build, Shard, first_of_each, shard

PIECE = 4096  # longer documents are drawn in pieces, so that runs do not depend on the order of a few long files
HELD_OUT = 1 / 20  # of a source's tokens, and within these limits:
HELD_OUT_LEAST, HELD_OUT_MOST = 65_536, 131_072  # fewer make losses noisy, more make evaluation slow
HELD_OUT_LARGEST_SHARE = 0.2
SPLIT_LEAST = 200  # tokens: smaller sources cannot be split
BLOCK = 1 << 16  # documents looked at together
NOBODY = ""  # owner of documents that no source may train on


@dataclass
class Pool:
    """A source's shard, the mask (D,) of its training documents, and a document that was cut, if any.

    No other data per document is stored: memory limits the text that can be split.
    """

    name: str
    shard: Shard
    kept_D: np.ndarray
    """Whether each is the first of its kind and not held out."""
    cut: tuple[int, int] | None = None
    """(document, tokens from its start that are left)."""

    def starts(self) -> np.ndarray:
        """Where each document begins in the shard, (D,) int64."""
        starts_D = np.cumsum(self.shard.lengths, dtype=np.int64)
        starts_D -= self.shard.lengths
        return starts_D


@dataclass(frozen=True)
class Held:
    """A target's tokens, their bytes of text, and for each of its documents the source that may train on the rest."""

    tokens: np.ndarray
    bytes: float
    owners: Mapping[int, str]


def pool_of(kind: str, name: str, stream: Iterable[str], build: Build, notes: list[str]) -> Pool:
    """Distinct documents of a source or target (`kind`). Raises MixlawError if it has no text."""
    made = shard(name, stream, build, notes)
    if not made.complete:
        notes.append(f"{kind} {name}: only its first {len(made.tokens):,} tokens were read (limit {build.limit:,})")
    kept_D = first_of_each(made.digests)
    distinct = int(kept_D.sum())
    if not distinct:
        raise MixlawError(f"{kind} {name}: no text in it; mend its `paths` or leave it out")
    if distinct < len(kept_D):
        notes.append(f"{kind} {name}: {len(kept_D) - distinct:,} exact duplicates were dropped")
    return Pool(name, made, kept_D)


def given(name: str, stream: Iterable[str], build: Build, notes: list[str]) -> Held:
    """Held-out tokens of a target with text of its own, up to HELD_OUT_MOST."""
    pool = pool_of("target", name, stream, replace(build, limit=HELD_OUT_MOST, tell=None), notes)
    return _held(pool, np.flatnonzero(pool.kept_D).tolist(), NOBODY)


def _held(pool: Pool, documents: list[int], owner: str, cut: int = 0) -> Held:
    """The documents' tokens from `cut` on, up to HELD_OUT_MOST; bytes of a document cut count in proportion."""
    starts, lengths = pool.starts()[documents].tolist(), pool.shard.lengths[documents].tolist()
    parts = [pool.shard.tokens[s + cut : s + length] for s, length in zip(starts, lengths, strict=True)]
    tokens = np.concatenate(parts)[:HELD_OUT_MOST]
    left, size = len(tokens), 0.0
    for of_text, length in zip(pool.shard.bytes[documents].tolist(), lengths, strict=True):
        size += of_text * min(left, length - cut) / length
        left -= min(left, length - cut)
    return Held(tokens, size, dict.fromkeys(pool.shard.digests[documents].tolist(), owner))


def hold_out(pool: Pool, seed: int, notes: list[str]) -> Held:
    """Hold out documents, or the end of the longest one, chosen by content and seed only; the pool is updated.

    Raises MixlawError if the source is too small.
    """
    distinct_d = np.flatnonzero(pool.kept_D)
    total = int(pool.shard.lengths[distinct_d].sum(dtype=np.int64))
    if total < SPLIT_LEAST:
        raise MixlawError(f"source {pool.name}: {total:,} tokens are too few to hold any out; give it {SPLIT_LEAST:,}")
    goal = min(max(HELD_OUT * total, HELD_OUT_LEAST), HELD_OUT_MOST, HELD_OUT_LARGEST_SHARE * total)
    order_d = distinct_d[np.argsort(_mixed(pool.shard.digests[distinct_d], seed))]
    chosen = _chosen(order_d, pool.shard.lengths, goal)
    if chosen:
        pool.kept_D[chosen] = False
        return _held(pool, chosen, NOBODY)
    longest = int(distinct_d[np.argmax(pool.shard.lengths[distinct_d])])
    length = int(pool.shard.lengths[longest])
    cut = length - min(int(goal) + 1, length // 2)
    notes.append(
        f"source {pool.name}: its documents are too few or too long to hold whole ones out; the last"
        f" {length - cut:,} tokens of its longest are held out"
    )
    pool.cut = longest, cut
    return _held(pool, [longest], pool.name, cut)


def _chosen(order_d: np.ndarray, lengths_D: np.ndarray, goal: float) -> list[int]:
    """The first documents in order that make up the goal in tokens.

    One that overshoots by much is passed over: holding it out would starve the training text.
    """
    chosen: list[int] = []
    taken = 0
    for start in range(0, len(order_d), BLOCK):
        part = order_d[start : start + BLOCK]
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

    Raises MixlawError if no document is left.
    """
    barred = np.array([digest for digest, owner in owners.items() if owner != pool.name], np.uint64)
    parts, begin, before = [(np.zeros(0, np.int64), np.zeros(0, np.uint32))], 0, int(pool.kept_D.sum())
    for at in range(0, len(pool.kept_D), BLOCK):
        block = slice(at, at + BLOCK)
        pool.kept_D[block] &= ~np.isin(pool.shard.digests[block], barred)
        stored_B = pool.shard.lengths[block].astype(np.int64)
        starts_B, begin = begin + np.cumsum(stored_B) - stored_B, begin + int(stored_B.sum())
        if pool.cut is not None and at <= pool.cut[0] < at + BLOCK:
            stored_B[pool.cut[0] - at] = pool.cut[1]
        parts.append(_pieces(starts_B[pool.kept_D[block]], stored_B[pool.kept_D[block]]))
    left = int(pool.kept_D.sum())
    if left < before:
        notes.append(f"source {pool.name}: {before - left:,} documents held out elsewhere were dropped")
    if not left:
        raise MixlawError(f"source {pool.name}: every document is held out as a target; give it more text")
    starts, lengths = zip(*parts, strict=True)
    return np.concatenate(starts), np.concatenate(lengths)


def _pieces(starts_D: np.ndarray, lengths_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(starts, lengths) of documents cut into pieces of PIECE tokens, the last of each shorter."""
    counts_D = -(-lengths_D // PIECE)
    owner_P = np.repeat(np.arange(len(starts_D)), counts_D)
    offset_P = (np.arange(len(owner_P)) - np.repeat(np.cumsum(counts_D) - counts_D, counts_D)) * PIECE
    return starts_D[owner_P] + offset_P, np.minimum(PIECE, lengths_D[owner_P] - offset_P).astype(np.uint32)
