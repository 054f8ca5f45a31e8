"""Protocol of the distances between a mixture of sources and a target: value and gradient at a mixture."""

from typing import NamedTuple, Protocol

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.typing import Array


class Evaluation(NamedTuple):
    """Value and subgradient of a distance d at a mixture w.

    Attributes:
        value: lower bound of d(w), in the distance's unit: d(v) >= value + gradient . (v - w) at every mixture v.
        gradient_S: subgradient; only differences between sources are meaningful, since shares sum to 1.
        error: d(w) <= value + error; 0 up to rounding if the solver is exact.

    >>> Evaluation(0.5, np.array([1.0, -1.0]))
    Evaluation(value=0.5, gradient_S=array([ 1., -1.]), error=0.0)
    """

    value: float
    gradient_S: Array
    error: float = 0.0


class Distance(Protocol):
    """A distance from a target that is convex in the mixture; calling it with a mixture returns an `Evaluation`.

    >>> class FromFirst:
    ...     sources = ("web", "code")
    ...
    ...     def __call__(self, w_S: Array, /) -> Evaluation:
    ...         return Evaluation(float(w_S[1]), np.array([0.0, 1.0]))
    >>> distance: Distance = FromFirst()
    >>> distance(np.array([0.75, 0.25])).value
    0.25
    """

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, in the order of mixtures."""
        ...

    def __call__(self, w_S: Array, /) -> Evaluation: ...


def checked_mixture(w_S: Array, sources: tuple[str, ...]) -> Array:
    """`w_S` as shares of these sources; MixlawError if there are more or fewer."""
    w_S = as_mixture(w_S)
    if len(w_S) != len(sources):
        raise MixlawError(f"mixture: {len(w_S)} weights for {len(sources)} sources; give one for each")
    return w_S


def calibrated(gradient_S: Array, w_S: Array) -> Array:
    """Change of a distance per added share of each source if all other shares shrink in proportion, (S,).

    (G_k - w.G) / (1 - w_k), the calibrated gradient of Projektor (2307.02460) and of LAVA (2305.00054); nan for a
    source of share 1, which cannot grow.

    >>> calibrated(np.array([1.0, 3.0]), np.array([0.5, 0.5]))
    array([-2.,  2.])
    """
    gradient_S, w_S = np.asarray(gradient_S, np.float64), np.asarray(w_S, np.float64)
    left_S = 1 - w_S
    slope_S = gradient_S - w_S @ gradient_S
    return np.divide(slope_S, left_S, out=np.full_like(slope_S, np.nan), where=left_S > 0)
