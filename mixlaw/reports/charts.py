"""SVG paths and axis ticks of the page's plots, in a square of 1000 units that the page stretches to its width."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mixlaw.reports.formats import count

UNITS = 1000
MOST_POINTS = 40_000
"""Largest number of points in all scatter plots of a page; of more, a regular subset is drawn."""


@dataclass(frozen=True)
class Axis:
    """An axis of a plot.

    Attributes:
        low, high: values at its ends.
        ticks: values and their texts.
        log: True for a logarithmic axis.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def at(self, x: ArrayLike) -> np.ndarray:
        """Positions from 0 to 1."""
        low, high, x = (np.log(v) if self.log else np.asarray(v, float) for v in (self.low, self.high, x))
        return (x - low) / (high - low)

    def marks(self) -> list[tuple[float, str]]:
        """Ticks by their positions in percent."""
        return [(round(100 * float(self.at(x)), 2), text) for x, text in self.ticks]


def linear(values: Sequence[float] | np.ndarray) -> Axis:
    """A linear axis that contains the values, with 2 to 6 round ticks."""
    low, high = float(np.min(values)), float(np.max(values))
    pad = 0.04 * (high - low) or 0.01 * max(abs(high), 1e-6)
    low, high = low - pad, high + pad
    raw = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw)
    digits = max(0, -int(np.floor(np.log10(step))))
    ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return Axis(low, high, tuple((float(x), f"{x:.{digits}f}") for x in ticks))


def logarithmic(values: Sequence[float] | np.ndarray) -> Axis:
    """A logarithmic axis with a tick at each value; values are above 0."""
    return Axis(float(np.min(values)), float(np.max(values)), tuple((float(x), count(x)) for x in values), log=True)


def _positions(x: Axis, y: Axis, at_x: ArrayLike, at_y: ArrayLike) -> np.ndarray:
    """Points (M, 2) in whole units, y downwards."""
    units = np.stack([UNITS * x.at(at_x), UNITS * (1.0 - y.at(at_y))], 1)
    return np.rint(np.clip(units, -UNITS, 2 * UNITS)).astype(int)


def line(x: Axis, y: Axis, at_x: ArrayLike, at_y: ArrayLike) -> str:
    """SVG path through points."""
    return "M" + "L".join(f"{a} {b}" for a, b in _positions(x, y, at_x, at_y))


def band(x: Axis, y: Axis, at_x: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Closed SVG path between two lines."""
    return line(x, y, np.concatenate([at_x, at_x[::-1]]), np.concatenate([low, high[::-1]])) + "Z"


def dots(x: Axis, y: Axis, at_x: ArrayLike, at_y: ArrayLike) -> str:
    """SVG path of dots: strokes of length 0 with round ends."""
    return "".join(f"M{a} {b}h0" for a, b in _positions(x, y, at_x, at_y))


@dataclass(frozen=True)
class Scatter:
    """A scatter plot of observed over predicted, with the line of equality.

    Attributes:
        x, y: ticks by their positions in percent.
        same, dots: SVG paths of the line of equality and of the points.
        every: of the points, one in this number is drawn.
    """

    x: list[tuple[float, str]]
    y: list[tuple[float, str]]
    same: str
    dots: str
    every: int


def scatter(predicted_R: np.ndarray, observed_R: np.ndarray, most: int) -> Scatter:
    """Scatter plot of at most `most` points."""
    every = max(1, -(-len(predicted_R) // most))
    axis = linear(np.concatenate([predicted_R, observed_R]))
    marks = axis.marks()
    return Scatter(
        x=[marks[0], marks[-1]],  # more texts would overlap
        y=marks,
        same=line(axis, axis, [axis.low, axis.high], [axis.low, axis.high]),
        dots=dots(axis, axis, predicted_R[::every], observed_R[::every]),
        every=every,
    )
