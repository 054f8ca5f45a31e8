"""Damaged text, states and rows: made again or refused, never trained on, and finished runs keep their keys."""

import dataclasses
import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from factories.sweeps import TINY, corpus, same, specs

from mixlaw.errors import MixlawError
from proxies.data.corpus import Build, Corpus, build_corpus
from proxies.sweep.backends.in_process import InProcess
from proxies.sweep.run_sweep import sweep
from proxies.sweep.store import Store
from proxies.text.readers import read_documents
from proxies.training.checkpoint import load
from proxies.training.run_spec import check_ids
from proxies.training.train import TokensError, started, train


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    for source in "ab":
        lines = [json.dumps({"text": f"{source} says {i} " * 9}) for i in range(60)]
        (folder / f"{source}.jsonl").write_text("\n".join(lines))
    return folder


def read(text, store):
    documents = {source: read_documents([f"{source}.jsonl"], base=text) for source in "ab"}
    return build_corpus(documents, 0, build=Build(cache=store / "text"))


def flip(path, at, bit):
    """Flip a bit of a file in place, at a share `at` of its length."""
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 1 << bit
    path.write_bytes(data)


@pytest.fixture(scope="module")
def whole(text, tmp_path_factory):
    """A store with tokenized text and the saved corpus, its files' content, and the corpus's hash."""
    store = tmp_path_factory.mktemp("store")
    made = read(text, store)
    made.save(store)
    return store, {path: path.read_bytes() for path in store.rglob("*.*") if path.is_file()}, made.hash


FILES = [f"text/{name}" for name in ("tokens.bin", "lengths.bin", "bytes.bin", "digests.bin", "shard.json")]
FILES += [f"corpus/{name}" for name in ("tokens-0.bin", "starts-0.bin", "lengths-1.bin", "target-0.bin", "corpus.json")]


@pytest.mark.parametrize("bit", [0, 7])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_tokenized_text_is_seen_and_the_file_made_again(text, whole, caplog, name, bit):
    store, content, known = whole
    kind, last = name.split("/")
    path = sorted(store.glob(f"{kind}*/**/{last}"))[0]
    flip(path, 0.6, bit)
    os.utime(path)
    if kind == "corpus":
        with pytest.raises(MixlawError, match="a file is not what was written"):
            Corpus.load(path.parent)
    again = read(text, store)
    linked = last == "tokens-0.bin"  # one file on disk in both folders
    assert any("was damaged in the store" in note for note in again.notes) == (kind == "text" or linked)
    assert again.hash == known
    assert Corpus.load(again.save(store)).hash == known
    assert any("was damaged" in line for line in caplog.messages) == (kind == "corpus" or last == "tokens.bin")
    for other, data in content.items():
        if other.name != "corpus.json":  # whose notes say what was made again
            assert other.read_bytes() == data, other
    shutil.rmtree(store / f"corpus-{known}")
    read(text, store).save(store)


def test_text_that_was_stored_without_checksums_is_still_read(text, tmp_path):
    known = read(text, tmp_path)
    path = known.save(tmp_path)
    for manifest in [path / "corpus.json", *tmp_path.glob("text/*/shard.json")]:
        about = json.loads(manifest.read_text())
        del about["crc32"], about["check"]
        manifest.write_text(json.dumps(about))
    written = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")}
    again = read(text, tmp_path)
    assert Corpus.load(again.save(tmp_path)).hash == again.hash == known.hash
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")} == written


def damaged(one, part, value):
    """The corpus with one token of a source or a target replaced, its hash as before."""
    if part == "target":
        tokens = one.targets["a"].copy()
        tokens[-1] = value
        other = dataclasses.replace(one, targets={**one.targets, "a": tokens})
    else:
        stored = one.train["a"].stored.copy()
        stored[:] = value
        other = dataclasses.replace(one, train={**one.train, "a": dataclasses.replace(one.train["a"], stored=stored)})
    other.__dict__["hash"] = one.hash
    return other


@pytest.mark.parametrize("part", ["source", "target"])
def test_tokens_outside_the_vocabulary_end_the_sweep_and_are_no_failure_of_a_run(tmp_path, part):
    one, run = corpus(), specs(2)[1]
    with pytest.raises(TokensError, match=r"token 60,000 is not in the vocabulary of 257"):
        train(run, damaged(one, part, 60_000))
    with pytest.raises(
        MixlawError, match=r"corpus .*token 60,000 .*damaged; delete it and its text in the store; 0 of 1"
    ):
        sweep([run], damaged(one, part, 60_000), tmp_path, backend=InProcess())
    assert not list(tmp_path.glob("failed-*"))
    assert len(sweep([run], one, tmp_path, backend=InProcess()).table) == 1


