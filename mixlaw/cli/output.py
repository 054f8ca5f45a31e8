"""Output of the verbs: messages, files, folders."""

import sys
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError


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
    """Call `write(out)`; an error of the file system becomes a `MixlawError`."""
    try:
        write(out)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be written ({error.strerror}): name another file") from None


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
    """Print one line to stderr."""
    print(message, file=sys.stderr)
