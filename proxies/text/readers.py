"""Documents of files, one at a time: text, JSON lines, Parquet, Arrow; never a whole file in memory.

`.jsonl` and `.ndjson` (and `.json` whose first line is an object with a `text`), `.parquet` and `.arrow` hold one
document a row in the column `text`. Every other file is text in UTF-8, whatever its name: prose, Markdown, code. It
is one document, or several where it is longer than LONGEST. `.gz` and `.zst` are unpacked on the way.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mixlaw.errors import MixlawError
from proxies.text.column_readers import COLUMN, read_arrow, read_parquet
from proxies.text.files import File, driver_errors, list_files
from proxies.text.unpacking import UNPACK_ERRORS, unpacked

if TYPE_CHECKING:
    from mixlaw.project.project_file import Project

LONGEST = 1 << 24
"""Bytes: a longer text file is several documents, cut at ends of lines."""
LINE = 3 << 23
"""Bytes: a longer line of JSON is refused. Python takes up to 30 times as much memory for the values of a line."""
HEAD = 8192  # bytes in which a binary file shows a zero: git's test


class Documents:
    """Documents of files without blank ones; every iteration reads the files again."""

    def __init__(self, files: Sequence[File]) -> None:
        self.files = tuple(files)
        self.size = sum(file.size for file in files)
        """Size of the files on disk in bytes, before decompression."""
        self._before, self._raw = 0, None

    def done(self) -> int:
        """Bytes of the files that the latest iteration has read."""
        if self._raw is None or self._raw.closed:
            return self._before
        return self._before + int(self._raw.tell())

    def __iter__(self) -> Iterator[str]:
        self._before, self._raw = 0, None
        for file in self.files:
            for document in self._read(file):
                if document and not document.isspace():
                    yield document
            self._raw, self._before = None, self._before + file.size

    def _read(self, file: File) -> Iterator[str]:
        try:
            with file.open() as raw:
                self._raw = raw
                yield from _documents(raw, file)
        except MixlawError:
            raise
        except Exception as error:
            if not isinstance(error, UNPACK_ERRORS) and not isinstance(error, driver_errors(file.filesystem)):
                raise
            why = f"{error}" or type(error).__name__
            raise MixlawError(f"{file.name}: cannot be read ({why}); mend the file or leave it out") from error


def read_documents(
    paths: Sequence[str | Path], *, base: Path | str = ".", within: Path | str | None = None
) -> Documents:
    """The documents of files, globs, folders and addresses, in sorted order, without those that are blank.

    Relative paths start at `base`; `within` is the only folder whose files may be read (None: any), see `list_files`.
    Raises MixlawError for a path without files and, while documents are read, naming file and line: a missing or
    non-text column, broken JSON, bytes not in UTF-8, a file that was cut off.
    """
    return Documents(list_files(paths, base, within=within))


def project_documents(project: "Project", paths: Sequence[str]) -> Documents:
    """The documents of paths that a project names, of which it may open those that its `within` allows."""
    return read_documents(paths, base=project.folder, within=project.within)


def _documents(raw: IO[bytes], file: File) -> Iterator[str]:
    name = file.name
    if name.endswith(".parquet"):
        return read_parquet(raw, name)
    if name.endswith(".arrow"):
        return read_arrow(raw, name)
    stem, content = unpacked(raw, name)
    if stem.endswith((".jsonl", ".ndjson")):
        return _json_lines(content, name)
    head = content.peek(HEAD)[:HEAD]  # type: ignore[attr-defined]
    if file.found and b"\0" in head:
        return iter(())
    if stem.endswith(".json") and head.lstrip()[:1] == b"{" and _is_row(content.peek(1 << 16)):  # type: ignore[attr-defined]
        return _json_lines(content, name)
    return _text(content, name)


def _is_row(head: bytes) -> bool:
    """Whether a .json file begins with one whole object in its first line, as in several published corpora."""
    line, ended, _ = head.lstrip().partition(b"\n")
    try:
        row = json.loads(line)
    except RecursionError:
        return True  # which the reader of lines refuses with its line
    except ValueError:  # an object over several lines, or one longer than what was looked at
        return not ended and b'"text":' in line
    return isinstance(row, dict) and isinstance(row.get(COLUMN), str)


def _text(file: IO[bytes], name: str) -> Iterator[str]:
    """A file as one document, or cut where a part ends in a line, else a word, else a character."""
    at, left = 0, b""
    while True:
        data = left + file.read(LONGEST + 1 - len(left))
        cut = len(data) if len(data) <= LONGEST else _cut(data)
        yield _decode(data[:cut], name, at)
        if cut == len(data):
            return
        at, left = at + cut, data[cut:]


def _cut(data: bytes) -> int:
    for mark in (b"\n", b" "):
        cut = data.rfind(mark, len(data) // 2, len(data) - 1) + 1
        if cut:
            return cut
    cut = len(data) - 1
    while cut > len(data) - 4 and data[cut] & 0xC0 == 0x80:  # within a character of several bytes
        cut -= 1
    return cut


def _decode(data: bytes, place: str, at: int = 0) -> str:
    try:
        return data.decode("utf-8" if at else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise MixlawError(f"{place}: byte {at + error.start} is not UTF-8; convert the file to UTF-8") from error


def _json_lines(file: IO[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(LINE + 1), b""), 1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        if len(line) > LINE:
            raise MixlawError(f"{place}: longer than {LINE >> 20} MiB; write a shorter document a line")
        text = _decode(line, place)
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:  # an integer of thousands of digits is a ValueError
            why = getattr(error, "msg", "nested too deep" if isinstance(error, RecursionError) else "a huge integer")
            raise MixlawError(f"{place}: not JSON ({why}); write one JSON object a line") from error
        if not isinstance(row, dict) or COLUMN not in row:
            raise MixlawError(f"{place}: no column `{COLUMN}`; each line must be an object that has one")
        if not isinstance(row[COLUMN], str):
            kind = type(row[COLUMN]).__name__
            raise MixlawError(f"{place}: column `{COLUMN}` holds {kind}, not text; write a string")
        yield row[COLUMN]
