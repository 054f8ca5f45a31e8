"""A table as it was written, each row with its line in the file, so that every error can name its cell."""

from __future__ import annotations

import csv
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.io.fields import is_formula
from mixlaw.io.files import LARGE, reading
from mixlaw.typing import Array

_KINDS = (".csv", ".csv.gz", ".parquet")
_GIVE = f"a file ({', '.join(_KINDS)})"
MAX_CELLS = 3_000_000
"""Cells above which a table is refused: 200,000 runs of 15 columns. A cell takes up to 100 bytes of memory."""
MAX_LINE = 1 << 24
"""Characters above which a line of a CSV file is refused: a header of 100,000 columns has about two million."""


@dataclass(frozen=True)
class Table:
    """Columns as read (`frame`, names stripped), and how to name a row of them in an error.

    `locate` says where the cell of a row and column stands, for tables put together from others.
    """

    name: str
    frame: pd.DataFrame
    row_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    locate: Callable[[int, str], str] | None = None

    @property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return [str(column) for column in self.frame]

    def at(self, row: int, column: str) -> str:
        """Where a cell stands: file, row and column."""
        if self.locate is not None:
            return self.locate(row, column)
        return f"{self.name}: {self.row_names[row]}, column {shown(column)}"

    def numbers(self, column: str, infinite: bool = False, undefined: bool = False) -> Array:
        """A column as float64, empty cells as nan.

        Raises:
            MixlawError: a cell holds text, (unless `undefined`) a written NaN, or (unless `infinite`) infinity.
        """
        values = self.frame[column]
        if pd.api.types.is_bool_dtype(values) or pd.api.types.is_complex_dtype(values):
            raise MixlawError(f"{self.name}: column {shown(column)} holds {values.dtype}; give real numbers")
        if pd.api.types.is_numeric_dtype(values):
            number_R = values.to_numpy(dtype=np.float64, na_value=math.nan)
        else:
            number_R = _plain_numbers(values.tolist())
        if number_R is None:  # slower, and tells which cell is wrong
            cells = ((i, "" if _missing(v) else v) for i, v in enumerate(values.tolist()))
            number_R = np.array([self._number(v, i, column, undefined) for i, v in cells], dtype=np.float64)
        if not infinite and np.isinf(number_R).any():
            row = int(np.flatnonzero(np.isinf(number_R))[0])
            raise MixlawError(f"{self.at(row, column)}: the value is infinite; write a finite number")
        return number_R

    def _number(self, value: object, row: int, column: str, undefined: bool) -> float:
        text = str(value).strip()
        if not text:
            return math.nan
        try:
            if "_" in text or not text.isascii():
                raise ValueError
            number = float(text)
        except ValueError:
            raise MixlawError(f"{self.at(row, column)}: {shown(text)} is not a number") from None
        if math.isnan(number) and not undefined:
            raise MixlawError(f"{self.at(row, column)}: {text} written out; leave the cell empty if not measured")
        return number

    def texts(self, column: str) -> list[str]:
        """A column as stripped text, empty cells as ''."""
        return ["" if _missing(v) else str(v).strip() for v in self.frame[column].tolist()]


def _plain_numbers(cells: list[object]) -> Array | None:
    """The cells of a column that holds nothing but numbers and empty text, else None."""
    if any(isinstance(v, str) and ("_" in v or not v.isascii()) for v in cells):
        return None  # Python reads 1_000 and full-width digits, other programs do not
    try:
        number_R = np.array([math.nan if v == "" else float(v) for v in cells], dtype=np.float64)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number_R if np.isnan(number_R).sum() == sum(v == "" for v in cells) else None


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def read_table(path: Path) -> Table:
    """The table in a CSV (also .csv.gz) or Parquet file. Raises MixlawError if it cannot be read or is too large."""
    if path.name.lower().endswith(".parquet"):
        return _read_parquet(path)
    if path.name.lower().endswith((".csv", ".csv.gz")):
        return _read_csv(path)
    with reading(path, _GIVE):
        raise MixlawError(_unknown_kind(path))


def check_kind(path: str | os.PathLike[str]) -> None:
    """Refuse a file to write whose suffix names no kind of run table.

    >>> check_kind("runs.xlsx")
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: runs.xlsx: unknown kind of file; run tables end in .csv, .csv.gz, .parquet
    """
    if not Path(path).name.lower().endswith(_KINDS):
        raise MixlawError(_unknown_kind(path))


def _unknown_kind(path: str | os.PathLike[str]) -> str:
    return f"{path}: unknown kind of file; run tables end in {', '.join(_KINDS)}"


def from_frame(frame: pd.DataFrame, name: str) -> Table:
    """A table from a DataFrame: rows are named by position, a named index becomes columns."""
    if not isinstance(frame, pd.DataFrame):
        raise MixlawError(f"{name}: runs come from a DataFrame, not from {type(frame).__name__}")
    if any(index is not None for index in frame.index.names):
        taken = [index for index in frame.index.names if index in frame.columns]
        frame = frame.reset_index(drop=bool(taken))
    frame = frame.reset_index(drop=True).copy()
    for column in np.flatnonzero([dtype in (np.float32, np.float16) for dtype in frame.dtypes]):
        # Written as CSV they would be read as other numbers.
        frame.isetitem(int(column), frame.iloc[:, int(column)].to_numpy(dtype=np.float64))
    frame.columns = _checked_header([str(column) for column in frame.columns], name)
    return Table(name, frame, tuple(f"row {i} (from 0)" for i in range(len(frame))))


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(path, _GIVE) as file:
        try:
            whole = pq.ParquetFile(file)
            doubled = [name for name, count in Counter(whole.schema_arrow.names).items() if count > 1]
            if doubled:
                raise MixlawError(f"{path}: columns given twice: {listed(doubled)}; keep one of each")
            return from_frame(pa.Table.from_batches(_batches(whole, path), whole.schema_arrow).to_pandas(), str(path))
        except (pa.ArrowException, OSError, MemoryError) as error:
            raise MixlawError(f"{path}: not a readable Parquet file ({shown(error, 120)[1:-1]})") from None


