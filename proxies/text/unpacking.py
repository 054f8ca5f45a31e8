"""Unpacked content of `.gz` and `.zst` files, in bounded memory; a file that was cut off is an error."""

import gzip
import io
import zlib
from typing import IO

import zstandard

from mixlaw.errors import MixlawError

UNPACK_ERRORS = (EOFError, zlib.error, zstandard.ZstdError)
"""Errors of a file that was cut off or damaged, in addition to OSError."""
PART = 4096
"""Packed bytes per step: zstandard makes up to 32,000 times as many of them, and all are in memory together."""
FREE, RATIO = 1 << 26, 250
"""A file is refused once it gave FREE bytes and more than RATIO times its packed size: text packs up to 50 fold."""


def unpacked(raw: IO[bytes], name: str) -> tuple[str, IO[bytes]]:
    """The name without `.gz` or `.zst`, and the content to read, buffered.

    Reading raises one of UNPACK_ERRORS or OSError if the file is damaged, EOFError if it was cut off, and MixlawError
    if it unpacks to far more than text does.
    """
    if name.endswith(".gz"):
        return name[:-3], _buffered(_Bounded(gzip.GzipFile(fileobj=raw, mode="rb"), raw, name))
    if name.endswith(".zst"):
        return name[:-4], _buffered(_Bounded(_Zstd(raw), raw, name))
    return name, raw if hasattr(raw, "peek") else _buffered(raw)


def _buffered(raw: IO[bytes] | io.RawIOBase) -> IO[bytes]:
    return io.BufferedReader(raw, 1 << 20)  # type: ignore[arg-type]


class _Zstd(io.RawIOBase):
    """Content of all frames of a .zst file. zstandard's own reader ends quietly in the middle of a frame."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._data, self._at = raw, b"", 0
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while self._at == len(self._data):
            packed = self._raw.read(PART)
            if not packed:
                if self._frame is not None:
                    raise EOFError("it ended before the end of a frame: was it cut off?")
                return 0
            self._data, self._at = self._unpack(packed), 0
        part = self._data[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _unpack(self, packed: bytes) -> bytes:
        parts = []
        while packed:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            parts.append(self._frame.decompress(packed))
            if not self._frame.eof:
                break
            packed, self._frame = self._frame.unused_data, None
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _Bounded(io.RawIOBase):
    """What `content` gives, refused if it is far more than `raw`, from which it is unpacked."""

    def __init__(self, content: io.RawIOBase | gzip.GzipFile, raw: IO[bytes], name: str) -> None:
        self._content, self._raw, self._name, self._given = content, raw, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._content.readinto(buffer) or 0
        self._given += count
        if self._given > FREE and self._given > RATIO * self._raw.tell():
            raise MixlawError(f"{self._name}: unpacks to more than {RATIO} times its size; is it text? Unpack it first")
        return count
