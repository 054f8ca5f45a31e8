"""Training a tokenizer: equal shares, the same result from the same text, and the verb around it."""

import itertools
import json
import sys

import pytest

from mixlaw.cli.app import main
from mixlaw.errors import MixlawError
from proxies.text.tokenizer import FileTokenizer
from proxies.text.tokenizer_training import READ, train_tokenizer

pytest.importorskip("tokenizers")


def texts(letters, count):
    return [" ".join(itertools.islice(itertools.cycle(f"{a}{b}{i % 7}" for a in letters for b in letters), 40)) for i in
            range(count)]  # fmt: skip


def test_every_source_gives_an_equal_share_whatever_its_size():
    documents = {"large": texts("abcdef", 4000), "small": texts("uvwxyz", 200)}
    trained = train_tokenizer(documents, 330, size=40_000)
    for name, size in trained.sampled.items():
        assert 20_000 <= size < 20_000 + max(map(len, documents[name]))
    assert trained.vocab == 330
    assert min(trained.bytes_per_token.values()) > 1.5
    assert max(trained.bytes_per_token.values()) < 1.5 * min(trained.bytes_per_token.values())


def test_the_same_text_in_any_order_gives_the_same_tokenizer():
    documents = texts("abcdef", 500)
    first = train_tokenizer({"a": documents}, 400, size=20_000)
    assert train_tokenizer({"a": documents[::-1]}, 400, size=20_000).text == first.text
    varied = [f"{i} {text}" for i, text in enumerate(documents)]
    seeds = {train_tokenizer({"a": varied}, 400, size=5_000, seed=seed).text for seed in range(3)}
    assert len(seeds) == 3


def test_reading_a_source_ends_and_says_so():
    endless = (f"document {i} " * 10 for i in itertools.count())
    trained = train_tokenizer({"a": endless, "b": ["few words " * 9]}, 300, size=2_000)
    first, second = trained.notes[:2]
    assert first.startswith(f"source a: sampled from its first {READ * 1000:,}"[:30])
    assert second == "source b: all of its 90 characters are used, less than its share of 1,000"


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(MixlawError, match="give at least that many"):
        train_tokenizer({"a": ["x"]}, 256)
    with pytest.raises(MixlawError, match="source b: no text"):
        train_tokenizer({"a": ["x"], "b": []}, 300)
    assert any("only 2" in note for note in train_tokenizer({"a": ["x y"]}, 300).notes)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "a.txt").write_text("some words of prose " * 500)
    (tmp_path / "mixlaw.yaml").write_text("sources: {a: {paths: [a.txt]}, b: {tokens: 9}}\n")
    return tmp_path / "mixlaw.yaml"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["mixlaw", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_verb_writes_a_file_that_a_project_can_name(project, monkeypatch, capsys):
    out = project.parent / "tokenizer.json"
    assert run(monkeypatch, "tokenizer", "train", project, "--vocab", 265, "--out", out) == 2
    assert "source 'b' has no paths" in capsys.readouterr().err
    project.write_text("sources: {a: {paths: [a.txt]}}\ntokenizer: tokenizer.json\n")
    assert run(monkeypatch, "tokenizer", "train", project, "--vocab", 265, "--out", out) == 0
    said = capsys.readouterr().err
    assert "265 entries; bytes per token: a " in said.replace("\n", " ")
    assert FileTokenizer(out.read_text(encoding="utf-8"), "x").vocab == 265
    assert json.loads(out.read_text(encoding="utf-8"))["model"]["type"] == "BPE"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--vocab": 9}, "vocab 9: all bytes and the end mark need 257"),
        ({"--out": "nowhere/t.json"}, "its folder does not exist"),
        ({"--sample": "nan"}, "--sample is nan"),
    ],
)
def test_bad_options_are_one_line(project, monkeypatch, capsys, changes, words):
    project.write_text("sources: {a: {paths: [a.txt]}}\n")
    options = {"--vocab": 300, "--out": project.parent / "t.json"} | changes
    assert run(monkeypatch, "tokenizer", "train", project, *itertools.chain(*options.items())) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(said) == 1
    assert words in said[0]


def test_help_has_an_example(monkeypatch, capsys):
    assert run(monkeypatch, "tokenizer", "train", "--help") == 0
    assert "mixlaw tokenizer train mixlaw.yaml --vocab 8192 --out tokenizer.json" in capsys.readouterr().out


@pytest.mark.parametrize("limit", ["nan", "inf", "3"])
def test_the_limit_of_text_is_a_number(project, monkeypatch, capsys, limit):
    out = project.parent / "s"
    assert run(monkeypatch, "sweep", project, "--out", out, "--text-tokens", limit) == 2
    assert f"--text-tokens is {limit}: it must be a number" in capsys.readouterr().err
