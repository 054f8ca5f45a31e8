"""Tables: Parquet, Arrow and saved data sets give their column of text, broken ones are named by row."""

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from mixlaw.errors import MixlawError
from proxies.text import column_readers as columns
from proxies.text.readers import read_documents

TEXTS = [f"text {i} ü" for i in range(3 * columns.ROWS)]


def arrow(path, table, kind=pa.ipc.new_stream):
    with pa.OSFile(str(path), "wb") as file, kind(file, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_parquet_and_both_kinds_of_arrow_files(tmp_path, kind):
    table = pa.table({"id": list(range(len(TEXTS))), "text": pa.array(TEXTS, kind)})
    arrow(tmp_path / "stream.arrow", table)
    arrow(tmp_path / "file.arrow", table, pa.ipc.new_file)
    for name in ("stream.arrow", "file.arrow"):
        assert list(read_documents([tmp_path / name])) == TEXTS
    if kind != pa.string_view():
        pa.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=700)
        assert list(read_documents([tmp_path / "a.parquet"])) == TEXTS


def test_a_data_set_that_the_datasets_package_saved(tmp_path):
    datasets = pytest.importorskip("datasets", reason="the package `datasets` is not installed")
    made = datasets.Dataset.from_dict({"text": TEXTS, "id": list(range(len(TEXTS)))})
    made.save_to_disk(tmp_path / "one", num_shards=3)
    assert list(read_documents([tmp_path / "one"])) == TEXTS
    made.select([2, 0]).save_to_disk(tmp_path / "chosen")
    assert list(read_documents([tmp_path / "chosen"])) == [TEXTS[2], TEXTS[0]]
    datasets.DatasetDict({"train": made, "test": made.select([5])}).save_to_disk(tmp_path / "two")
    assert list(read_documents([tmp_path / "two"])) == [TEXTS[5], *TEXTS]
    assert list(read_documents(["train"], base=tmp_path / "two")) == TEXTS


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.parquet", b"plain", ["a.parquet", "not a readable Parquet"]),
        ("a.parquet", {"body": ["x"]}, ["a.parquet", "no column `text` among body"]),
        ("a.parquet", {"text": [1]}, ["a.parquet", "int64"]),
        ("a.parquet", {"text": ["x", None]}, ["a.parquet, row 2", "null"]),
        ("a.arrow", b"plain", ["a.arrow", "not a readable Arrow"]),
        ("a.arrow", {"body": ["x"]}, ["a.arrow", "no column `text` among body"]),
        ("a.arrow", {"text": ["x"] * 600 + [None]}, ["a.arrow, row 601", "null"]),
    ],
)
def test_a_broken_table_is_named_with_its_mend(tmp_path, name, content, parts):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif name.endswith("arrow"):
        arrow(tmp_path / name, pa.table(content))
    else:
        pd.DataFrame(content).to_parquet(tmp_path / name)
    with pytest.raises(MixlawError) as caught:
        list(read_documents([name], base=tmp_path))
    assert all(part in str(caught.value) for part in parts)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_table_cut_short_is_named(tmp_path, name, share):
    path, table = tmp_path / name, pa.table({"text": [os.urandom(200).hex() for _ in range(5000)]})
    pa.parquet.write_table(table, path) if name == "a.parquet" else arrow(path, table)
    with path.open("r+b") as file:
        file.truncate(int(share * path.stat().st_size))
    with pytest.raises(MixlawError, match=name):
        list(read_documents([path]))


def test_bytes_that_are_no_text_in_a_table_are_named(tmp_path):
    buffers = pa.array([b"fine", b"\xff\xfe"], pa.binary()).buffers()
    bad = pa.StringArray.from_buffers(2, buffers[1], buffers[2])
    arrow(tmp_path / "a.arrow", pa.table({"text": bad}))
    with pytest.raises(MixlawError, match=r"a\.arrow, rows from 1: not UTF-8"):
        list(read_documents([tmp_path / "a.arrow"]))
