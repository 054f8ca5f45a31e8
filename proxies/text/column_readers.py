"""Documents of tables: the column `text` of Parquet and Arrow files, some rows at a time.

Every error is a MixlawError that names file, row and mend.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from mixlaw.errors import MixlawError

COLUMN = "text"
ROWS = 512  # made Python strings at a time
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
BUFFER = 1 << 22  # bytes of a Parquet column read at a time


def read_parquet(raw: IO[bytes], name: str) -> Iterator[str]:
    """The texts of a Parquet file, row group by row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A row group may be as large as the file: it is read through a buffer, not at once.
        table = pq.ParquetFile(raw, pre_buffer=False, buffer_size=BUFFER, page_checksum_verification=True)
        _check_column(table.schema_arrow, name)
    except pa.ArrowException as error:
        raise MixlawError(f"{name}: not a readable Parquet file ({error}); write it anew") from error
    with contextlib.closing(table):
        yield from _rows(table.iter_batches(ROWS, columns=[COLUMN]), name)


def read_arrow(raw: IO[bytes], name: str) -> Iterator[str]:
    """An Arrow stream, as data sets are saved, or an Arrow file (Feather)."""
    import pyarrow as pa

    try:
        if raw.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(raw)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        else:
            raw.seek(0)
            batches = reader = pa.ipc.open_stream(raw)
    except pa.ArrowException as error:
        raise MixlawError(f"{name}: not a readable Arrow file ({error}); write it anew") from error
    _check_column(reader.schema, name)
    yield from _rows((_checked(batch.select([COLUMN])) for batch in batches), name)
    if not isinstance(reader, pa.ipc.RecordBatchFileReader):
        _check_end(raw, name)


def _checked(batch: Any) -> Any:
    """`batch`, whose offsets were compared with its data: Arrow itself follows damaged ones out of memory."""
    batch.validate(full=True)
    return batch


def _check_end(raw: IO[bytes], name: str) -> None:
    """Raise MixlawError if the stream was cut off between two batches, where Arrow sees a stream that just ends."""
    raw.seek(max(0, raw.tell() - len(END_OF_STREAM)))
    if raw.read(len(END_OF_STREAM)) != END_OF_STREAM:
        raise MixlawError(f"{name}: ends without Arrow's end mark: was it cut off? Write it anew")


def _check_column(schema: Any, name: str) -> None:
    import pyarrow as pa

    if COLUMN not in schema.names:
        raise MixlawError(f"{name}: no column `{COLUMN}` among {', '.join(schema.names)}; rename one")
    kind = schema.field(COLUMN).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise MixlawError(f"{name}: column `{COLUMN}` holds {kind}, not text; write strings")


def _rows(batches: Iterable[Any], name: str) -> Iterator[str]:
    """The texts of record batches that have the one column."""
    import pyarrow as pa

    row = 0
    try:
        for batch in batches:
            column = batch.column(0)
            for part in (column[i : i + ROWS] for i in range(0, len(column), ROWS)):
                for text in _texts(part, name, row):
                    row += 1
                    yield text
    except pa.ArrowException as error:
        if "UTF8" in str(error):
            raise MixlawError(f"{name}, rows from {row + 1}: not UTF-8; convert the column `{COLUMN}`") from error
        raise MixlawError(f"{name}: broken after row {row} ({error}); write it anew") from error


def _texts(column: Any, name: str, row: int) -> list[str]:
    try:
        texts = column.to_pylist()
    except UnicodeDecodeError as error:
        raise MixlawError(f"{name}, rows from {row + 1}: not UTF-8; convert the column `{COLUMN}`") from error
    if None in texts:
        place = f"{name}, row {row + texts.index(None) + 1}"
        raise MixlawError(f"{place}: column `{COLUMN}` is empty (null); drop the row or fill it")
    return texts
