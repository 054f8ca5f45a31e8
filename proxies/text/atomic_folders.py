"""Folders of arrays that are there whole or not at all, whoever is killed or writes beside.

A folder is written under another name and renamed when it is whole: a build that is killed leaves nothing that is taken
for one, and of two at once one finds the other's. What a dead build left is removed after an hour.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError

STALE = 3600.0  # seconds without a write after which a draft's build is dead


def is_whole(path: Path, manifest: str) -> bool:
    """Whether a folder has its manifest, and every file that names at the size it states."""
    try:
        sizes = json.loads((path / manifest).read_text(encoding="utf-8"))["files"]
        return all((path / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


@contextlib.contextmanager
def draft(path: Path, manifest: str) -> Iterator[Path]:
    """A new folder that becomes `path` when the block ends, or disappears if it fails. A damaged `path` is replaced.

    Raises MixlawError, naming the folder, where it cannot be written: a full disk, say.
    """
    folder = path.parent / f".draft-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
        _sweep_drafts(path.parent)
        yield folder
        if path.exists() and not is_whole(path, manifest):
            shutil.rmtree(path)
        with contextlib.suppress(FileExistsError):
            _rename(folder, path)
    except OSError as error:
        raise MixlawError(f"{path.parent}: cannot be written ({error.strerror}); free space there, or name another "
                          "folder") from error  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rename(folder: Path, path: Path) -> None:
    """Raises FileExistsError where another build was there first."""
    try:
        os.rename(folder, path)
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        raise


def _sweep_drafts(parent: Path) -> None:
    for left in parent.glob(".draft-*"):
        with contextlib.suppress(OSError):  # its owner finished or removed it meanwhile
            latest = max([left.stat().st_mtime, *(file.stat().st_mtime for file in left.iterdir())])
            if time.time() - latest > STALE:
                shutil.rmtree(left)


def write_manifest(folder: Path, manifest: str, about: dict[str, Any]) -> None:
    """The manifest of a folder, with the size of every file in it."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    (folder / manifest).write_text(json.dumps(about | {"files": sizes}), encoding="utf-8")


def mapped(path: Path, kind: Any) -> np.ndarray:
    """A file of numbers as an array that is read from disk where it is looked at."""
    if path.stat().st_size == 0:
        return np.zeros(0, kind)  # which cannot be mapped
    return np.memmap(path, kind, mode="r")


def digest_of(*arrays: np.ndarray) -> str:
    """Names the content of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def link(tokens: np.ndarray, path: Path) -> None:
    """Put an array into a file: a whole mapped file is linked where the disk allows it; everything else is written."""
    name = getattr(tokens, "filename", None)
    if name is not None and Path(name).exists() and Path(name).stat().st_size == tokens.nbytes:
        try:
            os.link(name, path)
        except OSError:  # another disk, or one without links
            shutil.copyfile(name, path)
        return
    tokens.tofile(path)
