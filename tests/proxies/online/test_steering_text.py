"""Text set aside: no token of it is trained on or measured on, and what a run loses is said."""

import numpy as np
import pytest
from factories.texts import letters, words

from mixlaw.errors import MixlawError
from proxies.data.batches import Stream, subsample
from proxies.data.corpus import build_corpus
from proxies.online.steering_text import STEERING_SHARE, split_steering, whole


@pytest.fixture(scope="module")
def corpus():
    return build_corpus({"a": words(0), "b": letters(1)}, targets={"a": None, "aim": letters(5)})


def positions(pieces):
    """Where in the source's stored tokens those of a subset lie."""
    parts = [np.arange(s, s + n) for s, n in zip(pieces.starts, pieces.lengths, strict=True)]
    return np.concatenate(parts)


@pytest.mark.parametrize("share", [1.0, 0.95, 0.5])
def test_what_steers_is_neither_trained_on_nor_measured_on(corpus, share):
    unique = {s: round(share * n) for s, n in corpus.tokens.items()}
    divided = split_steering(corpus, unique, ["a"])
    count = round(STEERING_SHARE * corpus.tokens["a"])
    kept = min(unique["a"], corpus.tokens["a"] - count)
    assert divided.pieces["a"].unique == kept
    assert divided.pieces["b"].unique == unique["b"], "no other source loses text"
    assert len(divided.steering["a"]) == count
    trained = Stream(divided.pieces["a"], [0]).read(0, kept)
    everything = np.concatenate([trained, divided.steering["a"]])
    if share >= 0.9:  # together they are all of the source, each token once
        assert np.array_equal(np.sort(everything), np.sort(np.asarray(corpus.train["a"].tokens)))
    assert divided.measured["a"] is corpus.targets["a"]
    assert (f"{unique['a'] - kept:,} of them it would have" in divided.notes[0]) == (unique["a"] > kept)


def test_the_part_cut_off_ends_where_the_trained_part_begins(corpus):
    """A piece may be cut in two; then its head is trained on and its tail steers."""
    divided = split_steering(corpus, corpus.tokens, ["a"])
    mine = positions(divided.pieces["a"])
    rest = np.setdiff1d(positions(subsample(corpus, corpus.tokens)["a"]), mine)
    steering = divided.steering["a"]
    text = np.asarray(corpus.train["a"].stored)
    assert len(rest) == len(steering)
    assert np.array_equal(np.sort(text[rest]), np.sort(steering))


def test_a_target_with_text_of_its_own_is_halved_and_that_is_said(corpus):
    divided = split_steering(corpus, corpus.tokens, ["aim"])
    text = corpus.targets["aim"]
    assert np.array_equal(np.concatenate([divided.steering["aim"], divided.measured["aim"]]), text)
    assert abs(len(divided.steering["aim"]) - len(text) / 2) < 1
    assert "not comparable" in divided.notes[0]
    named = split_steering(corpus, corpus.tokens, ["a"], own=["a"])
    assert len(named.measured["a"]) < len(corpus.targets["a"])
    assert named.pieces["a"].unique == corpus.tokens["a"]


def test_nothing_is_set_aside_for_methods_that_see_no_target(corpus):
    divided = whole(corpus, corpus.tokens)
    usual = subsample(corpus, corpus.tokens)
    assert {s: p.unique for s, p in divided.pieces.items()} == {s: p.unique for s, p in usual.items()}
    assert not divided.steering
    assert divided.notes == ()


def test_a_source_too_small_to_be_divided_is_refused():
    corpus = build_corpus({"a": words(0), "b": ["x" * 4]}, targets={"a": None})
    object.__setattr__(corpus, "targets", {"b": corpus.targets["a"]})
    with pytest.raises(MixlawError, match="target b: its source has too little text"):
        split_steering(corpus, corpus.tokens, ["b"])
