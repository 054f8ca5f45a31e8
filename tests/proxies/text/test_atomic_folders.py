"""Folders that are there whole or not at all."""

import os

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from proxies.text.atomic_folders import draft, is_whole, link, mapped, write_manifest


def make(path, content=b"content"):
    with draft(path, "about.json") as folder:
        (folder / "data").write_bytes(content)
        write_manifest(folder, "about.json", {"a": 1})


def test_a_folder_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "x"
    with draft(path, "about.json") as folder:
        (folder / "data").write_bytes(b"content")
        assert not path.exists()
        write_manifest(folder, "about.json", {})
        assert not is_whole(path, "about.json")
    assert is_whole(path, "about.json")
    assert sorted(os.listdir(path)) == ["about.json", "data"]
    assert os.listdir(path.parent) == ["x"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("x"), OSError(28, "No space left on device")])
def test_a_failed_one_leaves_nothing(tmp_path, error):
    def half():
        with draft(tmp_path / "x", "about.json") as folder:
            (folder / "data").write_bytes(b"half")
            raise error

    with pytest.raises((KeyboardInterrupt, ValueError)):
        half()
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_said_with_the_folder(tmp_path):
    message = "cannot be written (No space left on device); free space there"
    with pytest.raises(MixlawError) as caught, draft(tmp_path / "x", "about.json"):
        raise OSError(28, "No space left on device")
    assert str(tmp_path) in str(caught.value)
    assert message in str(caught.value)


def test_the_first_of_two_stays_and_a_damaged_one_is_replaced(tmp_path):
    path = tmp_path / "x"
    with draft(path, "about.json") as folder:
        make(path)
        (folder / "data").write_bytes(b"other")
        write_manifest(folder, "about.json", {})
    assert (path / "data").read_bytes() == b"content"
    os.truncate(path / "data", 3)
    assert not is_whole(path, "about.json")
    make(path, b"renewed")
    assert (path / "data").read_bytes() == b"renewed"


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"files": 3}', '{"files": {"data": 8}}', '{"files": {"no": 1}}'])
def test_a_manifest_that_does_not_fit_is_no_whole_folder(tmp_path, manifest):
    (tmp_path / "data").write_bytes(b"content")
    (tmp_path / "about.json").write_text(manifest)
    assert not is_whole(tmp_path, "about.json")


def test_mapped_arrays_are_linked_and_others_written(tmp_path):
    tokens = np.arange(1000, dtype=np.uint16)
    link(tokens, tmp_path / "a")
    again = mapped(tmp_path / "a", np.uint16)
    link(again, tmp_path / "b")
    link(again[:10], tmp_path / "c")
    assert os.path.samefile(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "c").stat().st_size == 20
    np.testing.assert_array_equal(mapped(tmp_path / "b", np.uint16), tokens)
    (tmp_path / "empty").touch()
    assert mapped(tmp_path / "empty", np.uint32).shape == (0,)
