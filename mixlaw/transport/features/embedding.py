"""Protocol of embeddings, and embeddings read from a file."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array, issparse, vstack

from mixlaw.errors import MixlawError, listed, shown
from mixlaw.io.files import reading
from mixlaw.typing import Array

EMBEDDING_COLUMN = "embedding"


class Embedding(Protocol):
    """Documents to points: a callable that takes n documents and returns a matrix of n rows, dense or scipy.sparse.

    Rows are in the documents' order, columns are the same at every call, values are finite. A document's row may not
    depend on the other documents of the call. Examples: mean hidden states of a trained proxy, hashed n-grams, a
    sentence encoder.

    >>> def words(documents: Sequence[str], /) -> Array:
    ...     return np.array([[len(text.split())] for text in documents], float)
    >>> embedding: Embedding = words
    >>> embedding(["one two", "three"])
    array([[2.],
           [1.]])
    """

    def __call__(self, documents: Sequence[str], /) -> Any: ...


def embed(embedding: Embedding, documents: Iterable[str], batch: int = 256) -> Array | csr_array:
    """Points of a stream of documents, (n, F); `batch` documents are in memory at a time.

    Raises:
        MixlawError: if there is no document, or the embedding violates its protocol.

    >>> embed(lambda documents: [[len(text), text.count(" ")] for text in documents], ["one two", "three"])
    array([[7., 1.],
           [5., 0.]])
    """
    stream, parts, done = iter(documents), [], 0
    while several := list(islice(stream, batch)):
        part: Any = embedding(several)
        sparse = issparse(part)
        part = part.tocsr().astype(np.float64) if sparse else np.asarray(part, np.float64)
        where = f"embedding of documents {done} to {done + len(several) - 1}"
        if part.ndim != 2 or part.shape[0] != len(several):
            raise MixlawError(f"{where}: shape {part.shape}; return a matrix of {len(several)} rows, one a document")
        if parts and part.shape[1] != parts[0].shape[1]:
            raise MixlawError(f"{where}: {part.shape[1]} columns where earlier documents have {parts[0].shape[1]}")
        _check_finite(part.data if sparse else part, where)
        parts.append(part)
        done += len(several)
    if not parts:
        raise MixlawError("embedding: there is no document")
    return csr_array(vstack(parts)) if not isinstance(parts[0], np.ndarray) else np.concatenate(parts)


def read_embeddings(path: str | Path, ids: Sequence[str] | None = None, count: int | None = None) -> Array:
    """Embeddings from a file, (n, F) float64, one row per document.

    Args:
        path: `.npy` with a matrix, or `.parquet` with one list of numbers per row in the column `embedding` and, if
            `ids` are given, a column `id`.
        ids: documents to select, in this order, by the column `id` (Parquet only).
        count: number of documents; without `ids`, rows must be in the order of the documents.

    Raises:
        MixlawError: if the file cannot be read, has the wrong shape, or does not fit the documents.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "points.npy"
    ...     np.save(path, np.array([[1.0, 2.0], [3.0, 4.0]]))
    ...     points_NxF = read_embeddings(path, count=2)
    >>> points_NxF
    array([[1., 2.],
           [3., 4.]])
    """
    path = Path(path)
    if path.suffix == ".npy":
        if ids is not None:
            raise MixlawError(
                f"{path}: a .npy file has no ids; give Parquet with columns `id` and `{EMBEDDING_COLUMN}`"
            )
        found_NxF = _read_npy(path)
    elif path.suffix == ".parquet":
        found_NxF = _read_parquet(path, ids)
    else:
        raise MixlawError(f"{path}: unknown kind of file; embeddings end in .npy or .parquet")
    if count is not None and len(found_NxF) != count:
        raise MixlawError(f"{path}: {len(found_NxF):,} rows for {count:,} documents; there must be one a document")
    _check_finite(found_NxF, str(path))
    return found_NxF


def _read_npy(path: Path) -> Array:
    with reading(path) as file:
        try:
            content = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError, MemoryError, RecursionError, SyntaxError) as error:
            raise MixlawError(f"{path}: not a readable .npy file ({error})") from None
    if not isinstance(content, np.ndarray) or content.dtype.kind not in "fiu" or content.ndim != 2:
        kind = f"{content.dtype} of shape {content.shape}" if isinstance(content, np.ndarray) else "an archive"
        raise MixlawError(f"{path}: holds {kind}; save one matrix of numbers, a row a document")
    return content.astype(np.float64)


def _read_parquet(path: Path, ids: Sequence[str] | None) -> Array:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [EMBEDDING_COLUMN] if ids is None else ["id", EMBEDDING_COLUMN]
    with reading(path) as file:
        try:
            whole = pq.ParquetFile(file)
            missing = set(wanted) - set(whole.schema_arrow.names)
            if missing:
                raise MixlawError(f"{path}: has no column {listed(sorted(missing))}; embeddings need {listed(wanted)}")
            content = whole.read(columns=wanted)
            column = content[EMBEDDING_COLUMN].combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise MixlawError(f"{path}: not a readable Parquet file ({shown(error, 120)[1:-1]})") from None
    found_NxF = _matrix(path, column)
    return found_NxF if ids is None else found_NxF[_order(path, [str(name) for name in content["id"].to_pylist()], ids)]


def _matrix(path: Path, column: Any) -> Array:
    """Matrix of a column of lists of equal length, without a Python object per number."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    kind = column.type
    lists = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    if not lists or not (kinds.is_floating(kind.value_type) or kinds.is_integer(kind.value_type)):
        raise MixlawError(f"{path}: column {EMBEDDING_COLUMN} holds {kind}; each row must be a list of numbers")
    long_N = pc.call_function("list_value_length", [column]).fill_null(0).to_numpy(zero_copy_only=False)
    odd_N = np.flatnonzero((long_N != long_N[0]) | (long_N == 0)) if len(long_N) else np.zeros(1, int)
    if len(odd_N):
        wide = f"{long_N[0]} numbers, as row 0" if len(long_N) and long_N[0] else "numbers"
        raise MixlawError(f"{path}: row {odd_N[0]} (from 0), column {EMBEDDING_COLUMN}: not a list of {wide}")
    value_V = column.flatten().to_numpy(zero_copy_only=False)
    return value_V.astype(np.float64).reshape(len(long_N), -1)


def _order(path: Path, there: list[str], ids: Sequence[str]) -> list[int]:
    place = {name: i for i, name in enumerate(there)}
    if len(place) < len(there):
        doubled = sorted({name for i, name in enumerate(there) if place[name] != i})
        raise MixlawError(f"{path}: ids given twice: {listed(doubled)}; keep one row of each")
    absent = [name for name in ids if name not in place]
    if absent:
        raise MixlawError(f"{path}: no row for {len(absent):,} of {len(ids):,} documents: {listed(absent)}")
    return [place[name] for name in ids]


def _check_finite(part: Any, where: str) -> None:
    if not np.isfinite(part).all():
        row = int(np.argwhere(~np.isfinite(part))[0][0])
        raise MixlawError(f"{where}: row {row} (from 0) holds values that are not finite; leave such documents out")
