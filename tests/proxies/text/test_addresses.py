"""Addresses: few protocols are opened, and a project's paths stay in its folder unless the user allows others."""

import os

import pytest

from mixlaw.errors import MixlawError
from proxies.text.files import list_files
from proxies.text.readers import read_documents


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("reference://a.txt::evil.json", "joined by '::'"),
        ("zip://x::u.txt", "joined by '::'"),
        ("filecache::http://localhost:1/x", "joined by '::'"),
        ("reference://a.txt", "'reference' are not opened; give a local path or http://"),
        ("github://org:repo@main/x", "'github' are not opened"),
        ("memory://x", "'memory' are not opened"),
        ("sftp://host/x", "'sftp' are not opened"),
        ("~nouser/x", "cannot be listed"),
        ("file://~nouser/x", "cannot be listed"),
        ("a\0b.txt", "cannot be listed"),
        ("a" * 300, "cannot be listed"),
    ],
)
def test_other_addresses_are_refused_in_one_line(path, words, tmp_path):
    with pytest.raises(MixlawError) as caught:
        list_files([path], tmp_path)
    assert words in str(caught.value)


@pytest.fixture
def project(tmp_path):
    """The folder of a project, with a file in it and one beside it, and links to both."""
    folder = tmp_path / "project"
    (folder / "deep").mkdir(parents=True)
    (folder / "own.txt").write_text("own")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "deep" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "deep" / "own.txt").symlink_to(folder / "own.txt")
    (folder / "up").symlink_to(tmp_path)
    (tmp_path / "same").symlink_to(folder)
    return folder


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "{up}/secret.txt", "file://{up}/secret.txt", "deep/link.txt", "deep", "up", "up/*.txt", "*/*.txt",
     "../s*.txt", "{up}/project/../secret.txt", "deep/../../secret.txt", "..", "/"],
)  # fmt: skip
def test_a_project_opens_no_file_outside_its_folder(project, path):
    path = path.format(up=project.parent)
    with pytest.raises(MixlawError, match=r"outside the project's folder .* --allow-outside") as caught:
        list_files([path], project, within=project)
    assert str(caught.value).startswith(path)


@pytest.mark.parametrize(
    "path",
    [
        "own.txt",
        "{here}/own.txt",
        "file://{here}/own.txt",
        "{same}/own.txt",
        "deep/own.txt",
        "*.txt",
        "deep/../own.txt",
    ],
)
def test_a_project_opens_what_is_in_its_folder_however_it_is_named(project, path):
    path = path.format(here=project, same=project.parent / "same")
    for within in (project, project.parent / "same"):
        assert list(read_documents([path], base=project, within=within)) == ["own"]


def test_web_addresses_need_leave_too(project):
    for path in ("http://127.0.0.1:1/x", "HTTPS://localhost:1/x"):
        with pytest.raises(MixlawError, match="a web address; give --allow-outside"):
            list_files([path], project, within=project)
    with pytest.raises(MixlawError, match="cannot be listed"):  # it is tried: nothing answers there
        list_files(["http://127.0.0.1:1/x"], project)


@pytest.mark.parametrize("kind", ["fifo", "link to zero", "device", "socket"])
def test_what_is_no_file_is_refused_before_anything_waits_for_it(tmp_path, kind):
    import socket

    place = tmp_path / "corpus"
    place.mkdir()
    (place / "a.txt").write_text("text")
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "fifo":
            os.mkfifo(place / "b")
        elif kind == "socket":
            here = os.getcwd()
            os.chdir(place)  # names of sockets must be short
            server.bind("b")
            os.chdir(here)
        elif kind == "link to zero":
            (place / "b").symlink_to("/dev/zero")
        for path in [["/dev/zero"]] if kind == "device" else [[place], [place / "b"], [place / "*"]]:
            with pytest.raises(MixlawError, match="is a directory or device"):
                list_files(path)


def test_a_file_that_becomes_a_fifo_is_refused_when_it_is_opened(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    documents = read_documents([tmp_path / "a.txt"])
    (tmp_path / "a.txt").unlink()
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(MixlawError, match="is a directory or device"):
        list(documents)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that cannot be read")
def test_an_error_of_the_disk_is_one_line():
    with pytest.raises(MixlawError, match=r"/proc/self/mem: cannot be read \(.*Input/output error"):
        list(read_documents(["/proc/self/mem"]))
