"""The split: no held-out document is trained on anywhere, and the same text gives the same corpus."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from proxies.data.corpus import END, HELD_OUT_MOST, Build, Corpus, build_corpus


def documents_in(tokens):
    data = [bytes(part[part != END].astype(np.uint8)) for part in np.split(tokens, np.flatnonzero(tokens == END) + 1)]
    return {document.decode() for document in data if document}


words = st.lists(st.integers(0, 60).map(lambda n: f"document {n}"), min_size=8, max_size=60)


@settings(max_examples=40, deadline=None)
@given(a=words, b=words, seed=st.integers(0, 5))
def test_no_held_out_document_is_trained_on_in_any_source(a, b, seed):
    a, b = [*a, *(f"only a {i}" for i in range(20))], [*b, *(f"only b {i}" for i in range(20))]
    corpus = build_corpus({"a": a, "b": b}, seed, targets={"b": None, "own": ["document 3", "elsewhere"]})
    if any("too few or too long" in note for note in corpus.notes):
        return  # one document was cut in two
    held = set().union(*(documents_in(tokens) for tokens in corpus.targets.values()))
    for source, given_documents in {"a": a, "b": b}.items():
        trained = documents_in(corpus.train[source].tokens)
        assert not trained & held
        assert trained | held >= set(given_documents)
        assert len(corpus.train[source]) == sum(len(d) + 1 for d in trained)


def test_a_document_held_out_whole_by_one_target_is_not_split_by_another():
    shared, words = "".join(f"{i} " for i in range(4000)), [f"{i} " * 400 for i in range(60)]
    for seed in range(20):
        texts = {"a": [shared, "".join(f"{i}, " for i in range(4000))], "b": [shared, *words]}
        for order in (("a", "b"), ("b", "a")):
            corpus = build_corpus(texts, seed, targets=dict.fromkeys(order))
            if bytes(corpus.targets["b"].astype(np.uint8)).find(shared[:500].encode()) >= 0:
                assert shared[:500].encode() not in bytes(corpus.train["a"].tokens.astype(np.uint8))
                return
    raise AssertionError("no seed held the shared document out")


def test_every_source_is_a_target_by_default_and_the_split_follows_content_and_seed():
    texts = {name: [f"{name} {i} " + "x" * 50 for i in range(100)] for name in "ab"}
    corpus = build_corpus(texts, 1)
    assert list(corpus.targets) == ["a", "b"]
    again = build_corpus({name: list(reversed(text)) for name, text in texts.items()}, 1)
    assert documents_in(again.targets["a"]) == documents_in(corpus.targets["a"])
    assert build_corpus(texts, 1).hash == corpus.hash
    assert build_corpus(texts, 2).hash != corpus.hash
    share = len(corpus.targets["a"]) / (len(corpus.targets["a"]) + corpus.tokens["a"])
    assert 0.1 < share < 0.25


def test_held_out_text_is_bounded():
    corpus = build_corpus({"a": [f"{i:06d} " * 150 for i in range(4000)]}, 0)
    assert 0.95 * HELD_OUT_MOST < len(corpus.targets["a"]) <= HELD_OUT_MOST


def test_a_single_document_is_split_and_said_so():
    corpus = build_corpus({"a": ["".join(f"{i} " for i in range(5000))], "b": ["x y z " * 30, "u v w " * 30] * 9}, 0)
    assert any("source a" in note and "held out" in note for note in corpus.notes)
    assert any("source b: 16 exact duplicates" in note for note in corpus.notes)
    start, end = corpus.train["a"].tokens, corpus.targets["a"]
    assert bytes(np.concatenate([start, end])[:-1].astype(np.uint8)).decode().startswith("0 1 2 ")
    assert 0.15 < len(end) / (len(start) + len(end)) < 0.21


def test_a_corpus_saved_is_the_corpus_loaded(tmp_path):
    corpus = build_corpus({"a/b": [f"{i} ü" for i in range(50)], "c": ["x" * 9000, "y"]}, 3)
    loaded = Corpus.load(corpus.save(tmp_path))
    assert (loaded.hash, loaded.tokens, loaded.notes) == (corpus.hash, corpus.tokens, corpus.notes)
    del loaded.__dict__["hash"]
    assert loaded.hash == corpus.hash
    assert corpus.save(tmp_path) == tmp_path / f"corpus-{corpus.hash}"


def test_bad_sources_are_named():
    for documents, targets, words in [
        ({}, None, "no source has text"),
        ({"a": ["x y", "z"], "b": [" "]}, None, "source b: no text"),
        ({"a": ["x y", "z"]}, {"c": None}, "target c: no source"),
        ({"a": ["x y", "z"]}, {"c": []}, "target c: no text"),
        ({"a": ["x"]}, {"c": ["x"]}, "source a: every document is held out"),
    ]:
        with pytest.raises(MixlawError, match=words):
            build_corpus(documents, 0, targets=targets)


def test_reading_stops_at_the_limit_with_a_note():
    corpus = build_corpus({"a": (f"document {i}" for i in range(10**9))}, 0, build=Build(limit=10_000))
    assert corpus.tokens["a"] < 10_000
    assert corpus.cut_short == {"a"}
    assert any("only its first" in note for note in corpus.notes)
