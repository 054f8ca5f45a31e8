"""Listing: what a path stands for, by what a changed file is known, and what is no source of text."""

import json
import os

import fsspec
import pytest

from mixlaw.errors import MixlawError
from proxies.text import addresses
from proxies.text.files import list_files


def names(files, root):
    return [os.path.relpath(file.name, root) for file in files]


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.setattr(addresses, "PROTOCOLS", ("memory",))
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]


def test_folders_globs_and_files_each_give_a_file_once(tmp_path):
    for name in ("b/x.py", "b/y.rs", "a.md", "b/.git/config", "b/__pycache__/x.pyc", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert names(list_files(["."], tmp_path), tmp_path) == ["a.md", "b/x.py", "b/y.rs"]
    assert names(list_files(["b/*.rs", "b", "a.md", tmp_path / "a.md"], tmp_path), tmp_path) == [
        *("b/y.rs", "b/x.py", "a.md")
    ]
    assert names(list_files(["*"], tmp_path), tmp_path) == ["a.md", "b/x.py", "b/y.rs"]
    assert [file.found for file in list_files(["a.md", "b"], tmp_path)] == [False, True, True]


def test_a_changed_file_has_another_stamp(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    (first,) = list_files([path])
    assert (first.size, first.address) == (3, f"file://{path}")
    os.utime(path, ns=(1, 1))
    (second,) = list_files([path])
    assert first.stamp != second.stamp
    assert list_files([path.as_uri()])[0].stamp == second.stamp


def test_addresses_are_listed_like_folders(memory):
    for name in ("/data/a.txt", "/data/deep/b.jsonl.gz", "/other/c.txt"):
        memory.pipe(name, b"text")
    assert [file.name for file in list_files(["memory://data"])] == ["/data/a.txt", "/data/deep/b.jsonl.gz"]
    assert [file.name for file in list_files(["memory://*/*.txt"])] == ["/data/a.txt", "/other/c.txt"]
    (file,) = list_files(["memory://data/a.txt"])
    assert file.stamp is not None
    assert file.address == "memory:///data/a.txt"


def saved(folder, members, **state):
    folder.mkdir(parents=True)
    for name in ("one.arrow", "two.arrow", "cache-1.arrow"):
        (folder / name).write_bytes(b"x")
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": m} for m in members]} | state))


def test_a_saved_data_set_gives_its_arrow_files_alone(tmp_path):
    saved(tmp_path / "set" / "train", ["one.arrow", "two.arrow"])
    saved(tmp_path / "set" / "test", ["two.arrow"])
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    (tmp_path / "readme.md").write_text("beside it")
    (tmp_path / "state.json").write_text("no data set: nothing says so")
    assert names(list_files(["."], tmp_path), tmp_path) == [
        *("readme.md", "set/test/two.arrow", "set/train/one.arrow", "set/train/two.arrow", "state.json")
    ]


@pytest.mark.parametrize(
    ("members", "state", "words"),
    [
        (["gone.arrow"], {}, "names gone.arrow, not there"),
        (["one.arrow"], {"_indices_data_files": [{"filename": "i.arrow"}]}, "old version"),
        (["one.arrow"], {"_data_files": None}, "not the state of a saved data set"),
    ],
)
def test_a_damaged_data_set_is_refused(tmp_path, members, state, words):
    saved(tmp_path / "set", members, **state)
    with pytest.raises(MixlawError, match=words) as caught:
        list_files([tmp_path])
    assert str(caught.value).startswith(str(tmp_path / "set" / "state.json"))


def test_no_file_is_an_error_that_names_the_path(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in ("none.txt", "*.jsonl", "empty"):
        with pytest.raises(MixlawError, match="no file matches") as caught:
            list_files([path], tmp_path)
        assert str(caught.value).startswith(path)
    with pytest.raises(MixlawError, match="'nosuchscheme' are not opened"):
        list_files(["nosuchscheme://x/*"], tmp_path)
