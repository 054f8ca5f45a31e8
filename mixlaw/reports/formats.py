"""Number formats of the page."""

from collections.abc import Callable
from math import isfinite

from mixlaw.errors import short

NONE = "–"


def known(x: float | None) -> bool:
    """True if the value is a finite number."""
    return x is not None and isfinite(x)


def percent(x: float | None, digits: int = 1) -> str:
    """A share, 12.3%."""
    return f"{100 * x:.{digits}f}%" if x is not None and known(x) else NONE


def nats(x: float | None) -> str:
    """A loss, 2.3456."""
    return f"{x:.4f}".replace("-", "−") if x is not None and known(x) else NONE


def signed(x: float | None) -> str:
    """A difference with its sign, +0.0123."""
    if x is None or not known(x):
        return NONE
    return "0.0000" if abs(x) < 5e-5 else f"{x:+.4f}".replace("-", "−")


def fine(x: float | None) -> str:
    """A difference that may be small, with two figures, -3.6e-05."""
    return f"{x:+.2g}".replace("-", "−", 1) if x is not None and known(x) else NONE


def count(x: float | None) -> str:
    """A number of tokens, parameters or FLOP: 3.2B, or 1.3e+19 if it is too large for a suffix."""
    return NONE if x is None or not known(x) else short(x) if x < 1e15 else f"{x:.2g}"


def passes(x: float | None) -> str:
    """Epochs, 1.25."""
    return NONE if x is None or not known(x) else f"{x:.2f}" if x < 100 else f"{x:.0f}"


def times(x: float | None) -> str:
    """A multiple; None or infinity (no finite one was found) is written as more than 10,000."""
    return f"{x:.3g}" if x is not None and known(x) else ">10,000"


def span(low: float | None, high: float | None, write: Callable[[float | None], str] = nats) -> str:
    """An interval, from low to high."""
    return f"{write(low)} to {write(high)}"


FILTERS = {f.__name__: f for f in (percent, nats, signed, fine, count, passes, times)}
