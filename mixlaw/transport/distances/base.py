"""The one protocol of all distances between a mixture of sources and a target: value and gradient at a mixture."""

from typing import NamedTuple, Protocol

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.typing import Array


class Evaluation(NamedTuple):
    """A distance at a mixture w.

    Attributes:
        value: the distance d(w), in its own unit, from below: d(v) >= value + gradient . (v - w) at every mixture v.
        gradient_S: a subgradient; only differences between sources mean anything, since shares sum to 1.
        error: d(w) <= value + error; 0 up to rounding where the solver is exact.
    """

    value: float
    gradient_S: Array
    error: float = 0.0


class Distance(Protocol):
    """A distance that is convex in the mixture; called with one it returns its `Evaluation`."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, in the order of mixtures."""
        ...

    def __call__(self, w_S: Array, /) -> Evaluation: ...


def checked_mixture(w_S: Array, sources: tuple[str, ...]) -> Array:
    """`w_S` as shares of these sources; MixlawError where there are more or fewer."""
    w_S = as_mixture(w_S)
    if len(w_S) != len(sources):
        raise MixlawError(f"mixture: {len(w_S)} weights for {len(sources)} sources; give one for each")
    return w_S


def calibrated(gradient_S: Array, w_S: Array) -> Array:
    """The change of a distance per added share of each source while all others shrink in proportion.

    (G_k - w.G) / (1 - w_k), the calibrated gradient of Projektor (2307.02460) and of LAVA (2305.00054); nan for a
    source that has the whole mixture, whose share cannot grow.
    """
    gradient_S, w_S = np.asarray(gradient_S, np.float64), np.asarray(w_S, np.float64)
    left_S = 1 - w_S
    slope_S = gradient_S - w_S @ gradient_S
    return np.divide(slope_S, left_S, out=np.full_like(slope_S, np.nan), where=left_S > 0)
