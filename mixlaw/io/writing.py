"""Writing of results: a draft in the same folder takes the place of the file once it is whole and on the disk."""

import contextlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mixlaw.errors import MixlawError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """The path of a draft to write in a `with` block, after which the draft takes the place of `path`.

    The draft's name ends as the file's does. If the block raises, or the disk is full, the draft is removed and the
    earlier file stays as it was. A device or FIFO, such as /dev/stdout, is written to directly.

    Raises:
        MixlawError: the file cannot be written; the message has the system's reason.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, replacing(f"{folder}/plan.json") as draft:
    ...     _ = draft.write_text("{}")
    """
    with replacing_all() as draft_of:
        yield draft_of(path)


@contextmanager
def replacing_all() -> Iterator[Callable[[str | Path], Path]]:
    """A function from a file's path to that of its draft; after the `with` block, all drafts take their files' places.

    Raises:
        MixlawError: a file cannot be written. No file is replaced before all drafts are whole.
    """
    drafts: dict[Path, Path] = {}
    asked: list[str | Path] = []

    def draft_of(path: str | Path) -> Path:
        asked.append(path)
        file = Path(os.path.realpath(path))  # a link stays a link
        if file.exists() and not stat.S_ISREG(file.stat().st_mode):
            return file
        drafts[file] = file.parent / f".{secrets.token_hex(4)}.{file.name[-60:]}"
        return drafts[file]

    try:
        yield draft_of
        for file, draft in drafts.items():
            _settle(draft, file)
        for file, draft in drafts.items():
            os.replace(draft, file)
    except OSError as error:
        name = next((path for path in asked if _is_about(error, path, drafts)), asked[-1] if asked else "file")
        plain = re.sub(r"(^|/)(\.[0-9a-f]{8}\.)+", r"\1", str(name))  # of a draft that was itself being replaced
        raise MixlawError(f"{plain}: cannot be written ({error.strerror or error}): name another file") from error
    finally:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file as `replacing` does. Raises MixlawError if it cannot be written."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """The path of an empty folder to fill in a `with` block, after which it gets the name `path`.

    Raises:
        MixlawError: the folder cannot be written, or `path` is there by then. No part of it is left.
    """
    draft = path.absolute().parent / f".{secrets.token_hex(4)}.{path.name[-60:]}"
    try:
        draft.mkdir(parents=True)
        yield draft
        for file in draft.iterdir():
            _settle(file, file)
        os.rename(draft, path)
    except OSError as error:
        raise MixlawError(f"{path}: cannot be written ({error.strerror or error}): name another folder") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _settle(draft: Path, file: Path) -> None:
    """Put a draft on the disk, with the permissions of the file that it replaces. Raises OSError."""
    if file.exists():
        os.chmod(draft, stat.S_IMODE(file.stat().st_mode))
    number = os.open(draft, os.O_RDWR)  # Windows syncs only what may be written
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _is_about(error: OSError, path: str | Path, drafts: dict[Path, Path]) -> bool:
    return error.filename is not None and Path(os.fsdecode(error.filename)) in (
        Path(path),
        drafts.get(Path(os.path.realpath(path))),
    )
