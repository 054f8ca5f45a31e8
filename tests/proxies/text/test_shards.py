"""Shards: text is read once, a change is seen, and nothing half-written or damaged is ever taken for whole."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from proxies.data.corpus import Build, Corpus, build_corpus
from proxies.text import addresses
from proxies.text import shards as module
from proxies.text.atomic_folders import STALE
from proxies.text.files import File
from proxies.text.readers import Documents, read_documents
from proxies.text.shards import count_documents, first_of_each, shard
from proxies.text.tokenizer import FileTokenizer
from proxies.text.tokenizer_training import train_tokenizer

ROOT = Path(__file__).parents[3]


@pytest.fixture
def text(tmp_path):
    """Two sources: a folder of three files, and one file of rows."""
    (tmp_path / "a").mkdir()
    for name in "xyz":
        (tmp_path / "a" / f"{name}.txt").write_text(f"{name} is a file. " * 40)
    rows = [json.dumps({"text": f"row {i} of many " * 5}) for i in range(200)]
    (tmp_path / "b.jsonl").write_text("\n".join([*rows, rows[0]]))
    return tmp_path


def build(text, **changes):
    documents = {"a": read_documents(["a"], base=text), "b": read_documents(["b.jsonl"], base=text)}
    return build_corpus(documents, 0, build=Build(cache=text / "cache", **changes))


def opened(monkeypatch):
    """Names of the files that are read from now on."""
    seen, real = [], Documents._read

    def spy(self, file):
        seen.append(Path(file.name).name)
        return real(self, file)

    monkeypatch.setattr(Documents, "_read", spy)
    return seen


def test_an_unchanged_source_is_not_read_again(text, monkeypatch):
    seen = opened(monkeypatch)
    first = build(text)
    assert seen == ["x.txt", "y.txt", "z.txt", "b.jsonl"]
    seen.clear()
    again = build(text)
    assert seen == []
    assert (again.hash, again.tokens, again.notes) == (first.hash, first.tokens, first.notes)
    other = build_corpus({"b": read_documents(["b.jsonl"], base=text)}, 5, build=Build(cache=text / "cache"))
    assert seen == []  # the seed decides what is held out, not how text is tokenized
    assert other.hash != first.hash


def test_only_the_changed_source_is_read_again(text, monkeypatch):
    first, seen = build(text), opened(monkeypatch)
    (text / "a" / "y.txt").write_text("y has changed. " * 40)
    second = build(text)
    assert seen == ["x.txt", "y.txt", "z.txt"]
    assert second.hash != first.hash
    np.testing.assert_array_equal(second.train["b"].tokens, first.train["b"].tokens)
    seen.clear()
    (text / "a" / "new.txt").write_text("a new one")
    build(text)
    assert seen == ["new.txt", "x.txt", "y.txt", "z.txt"]


def test_a_file_touched_but_equal_gives_the_same_corpus(text):
    first = build(text)
    os.utime(text / "b.jsonl", ns=(1, 1))
    assert build(text).hash == first.hash


def test_tokenizer_and_limit_make_other_shards(text, monkeypatch):
    first = build(text)
    own = FileTokenizer(train_tokenizer({"a": ["row of many file is a " * 9]}, 300).text, "x")
    seen = opened(monkeypatch)
    other = build(text, tokenizer=own)
    assert len(seen) == 4
    assert other.hash != first.hash
    assert (other.vocab, other.end, other.tokenizer) == (own.vocab, own.end, own.name)
    assert 0.95 < first.bytes_per_token["b"] < 1 < other.bytes_per_token["b"]
    held = other.targets["b"]
    decoded = own._model.decode(held[held != own.end].tolist())
    assert other.bytes_per_token["b"] == len(decoded.encode()) / len(held)
    short = build(text, limit=2000)
    assert short.cut_short == {"b"}
    assert any("source b: only its first 2,0" in note for note in short.notes)


def test_the_same_text_gives_the_same_corpus_from_memory_and_from_disk(text):
    cached = build(text)
    documents = {"a": read_documents(["a"], base=text), "b": list(read_documents(["b.jsonl"], base=text))}
    memory = build_corpus(documents, 0)
    assert memory.hash == cached.hash
    for source in "ab":
        np.testing.assert_array_equal(memory.train[source].tokens, cached.train[source].tokens)
    path = cached.save(text / "store")
    assert Corpus.load(path).hash == memory.hash
    assert os.stat(path / "tokens-1.bin").st_nlink == 2  # linked: tokens are on disk once
    np.testing.assert_array_equal(Corpus.load(path).train["b"].tokens, memory.train["b"].tokens)


def test_addresses_are_kept_by_what_they_state(tmp_path, monkeypatch):
    monkeypatch.setattr(addresses, "PROTOCOLS", ("memory",))
    memory = fsspec.filesystem("memory")
    memory.pipe("/shards/a.jsonl", b"".join(json.dumps({"text": f"{i} " * 20}).encode() + b"\n" for i in range(50)))
    seen = opened(monkeypatch)

    def once():
        return build_corpus({"a": read_documents(["memory://shards/a.jsonl"])}, 0, build=Build(cache=tmp_path))

    first = once()
    once()
    assert seen == ["a.jsonl"]
    memory.pipe("/shards/a.jsonl", b'{"text": "quite another text now"}\n' + b'{"text": "and one more"}\n' * 2)
    with pytest.raises(MixlawError, match="too few"):
        once()
    assert seen == ["a.jsonl"] * 2
    assert first.tokens["a"] > 100


def test_a_file_whose_changes_cannot_be_seen_is_read_each_time(text, monkeypatch):
    (known,) = read_documents(["b.jsonl"], base=text).files
    files = [File(known.filesystem, known.name, known.size, None)]
    seen = opened(monkeypatch)
    hashes = {build_corpus({"b": Documents(files)}, 0, build=Build(cache=text / "c")).hash for _ in range(2)}
    assert len(hashes) == 1
    assert len(seen) == 2


@pytest.mark.parametrize("name", ["tokens.bin", "lengths.bin", "digests.bin", "shard.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_shard_is_made_anew(text, name, damage):
    first = build(text)
    for path in (text / "cache").glob(f"*/{name}"):
        if damage == "gone":
            path.unlink()
        else:
            os.truncate(path, path.stat().st_size - 1)
    again = build(text)
    assert again.hash == first.hash
    np.testing.assert_array_equal(again.train["b"].tokens, np.asarray(build(text).train["b"].tokens))


def test_a_damaged_saved_corpus_is_named_and_saved_anew(text):
    corpus = build(text)
    path = corpus.save(text / "store")
    (path / "starts-0.bin").write_bytes(b"")
    with pytest.raises(MixlawError, match=r"damaged .* delete it and sweep again") as caught:
        Corpus.load(path)
    assert str(path) in str(caught.value)
    assert Corpus.load(corpus.save(text / "store")).tokens == corpus.tokens
    with pytest.raises(MixlawError, match="absent"):
        Corpus.load(text / "nowhere")


SLOW = """
import sys, time
from pathlib import Path
import proxies.text.shards as module
from proxies.data.corpus import Build, build_corpus
from proxies.text.readers import read_documents
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
module.CHUNK_DOCUMENTS = 5
documents = {"a": read_documents(["a"], base=folder), "b": read_documents(["b.jsonl"], base=folder)}
def tell(*_):
    print("going", flush=True)
    time.sleep(float(sys.argv[3]))
