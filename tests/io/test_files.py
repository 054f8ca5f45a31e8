"""Reading of files: what is no file is refused at once, and every read is bounded."""

import ast
import gzip
import os
import socket
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mixlaw
from mixlaw.errors import MixlawError
from mixlaw.io import files, table
from mixlaw.io.files import NoFileError, open_file, read_bytes, read_text
from mixlaw.io.json import MAX_DEPTH, parse_json
from mixlaw.io.table import read_table
from mixlaw.planning.plan import read_plan

OPENERS = {"open", "read_text", "read_bytes", "fromfile", "load", "loads", "read_csv", "read_parquet", "read_table"}
"""Names of calls that read a file; those of mixlaw.io.files and mixlaw.io.table are functions, not methods."""


@pytest.fixture
def special(tmp_path):
    """A FIFO, a socket, a device and a folder."""
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket.csv"))
    yield [tmp_path / f"{name}.csv" for name in ("fifo", "socket", "zero", "folder")]
    listener.close()


@pytest.mark.parametrize("read", [open_file, read_bytes, read_text, read_table, read_plan])
def test_what_is_no_file_is_refused(special, read):
    for path in special:
        with pytest.raises(MixlawError, match="directory or device"):
            read(path)


@pytest.mark.parametrize("name", ["absent", "x" * 5000, "a\0b", "file/below"])
def test_a_missing_file_is_an_error_of_its_own(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(NoFileError, match="no such file"):
        read_text(tmp_path / name)


def test_a_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(b"x" * 101)
    assert read_bytes(path, 101) == b"x" * 101
    with pytest.raises(MixlawError, match="larger"):
        read_bytes(path, 100)


def test_an_error_of_reading_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "runs.csv"
    path.write_text("w:a,loss:a\n1,2\n")

    class Broken:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, _):
            raise OSError(5, "Input/output error")

        readline = read

    monkeypatch.setattr(files, "open_file", lambda *_: Broken())
    for read in (read_text, read_table):
        with pytest.raises(MixlawError, match=r"runs.csv: cannot be read \(Input/output error\)"):
            read(path)


def test_packed_tables_are_bounded(tmp_path, monkeypatch):
    """A bomb is refused after as much of it as the limit allows, whatever it holds."""
    monkeypatch.setattr(table, "LARGE", 100_000)
    monkeypatch.setattr(table, "MAX_LINE", 50_000)
    monkeypatch.setattr(table, "MAX_CELLS", 1000)
    for content, reason in (
        (bytes(10_000_000), "row 1: longer"),
        (b"a,b\n" + b"\n" * 1_000_000, "larger"),
        (b"a,b\n" + b"0,0\n" * 1_000_000, "cells"),
        (b",".join(b"c%d" % i for i in range(2000)) + b"\n" + b",".join([b"1"] * 2000), "cells"),
    ):
        (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(content))
        with pytest.raises(MixlawError, match=reason):
            read_table(tmp_path / "bomb.csv.gz")
    texts = pa.table({"id": pa.array(["x" * 1000] * 400)})
    pq.write_table(texts, tmp_path / "bomb.parquet")
    with pytest.raises(MixlawError, match="when unpacked"):
        read_table(tmp_path / "bomb.parquet")
    pq.write_table(pa.table({"id": pa.array([0] * 2000)}), tmp_path / "long.parquet")
    with pytest.raises(MixlawError, match="cells"):
        read_table(tmp_path / "long.parquet")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "too deeply"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"a": -' + "9" * 400 + "}", "401 digits"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is there twice"),
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" + "0," * 6_000_001 + "0]", "values"),
    ],
)
def test_json_is_bounded(text, reason):
    with pytest.raises(MixlawError, match=reason):
        parse_json(text, "plan.json")


def test_only_one_module_opens_files_for_reading():
    """Modes of writing, package data, and doctests are left aside."""
    found = []
    for path in sorted(Path(mixlaw.__file__).parent.rglob("*.py")):
        if path.name == "files.py" and path.parent.name == "io":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (name := _reads(node)):
                found.append(f"{path.name}:{node.lineno} {name}")
    assert found == []


def _reads(node: ast.Call) -> str:
    """Name of a call that opens a file for reading, or ""."""
    function = node.func
    if isinstance(function, ast.Name):
        return "open" if function.id == "open" else ""
    if not isinstance(function, ast.Attribute) or function.attr not in OPENERS:
        return ""
    text = ast.unparse(node)
    allowed = (
        "json.loads",
        "np.load(file",
        "joinpath",
        "os.open(os.devnull",
        "os.open(draft",
        ".store.open()",
        "place.open()",
        "'w'",
        "VERBS[",
    )
    return "" if any(part in text for part in allowed) else text
