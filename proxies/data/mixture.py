"""Mixture: token shares by source, validated once; the one form in which proxies pass mixtures on."""

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from mixlaw.errors import MixlawError

TOLERANCE = 1e-6
"""Largest distance of the shares' sum from 1."""


class Mixture(Mapping[str, float]):
    """Token shares by source: at least 0, with sum 1. Immutable; a source that it does not name has share 0.

    >>> mixture = Mixture({"web": 0.75, "code": 0.25})
    >>> mixture["web"], mixture.array(["code", "math"]).tolist()
    (0.75, [0.25, 0.0])

    Args:
        shares: by source.
        owner: what error messages begin with, such as "run proxy-003".

    Raises:
        MixlawError: if a share is negative or not finite, or the sum differs from 1 by more than TOLERANCE.
    """

    __slots__ = ("_shares",)

    def __init__(self, shares: Mapping[str, float], owner: str = "mixture") -> None:
        # Plain floats: the key of a run, and the JSON it is stored in, must not depend on the caller's NumPy types.
        self._shares = {str(source): float(share) for source, share in shares.items()}
        for source, share in self._shares.items():
            if not (math.isfinite(share) and share >= 0):
                raise MixlawError(f"{owner}, w:{source}: {share} is not a share; give a number from 0 to 1")
        total = sum(self._shares.values())
        if abs(total - 1) > TOLERANCE:
            raise MixlawError(f"{owner}: shares sum to {total:.6g}; make them sum to 1")

    @classmethod
    def of(cls, sources: Iterable[str], w_S: np.ndarray, owner: str = "mixture") -> "Mixture":
        """The mixture of an array of shares (S,) in the order of `sources`.

        >>> Mixture.of(["web", "code"], np.array([0.75, 0.25]))
        Mixture({'web': 0.75, 'code': 0.25})
        """
        return cls(dict(zip(sources, np.asarray(w_S, float).tolist(), strict=True)), owner)

    def array(self, sources: Iterable[str]) -> np.ndarray:
        """w_S: shares (S,) of these sources, 0 for those that the mixture does not name."""
        return np.array([self._shares.get(source, 0.0) for source in sources])

    def __getitem__(self, source: str) -> float:
        return self._shares[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shares)

    def __len__(self) -> int:
        return len(self._shares)

    def __hash__(self) -> int:
        return hash(frozenset(self._shares.items()))

    def __repr__(self) -> str:
        return f"Mixture({self._shares})"