def test_negative_ids_are_outside_too():
    with pytest.raises(TokensError, match="token -1 "):
        check_ids(np.array([3, -1]), 257)
    check_ids(np.zeros(0, int), 257)


def state_bytes(path, **changes):
    started(dataclasses.replace(specs(1)[0], **changes)).save(path, "key")
    return path.read_bytes()


def test_no_flipped_bit_of_a_state_is_taken_for_it(tmp_path, caplog):
    """Also in the directory of the zip file, where a flip hides an array or makes it look encrypted."""
    path, rng = tmp_path / "key.npz", random.Random(0)
    data = state_bytes(path)
    arrays = dict(np.load(path))
    directory = data.index(b"PK\1\2")
    places = [rng.randrange(len(data)) for _ in range(60)] + [rng.randrange(directory, len(data)) for _ in range(90)]
    resumed = 0
    for at in places:
        mutated = bytearray(data)
        mutated[at] ^= 1 << rng.randrange(8)
        path.write_bytes(mutated)
        found = load(path, "key", TINY)
        assert path.exists() == (found is not None)
        if found is not None:  # a flip in a field that nothing reads, such as the time of writing
            resumed += 1
            assert found.step == 0
            for name, value in found.params.items():
                np.testing.assert_array_equal(value, arrays[f"params:{name}"])
    assert resumed < len(places) / 2
    assert "it is damaged" in caplog.text


@pytest.mark.parametrize("kind", ["no arrays", "one less", "another shape", "no average", "folder", "fifo", "text"])
def test_a_state_that_lacks_something_or_is_no_file_is_removed(tmp_path, caplog, kind):
    path = tmp_path / "key.npz"
    state_bytes(path, evaluations=1 if kind == "no average" else 2)
    arrays = dict(np.load(path))
    if kind in ("folder", "fifo"):
        path.unlink()
        (path.mkdir if kind == "folder" else lambda: os.mkfifo(path))()
    elif kind == "text":
        path.write_text("x" * 1000)
    elif kind != "no average":
        last = list(arrays)[-1]
        kept = {n: v for n, v in arrays.items() if n == "about" or (kind != "no arrays" and n != last)}
        np.savez(path, **kept, **({last: arrays[last][:-1]} if kind == "another shape" else {}))
    assert load(path, "key", TINY, averaged=True) is None
    assert not os.path.lexists(path)
    assert "not resumed, it is damaged" in caplog.text


def test_a_damaged_state_does_not_stop_the_run(tmp_path):
    one, run = corpus(), specs(1)[0]
    store = Store.at(tmp_path)
    store.open()
    store.state(run.key(one.hash)).mkdir()
    same(
        sweep([run], one, store, backend=InProcess()).table,
        sweep([run], one, tmp_path / "b", backend=InProcess()).table,
    )


@pytest.mark.parametrize("kind", ["folder", "fifo", "deep", "bigint", "zeros"])
def test_a_file_of_the_store_that_cannot_be_read_is_trained_again(tmp_path, kind):
    one, runs = corpus(), specs(2)
    known = sweep(runs, one, tmp_path, backend=InProcess()).table
    path = tmp_path / f"{runs[0].key(one.hash)}.json"
    path.unlink()
    if kind == "folder":
        path.mkdir()
        (path / "mine").write_text("kept")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "zeros":
        path.symlink_to("/dev/zero")
    else:
        path.write_text("[" * 100_000 if kind == "deep" else '{"schema": ' + "9" * 5000 + "}")
    result = sweep(runs, one, tmp_path, backend=InProcess())
    same(result.table, known)
    assert len(result.notes) == 1
    assert str(path) in result.notes[0]
    assert result.notes[0].endswith("run r0 is trained again")
    assert sweep(runs, one, tmp_path, backend=InProcess()).notes == ()
    assert kind != "folder" or next(tmp_path.glob("damaged-*/mine")).read_text() == "kept"


def test_a_damaged_failure_is_none(tmp_path):
    store = Store.at(tmp_path)
    store.open()
    for content in ("[" * 100_000, "9" * 5000, '{"kind": 1}', "[]"):
        Path(tmp_path, "failed-k.json").write_text(content)
        assert store.failure("k") is None
