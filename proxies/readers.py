"""Documents from files, one at a time: text files, JSON lines, Parquet; local or by any fsspec address."""

import contextlib
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import fsspec
import zstandard

from mixlaw.errors import MixlawError

COLUMN = "text"


def read_documents(paths: Sequence[str | Path], *, base: Path | str = ".") -> Iterator[str]:
    """The documents of files, globs and folders, in sorted order, without those that are blank.

    `.jsonl` and `.parquet` hold one document a row in the column `text`; every other file is one document in
    UTF-8. `.gz` and `.zst` are unpacked on the way. Relative paths start at `base`. Raises MixlawError,
    naming file and line, for a path without files, a missing or non-text column, broken JSON, or
    bytes not in UTF-8.
    """
    for path in paths:
        for filesystem, name in _files(str(path), Path(base)):
            for document in _read_file(filesystem, name):
                if document.strip():
                    yield document


def count_documents(paths: Sequence[str | Path], *, base: Path | str = ".") -> tuple[int, int]:
    """(documents, tokens) of the distinct documents of all files: bytes of UTF-8 and one end mark a document."""
    seen: set[bytes] = set()
    tokens = 0
    for document in read_documents(paths, base=base):
        digest = hashlib.blake2b(document.strip().encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            tokens += len(document.encode("utf-8", "surrogatepass")) + 1
    return len(seen), tokens


def _files(path: str, base: Path) -> list[tuple[Any, str]]:
    """(filesystem, file) pairs behind one path. A folder gives its files but hidden and binary ones."""
    address = path if "://" in path else str(base / Path(path).expanduser())
    try:
        filesystem, root = fsspec.core.url_to_fs(address)
        if filesystem.isfile(root):
            return [(filesystem, root)]
        folders = [root] if filesystem.isdir(root) else sorted(filesystem.glob(root))
        found = []
        for match in folders:
            if filesystem.isdir(match):
                found += [f for f in sorted(filesystem.find(match)) if _is_text(filesystem, f, match)]
            else:
                found.append(match)
    except (ImportError, OSError, ValueError) as error:
        raise MixlawError(f"{path}: cannot be listed ({error}); mend the path or install its driver") from error
    if not found:
        raise MixlawError(f"{path}: no file matches; give a file, a folder or a glob (looked under {base})")
    return [(filesystem, name) for name in dict.fromkeys(str(f) for f in found)]


def _is_text(filesystem: Any, name: str, folder: str) -> bool:
    parts = str(name)[len(str(folder)) :].replace("\\", "/").split("/")
    if any(part.startswith(".") or part == "__pycache__" for part in parts):
        return False
    if name.endswith((".gz", ".zst", ".parquet")):
        return True
    with filesystem.open(name, "rb") as file:
        return b"\0" not in file.read(8192)  # git's test for a binary file


def _read_file(filesystem: Any, name: str) -> Iterator[str]:
    try:
        with filesystem.open(name, "rb") as raw:
            if name.endswith(".parquet"):
                yield from _parquet(raw, name)
            else:
                stem, file = _unpacked(raw, name)
                yield from (_json_lines(file, name) if stem.endswith(".jsonl") else [_decode(file.read(), name)])
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise MixlawError(f"{name}: cannot be read ({error}); mend the file or leave it out") from error


def _unpacked(raw: IO[bytes], name: str) -> tuple[str, IO[bytes]]:
    if name.endswith(".gz"):
        return name[:-3], gzip.open(raw)  # type: ignore[return-value]
    if name.endswith(".zst"):
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return name[:-4], io.BufferedReader(reader)  # type: ignore[arg-type]
    return name, raw


def _decode(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MixlawError(f"{place}: byte {error.start} is not UTF-8; convert the file to UTF-8") from error


def _json_lines(file: IO[bytes], name: str) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        place = f"{name}, line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(_decode(line, place))
        except json.JSONDecodeError as error:
            raise MixlawError(f"{place}: not JSON ({error.msg}); write one JSON object a line") from error
        if not isinstance(row, dict) or COLUMN not in row:
            raise MixlawError(f"{place}: no column `{COLUMN}`; each line must be an object that has one")
        if not isinstance(row[COLUMN], str):
            kind = type(row[COLUMN]).__name__
            raise MixlawError(f"{place}: column `{COLUMN}` holds {kind}, not text; write a string")
        yield row[COLUMN]


def _parquet(raw: IO[bytes], name: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(raw)
        schema = table.schema_arrow
    except pa.ArrowException as error:
        raise MixlawError(f"{name}: not a readable Parquet file ({error}); write it anew") from error
    if COLUMN not in schema.names:
        raise MixlawError(f"{name}: no column `{COLUMN}` among {', '.join(schema.names)}; rename one")
    kind = schema.field(COLUMN).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise MixlawError(f"{name}: column `{COLUMN}` holds {kind}, not text; write strings")
    row = 0
    with contextlib.closing(table):
        for batch in table.iter_batches(columns=[COLUMN]):
            for value in batch.column(0):
                row += 1
                text = _parquet_text(value, f"{name}, row {row}")
                yield text


def _parquet_text(value: Any, place: str) -> str:
    try:
        text = value.as_py()
    except UnicodeDecodeError as error:
        raise MixlawError(f"{place}: not UTF-8; convert the column `{COLUMN}`") from error
    if text is None:
        raise MixlawError(f"{place}: column `{COLUMN}` is empty (null); drop the row or fill it")
    return text
