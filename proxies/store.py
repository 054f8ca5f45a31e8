"""The store of finished runs: one file a run, named by all that defines it, written whole or not at all.

    <key>.json          a finished run: {"schema", "key", "rows", "digest"}
    failed-<key>.json   why a run failed: {"run_id", "kind", "reason", "host"}
    states/<key>.npz    a run half done, to go on from
    locks/<key>.lock    held by the process that trains the run, and gone with it

A store at a URL (s3://...) holds the first two; it has no locks, so two sweeps at once may train a run twice.
Whichever writes last stays: equal keys have equal rows.
"""

import contextlib
import errno
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec
from filelock import FileLock, Timeout

from mixlaw.errors import MixlawError

Row = dict[str, float | int | str]
SCHEMA = 1
STALE = 30 * 86400.0
"""Seconds after which the state of a run that nobody asks for any more is removed."""
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


class DamagedError(MixlawError):
    """A file of the store that is not what was written; its run is to be trained again."""


@dataclass(frozen=True)
class Failure:
    """Why a run has no rows. `kind`: diverged (it would again), fault, or killed (its process ended)."""

    run_id: str
    kind: str
    reason: str
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True)
class Store:
    """A folder, or a URL that fsspec knows. Small and picklable: workers get a copy.

    `states`: a local or shared folder for runs half done; of a store at a URL None, then runs start anew after
    they were stopped. `every`: seconds between two writings of a run's state.
    """

    place: str
    states: str | None = None
    every: float = 60.0

    @classmethod
    def at(cls, place: "str | Path | Store", *, states: str | Path | None = None, every: float = 60.0) -> "Store":
        """The store at a place; a store as it is. Raises MixlawError for a URL of a kind not known here."""
        if isinstance(place, Store):
            return place
        text = str(place).removeprefix("file://")
        if "://" not in text:
            text = str(Path(text).absolute())
            states = states or Path(text) / "states"
        store = cls(text, states and str(Path(states).absolute()), every)
        store.fs  # noqa: B018  refused here rather than in a worker
        return store

    def __reduce__(self) -> tuple:
        return Store, (self.place, self.states, self.every)  # without what was found out about this machine

    @property
    def folder(self) -> Path | None:
        """The store's folder, or None for a URL."""
        return None if "://" in self.place else Path(self.place)

    @cached_property
    def fs(self) -> Any:
        """The file system of a URL; None for a folder."""
        if self.folder is not None:
            return None
        try:
            return fsspec.core.url_to_fs(self.place)[0]
        except (ImportError, ValueError) as error:
            raise MixlawError(f"store {self.place}: {error}") from error

    @cached_property
    def has_locks(self) -> bool:
        """Whether a run can be claimed: on a local folder, and on shared ones that know locks."""
        if self.folder is None:
            return False
        try:
            with self._locked("probe", wait=True):
                return True
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise

    def open(self) -> None:
        """Make the folders. Raises MixlawError, with the reason, where the store cannot be written."""
        try:
            for path in (self.folder, self.folder and self.folder / "locks", self.states and Path(self.states)):
                if path:
                    path.mkdir(parents=True, exist_ok=True)
            self._write("probe", f"{socket.gethostname()} {os.getpid()}")
            self._remove("probe")
            _ = self.has_locks
        except Exception as error:  # a URL's file system raises what it likes, e.g. for credentials
            if self.folder is not None and not isinstance(error, OSError):
                raise
            raise MixlawError(f"store {self.place}: cannot be written ({reason_of(error)})") from error

    def keys(self) -> set[str]:
        """Keys of the finished runs, damaged files included."""
        if self.folder is not None:
            names = os.listdir(self.folder) if self.folder.is_dir() else []
        else:
            self.fs.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                return _keys(path.rsplit("/", 1)[-1] for path in self.fs.ls(self.place, detail=False))
            return set()
        return _keys(names)

    def rows(self, key: str) -> list[Row] | None:
        """A finished run's rows; None where it is not finished. Raises DamagedError, naming the file."""
        text = self._read(f"{key}.json")
        if text is None:
            return None
        where = f"{self.place}/{key}.json"
        try:
            content = json.loads(text)
            schema, rows = content["schema"], content["rows"]
            whole = content["key"] == key and content["digest"] == _digest(key, rows)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{where}: is damaged ({reason_of(error)})") from error
        if schema > SCHEMA:
            raise MixlawError(f"{where}: schema {schema} is of a newer mixlaw; update it, or use another store")
        if not whole:
            raise DamagedError(f"{where}: is damaged (its content is not what was written)")
        return rows

    def holds(self, key: str) -> bool:
        """Whether the run is finished and its file whole."""
        try:
            return self.rows(key) is not None
        except DamagedError:
            return False

    def write(self, key: str, rows: list[Row]) -> None:
        """Keep a finished run; what was noted of an earlier failure and its state go. Raises OSError."""
        content = {"schema": SCHEMA, "key": key, "rows": rows, "digest": _digest(key, rows)}
        self._write(f"{key}.json", json.dumps(content, allow_nan=False))
        self._remove(f"failed-{key}.json")
        self.forget(key)

    def failure(self, key: str) -> Failure | None:
        """Why the run failed last; None where it did not, or nothing readable says so."""
        try:
            return Failure(**json.loads(self._read(f"failed-{key}.json") or "null"))
        except (ValueError, TypeError):
            return None

    def report(self, key: str, failure: Failure) -> None:
        """Keep why a run failed. Raises OSError."""
        self._write(f"failed-{key}.json", json.dumps(asdict(failure)))
        if failure.kind == "diverged":
            self.forget(key)

    def state(self, key: str) -> Path | None:
        """The file for the run half done."""
        return Path(self.states) / f"{key}.npz" if self.states else None

    def forget(self, key: str) -> None:
        """Remove the run's state and drafts that a killed process left. Only for who holds the claim."""
        if self.states:
            for path in Path(self.states).glob(f"*{key}.npz*"):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Whether the run is this process's to train, until the block ends. The lock dies with its process."""
        if not self.has_locks:
            yield True
            return
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._locked(key))
                mine = True
            except Timeout:
                mine = False
            if mine and self.folder:
                for draft in self.folder.glob(f".*{key}.json.*"):  # of one killed while it wrote
                    draft.unlink(missing_ok=True)
            yield mine

    def tidy(self, asked: set[str], done: set[str]) -> None:
        """Remove states of finished runs, states untouched for STALE seconds, and locks of finished runs.

        `done`: those of the runs asked for that are finished, their files found whole.
        """
        if self.folder is not None:
            for key in done:  # whoever takes the lock of a finished run finds it finished
                (self.folder / "locks" / f"{key}.lock").unlink(missing_ok=True)
        finished = done | (self.keys() - asked)
        for path in Path(self.states).glob("*.npz*") if self.states else ():
            key = path.name.removeprefix(".").split(".")[0]
            with contextlib.suppress(FileNotFoundError):
                if key in finished or (key not in asked and abs(time.time() - path.stat().st_mtime) > STALE):
                    path.unlink()

    def _locked(self, name: str, wait: bool = False) -> FileLock:
        assert self.folder is not None
        path = self.folder / "locks" / f"{name}.lock"
        return FileLock(path, timeout=10 if wait else 0, fallback_to_soft=False, thread_local=False)

    def _read(self, name: str) -> str | None:
        try:
            if self.folder is not None:
                return (self.folder / name).read_text(encoding="utf-8", errors="replace")
            return self.fs.cat_file(f"{self.place}/{name}").decode("utf-8", "replace")
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        if self.folder is None:
            self.fs.pipe_file(f"{self.place}/{name}", text.encode())  # an object store shows it whole or not at all
            return
        draft = self.folder / f".{name}.{socket.gethostname()}.{os.getpid()}"
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self.folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.folder is not None:
                (self.folder / name).unlink()
            elif self.fs.exists(f"{self.place}/{name}"):
                self.fs.rm_file(f"{self.place}/{name}")


def _keys(names: Any) -> set[str]:
    stems = {name.removesuffix(".json") for name in names if name.endswith(".json")}
    return {stem for stem in stems if not stem.startswith((".", "failed-"))}


def _digest(key: str, rows: list[Row]) -> str:
    return hashlib.blake2b(f"{key} {json.dumps(rows)}".encode(), digest_size=16).hexdigest()


def reason_of(error: BaseException) -> str:
    """An error in words: what the system calls it, or its own message."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    named = f"{text}: {error.filename}" if isinstance(error, OSError) and error.filename else text
    return named or type(error).__name__
