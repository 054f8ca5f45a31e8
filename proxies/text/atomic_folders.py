"""Folders of arrays that are there whole or not at all, whoever is killed or writes beside.

A folder is written under another name and renamed when it is whole: a build that is killed leaves nothing that is taken
for one, and of two at once one finds the other's. What a dead build left is removed after an hour.

The manifest states the size and the CRC-32 of every file and of itself. A process checks them once, when it first opens
the folder. Folders written before there were checksums are checked by their sizes alone.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.io.files import open_file, read_text

PART = 1 << 18  # bytes read together
_KNOWN: dict[tuple[int, int, int, int], int] = {}
_LOCK = threading.Lock()
MANIFEST_MOST = 1 << 26
"""Bytes above which a manifest is not read."""
STALE = 3600.0  # seconds without a write after which a draft's build is dead


def is_whole(path: Path, manifest: str) -> bool:
    """Whether a folder has its manifest, and every file that it names, with the size and checksum that it states."""
    try:
        about = read_manifest(path, manifest)
        if "check" in about and about.pop("check") != _check(about):
            return False
        sizes, checks = about["files"], about.get("crc32", {})
        if any((path / name).stat().st_size != size for name, size in sizes.items()):
            return False
        return all(crc32(path / name) == check for name, check in checks.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def read_manifest(path: Path, manifest: str) -> dict[str, Any]:
    """The content of a folder's manifest. Raises ValueError or OSError if it cannot be read."""
    return json.loads(read_text(path / manifest, MANIFEST_MOST))


def _check(about: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(about).encode())


def crc32(path: Path) -> int:
    """CRC-32 of a file. A file that is linked in several folders, or was written by this process, is read once."""
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        with _LOCK:
            if key not in _KNOWN:
                check = 0
                while part := file.read(PART):
                    check = zlib.crc32(part, check)
                _KNOWN[key] = check
            return _KNOWN[key]


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
        if os.path.lexists(path) and not is_whole(path, manifest):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
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
    """The manifest of a folder, with the size and the checksum of every file in it."""
    paths = sorted(folder.iterdir())
    about = about | {
        "files": {path.name: path.stat().st_size for path in paths},
        "crc32": {path.name: crc32(path) for path in paths},
    }
    about = json.loads(json.dumps(about))  # as it will be read: tuples become lists
    (folder / manifest).write_text(json.dumps(about | {"check": _check(about)}), encoding="utf-8")


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
