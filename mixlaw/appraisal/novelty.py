"""Novelty of a source: distance of its text from the nearest mixture of the other sources.

A copy of a known source adds tokens and nothing else. A law whose index sums over sources, each with diminishing
returns, overvalues a copy: it treats the copy as a separate source. The n-grams of a copy are those of the original, so
theta does not show the difference; the distance from the nearest mixture of the other sources does.
"""

from dataclasses import dataclass

import numpy as np

from mixlaw.appraisal.nearness import Counts
from mixlaw.transport import NGramKL, minimize

FULL_NOVELTY_DISTANCE = 0.5
"""Part of the median distance between known sources from which on novelty is 1."""
SMALLEST_NOVELTY = 0.02
"""Smallest novelty: keeps its logarithm finite."""
SIMILAR_NOVELTY = 0.5
"""Novelty up to which tokens of a source may count as tokens of a known source."""
TOLERANCE = 1e-2


@dataclass(frozen=True)
class Novelty:
    """Novelty of a source's text.

    Attributes:
        value: from `SMALLEST_NOVELTY` (a copy) to 1 (at least `FULL_NOVELTY_DISTANCE` times as far from the others as
            they are from each other).
        nearest_S: the mixture of the other sources whose text is nearest.
    """

    value: float
    nearest_S: np.ndarray

    @property
    def old_part(self) -> float:
        """The part of the source's tokens that may count as tokens of a known source: 1 for a copy, 0 above
        `SIMILAR_NOVELTY`.

        Text that is only somewhat similar does not replace the known source, even if that has few tokens.
        """
        return 0.0 if self.value > SIMILAR_NOVELTY else (1 - self.value) / (1 - SMALLEST_NOVELTY)


def novelty(counts: Counts, source: str, seed: int = 0) -> Novelty:
    """KL(one half of the source || nearest mixture of halves of the others), less KL(one half || its other half), in
    units of `FULL_NOVELTY_DISTANCE` times the median of the same over the other sources; 1 if there are fewer than two
    others.

    The passages are halved at random. The second term is the sampling error: the distance between two samples of this
    size of the same text.
    """
    rng = np.random.default_rng([seed, 10])
    halves = {name: _halves(part, rng) for name, part in counts.sources.items()}
    others = [name for name in halves if name != source]
    away, nearest_S = _away(halves, source, others)
    if len(others) < 2:
        return Novelty(1.0, nearest_S)
    usual = np.median([_away(halves, name, [one for one in others if one != name])[0] for name in others])
    value = away / max(FULL_NOVELTY_DISTANCE * float(usual), 1e-9)
    return Novelty(float(np.clip(value, SMALLEST_NOVELTY, 1.0)), nearest_S)


def _halves(count_NxB, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first_N = rng.permutation(count_NxB.shape[0]) < count_NxB.shape[0] // 2
    return np.asarray(first_N.astype(float) @ count_NxB), np.asarray((~first_N).astype(float) @ count_NxB)


def _away(halves: dict[str, tuple[np.ndarray, np.ndarray]], source: str, others: list[str]) -> tuple[float, np.ndarray]:
    """Distance of a source's half from the nearest mixture of others, minus that from its own other half, nats."""
    one_B, other_B = halves[source]
    found = minimize(NGramKL({name: halves[name][0] for name in others}, one_B), tolerance=TOLERANCE)
    return found.value - NGramKL({source: other_B}, one_B)(np.ones(1)).value, found.w_S
