"""The one exception that means the input is wrong, not the program, and how its messages quote the input."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that act on a terminal or reorder the text around them; a tab and the end of a line do not."""


class MixlawError(ValueError):
    """Bad input: a file, a table, a project or a budget that cannot be used.

    The message is one line for the person who has to fix it: it names the file, row or column and says how
    to fix it. The command line prints it and exits with 2; every other exception is a defect of mixlaw.

    >>> print(MixlawError("runs.csv: row 3:\\nthe loss is negative"))
    runs.csv: row 3: the loss is negative
    """

    def __init__(self, message: str = "") -> None:
        # Names and cells come from files: their line breaks and escape sequences must not reach a terminal.
        printable = "".join(c if c.isprintable() or c.isspace() else "?" for c in str(message))
        super().__init__(" ".join(printable.split()))


def printable(text: str) -> str:
    """Text for a terminal: escape sequences and other control characters are replaced, line ends stay.

    >>> printable("run \\x1b]0;renamed\\x07")
    'run ?]0;renamed?'
    """
    return CONTROL.sub("?", text)


def shown(value: object, limit: int = 60) -> str:
    """`value` quoted for a message, cut to `limit` characters."""
    text = str(value)
    return f"'{text}'" if len(text) <= limit else f"'{text[: limit - 3]}...'"


def short(x: float) -> str:
    """A count in few characters, such as 3.2M."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if x >= size:
            return f"{x / size:.3g}{unit}"
    return f"{x:.3g}"


def listed(names: Iterable[object], limit: int = 8) -> str:
    """Names joined by commas, the rest beyond `limit` counted."""
    parts = [shown(name)[1:-1] for name in names]
    more = f" and {len(parts) - limit} more" if len(parts) > limit else ""
    return ", ".join(parts[:limit]) + more


def nearest(name: object, choices: Iterable[str]) -> str:
    """A suggestion to append to a message: the closest of `choices`, or all of them if none is close."""
    known = list(choices)
    close = difflib.get_close_matches(str(name)[:200], known, n=1, cutoff=0.6)
    return f"did you mean {shown(close[0])}?" if close else f"known: {listed(known, 12)}"
