"""A figure as PNG for a notebook, without pyplot and its global state."""

from dataclasses import dataclass, field
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 90


@dataclass(frozen=True)
class Picture:
    """A figure that a notebook shows if it is the last value of a cell; `show` returns it.

    Attributes:
        png: content of the PNG file. words: text alternative, from the titles and labels of the axes.

    >>> Picture(b"", "losses over sizes")
    figure: losses over sizes
    """

    png: bytes = field(repr=False)
    words: str

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"figure: {self.words}"


def show(drawn: Axes | Figure, dpi: int = DPI) -> Picture:
    """A Figure, or that of the Axes which a function of `mixlaw.figures` returned, as PNG for a notebook.

    The same figure gives the same bytes: the file contains neither time nor version.

    >>> from mixlaw.figures import mixture_bars
    >>> from mixlaw.planning.plan import Plan
    >>> plan = Plan({"web": 0.7, "code": 0.3}, interval={"web": [0.6, 0.8], "code": [0.2, 0.4]})
    >>> show(mixture_bars(plan))
    figure: share of training tokens
    """
    figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    assert figure is not None
    file = BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None}, bbox_inches="tight")
    return Picture(file.getvalue(), "; ".join(dict.fromkeys(filter(None, map(_words, figure.axes)))))


def _words(ax: Axes) -> str:
    """Title and labels of one Axes on one line."""
    over = f"{ax.get_ylabel()} over {ax.get_xlabel()}" if ax.get_ylabel() and ax.get_xlabel() else ""
    parts = [ax.get_title() or ax.get_title(loc="left"), over or ax.get_xlabel() or ax.get_ylabel()]
    return ": ".join(" ".join(part.split()) for part in parts if part)
