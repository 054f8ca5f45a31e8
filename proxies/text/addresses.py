"""Which files the text of a project may come from: local files and a few kinds of address; nothing else is opened.

fsspec knows dozens of protocols. Some run code that a file contains (`reference://` renders templates), some open a
second address inside the first (`::`), so only protocols that do neither are opened.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec

from mixlaw.errors import MixlawError, shown

PROTOCOLS = ("http", "https", "s3", "gs", "az", "abfs", "hf")
"""Protocols of the addresses that are opened, in addition to local files and `file://`."""
WEB = ("http", "https")
LOCAL = "file"
MAGIC = "*?["


@dataclass(frozen=True)
class Reach:
    """Where relative paths start, and which files paths may name.

    Attributes:
        base: folder at which relative paths start.
        within: the only folder whose files may be opened; web addresses are then refused too. None: no limit, for
            paths that the user typed.

    >>> Reach(Path("/data")).local("web.txt")
    '/data/web.txt'
    """

    base: Path
    within: Path | None = None
    _real: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def local(self, path: str) -> str:
        """A local path as the file system opens it. Raises MixlawError if `~NAME` is no user's folder."""
        try:
            return str(self.base / Path(path).expanduser())
        except RuntimeError as error:
            raise MixlawError(f"{path}: cannot be listed ({error}); write the folder out") from error

    def check_file(self, name: str, is_link: bool = False, *, path: str) -> None:
        """Raise MixlawError if the local file `name` is outside `within`. `path`: as the user wrote it."""
        if self.within is None:
            return
        folder, _, last = name.rpartition("/")
        if folder not in self._real:  # resolving each file of a large folder would take longer than listing it
            self._real[folder] = os.path.realpath(folder or "/")
        real = os.path.join(self._real[folder], last)
        self._check(os.path.realpath(real) if is_link or last in ("", ".", "..") else real, path)

    def check_root(self, name: str, *, path: str) -> None:
        """Raise MixlawError if a local path, or what precedes the first wildcard of a glob, is outside `within`."""
        if self.within is not None:
            cut = min((name.find(mark) for mark in MAGIC if mark in name), default=len(name))
            self._check(os.path.realpath(name if cut == len(name) else name[:cut].rpartition("/")[0] or "/"), path)

    def _check(self, real: str, path: str) -> None:
        assert self.within is not None
        own = os.path.realpath(self.within)
        if real != own and not real.startswith(own.rstrip(os.sep) + os.sep):
            raise MixlawError(
                f"{path}: is outside the project's folder {self.within}; give --allow-outside if you trust the project"
            )


def filesystem_of(path: str, reach: Reach) -> tuple[Any, str]:
    """The fsspec filesystem of a path and the path's name in it.

    Raises MixlawError, naming the path, for a protocol that is not opened, a chain of addresses, or a file that
    `reach` excludes; and what fsspec raises if the driver is missing or refuses the address.
    """
    if "::" in path:
        raise MixlawError(f"{path}: addresses joined by '::' are not opened; unpack the file and name what is in it")
    protocol, separator, rest = path.partition("://")
    if not separator or protocol in (LOCAL, "local"):
        filesystem = fsspec.filesystem(LOCAL)
        name = filesystem._strip_protocol(reach.local(rest if separator else path))
        reach.check_root(name, path=path)
        return filesystem, name
    if protocol.lower() not in PROTOCOLS:
        known = ", ".join(f"{name}://" for name in PROTOCOLS)
        raise MixlawError(f"{path}: addresses of kind {shown(protocol)} are not opened; give a local path or {known}")
    if reach.within is not None and protocol.lower() in WEB:
        raise MixlawError(f"{path}: a web address; give --allow-outside if you trust the project")
    return fsspec.core.url_to_fs(path)


def is_local(filesystem: Any) -> bool:
    """True for the filesystem of local files."""
    protocol = filesystem.protocol
    return LOCAL in ((protocol,) if isinstance(protocol, str) else protocol)
