"""Batches by a mixture that changes during the run, and probes: sequences read for the signal only."""

from collections.abc import Mapping, Sequence

import numpy as np

from proxies.data.batches import Pieces, Stream

TRAINING_STREAM, PROBE_STREAM = 0xBA7C, 0x9B0B
"""Seeds of the streams. Training reads the same streams as a run with a fixed mixture."""


class MixtureBatches:
    """The batches of a run whose mixture changes: `batch` sequences of `length` tokens a step, every source's text
    without replacement within an epoch.

    The next sequence comes from the source with the largest deficit against its cumulative share; no source exceeds its
    share by one sequence or more. Sequences are assigned in order on first read; `set_mixture` changes the mixture of
    sequences that are not assigned yet.
    """

    def __init__(
        self, pieces: Mapping[str, Pieces], size: tuple[int, int], seed: int, shares_S: Sequence[float] | np.ndarray
    ) -> None:
        self.batch, self.length = size
        self.sources, self.pieces = tuple(pieces), dict(pieces)
        self.streams = [Stream(own, [seed, i, TRAINING_STREAM]) for i, own in enumerate(pieces.values())]
        self._deficit_S = np.zeros(len(self.sources))
        self._taken_S = np.zeros(len(self.sources), int)
        self._order: list[int] = []
        self._place: list[int] = []
        self.set_mixture(shares_S)

    def set_mixture(self, shares_S: Sequence[float] | np.ndarray) -> None:
        """Use these shares from the next unassigned sequence on."""
        self._shares_S = np.asarray(shares_S, float)

    def assign(self, steps: int) -> None:
        """Assign sources to the sequences of the first `steps` steps, as far as they have none."""
        none = self._shares_S <= 0
        for _ in range(len(self._order), steps * self.batch):
            self._deficit_S += self._shares_S
            source = int(np.argmax(np.where(none, -np.inf, self._deficit_S)))
            self._deficit_S[source] -= 1
            self._order.append(source)
            self._place.append(int(self._taken_S[source]))
            self._taken_S[source] += 1

    def __getitem__(self, step: int) -> np.ndarray:
        """tokens_BxL of a step."""
        return self.read(step, 1)[0]

    def read(self, start: int, count: int) -> np.ndarray:
        """tokens_CxBxL (int32) of `count` steps from `start` on."""
        self.assign(start + count)
        first, last = start * self.batch, (start + count) * self.batch
        order_R, place_R = np.array(self._order[first:last]), self._place[first:last]
        out_RxL = np.empty((len(order_R), self.length), np.int32)
        for source in np.unique(order_R).tolist():
            mine = np.flatnonzero(order_R == source)
            # Sequences of one source follow one another in its stream, whichever steps they are of.
            tokens = self.streams[source].read(place_R[mine[0]] * self.length, len(mine) * self.length)
            out_RxL[mine] = tokens.reshape(-1, self.length)
        return out_RxL.reshape(count, self.batch, self.length)

    def seen(self, steps: int) -> dict[str, int]:
        """Tokens of each source in the first `steps` steps."""
        self.assign(steps)
        counts = np.bincount(self._order[: steps * self.batch], minlength=len(self.sources)) * self.length
        return dict(zip(self.sources, counts.tolist(), strict=True))


class Probes:
    """Sequences of each source's training text for the signal, in a separate order, the same number at every update."""

    def __init__(self, pieces: Mapping[str, Pieces], size: tuple[int, int], seed: int) -> None:
        self.sequences, self.length = size
        self.streams = [Stream(own, [seed, i, PROBE_STREAM]) for i, own in enumerate(pieces.values())]

    def read(self, update: int) -> list[np.ndarray]:
        """tokens_BxL (int32) of each source at an update, 0 at the first."""
        count = self.sequences * self.length
        flat = [stream.read(update * count, count) for stream in self.streams]
        return [tokens.astype(np.int32).reshape(self.sequences, self.length) for tokens in flat]


class Windows:
    """Sequences of one text, each once per epoch, in a new order every epoch."""

    def __init__(self, tokens: np.ndarray, size: tuple[int, int], seed: list[int]) -> None:
        self.sequences, self.length = size
        self.seed = seed
        whole = len(tokens) // self.length
        self.rows_NxL = np.asarray(tokens[: whole * self.length], np.int32).reshape(whole, self.length)

    def read(self, update: int) -> np.ndarray:
        """tokens_BxL (int32) at an update, 0 at the first."""
        wanted = range(update * self.sequences, (update + 1) * self.sequences)
        return np.stack([self.rows_NxL[self._at(position)] for position in wanted])

    def _at(self, position: int) -> int:
        epoch, slot = divmod(position, len(self.rows_NxL))
        return int(np.random.default_rng([*self.seed, epoch]).permutation(len(self.rows_NxL))[slot])
