"""Files behind paths: single files, globs, folders and saved data sets; local or at an address that is allowed."""

import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mixlaw.errors import MixlawError, listed
from mixlaw.io.files import open_file
from proxies.text.addresses import Reach, filesystem_of, is_local

STAMPS = (
    "mtime",
    "ETag",
    "etag",
    "md5Hash",
    "Content-MD5",
    "LastModified",
    "last_modified",
    "Last-Modified",
    "created",
)
"""What filesystems call the sign by which a changed file is known, the surest first."""
STATE, SPLITS = "state.json", "dataset_dict.json"
STATE_MOST = 1 << 24
"""Bytes above which the list of a saved data set's files is refused."""


@dataclass(frozen=True)
class File:
    """One file: where it lies, `size` in bytes (0 where unknown), and by what a change of it is known.

    `stamp` is None where its filesystem states nothing of the kind. `found` in a folder rather than named: it is
    passed over where it turns out not to be text.
    """

    filesystem: Any
    name: str
    size: int
    stamp: str | None
    found: bool = False

    @property
    def address(self) -> str:
        """Its name with the protocol, as fsspec opens it."""
        return str(self.filesystem.unstrip_protocol(self.name))

    def open(self) -> IO[bytes]:
        """The file, open for reading bytes. Raises MixlawError if it is local and no regular file."""
        return open_file(self.name) if is_local(self.filesystem) else self.filesystem.open(self.name, "rb")


def list_files(
    paths: Sequence[str | Path], base: Path | str = ".", *, within: Path | str | None = None
) -> tuple[File, ...]:
    """The files of all paths, each once, those of a folder or glob in sorted order.

    A folder gives every file in it but hidden ones and Python's caches; of a Hugging Face data set saved to disk
    (`state.json` beside Arrow files) it gives the Arrow files that belong to it. Nothing is opened but that list.
    Relative paths start at `base`. `within`: the only folder whose files are given, for paths that a project names;
    web addresses are then refused too. Raises MixlawError for a path without files or outside `within`, one that
    cannot be listed, and FIFOs, sockets and devices.
    """
    found: dict[tuple[int, str], File] = {}
    reach = Reach(Path(base), None if within is None else Path(within))
    for path in map(str, paths):
        files = _files(path, reach)
        if not files:
            raise MixlawError(f"{path}: no file matches; give a file, a folder or a glob (looked under {base})")
        for file in files:
            found.setdefault((id(file.filesystem), file.name), file)  # fsspec keeps one object a filesystem
    return tuple(found.values())


def driver_errors(filesystem: Any) -> type[Exception] | tuple[type[Exception], ...]:
    """Errors that mean a file cannot be had: OSError of local files, any of the drivers of addresses."""
    return (OSError, ValueError) if is_local(filesystem) else Exception


def _files(path: str, reach: Reach) -> list[File]:
    filesystem = None
    try:
        filesystem, root = filesystem_of(path, reach)
        return _matches(filesystem, root, path, reach)
    except MixlawError:
        raise
    except Exception as error:  # of drivers, which raise what they like
        if filesystem is not None and not isinstance(error, driver_errors(filesystem)):
            raise
        raise MixlawError(f"{path}: cannot be listed ({error}); mend the path or install its driver") from error


def _matches(filesystem: Any, root: str, path: str, reach: Reach) -> list[File]:
    info = _info(filesystem, root)
    if info is not None and info["type"] == "directory":
        return list(_folder(filesystem, root, path, reach))
    if info is not None:
        return [_file(filesystem, info, path, reach)]
    files = []
    hidden = root.rpartition("/")[2].startswith(".")
    for match, info in sorted(filesystem.glob(root, detail=True).items()):
        if match.rstrip("/").rpartition("/")[2].startswith(".") and not hidden:
            continue  # as a shell has it
        if info["type"] == "directory":
            files += _folder(filesystem, match, path, reach)
        else:
            files.append(_file(filesystem, info, path, reach))
    return files


def _info(filesystem: Any, name: str) -> dict[str, Any] | None:
    """What is known of a file or folder, None where there is none of that name."""
    try:
        return filesystem.info(name)
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error.__cause__, ConnectionError):  # nothing answers, which is no answer
            raise error.__cause__ from None
        return None


def _file(filesystem: Any, info: dict[str, Any], path: str, reach: Reach, found: bool = False) -> File:
    name = str(info["name"])
    if is_local(filesystem):
        reach.check_file(name, bool(info.get("islink", True)), path=path)
        # A link is "other" too: the file that it names counts.
        if info["type"] != "file" and not stat.S_ISREG(os.stat(name).st_mode):
            raise MixlawError(f"{name}: is a directory or device; give files, or a folder of files alone")
    stamps = [f"{key} {info[key]}" for key in STAMPS if info.get(key) is not None]
    return File(filesystem, name, int(info.get("size") or 0), stamps[0] if stamps else None, found)


def _folder(filesystem: Any, folder: str, path: str, reach: Reach) -> Iterator[File]:
    if is_local(filesystem):
        reach.check_root(folder, path=path)
    infos: dict[str, dict[str, Any]] = filesystem.find(folder, detail=True)
    saved = {name.rpartition("/")[0]: name for name in infos if name.rpartition("/")[2] == STATE}
    saved = {place: name for place, name in saved.items() if f"{place}/dataset_info.json" in infos}
    parts = {place: _members(filesystem, name) for place, name in saved.items()}
    for name in sorted(infos):
        inside, last = name[len(folder) :].replace("\\", "/").split("/"), name.rpartition("/")[2]
        if any(part.startswith(".") or part == "__pycache__" for part in inside) or last == SPLITS:
            continue
        place = name.rpartition("/")[0]
        if place not in parts or last in parts[place]:
            yield _file(filesystem, infos[name] | {"name": name}, path, reach, found=True)
    for place, members in parts.items():
        absent = sorted(member for member in members if f"{place}/{member}" not in infos)
        if absent:
            raise MixlawError(f"{saved[place]}: names {listed(absent)}, not there; save the data set anew")


def _members(filesystem: Any, state: str) -> set[str]:
    """The Arrow files of a saved data set. `cache-*.arrow` files of other work may lie beside them."""
    try:
        with File(filesystem, state, 0, None).open() as file:
            content = json.loads(file.read(STATE_MOST))
        rows = content.get("_indices_files") or content.get("_indices_data_files")
        members = {str(entry["filename"]) for entry in content["_data_files"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MixlawError(f"{state}: not the state of a saved data set ({error!r}); save the data set anew") from error
    if rows:
        raise MixlawError(f"{state}: saved by an old version, with rows chosen by an index; save the data set anew")
    return members
