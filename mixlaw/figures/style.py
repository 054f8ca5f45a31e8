"""Style of all figures: colours safe for colour-blind readers (Okabe and Ito, 2008), names, axes."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mixlaw.errors import MixlawError
from mixlaw.planning.plan import Plan

T = TypeVar("T")
RECOMMENDED, PROPORTIONAL, MUTED, ALARM = "#0072B2", "#E69F00", "#999999", "#D55E00"
LINE_COLOURS = (RECOMMENDED, PROPORTIONAL, "#009E73", ALARM, "#CC79A7", "#56B4E9", "#000000")
"""Okabe and Ito's colours without yellow, which is hard to see on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One marker per colour of LINE_COLOURS, so that lines differ in black and white too."""
SURFACE_COLOURS = "cividis"
"""Colour map of surfaces: uniform in lightness, also for colour-blind readers (Nunez et al., 2018)."""
MAX_NAME = 32
"""Largest number of characters of a name in a figure."""
ROW_INCHES, LOW_ROW_INCHES, MANY_ROWS = 0.34, 0.18, 24
"""Height of a row of bars in inches: up to MANY_ROWS rows, and above."""


def new_axes(ax: Axes | None, height: float, width: float = 7.0) -> Axes:
    """The given Axes, or those of a new figure (size in inches). Without pyplot, so no global state changes."""
    return Figure(figsize=(width, height), layout="constrained").subplots() if ax is None else ax


def rows_height(count: int) -> float:
    """Height in inches of this number of rows of bars."""
    return 1.2 + (ROW_INCHES if count <= MANY_ROWS else LOW_ROW_INCHES) * count


def clean(ax: Axes) -> Axes:
    """Hide the frame's upper and right side; returns the Axes."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def plain(name: str) -> str:
    """Escape dollar signs, between which matplotlib would read a formula."""
    return name.replace("$", r"\$")


def shortened(names: Iterable[str], most: int = MAX_NAME) -> list[str]:
    """Names for a figure: the middle of long ones is left out, unless two would become equal."""
    full = list(names)
    half = (most - 1) // 2
    short = [n if len(n) <= most else f"{n[:half]}…{n[half - most + 1 :]}" for n in full]
    return [plain(n) for n in (short if len(set(short)) == len(set(full)) else full)]


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names at the left of rows 0, 1, ... from the top, in a size that fits the rows."""
    points = ax.bbox.height / ax.get_figure(root=True).dpi * 72 / max(len(names), 1)  # pyright: ignore
    ax.set_yticks(np.arange(len(names)), shortened(names))
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, labelsize=float(np.clip(0.75 * points, 3.0, 10.0)))


def as_percent(axis: Axis) -> None:
    """Format the axis's shares as percent."""
    axis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol="%"))


def legend_above(ax: Axes, columns: int = 2) -> None:
    """Put the legend above the axes, so that it covers nothing."""
    at = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2}
    ax.legend(frameon=False, ncols=columns, columnspacing=1.2, handletextpad=0.5, **at)  # pyright: ignore


def legend_right(ax: Axes, handles: Sequence[object], names: Sequence[str]) -> None:
    """Put the legend right of the axes. Names may begin with an underscore, which matplotlib would leave out."""
    at = {"frameon": False, "loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    legend = ax.legend(handles, [f"-{i}" for i in range(len(names))], **at)  # pyright: ignore
    for text, name in zip(legend.get_texts(), shortened(names), strict=True):
        text.set_text(name)


def required(plan: Plan, key: str, value: T | None) -> T:
    """The value of a plan's key.

    Raises:
        MixlawError: it is null or absent; the message gives the reason from the plan's notes.

    >>> required(Plan({"web": 1.0}), "tokens", 4e9)
    4000000000.0
    """
    if value is None:
        raise MixlawError(f"this figure needs the plan's {key}: {plan.why(key) or 'it holds none'}")
    return value
