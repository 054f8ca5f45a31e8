"""Readers: every format gives its documents, every broken file one line that says where and what to do."""

import gzip
import io
import itertools
import json
import tracemalloc

import fsspec
import pandas as pd
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from proxies.text import addresses, readers
from proxies.text.readers import read_documents

LINES = "".join(json.dumps({"text": text, "id": i}) + "\n" for i, text in enumerate(["one", "zwei ü", " "]))
TEXTS = ["one", "zwei ü"]


def test_formats_folders_and_globs(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffäh".encode())
    (tmp_path / "b.jsonl").write_text(LINES, encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    half = len(LINES.encode()) // 2
    frames = [zstandard.compress(part) for part in (LINES.encode()[:half], LINES.encode()[half:])]
    (tmp_path / "d.jsonl.zst").write_bytes(b"".join(frames))
    pd.DataFrame({"text": ["p", "q"], "n": [1, 2]}).to_parquet(tmp_path / "e.parquet")
    for name in ("f.py", "g.rs", "h.json", "i", "j.md.gz"):
        content = f"x = '{name}'\n"
        (tmp_path / name).write_bytes(gzip.compress(content.encode()) if name.endswith("gz") else content.encode())
    (tmp_path / "k.png").write_bytes(b"\x89PNG\0\0")  # binary: left out of a folder
    (tmp_path / ".hidden").write_text("no")
    code = [f"x = '{name}'\n" for name in ("f.py", "g.rs", "h.json", "i", "j.md.gz")]
    everything = ["äh", *TEXTS * 3, "p", "q", *code]
    assert list(read_documents(["."], base=tmp_path)) == everything
    assert list(read_documents([tmp_path])) == everything
    assert list(read_documents(["*.jsonl*", "f.py"], base=tmp_path)) == [*TEXTS * 3, code[0]]


@pytest.mark.parametrize(
    ("content", "documents"),
    [
        (LINES, TEXTS),
        ('{"id": 1, "text": "a"}', ["a"]),
        ('{"text": "' + "a" * 2_000_000 + '"}\n{"text": "b"}\n', ["a" * 2_000_000, "b"]),
        ('{\n  "text": "a"\n}\n', ['{\n  "text": "a"\n}\n']),
        ('{"title": "a"}\n', ['{"title": "a"}\n']),
        ('[{"text": "a"}]\n', ['[{"text": "a"}]\n']),
    ],
)
def test_json_is_read_by_rows_where_its_first_line_is_one(tmp_path, content, documents):
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(content.encode(), 1))
    assert list(read_documents([tmp_path / "a.json.gz"])) == documents


def test_any_filesystem_will_do(monkeypatch):
    monkeypatch.setattr(addresses, "PROTOCOLS", ("memory",))
    memory = fsspec.filesystem("memory")
    memory.pipe("/text/a.jsonl.gz", gzip.compress(LINES.encode()))
    memory.pipe("/text/b.txt", b"plain")
    memory.pipe("/text/d.jsonl.zst", zstandard.compress(LINES.encode()))
    packed = io.BytesIO()
    pd.DataFrame({"text": ["p"]}).to_parquet(packed)
    memory.pipe("/text/c.parquet", packed.getvalue())
    assert list(read_documents(["memory://text"])) == [*TEXTS, "plain", "p", *TEXTS]
    memory.rm("/text", recursive=True)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aä𝄞 \n", min_size=1, max_size=400), st.integers(8, 60))
def test_a_long_text_is_cut_into_documents_that_hold_all_of_it(text, longest):
    name = "/long.txt"
    fsspec.filesystem("memory").pipe(name, text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "LONGEST", longest)
        parts = list(readers._text(io.BytesIO(text.encode()), name))
    assert "".join(parts) == text
    assert all(len(part.encode()) <= longest for part in parts)
    for part, after in itertools.pairwise(parts):
        assert part.endswith(("\n", " ")) or len((part + after).encode()) > longest // 2


def test_a_long_text_and_many_rows_are_read_in_little_memory(tmp_path):
    (tmp_path / "long.txt").write_bytes((b"word " * 19 + b"line\n") * 1_000_000)
    tracemalloc.start()
    sizes = [len(document) for document in read_documents([tmp_path / "long.txt"])]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sizes) == 100_000_000
    assert max(sizes) <= readers.LONGEST
    assert peak < 5 * readers.LONGEST


def test_progress_counts_the_bytes_of_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(LINES * 5000, encoding="utf-8")
    documents, seen = read_documents([tmp_path]), []
    for _ in documents:
        seen.append(documents.done())
    assert documents.done() == documents.size == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert seen == sorted(seen)
    assert len(set(seen)) >= 2
    assert list(documents) == list(documents)


# Without a time of writing: the bytes name the cases, which every worker of the tests must name alike.
PACKED = gzip.compress(LINES.encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.txt", b"ok\xff", ["a.txt", "byte 2", "UTF-8"]),
        ("a.py", b"x = 1\n" * 2000 + b"\x80", ["a.py", "byte 12000", "UTF-8"]),
        ("a.jsonl", b'{"text": "x"}\n{"text": \n', ["a.jsonl, line 2", "not JSON"]),
        ("a.jsonl", b'{"text": "x"}\n' + b"[" * 100_000 + b"\n", ["a.jsonl, line 2", "not JSON"]),
        ("a.jsonl", b'{"text": "x"}\n{"body": "x"}\n', ["a.jsonl, line 2", "no column `text`"]),
        ("a.jsonl", b'\n["x"]\n', ["a.jsonl, line 2", "no column `text`"]),
        ("a.jsonl", b'{"text": 3}\n', ["a.jsonl, line 1", "int"]),
        ("a.jsonl", b'{"text": "\xff"}\n', ["a.jsonl, line 1", "UTF-8"]),
        ("a.jsonl.gz", b"plain", ["a.jsonl.gz", "cannot be read"]),
        ("a.jsonl.zst", b"plain", ["a.jsonl.zst", "cannot be read"]),
        ("a.jsonl.gz", PACKED[:-9], ["a.jsonl.gz", "cannot be read"]),
        ("a.jsonl.gz", PACKED[:-8] + b"\0" * 8, ["a.jsonl.gz", "cannot be read"]),
        ("a.txt.gz", gzip.compress(b"x" * 99, mtime=0)[:20] + b"\xff" * 9, ["a.txt.gz", "cannot be read"]),
    ],
)
def test_a_broken_file_is_named_with_its_mend(tmp_path, name, content, parts):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MixlawError) as caught:
        list(read_documents([name], base=tmp_path))
    assert all(part in str(caught.value) for part in parts)
    assert "\n" not in str(caught.value)


def test_a_file_that_went_or_may_not_be_read_is_named(tmp_path):
    (tmp_path / "a.txt").write_text("there")
    documents = read_documents([tmp_path / "a.txt"])
    (tmp_path / "a.txt").unlink()
    with pytest.raises(MixlawError, match=r"a\.txt: no such file"):
        list(documents)
