"""The store of finished runs: one file a run, named by all that defines it, written whole or not at all.

    <key>.json          a finished run: {"schema", "key", "rows", "digest"}
    failed-<key>.json   why a run failed: {"run_id", "kind", "reason", "host"}
    states/<key>.npz    a run half done, to go on from
    locks/<key>.lock    held by the process that trains the run, and gone with it

A store at a URL (s3://...) holds the first two; it has no locks, so two sweeps at once may train a run twice.
Whichever writes last stays: equal keys have equal rows.
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
from proxies.sweep.location import Location, reason_of

Row = dict[str, float | int | str]
SCHEMA = 1
STALE = 30 * 86400.0
"""Seconds after which the state of a run that nobody asks for any more is removed."""


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

    location: Location
    states: Path | None = None
    every: float = 60.0

    @classmethod
    def at(cls, location: "str | Path | Store", *, states: str | Path | None = None, every: float = 60.0) -> "Store":
        """The store at a place; a store as it is. Raises MixlawError for a URL of a kind not known here."""
        if isinstance(location, Store):
            return location
        found = Location.at(location)
        folder = Path(states).absolute() if states else found.folder and found.folder / "states"
        return cls(found, folder, every)

    def __str__(self) -> str:
        return f"store {self.location}"

    def open(self) -> None:
        """Make the folders. Raises MixlawError, with the reason, where they cannot be written."""
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
        """A finished run's rows; None where it is not finished. Raises DamagedError, naming the file."""
        text = self.location.read(f"{key}.json")
        if text is None:
            return None
        where = f"{self.location}/{key}.json"
        try:
            content = json.loads(text)
            schema, rows = content["schema"], content["rows"]
            whole = content["key"] == key and content["digest"] == _digest(key, rows)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{where}: is damaged ({reason_of(error)})") from error
        if schema != SCHEMA:
            raise MixlawError(f"{where}: schema {schema} is of another mixlaw, this one writes {SCHEMA}: update it")
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
        self.location.write(f"{key}.json", json.dumps(content, allow_nan=False))
        self.location.remove(f"failed-{key}.json")
        self.forget(key)

    def failure(self, key: str) -> Failure | None:
        """Why the run failed last; None where it did not, or nothing readable says so."""
        try:
            return Failure(**json.loads(self.location.read(f"failed-{key}.json") or "null"))
        except (ValueError, TypeError):
            return None

    def report(self, key: str, failure: Failure) -> None:
        """Keep why a run failed. Raises OSError."""
        self.location.write(f"failed-{key}.json", json.dumps(asdict(failure)))
        if failure.kind == "diverged":
            self.forget(key)

    def state(self, key: str) -> Path | None:
        """The file for the run half done."""
        return self.states and self.states / f"{key}.npz"

    def forget(self, key: str) -> None:
        """Remove the run's state and drafts of it that a killed process left. Only for who holds the claim."""
        for path in self.states.glob(f"*{key}.npz*") if self.states else ():
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Whether the run is this process's to train, until the block ends. Raises OSError."""
        with self.location.locked(key) as mine:
            if mine and self.location.has_locks:
                assert self.location.folder is not None
                for draft in self.location.folder.glob(f".*{key}.json.*"):  # of one killed while it wrote
                    draft.unlink(missing_ok=True)
            yield mine

    def tidy(self, asked: set[str], done: set[str]) -> None:
        """Remove states of finished runs, states untouched for STALE seconds, and locks of finished runs.

        `done`: those of the runs asked for that are finished, their files found whole.
        """
        for key in done:  # whoever takes the lock of a finished run finds it finished
            self.location.unlock(key)
        finished = done | (self.keys() - asked)
        for path in self.states.glob("*.npz*") if self.states else ():
            key = path.name.removeprefix(".").split(".")[0]
            with contextlib.suppress(FileNotFoundError):
                if key in finished or (key not in asked and abs(time.time() - path.stat().st_mtime) > STALE):
                    path.unlink()


def _digest(key: str, rows: list[Row]) -> str:
    return hashlib.blake2b(f"{key} {json.dumps(rows)}".encode(), digest_size=16).hexdigest()
