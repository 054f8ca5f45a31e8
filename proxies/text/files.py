"""Files behind paths: single files, globs, folders and saved data sets; local or at any address that fsspec opens."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from mixlaw.errors import MixlawError, listed

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


def list_files(paths: Sequence[str | Path], base: Path | str = ".") -> tuple[File, ...]:
    """The files of all paths, each once, those of a folder or glob in sorted order.

    A folder gives every file in it but hidden ones and Python's caches; of a Hugging Face data set saved to disk
    (`state.json` beside Arrow files) it gives the Arrow files that belong to it. Nothing is opened but that list.
    Relative paths start at `base`. Raises MixlawError for a path without files, or one that cannot be listed.
    """
    found: dict[tuple[int, str], File] = {}
    for path in map(str, paths):
        files = _files(path, Path(base))
        if not files:
            raise MixlawError(f"{path}: no file matches; give a file, a folder or a glob (looked under {base})")
        for file in files:
            found.setdefault((id(file.filesystem), file.name), file)  # fsspec keeps one object a filesystem
    return tuple(found.values())


def driver_errors() -> tuple[type[Exception], ...]:
    """What filesystems raise where a file cannot be had: OSError, and the bases of the drivers in use."""
    errors: list[type[Exception]] = [OSError]
    for module, name in (("aiohttp", "ClientError"), ("botocore.exceptions", "BotoCoreError")):
        if module in sys.modules:
            errors.append(getattr(sys.modules[module], name))
    return tuple(errors)


def _files(path: str, base: Path) -> list[File]:
    address = path if "://" in path or "::" in path else str(base / Path(path).expanduser())
    try:
        filesystem, root = fsspec.core.url_to_fs(address)
        info = _info(filesystem, root)
        if info is not None:
            directory = info["type"] == "directory"
            return list(_folder(filesystem, root)) if directory else [_file(filesystem, info)]
        files = []
        hidden = root.rpartition("/")[2].startswith(".")
        for match, info in sorted(filesystem.glob(root, detail=True).items()):
            if match.rstrip("/").rpartition("/")[2].startswith(".") and not hidden:
                continue  # as a shell has it
            files += _folder(filesystem, match) if info["type"] == "directory" else [_file(filesystem, info)]
        return files
    except (ImportError, ValueError, *driver_errors()) as error:
        if isinstance(error, MixlawError):
            raise
        raise MixlawError(f"{path}: cannot be listed ({error}); mend the path or install its driver") from error


def _info(filesystem: Any, name: str) -> dict[str, Any] | None:
    """What is known of a file or folder, None where there is none of that name."""
    try:
        return filesystem.info(name)
    except (FileNotFoundError, NotADirectoryError) as error:
        if isinstance(error.__cause__, ConnectionError):  # nothing answers, which is no answer
            raise error.__cause__ from None
        return None


def _file(filesystem: Any, info: dict[str, Any], found: bool = False) -> File:
    stamps = [f"{key} {info[key]}" for key in STAMPS if info.get(key) is not None]
    return File(filesystem, str(info["name"]), int(info.get("size") or 0), stamps[0] if stamps else None, found)


def _folder(filesystem: Any, folder: str) -> Iterator[File]:
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
            yield _file(filesystem, infos[name] | {"name": name}, found=True)
    for place, members in parts.items():
        absent = sorted(member for member in members if f"{place}/{member}" not in infos)
        if absent:
            raise MixlawError(f"{saved[place]}: names {listed(absent)}, not there; save the data set anew")


def _members(filesystem: Any, state: str) -> set[str]:
    """The Arrow files of a saved data set. `cache-*.arrow` files of other work may lie beside them."""
    try:
        content = json.loads(filesystem.cat_file(state))
        rows = content.get("_indices_files") or content.get("_indices_data_files")
        members = {str(entry["filename"]) for entry in content["_data_files"]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MixlawError(f"{state}: not the state of a saved data set ({error!r}); save the data set anew") from error
    if rows:
        raise MixlawError(f"{state}: saved by an old version, with rows chosen by an index; save the data set anew")
    return members
