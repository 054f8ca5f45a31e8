"""Accounting: counts follow the plan, no token is seen twice in an epoch, a step can be read by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from proxies.batches import Batches, Stream, matched_unique, subsample
from proxies.corpus import END, Corpus, Text, build_corpus


def numbered(*lengths):
    """A corpus of one source whose tokens are all different."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    text = Text(np.arange(starts[-1], dtype=np.uint16), starts[:-1], np.array(lengths))
    return Corpus({"a": text}, {"t": np.zeros(4, np.uint16)}, seed=7)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    part=st.floats(0.01, 1),
    length=st.integers(1, 50),
    seed=st.integers(0, 3),
)
def test_each_epoch_holds_every_token_once(lengths, part, length, seed):
    corpus = numbered(*lengths)
    unique = max(1, round(part * sum(lengths)))
    pieces = subsample(corpus, {"a": unique})["a"]
    assert pieces.unique == unique
    stream = Stream(pieces, [seed])
    pulls = -(-3 * unique // length)
    row = np.concatenate([stream.read(i * length, length) for i in range(pulls)])
    epochs = [row[e * unique : (e + 1) * unique] for e in range(3)]
    assert all(len(set(epoch)) == unique for epoch in epochs)
    assert set(epochs[0]) == set(epochs[1]) == set(epochs[2])
    backwards = [Stream(pieces, [seed]).read(i * length, length) for i in reversed(range(pulls))]
    np.testing.assert_array_equal(np.concatenate(backwards[::-1]), row)


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    parts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_smaller_subsets_are_nested(lengths, parts):
    corpus, total = numbered(*lengths), sum(lengths)
    small, large = (max(1, round(part * total)) for part in sorted(parts))
    tokens = [set(Stream(subsample(corpus, {"a": unique})["a"], [0]).read(0, unique)) for unique in (small, large)]
    assert tokens[0] <= tokens[1]


def corpus_of_three():
    random = np.random.default_rng(0)
    texts = {s: [s * int(n) for n in random.integers(5, 9000, 30)] for s in "abc"}
    return build_corpus(texts, 0, targets={"own": ["not in any"]})


def test_batches_draw_by_the_mixture_and_each_step_stands_alone():
    corpus = corpus_of_three()
    mixture, unique = {"a": 0.5, "c": 0.5}, matched_unique(corpus, 0.25)
    batches = Batches(corpus, mixture, unique, (40, 4, 64), seed=1)
    rows = np.stack(list(batches))
    assert rows.shape == (40, 4, 64)
    assert batches.seen() == {"a": 20 * 4 * 64, "b": 0, "c": 20 * 4 * 64}
    text = rows[rows != END]
    assert set(np.unique(text)) == {ord("a"), ord("c")}
    alone = Batches(corpus, mixture, unique, (40, 4, 64), seed=1)
    for step in (39, 0, 17):
        np.testing.assert_array_equal(alone[step], rows[step])
    assert not np.array_equal(np.stack(list(Batches(corpus, mixture, unique, (40, 4, 64), seed=2))), rows)
    for source, epochs in batches.epochs().items():
        assert epochs == batches.seen()[source] / unique[source]


def test_matched_subsets_keep_the_epochs_of_the_budget():
    corpus, budget = corpus_of_three(), 400_000
    for fraction in (0.1, 0.5):
        unique = matched_unique(corpus, fraction)
        for source, tokens in corpus.tokens.items():
            assert unique[source] == round(fraction * tokens)
            planned = 0.3 * fraction * budget / unique[source]
            assert planned == pytest.approx(0.3 * budget / tokens, rel=1e-3)


def test_impossible_subsets_are_refused():
    corpus = corpus_of_three()
    for fraction in (0, 1.5, float("nan")):
        with pytest.raises(MixlawError, match="fraction"):
            matched_unique(corpus, fraction)
    for unique in (0, corpus.tokens["b"] + 1):
        with pytest.raises(MixlawError, match="source b"):
            subsample(corpus, corpus.tokens | {"b": unique})
