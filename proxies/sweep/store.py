"""The store of finished runs: one file per run, named by the run's key and written atomically.

    <key>.json          a finished run: {"schema", "key", "rows", "digest"}
    failed-<key>.json   a failure: {"run_id", "kind", "reason", "host"}
    states/<key>.npz    the state of an unfinished run, from which training resumes
    locks/<key>.lock    lock of the process that trains the run; released when the process ends

A store at a URL (s3://...) has only the first two. It has no locks, so two simultaneous sweeps may train a run twice;
that is harmless, because equal keys have equal rows.
"""

import contextlib
import hashlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mixlaw.errors import MixlawError
from proxies.sweep.location import Location, UnreadableError, reason_of

Row = dict[str, float | int | str]
SCHEMA = 1
STALE_SECONDS = 30 * 86400.0
"""Age in seconds above which the state of a run that this sweep does not include is removed."""


class DamagedError(MixlawError):
    """A file of the store is damaged; its run must be trained again."""


@dataclass(frozen=True)
class Failure:
    """Reason why a run has no rows. `kind`: diverged (it would again), fault, or killed (its process ended)."""

    run_id: str
    kind: str
    reason: str
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True)
class Store:
    """A store in a folder or at an fsspec URL. Small and picklable: workers get a copy.

    >>> store = Store.at("memory://example-store")
    >>> store.write("key", [{"run_id": "r0", "loss:web": 2.5}])
    >>> store.keys(), store.rows("key"), store.rows("other")
    ({'key'}, [{'run_id': 'r0', 'loss:web': 2.5}], None)

    Attributes:
        location: of the folder.
        states: local or shared folder for states of unfinished runs. None: a stopped run starts from the beginning.
        every: seconds between two writes of a run's state.
    """

    location: Location
    states: Path | None = None
    every: float = 60.0

    @classmethod
    def at(cls, location: "str | Path | Store", *, states: str | Path | None = None, every: float = 60.0) -> "Store":
        """The store at a path or URL; a `Store` is returned as it is. Raises MixlawError for an unsupported scheme."""
        if isinstance(location, Store):
            return location
        found = Location.at(location)
        folder = Path(states).absolute() if states else found.folder and found.folder / "states"
        return cls(found, folder, every)

    def __str__(self) -> str:
        return f"store {self.location}"

    def open(self) -> None:
        """Make the folders. Raises MixlawError with the reason if they cannot be written."""
        self.location.open()
        try:
            if self.states:
                self.states.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MixlawError(f"states {self.states}: cannot be written ({reason_of(error)})") from error

    def keys(self) -> set[str]:
        """Keys of the finished runs, damaged files included."""
        stems = {name.removesuffix(".json") for name in self.location.names() if name.endswith(".json")}
        return {stem for stem in stems if not stem.startswith((".", "failed-"))}

    def rows(self, key: str) -> list[Row] | None:
        """Rows of a finished run, None if it is not finished. Raises DamagedError if its file is damaged."""
        where = f"{self.location}/{key}.json"
        try:
            text = self.location.read(f"{key}.json")
        except UnreadableError as error:
            raise DamagedError(str(error)) from error
        if text is None:
            return None
        try:
            content = json.loads(text)
            schema, rows = content["schema"], content["rows"]
            whole = content["key"] == key and content["digest"] == _digest(key, rows)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedError(f"{where}: is damaged ({reason_of(error)})") from error
        if schema != SCHEMA:
            raise MixlawError(
                f"{where}: schema {schema} is of another version of mixlaw, this one writes {SCHEMA}: update mixlaw"
            )
        if not whole:
            raise DamagedError(f"{where}: is damaged (its content is not what was written)")
        return rows

    def holds(self, key: str) -> bool:
        """True if the run is finished and its file is undamaged."""
        try:
            return self.rows(key) is not None
        except DamagedError:
            return False

    def write(self, key: str, rows: list[Row]) -> None:
        """Store a finished run and remove its earlier failure and its state. Raises OSError."""
        content = {"schema": SCHEMA, "key": key, "rows": rows, "digest": _digest(key, rows)}
        self.location.write(f"{key}.json", json.dumps(content, allow_nan=False))
        self.location.remove(f"failed-{key}.json")
        self.forget(key)

    def failure(self, key: str) -> Failure | None:
        """The run's latest failure, None if none is stored or its file is unreadable."""
        try:
            return Failure(**json.loads(self.location.read(f"failed-{key}.json") or "null"))
        except (ValueError, TypeError, RecursionError):
            return None

    def report(self, key: str, failure: Failure) -> None:
        """Store the failure of a run. Raises OSError."""
        self.location.write(f"failed-{key}.json", json.dumps(asdict(failure)))
        if failure.kind == "diverged":
            self.forget(key)

    def state(self, key: str) -> Path | None:
        """File of the state of an unfinished run, None if states are not stored."""
        return self.states and self.states / f"{key}.npz"

    def forget(self, key: str) -> None:
        """Remove the run's state and its drafts left by killed processes. Call it only with the run's lock."""
        for path in self.states.glob(f"*{key}.npz*") if self.states else ():
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Try to lock the run until the block ends: True if this process may train it. Raises OSError."""
        with self.location.locked(key) as mine:
            if mine and self.location.has_locks:
                assert self.location.folder is not None
                for draft in self.location.folder.glob(f".*{key}.json.*"):  # left by a process killed while writing
                    draft.unlink(missing_ok=True)
            yield mine

    def tidy(self, asked: set[str], done: set[str]) -> None:
        """Remove states of finished runs, states untouched for STALE_SECONDS seconds, and locks of finished runs.

        `asked`: keys of this sweep. `done`: those whose files were read undamaged.
        """
        for key in done:  # a process that locks a finished run then finds its rows
            self.location.unlock(key)
        finished = done | (self.keys() - asked)
        for path in self.states.glob("*.npz*") if self.states else ():
            key = path.name.removeprefix(".").split(".")[0]
            with contextlib.suppress(FileNotFoundError):
                if key in finished or (key not in asked and abs(time.time() - path.stat().st_mtime) > STALE_SECONDS):
                    path.unlink()


def _digest(key: str, rows: list[Row]) -> str:
    return hashlib.blake2b(f"{key} {json.dumps(rows)}".encode(), digest_size=16).hexdigest()
