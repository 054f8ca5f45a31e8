"""Packed files: whole ones are read to their end, cut and damaged ones refused, and bombs stopped."""

import gzip
import io
import random

import pytest
import zstandard

from mixlaw.errors import MixlawError
from proxies.text import readers, unpacking
from proxies.text.readers import read_documents
from proxies.text.unpacking import unpacked

SKIPPED = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"  # a frame of zstd that holds no content
TEXT = random.Random(0).randbytes(300_000).hex().encode()


def content_of(data, suffix):
    _, content = unpacked(io.BytesIO(data), f"a{suffix}")
    return content.read()


def packed(suffix, text):
    return (
        gzip.compress(text, mtime=0)
        if suffix == ".gz"
        else zstandard.ZstdCompressor(write_checksum=True).compress(text)
    )


def test_frames_of_any_number_and_size_are_read():
    parts = [TEXT[i : i + 50_000] for i in range(0, len(TEXT), 50_000)]
    frames = [zstandard.compress(part) for part in [*parts, b"", *[b"x"] * 1000]]
    assert content_of(SKIPPED + SKIPPED.join(frames) + SKIPPED, ".zst") == TEXT + b"x" * 1000
    assert content_of(b"".join(gzip.compress(part) for part in parts), ".gz") == TEXT
    assert content_of(b"", ".zst") == content_of(b"", ".gz") == b""


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_cut_anywhere_is_refused(tmp_path, suffix):
    data = packed(suffix, TEXT)
    for cut in (1, 3, 8, 20, len(data) // 2, len(data) - 9, len(data) - 4, len(data) - 1):
        (tmp_path / f"a.txt{suffix}").write_bytes(data[:cut])
        with pytest.raises(MixlawError, match=rf"a\.txt{suffix}: cannot be read .* mend the file or leave it out"):
            list(read_documents([f"a.txt{suffix}"], base=tmp_path))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_flipped_bits_are_refused(tmp_path, suffix):
    data, rng = bytearray(packed(suffix, TEXT[:5000])), random.Random(1)
    for _ in range(40):
        at, bit = rng.randrange(10, len(data)), 1 << rng.randrange(8)
        data[at] ^= bit
        (tmp_path / f"a.txt{suffix}").write_bytes(data)
        with pytest.raises(MixlawError, match="cannot be read"):
            list(read_documents([f"a.txt{suffix}"], base=tmp_path))
        data[at] ^= bit


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_is_stopped_early(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(unpacking, "FREE", 1 << 22)
    (tmp_path / f"a.txt{suffix}").write_bytes(packed(suffix, bytes(1 << 24)))
    with pytest.raises(MixlawError, match="unpacks to more than 250 times its size"):
        list(read_documents([f"a.txt{suffix}"], base=tmp_path))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_line_that_never_ends_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(readers, "LINE", 1 << 12)
    text = b'{"text": "x"}\n{"text": "' + TEXT
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    with pytest.raises(MixlawError, match=rf"{name}, line 2: longer than"):
        list(read_documents([name], base=tmp_path))


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("a.jsonl", b'{"text": "x", "n": ' + b"9" * 5000 + b"}", "a huge integer"),
        ("a.json", b'{"text": "x", "n": ' + b"9" * 9000 + b"}", "a huge integer"),
        ("a.json", b'{"text": ' + b"[" * 30_000, "nested too deep"),
        ("a.jsonl", b'{"text": ' + b"[" * 100_000, "nested too deep"),
    ],
)
def test_lines_of_json_that_python_will_not_hold_are_refused(tmp_path, name, line, words):
    (tmp_path / name).write_bytes(line + b"\n")
    documents = read_documents([name], base=tmp_path)
    with pytest.raises(MixlawError, match=rf"{name}, line 1: not JSON \({words}\)"):
        list(documents)
