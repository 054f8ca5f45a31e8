"""Readers: every format gives its documents, every broken file one line that says where and what to do."""

import gzip
import json

import pandas as pd
import pytest
import zstandard

from mixlaw.errors import MixlawError
from proxies.readers import read_documents
from proxies.shards import count_documents

LINES = "".join(json.dumps({"text": text, "id": i}) + "\n" for i, text in enumerate(["one", "zwei ü", " "]))


def test_formats_folders_and_globs(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffäh".encode())
    (tmp_path / "b.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    half = len(LINES.encode()) // 2
    frames = [zstandard.compress(part) for part in (LINES.encode()[:half], LINES.encode()[half:])]
    (tmp_path / "d.jsonl.zst").write_bytes(b"".join(frames))
    pd.DataFrame({"text": ["p", "q"], "n": [1, 2]}).to_parquet(tmp_path / "e.parquet")
    (tmp_path / "f.py").write_text("x = 1\n")
    (tmp_path / "g.png").write_bytes(b"\x89PNG\0\0")  # binary: left out of a folder
    (tmp_path / ".hidden").write_text("no")
    everything = ["äh", *["one", "zwei ü"] * 3, "p", "q", "x = 1\n"]
    assert list(read_documents(["."], base=tmp_path)) == everything
    assert list(read_documents([tmp_path])) == everything
    assert list(read_documents(["*.jsonl*", "f.py"], base=tmp_path)) == [*["one", "zwei ü"] * 3, "x = 1\n"]
    assert count_documents(["*.jsonl"], base=tmp_path) == (2, 4 + 8)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.txt", b"ok\xff", ["a.txt", "byte 2", "UTF-8"]),
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', ["a.jsonl, line 2", "not JSON"]),
        ("a.jsonl", b'{"text": "x"}\n{"body": "x"}\n', ["a.jsonl, line 2", "no column `text`"]),
        ("a.jsonl", b'\n["x"]\n', ["a.jsonl, line 2", "no column `text`"]),
        ("a.jsonl", b'{"text": 3}\n', ["a.jsonl, line 1", "int"]),
        ("a.jsonl", b'{"text": "\xff"}\n', ["a.jsonl, line 1", "UTF-8"]),
        ("a.jsonl.gz", b"plain", ["a.jsonl.gz", "cannot be read"]),
        ("a.jsonl.zst", b"plain", ["a.jsonl.zst", "cannot be read"]),
        ("a.jsonl.gz", gzip.compress(LINES.encode())[:-9], ["a.jsonl.gz", "cannot be read"]),
        ("a.parquet", b"plain", ["a.parquet", "not a readable Parquet"]),
        ("a.parquet", {"body": ["x"]}, ["a.parquet", "no column `text` among body"]),
        ("a.parquet", {"text": [1]}, ["a.parquet", "int64"]),
        ("a.parquet", {"text": ["x", None]}, ["a.parquet, row 2", "null"]),
    ],
)
def test_a_broken_file_is_named_with_its_mend(tmp_path, name, content, parts):
    if isinstance(content, dict):
        pd.DataFrame(content).to_parquet(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MixlawError) as caught:
        list(read_documents([name], base=tmp_path))
    assert all(part in str(caught.value) for part in parts)
    assert "\n" not in str(caught.value)


def test_no_file_is_an_error_that_names_the_path(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in ("none.txt", "*.jsonl", "empty"):
        with pytest.raises(MixlawError, match="no file matches") as caught:
            list(read_documents([path], base=tmp_path))
        assert str(caught.value).startswith(path)
    with pytest.raises(MixlawError, match="cannot be listed"):
        list(read_documents(["nosuchscheme://x/*"], base=tmp_path))
