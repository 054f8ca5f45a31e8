"""A local folder or an fsspec URL, with atomic writes and, in folders, locks that end with their process."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec
from filelock import FileLock, Timeout

from mixlaw.errors import MixlawError
from mixlaw.io.files import NoFileError, read_bytes

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
MOST = 1 << 26
"""Bytes above which a file of the store is not read: the rows of a run take some kilobytes."""
LOCK_TIMEOUT = 10.0
"""Timeout in seconds of a lock that every process releases at once."""


class UnreadableError(MixlawError):
    """A file of a folder cannot be read, though the folder can."""


@dataclass(frozen=True)
class Location:
    """An absolute path of a folder, or a URL. Small and picklable.

    >>> Location.at("memory://runs").folder is None, Location.at("/tmp").folder == Path("/tmp").absolute()
    (True, True)
    """

    address: str

    @classmethod
    def at(cls, address: str | Path) -> "Location":
        """The location of a path or URL. Raises MixlawError for an unsupported URL scheme."""
        text = str(address).removeprefix("file://")
        if "::" in text:
            raise MixlawError(f"store {text}: addresses joined by '::' are not opened; give a folder or a URL")
        location = cls(text if "://" in text else str(Path(text).absolute()))
        _ = location.fs  # an unsupported scheme is refused here rather than in a worker
        return location

    def __reduce__(self) -> tuple:
        return Location, (self.address,)  # without cached properties, which belong to this machine

    def __str__(self) -> str:
        return self.address

    @property
    def folder(self) -> Path | None:
        """The folder, or None for a URL."""
        return None if "://" in self.address else Path(self.address)

    @cached_property
    def fs(self) -> Any:
        """The file system of a URL; None for a folder."""
        if self.folder is not None:
            return None
        try:
            return fsspec.core.url_to_fs(self.address)[0]
        except (ImportError, ValueError) as error:
            raise MixlawError(f"store {self.address}: {error}") from error

    @cached_property
    def has_locks(self) -> bool:
        """True if locks work: in local folders and in shared ones whose file system supports them. Raises OSError."""
        if self.folder is None:
            return False
        try:
            with self._lock("probe", LOCK_TIMEOUT):
                return True
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise

    def open(self) -> None:
        """Make the folder and check that it can be written. Raises MixlawError with the reason if it cannot."""
        probe = f".probe.{secrets.token_hex(4)}"
        try:
            if self.folder is not None:
                (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            self.write(probe, "")
            self.remove(probe)
            _ = self.has_locks
        except Exception as error:  # file systems of URLs raise exceptions of their own, e.g. for credentials
            if self.folder is not None and not isinstance(error, OSError):
                raise
            raise MixlawError(f"store {self.address}: cannot be written ({reason_of(error)})") from error

    def names(self) -> list[str]:
        """Names of the files; empty if the folder is absent. Raises MixlawError if it cannot be listed."""
        try:
            if self.folder is not None:
                return os.listdir(self.folder)
            self.fs.invalidate_cache()
            return [path.rsplit("/", 1)[-1] for path in self.fs.ls(self.address, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:
            if self.folder is not None and not isinstance(error, OSError):
                raise
            raise MixlawError(f"store {self.address}: cannot be listed ({reason_of(error)})") from error

    def read(self, name: str) -> str | None:
        """Text of a file, or None if there is no such file.

        Raises UnreadableError if a local file cannot be read, and MixlawError if a URL cannot: more of them would fail.
        """
        if self.folder is not None:
            try:
                return read_bytes(self.folder / name, MOST).decode("utf-8", "replace")
            except NoFileError:
                return None
            except MixlawError as error:
                raise UnreadableError(str(error)) from error
        try:
            return self.fs.cat_file(f"{self.address}/{name}").decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise MixlawError(f"{self.address}/{name}: cannot be read ({reason_of(error)})") from error

    def write(self, name: str, text: str) -> None:
        """Write a file atomically; a folder of its name is moved out of the way. Raises OSError."""
        if self.folder is None:
            self.fs.pipe_file(f"{self.address}/{name}", text.encode())  # object stores write atomically
            return
        draft = self.folder / f".{name}.{secrets.token_hex(4)}"
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if (self.folder / name).is_dir():
                os.rename(self.folder / name, self.folder / f"damaged-{name}.{secrets.token_hex(4)}")
            os.replace(draft, self.folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with contextlib.suppress(FileNotFoundError):
            if self.folder is not None:
                (self.folder / name).unlink()
            elif self.fs.exists(f"{self.address}/{name}"):
                self.fs.rm_file(f"{self.address}/{name}")

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[bool]:
        """Try to take a lock until the block ends: True if this process has it, or if there are no locks."""
        with contextlib.ExitStack() as stack:
            try:
                if self.has_locks:
                    stack.enter_context(self._lock(name, 0))
                mine = True
            except Timeout:
                mine = False
            yield mine

    def unlock(self, name: str) -> None:
        """Remove the file of a lock that is no longer needed."""
        if self.folder is not None:
            (self.folder / "locks" / f"{name}.lock").unlink(missing_ok=True)

    def _lock(self, name: str, timeout: float) -> FileLock:
        assert self.folder is not None
        path = self.folder / "locks" / f"{name}.lock"
        return FileLock(path, timeout=timeout, fallback_to_soft=False, thread_local=False)


def reason_of(error: BaseException) -> str:
    """Text of an error: the system's description of an OSError with its file name, else the error's message.

    >>> reason_of(OSError(28, "No space left on device", "store/x.json"))
    'No space left on device: store/x.json'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    named = f"{text}: {error.filename}" if isinstance(error, OSError) and error.filename else text
    return named or type(error).__name__