print(build_corpus(documents, 0, build=Build(cache=folder / "cache", tell=tell)).hash)
"""


def start(text, limit=0, pause=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(text), str(limit), str(pause)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=ROOT,
    )  # fmt: skip


def test_a_build_killed_at_any_time_leaves_nothing_that_is_taken_for_whole(text):
    whole = build_corpus({"a": read_documents(["a"], base=text), "b": read_documents(["b.jsonl"], base=text)}, 0).hash
    for moment in (1, 2, random.Random(0).randrange(3, 30)):
        process = start(text, pause=0.01)
        with process:
            for _ in range(moment):
                assert process.stdout is not None
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
    assert list((text / "cache").glob(".draft-*"))
    for left in (text / "cache").glob(".draft-*"):
        for path in (left, *left.iterdir()):
            os.utime(path, (time.time() - 2 * STALE,) * 2)
    (text / "a" / "x.txt").touch()
    assert build(text).hash == whole
    assert not list((text / "cache").glob(".draft-*"))


def test_two_builds_at_once_do_not_clash(text):
    processes = [start(text, pause=0.01) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert len({out.splitlines()[-1] for out, _ in outputs}) == 1
    assert sorted(path.name for path in (text / "cache").iterdir()) == sorted(
        path.parent.name for path in (text / "cache").glob("*/shard.json")
    )
    assert len(list((text / "cache").iterdir())) == 2


def test_a_full_disk_is_named_and_leaves_nothing(text):
    process = start(text, limit=1000)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"MixlawError: {text / 'cache'}: cannot be written (File too large)" in said
    assert list((text / "cache").iterdir()) == []
    assert build(text).tokens["b"] > 10_000


def test_a_corpus_that_cannot_be_saved_is_named(text):
    corpus = build(text)
    (text / "file").write_text("in the way")
    with pytest.raises(MixlawError, match="file: cannot be written"):
        corpus.save(text / "file")


def test_memory_holds_the_index_of_a_source_not_its_text(tmp_path):
    peaks = []
    for size in (200, 800):  # documents of 20 kB: 4 and 16 MB
        path = tmp_path / f"{size}.jsonl"
        with path.open("w") as file:
            for i in range(size):
                file.write(json.dumps({"text": f"{i:09d} " * 2000}) + "\n")
        tracemalloc.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "CHUNK_TEXT", 1 << 18)
            corpus = build_corpus({"a": read_documents([path])}, 0, build=Build(cache=tmp_path / "c"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert corpus.tokens["a"] > 0.8 * path.stat().st_size
    assert peaks[1] < peaks[0] + 500_000
    assert peaks[1] < 4_000_000


def test_progress_goes_up_to_the_size_of_all_files(text):
    said = []
    build(text, tell=lambda *what: said.append(what))
    total = sum(path.stat().st_size for path in (*(text / "a").iterdir(), text / "b.jsonl"))
    assert [done for done, *_ in said] == sorted(done for done, *_ in said)
    assert {what[1] for what in said} == {total}
    assert said[-1][0] == total
    assert {what[2] for what in said} >= {"a", "b"}


def test_distinct_documents_are_counted(text):
    assert count_documents(["b.jsonl"], base=text) == (200, sum(len(f"row {i} of many " * 5) + 1 for i in range(200)))
    (text / "blank").mkdir()
    (text / "blank" / "a.txt").write_text(" \n")
    assert count_documents(["blank"], base=text) == (0, 0)


@given(st.lists(st.integers(0, 9)))
def test_the_first_of_each_document_is_found(digests):
    first = np.flatnonzero(first_of_each(np.array(digests, np.uint64))).tolist()
    assert first == [i for i, digest in enumerate(digests) if digest not in digests[:i]]


def test_what_a_shard_says_of_its_documents(text):
    made = shard("a", read_documents(["b.jsonl"], base=text), Build(cache=text / "cache"))
    assert len(made.lengths) == len(made.bytes) == len(made.digests) == 201
    assert made.digests[0] == made.digests[200]
    assert len(np.unique(made.digests)) == 200
    assert (made.lengths == made.bytes + 1).all()
    assert made.lengths.sum() == len(made.tokens)
