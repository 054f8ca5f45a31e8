"""Output of the verbs: messages, files, folders."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError, printable
from mixlaw.io.writing import replacing


def out_file(out: Path) -> Path:
    """Check the name of an output file before the work starts, so that no result is lost.

    Raises:
        MixlawError: the name is a folder's, or its folder does not exist.
    """
    if out.is_dir() or not out.absolute().parent.is_dir():
        why = "is a folder" if out.is_dir() else "its folder does not exist"
        raise MixlawError(f"--out {out}: {why}: name a file in a folder that exists")
    return out


def written(out: Path, write: Any) -> None:
    """Call `write(draft)`, where the draft takes the place of `out` once it is whole.

    Raises:
        MixlawError: the file cannot be written.
    """
    with replacing(out) as draft:
        write(draft)


def answer(show: Callable[[], object], save: Callable[[], object] | None = None) -> None:
    """Print an answer, then save it; it is saved too if the reader of the output has left or its disk is full."""
    try:
        show()
        sys.stdout.flush()
    except OSError:
        silence()
        if save is None:
            raise
        save()
        raise
    if save is not None:
        save()


def silence() -> None:
    """Send what is still to be printed nowhere, so that Python's exit does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_folder(out: Path) -> Path:
    """Make an output folder before the work starts, so that no result is lost.

    Raises:
        MixlawError: the folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be made a folder ({error.strerror}): name another") from None
    return out


def say(message: str) -> None:
    """Print one line to stderr, without control characters of names and notes."""
    print(printable(message), file=sys.stderr, flush=True)


def tell(message: str, end: str = "\n") -> None:
    """Print to standard output, without control characters of names and notes."""
    print(printable(message), end=end)
