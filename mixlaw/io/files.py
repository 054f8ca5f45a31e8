"""Reading of files: the one place where mixlaw and its proxies open a local file to read it.

A FIFO, socket, device or directory is refused before anything waits for it; every read has a limit.
"""

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from mixlaw.errors import MixlawError

SMALL = 8_000_000
"""Bytes above which a file written by hand is refused: a project of a thousand sources has about 100,000."""
LARGE = 1 << 28
"""Bytes above which a file that mixlaw wrote, or a table, is refused."""


class NoFileError(MixlawError):
    """There is no file of that name."""


def open_file(path: str | Path, give: str = "a file") -> BinaryIO:
    """A regular file, open for unbuffered or buffered reading of bytes.

    Args:
        give: words for the message if `path` is no regular file: the kind of file to give.

    Raises:
        NoFileError: there is no such file.
        MixlawError: `path` is a directory, FIFO, socket or device, or may not be read.

    >>> open_file("/dev/zero")
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: /dev/zero: is a directory or device; give a file
    """
    refused = MixlawError(f"{path}: is a directory or device; give {give}")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before the file is opened: opening can act on a device
            raise refused
        # Without O_NONBLOCK, opening would wait if the file had become a FIFO since.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise refused
        return os.fdopen(number, "rb")
    except MixlawError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise NoFileError(f"{path}: no such file") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise NoFileError(f"{path}: no such file") from None
        raise MixlawError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:  # a NUL character in the name
        raise NoFileError(f"{path}: no such file") from None


@contextmanager
def reading(path: str | Path, give: str = "a file", unpack: bool = False) -> Iterator[IO[bytes]]:
    """A regular file to read from in a `with` block, in which errors of reading become a `MixlawError`.

    Args:
        give: words for the message if `path` is no regular file: the kind of file to give.
        unpack: True for gzip, whose content is read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as made, reading(made.name) as file:
    ...     file.read(10)
    b''
    """
    with open_file(path, give) as file:
        try:
            if unpack:
                with gzip.GzipFile(fileobj=file, mode="rb") as content:
                    yield cast(IO[bytes], content)
            else:
                yield file
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise MixlawError(f"{path}: not a readable gzip file; was it cut off?") from None
        except OSError as error:
            raise MixlawError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_bytes(path: str | Path, limit: int = LARGE, give: str = "a file") -> bytes:
    """Content of a file of at most `limit` bytes.

    Raises:
        NoFileError: there is no such file.
        MixlawError: the file cannot be read, or is larger.
    """
    with reading(path, give) as file:
        content = bytearray()
        # In parts: Python would set aside `limit` bytes for one read.
        while len(content) <= limit and (part := file.read(min(1 << 20, limit + 1 - len(content)))):
            content += part
    if len(content) > limit:
        raise MixlawError(f"{path}: larger than {limit // 1_000_000} MB; is it the right file?")
    return bytes(content)


def read_text(path: str | Path, limit: int = SMALL, give: str = "a file") -> str:
    """Text of a UTF-8 file of at most `limit` bytes, without a byte order mark.

    Raises:
        NoFileError: there is no such file.
        MixlawError: the file cannot be read, is larger, or is not UTF-8.
    """
    try:
        return read_bytes(path, limit, give).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MixlawError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
