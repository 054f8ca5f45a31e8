"""How far a source's text is from any mixture of the others': a copy of what is there adds tokens and nothing else.

A law whose index adds the sources up, each with falling returns, gives a second copy of a source returns of its own,
which it has not. What n-grams say of a copy is the same as of the original, so theta cannot tell; its distance from the
mixture of the others that is nearest to it can.
"""

from dataclasses import dataclass

import numpy as np

from mixlaw.appraisal.nearness import Counts
from mixlaw.transport import NGramKL, minimize

NOVEL = 0.5
"""Of the median distance of the known sources from each other: a source that far away counts in full."""
LEAST = 0.02
"""Novelty is never less, so that its logarithm stays finite."""
ALIKE = 0.5
"""Up to this novelty, a source may count as more of a known one."""
TOLERANCE = 1e-2


@dataclass(frozen=True)
class Novelty:
    """How new a source's text is.

    Attributes:
        value: from `LEAST`, a copy, to 1, as far from the others as they are from each other, or half as far.
        nearest_S: the mixture of the other sources that its text is nearest to.
    """

    value: float
    nearest_S: np.ndarray

    @property
    def old_part(self) -> float:
        """The part of its tokens that may count as more tokens of a known source: all of a copy's, none beyond
        `ALIKE`. Text that is only somewhat alike is no substitute for the known source, however little of that is left
        to repeat."""
        return 0.0 if self.value > ALIKE else (1 - self.value) / (1 - LEAST)


def novelty(counts: Counts, source: str, seed: int = 0) -> Novelty:
    """KL(one half of the source || nearest mixture of halves of the others), less KL(one half || its other half), in
    units of `NOVEL` times the median of the same over the other sources; 1 where there are fewer than two others.

    Halves are of passages, at random: the second term is what the n-grams of so few passages of one and the same text
    are apart.
    """
    rng = np.random.default_rng([seed, 10])
    halves = {name: _halves(part, rng) for name, part in counts.sources.items()}
    others = [name for name in halves if name != source]
    away, nearest_S = _away(halves, source, others)
    if len(others) < 2:
        return Novelty(1.0, nearest_S)
    usual = np.median([_away(halves, name, [one for one in others if one != name])[0] for name in others])
    value = away / max(NOVEL * float(usual), 1e-9)
    return Novelty(float(np.clip(value, LEAST, 1.0)), nearest_S)


def _halves(count_NxB, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first_N = rng.permutation(count_NxB.shape[0]) < count_NxB.shape[0] // 2
    return np.asarray(first_N.astype(float) @ count_NxB), np.asarray((~first_N).astype(float) @ count_NxB)


def _away(halves: dict[str, tuple[np.ndarray, np.ndarray]], source: str, others: list[str]) -> tuple[float, np.ndarray]:
    """How much farther a source's half is from the nearest mixture of others than from its own other half, nats."""
    one_B, other_B = halves[source]
    found = minimize(NGramKL({name: halves[name][0] for name in others}, one_B), tolerance=TOLERANCE)
    return found.value - NGramKL({source: other_B}, one_B)(np.ones(1)).value, found.w_S
