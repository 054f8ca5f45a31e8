"""What verbs write: messages, files, folders."""

import sys
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError


def out_file(out: Path) -> Path:
    """Refused before the work whose result goes there, so that nothing is lost to a bad name."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        why = "is a folder" if out.is_dir() else "its folder does not exist"
        raise MixlawError(f"--out {out}: {why}: name a file in a folder that exists")
    return out


def written(out: Path, write: Any) -> None:
    try:
        write(out)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be written ({error.strerror}): name another file") from None


def make_folder(out: Path) -> Path:
    """Made before the work whose results go there, so that nothing is lost to a bad name."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be made a folder ({error.strerror}): name another") from None
    return out


def say(message: str) -> None:
    """A line on stderr."""
    print(message, file=sys.stderr)