def _batches(whole: Any, path: Path) -> Iterator[Any]:
    """Record batches of a Parquet file, read only as far as the file is of a bounded size when it is unpacked."""
    about = whole.metadata
    if about.num_rows * about.num_columns > MAX_CELLS:
        raise _too_many(path)
    parts = [about.row_group(i).column(k) for i in range(about.num_row_groups) for k in range(about.num_columns)]
    # A dictionary holds a long text once and a batch holds it in each row.
    longest = max((p.total_uncompressed_size for p in parts if p.physical_type == "BYTE_ARRAY"), default=1)
    size = 0
    for batch in whole.iter_batches(batch_size=max(1, min(1 << 16, LARGE // max(longest, 1)))):
        size += batch.nbytes
        if size > LARGE:
            raise MixlawError(f"{path}: larger than {LARGE // 1_000_000} MB when unpacked; is it the right file?")
        yield batch


def _too_many(path: Path) -> MixlawError:
    return MixlawError(f"{path}: more than {MAX_CELLS:,} cells; keep the rows and columns that are needed")


def _read_csv(path: Path) -> Table:
    lines: list[int] = []
    rows: list[list[str]] = []
    with reading(path, _GIVE, unpack=path.name.lower().endswith(".gz")) as file:
        reader = csv.reader(_lines(file, path), strict=True)
        try:
            header = next((row for row in reader if any(cell.strip() for cell in row)), None)
            if header is None:
                raise MixlawError(f"{path}: the file is empty; it needs a header and a row for each run")
            if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
                raise MixlawError(f"{path}: row 1: the cells are not separated by commas; save the file with commas")
            before = reader.line_num
            for row in reader:
                line, before = before + 1, reader.line_num
                if not any(cell.strip() for cell in row):
                    continue  # a blank line, or the row of commas that spreadsheets leave at the end
                if len(row) != len(header):
                    mend = "quote cells that hold commas" if len(row) > len(header) else "is the row complete?"
                    raise MixlawError(
                        f"{path}: row {line}: {len(row)} cells where the header has {len(header)}; {mend}"
                    )
                lines.append(line)
                rows.append(row)
                if len(rows) * len(header) > MAX_CELLS:
                    raise _too_many(path)
        except csv.Error as error:
            raise MixlawError(f"{path}: row {reader.line_num}: not readable as CSV ({error})") from None
    names = _checked_header(header, str(path))
    # Columns without a name are what pandas and R write for an index: nothing here could refer to them.
    kept = [i for i, name in enumerate(names) if name]
    notes = () if len(kept) == len(names) else (f"{path.name}: a column without a name was left out",)
    cell_RxC = np.empty((len(rows), len(names)), dtype=object)
    for i, row in enumerate(rows):
        cell_RxC[i] = row
    frame = pd.DataFrame(cell_RxC[:, kept], columns=pd.Index([names[i] for i in kept], dtype=object), dtype=object)
    return Table(str(path), frame, tuple(f"row {line}" for line in lines), notes)


def _lines(file: IO[bytes], path: Path) -> Iterator[str]:
    """Lines of UTF-8 text with their ends, of bounded length and size."""
    size = 0
    for row, line in enumerate(_raw_lines(file, path), 1):
        size += len(line)
        if size > LARGE:
            raise MixlawError(f"{path}: larger than {LARGE // 1_000_000} MB when unpacked; is it the right file?")
        try:
            yield line.decode("utf-8-sig" if row == 1 else "utf-8")
        except UnicodeDecodeError:
            while size < LARGE and (rest := file.read(1 << 20)):  # if packed data are damaged, the reader says that
                size += len(rest)
            raise MixlawError(f"{path}: row {row}: not UTF-8 text; save the file as UTF-8") from None


def _raw_lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    row = 0
    while line := file.readline(MAX_LINE):
        row += 1
        if len(line) == MAX_LINE:
            raise MixlawError(f"{path}: row {row}: longer than {MAX_LINE // 1_000_000} MB; is it the right file?")
        if line.endswith(b"\n") and b"\r" not in line:
            yield line
        else:  # \r alone ends a row of old spreadsheets
            yield from line.splitlines(keepends=True)


def _checked_header(header: list[str], name: str) -> list[str]:
    """Column names without blanks around them and after the prefixes; MixlawError where two are alike."""
    names = []
    for column in header:
        prefix, colon, rest = column.strip().partition(":")
        if prefix.strip() in ("w", "loss", "unique") and colon:
            if not rest.strip() or not rest.strip().isprintable():
                raise MixlawError(f"{name}: row 1: column {shown(column)} lacks a proper name after the colon; add it")
            if is_formula(rest.strip()):
                raise MixlawError(
                    f"{name}: row 1: column {shown(column)}: a spreadsheet takes the name for a formula; change it"
                )
            names.append(f"{prefix.strip()}:{unicodedata.normalize('NFC', rest.strip())}")
        else:
            names.append(column.strip())
    doubled = [column for column, count in Counter(names).items() if count > 1 and column]
    if doubled:
        raise MixlawError(f"{name}: row 1: columns given twice: {listed(doubled)}; keep one of each")
    return names
