"""90% intervals of the page, and the bootstrap replicas stored in it: all, or as many as the file size allows.

`engine.js` computes the same intervals from the same numbers.
"""

from dataclasses import dataclass

import numpy as np

from mixlaw.fitting.fit_result import Fit

MOST_BYTES = 1_200_000
"""Largest size in bytes of the replicas in the page, as text."""
LEAST = 8
"""Smallest number of replicas in the page, whatever their size: fewer give no useful spread."""
STEPS = 32767
"""Steps from the fit's parameter to the farthest replica's, in each direction: a 16-bit whole number."""
NORMAL = 1.645
"""Half the width of a normal 90% interval, in standard deviations."""


@dataclass(frozen=True)
class Replicas:
    """Bootstrap replicas as stored in the page: differences from the fit in integer steps.

    Attributes:
        count_RxKxP: number of steps, 16-bit whole numbers. step_KxP: size of a step, float32.
        of: number of replicas of the fit.
    """

    count_RxKxP: np.ndarray
    step_KxP: np.ndarray
    of: int

    @property
    def whole(self) -> bool:
        """True if the page has all replicas of the fit."""
        return len(self.count_RxKxP) == self.of

    def parameters(self, z_KxP: np.ndarray) -> np.ndarray:
        """The replicas' unconstrained parameters (R, K, P) as decoded by the page."""
        return z_KxP + self.count_RxKxP.astype(float) * self.step_KxP.astype(float)


def pack(fit: Fit, most_bytes: int = MOST_BYTES) -> Replicas:
    """The first replicas of the fit, as many as fit into `most_bytes` of base64 at 16 bits per parameter.

    A parameter's step is 1/32767 of its farthest replica's distance from the fit; rounding to it changes predictions by
    less than a hundredth of their interval.
    """
    every_BxKxP = fit.replicas_BxKxP
    room = max(LEAST, int(most_bytes / (8 / 3 * max(fit.z_KxP.size, 1))))
    away_RxKxP = every_BxKxP[: min(len(every_BxKxP), room)] - fit.z_KxP
    step_KxP = (np.abs(away_RxKxP).max(0, initial=0.0) / STEPS).astype("<f4")
    safe_KxP = np.where(step_KxP > 0, step_KxP, 1).astype(float)
    count_RxKxP = np.clip(np.rint(away_RxKxP / safe_KxP), -STEPS, STEPS).astype("<i2")
    return Replicas(count_RxKxP, step_KxP, len(every_BxKxP))


def interval(point: np.ndarray, values_RxM: np.ndarray, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """90% intervals (low, high) of M numbers from their replicas.

    Args:
        point: (M,), by the fit.
        values_RxM: of R replicas, at least one.
        whole: True if the page has all replicas. The interval is then their 5% to 95% range, widened to contain the
            point. If False, it is the point ± 1.645 times the replicas' root mean square distance from it. With 34 of
            the demo's 200 refits, half of these widths differ from those of all refits by at most 5 to 12%; the range
            of the 34 refits differs by 13 to 19%.
    """
    if whole:
        low, high = np.quantile(values_RxM, [0.05, 0.95], axis=0)
        return np.minimum(low, point), np.maximum(high, point)
    half = NORMAL * np.sqrt(np.mean((values_RxM - point) ** 2, axis=0))
    return point - half, point + half
