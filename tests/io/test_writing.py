"""Writing of results: a file is replaced whole or not at all, and the answer is printed before it is saved."""

import ast
import os
import stat
from pathlib import Path

import pytest

import mixlaw
from mixlaw.cli import output
from mixlaw.errors import MixlawError
from mixlaw.io.writing import new_folder, replacing, replacing_all, write_text


def full(*_):
    raise OSError(28, "No space left on device")


def test_a_file_is_replaced_whole_with_its_permissions(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    write_text(link, "new")
    assert path.read_text() == "new"
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.json", "plan.json"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_keeps_every_earlier_file(tmp_path, monkeypatch, failing):
    for name in ("runs.csv", "plan.json"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(os, failing, full)

    def write():
        with replacing_all() as draft_of:
            for name in ("runs.csv", "plan.json"):
                draft_of(tmp_path / name).write_text("new")

    with pytest.raises(MixlawError, match=r"cannot be written \(No space left on device\)"):
        write()
    monkeypatch.undo()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"runs.csv": "old", "plan.json": "old"}


def test_an_interrupted_block_keeps_the_earlier_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")

    def write():
        with replacing(path) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_a_device_is_written_to_directly():
    with replacing("/dev/null") as draft:
        assert draft == Path("/dev/null")
        draft.write_text("x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "a" / "out") as draft:
        (draft / "x").write_text("1")
        assert not (tmp_path / "a" / "out").exists()
    assert (tmp_path / "a" / "out" / "x").read_text() == "1"
    with pytest.raises(MixlawError, match="No space"), new_folder(tmp_path / "b") as draft:
        full()
    assert os.listdir(tmp_path) == ["a"]


def test_an_answer_is_printed_before_it_is_saved(capfd):
    """Also if the reader of the output has left: the result is saved all the same."""
    said = []
    output.answer(lambda: print("the plan"), lambda: said.append(capfd.readouterr().out))
    assert said == ["the plan\n"]


def test_an_answer_nobody_reads_is_saved(monkeypatch):
    saved = []
    monkeypatch.setattr(output, "silence", lambda: None)

    def show():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        output.answer(show, lambda: saved.append(1))
    assert saved == [1]


def test_only_one_module_writes_results():
    """Writers elsewhere write into a draft that `replacing` gave."""
    writers = {"write_text", "write_bytes", "to_csv", "to_parquet", "savefig"}
    found = []
    for path in sorted(Path(mixlaw.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in writers:
                text = ast.unparse(node)
                if not any(
                    word in text for word in ("draft", "(file, index=False)", "file.write_text(trained", "=dpi")
                ):
                    found.append(f"{path.name}:{node.lineno} {text}")
    assert found == []
