"""Tokenizers: text comes back whole, no text gives the end mark, and a file that is none is named."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from mixlaw.project.project_file import read_project
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig
from proxies.tasks.task import project_task
from proxies.text import tokenizer as module
from proxies.text.tokenizer import END, ByteTokenizer, FileTokenizer, project_tokenizer, read_tokenizer, token_type
from proxies.text.tokenizer_training import train_tokenizer
from proxies.training.train import RunSpec, train

tokenizers = pytest.importorskip("tokenizers")
PROSE = ["Das Wetter ist schön, the weather is fine.\n\nfor i in range(10):\n    print(i)\n"] * 20
TEXT = train_tokenizer({"a": PROSE}, 400).text
documents = st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=8)


def split(tokens, lengths):
    assert lengths.sum() == len(tokens)
    return np.split(tokens, np.cumsum(lengths)[:-1])


@settings(max_examples=100, deadline=None)
@given(documents)
def test_bytes_are_the_text_and_an_end_mark(texts):
    tokens, lengths = ByteTokenizer().encode(texts)
    assert tokens.dtype == np.uint16
    for text, own in zip(texts, split(tokens, lengths), strict=True):
        assert own[-1] == END
        assert bytes(own[:-1].astype(np.uint8)).decode() == text


@settings(max_examples=100, deadline=None)
@given(documents)
def test_a_trained_tokenizer_gives_the_text_back(texts):
    own = FileTokenizer(TEXT, "x")
    texts = [*texts, "say <|endoftext|> twice<|endoftext|>"]
    tokens, lengths = own.encode(texts)
    for text, part in zip(texts, split(tokens, lengths), strict=True):
        assert (part == own.end).tolist() == [False] * (len(part) - 1) + [True]
        assert tokenizers.Tokenizer.from_str(TEXT).decode(part[:-1].tolist(), skip_special_tokens=False) == text


def test_a_long_document_is_encoded_in_parts_as_if_it_were_whole(monkeypatch):
    own, text = FileTokenizer(TEXT, "x"), "".join(PROSE)
    whole, _ = own.encode([text])
    monkeypatch.setattr(module, "PART", 150)
    assert len(module._parts(text)) > 10
    np.testing.assert_array_equal(own.encode([text])[0], whole)
    assert "".join(module._parts("x" * 1000)) == "x" * 1000


def test_half_a_character_is_replaced():
    own = FileTokenizer(TEXT, "x")
    np.testing.assert_array_equal(own.encode(["a\ud800b"])[0], own.encode(["a?b"])[0])
    assert len(ByteTokenizer().encode(["a\ud800b"])[0]) == 6


def test_hash_and_name_follow_from_the_content_alone(tmp_path):
    (tmp_path / "one.json").write_text(TEXT, encoding="utf-8")
    (tmp_path / "two.json").write_text(TEXT, encoding="utf-8")
    one, two = read_tokenizer(tmp_path / "one.json"), read_tokenizer((tmp_path / "two.json").as_uri())
    other = FileTokenizer(train_tokenizer({"a": PROSE}, 300).text, "x")
    assert (one.name, one.hash) == (two.name, two.hash)
    assert one.name != other.name
    assert one.hash != other.hash
    assert read_tokenizer(None).name == "bytes"


def words(**changes):
    about = json.loads(TEXT)
    about["added_tokens"] = []
    about["model"] = {"type": "WordLevel", "vocab": {"a": 0, "b": 7}, "unk_token": "a"} | changes
    about["pre_tokenizer"], about["decoder"] = {"type": "Whitespace"}, None
    return json.dumps(about)


def test_a_tokenizer_without_an_end_mark_gets_one_of_its_own():
    own = FileTokenizer(words(), "x")
    assert (own.end, own.vocab) == (8, 9)
    assert own.encode(["a b"])[0].tolist() == [0, 7, 8]
    assert FileTokenizer(TEXT, "x").end == 0
    assert token_type(65_536) == np.uint16
    assert token_type(65_537) == np.uint32
    assert FileTokenizer(words(vocab={"a": 0, "b": 70_000}), "x").encode(["b"])[0].dtype == np.uint32


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ["cannot be read", "no file matches"]),
        (b"\xff", ["cannot be read"]),
        (b"plain", ["not a tokenizer"]),
        (b"{}", ["not a tokenizer"]),
        (words(vocab={}, unk_token="a").encode(), ["vocabulary is empty"]),
    ],
)
def test_a_file_that_is_no_tokenizer_is_named_with_project_and_mend(tmp_path, content, parts):
    (tmp_path / "mixlaw.yaml").write_text("sources: {a: {paths: [a]}}\ntokenizer: t.json\n")
    if content is not None:
        (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(MixlawError) as caught:
        project_tokenizer(read_project(tmp_path / "mixlaw.yaml"))
    message = str(caught.value)
    assert all(part in message for part in [*parts, str(tmp_path / "mixlaw.yaml"), "t.json"])
    assert "\n" not in message


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(MixlawError, match=r"pip install 'mixlaw\[tokenizers\]'"):
        FileTokenizer(TEXT, "x")


def test_a_project_is_read_and_trained_by_its_tokenizer(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": f"{i} {PROSE[0]}"}) + "\n" for i in range(60)))
    (tmp_path / "t.json").write_text(TEXT, encoding="utf-8")
    content = "sources: {a: {paths: [a.jsonl]}}\nbudget: {params: 1.0e7, tokens: 2.0e8}\n"
    (tmp_path / "mixlaw.yaml").write_text(content)
    by_bytes = project_task(read_project(tmp_path / "mixlaw.yaml"), None, 0, 60.0)
    (tmp_path / "mixlaw.yaml").write_text(content + "tokenizer: t.json\n")
    task = project_task(read_project(tmp_path / "mixlaw.yaml"), None, 0, 60.0)
    own = FileTokenizer(TEXT, "x")
    assert (task.corpus.vocab, task.corpus.end, task.corpus.tokenizer) == (own.vocab, own.end, own.name)
    assert {scale.config.vocab for scale in task.proposal.scales} == {own.vocab}
    assert task.corpus.tokens["a"] < 0.7 * by_bytes.corpus.tokens["a"]
    assert f"tokens of a counted in tokens of {own.name}, the proxies' tokens" in task.notes
    config = ModelConfig(8, 1, 1, 8, length=16)
    with pytest.raises(MixlawError, match=f"a vocabulary of 257; the corpus's tokens need {own.vocab}"):
        train(RunSpec("r", Mixture({"a": 1.0}), config, 64), task.corpus)
    fitting = dataclasses.replace(config, vocab=own.vocab, end=own.end)
    row = train(RunSpec("r", Mixture({"a": 1.0}), fitting, 64), task.corpus)[-1]
    assert row["tokenizer"] == own.name
    # Nothing learnt yet: nats per token are those of even odds, and nats per byte fewer than under bytes.
    assert row["loss:a"] == pytest.approx(np.log(own.vocab), rel=0.2)
    assert task.corpus.bytes_per_token["a"] > 1.3
