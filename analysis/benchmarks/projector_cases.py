"""What `projector.py` judges projectors by: mixtures that were all run at three scales, with their distances."""

from dataclasses import dataclass

import numpy as np

from mixlaw.projector import Pilots


@dataclass(frozen=True)
class Case:
    """M mixtures of S sources and what training on them reached.

    Attributes:
        name: what differs between the sources.
        unit: which independent draw of the data, for standard errors.
        sources: names.
        w_MxS: mixtures.
        scales: n0, n1 of pilots and n2, which is predicted.
        reached_3xM: error or loss at each scale, nan where not run.
        distance: by name, (M,).
        main: the distance that the aims are held to, chosen before these figures were seen.
        most: largest share of any source in pilots that mixtures are extrapolated from; those judged have a larger one.
    """

    name: str
    unit: str
    sources: tuple[str, ...]
    w_MxS: np.ndarray
    scales: tuple[float, float, float]
    reached_3xM: np.ndarray
    distance: dict[str, np.ndarray]
    main: str
    most: float = 0.6

    def pilots(self, which: np.ndarray, distance: str) -> Pilots:
        """The mixtures `which` at n0 and n1."""
        return Pilots(
            self.sources,
            np.tile(self.w_MxS[which], (2, 1)),
            np.repeat(self.scales[:2], len(which)),
            self.reached_3xM[:2, which].ravel(),
            np.tile(self.distance[distance][which], 2),
        )

    def split(self, count: int, beyond: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` mixtures at random as pilots, and those to judge by: the others, or where mixtures are extrapolated
        those with a larger share of one source than any pilot."""
        inside = self.w_MxS.max(1) <= self.most
        pool = np.flatnonzero(inside) if beyond else np.arange(len(self.w_MxS))
        which = np.sort(rng.choice(pool, count, replace=False))
        rest = ~inside if beyond else ~np.isin(np.arange(len(self.w_MxS)), which)
        return which, np.flatnonzero(rest)
