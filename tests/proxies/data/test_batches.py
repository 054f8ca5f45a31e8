"""Accounting: counts follow the plan, no token is seen twice in an epoch, a step can be read by itself."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from proxies.data.batches import Batches, Stream, matched_unique, subsample
from proxies.data.corpus import END, Corpus, Text, build_corpus
from proxies.data.mixture import Mixture


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
    mixture, unique = Mixture({"a": 0.5, "c": 0.5}), matched_unique(corpus, 0.25)
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


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_runs_accounting_is_exact(data):
    """Each source's row of sequences is a permutation of its unique tokens in every epoch, and nothing else."""
    lengths = data.draw(st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=12), min_size=1, max_size=4))
    names, offset = "abcd"[: len(lengths)], 0
    texts = {}
    for name, own in zip(names, lengths, strict=True):
        starts = np.concatenate([[0], np.cumsum(own)])
        texts[name] = Text(np.arange(offset, offset + starts[-1], dtype=np.uint16), starts[:-1], np.array(own))
        offset += int(starts[-1])
    corpus = Corpus(texts, {"t": np.zeros(4, np.uint16)}, seed=data.draw(st.integers(0, 5)))
    raw = [data.draw(st.floats(0, 1)) for _ in names]
    mixture = {n: w / sum(raw) for n, w in zip(names, raw, strict=True)} if sum(raw) > 0.01 else {names[0]: 1.0}
    unique = {name: data.draw(st.integers(1, len(text))) for name, text in texts.items()}
    steps, batch, length = (data.draw(st.integers(1, most)) for most in (30, 4, 20))
    batches = Batches(corpus, Mixture(mixture), unique, (steps, batch, length), seed=data.draw(st.integers(0, 3)))
    rows_CxBxL = batches.read(0, steps)
    step = data.draw(st.integers(0, steps - 1))
    again = Batches(corpus, Mixture(mixture), unique, (steps, batch, length), seed=batches.seed)
    np.testing.assert_array_equal(again[step], rows_CxBxL[step])
    np.testing.assert_array_equal(np.stack(list(again)), rows_CxBxL)
    for name, text in texts.items():
        mine = np.isin(rows_CxBxL, text.stored)
        row = rows_CxBxL[mine]
        assert len(row) == batches.seen()[name]
        assert abs(len(row) - mixture.get(name, 0.0) * rows_CxBxL.size) <= length
        assert batches.seen(step)[name] == np.isin(rows_CxBxL[:step], text.stored).sum()
        assert batches.epochs()[name] == len(row) / unique[name]
        whole = len(row) // unique[name] * unique[name]
        epochs = row[:whole].reshape(-1, unique[name])
        assert all(len(set(epoch)) == unique[name] for epoch in epochs.tolist())
        assert len({frozenset(epoch) for epoch in epochs.tolist()}) <= 1
        rest = row[whole:].tolist()
        assert len(set(rest)) == len(rest)
        if len(epochs):
            assert set(rest) <= set(epochs[0].tolist())


def test_epochs_come_in_different_orders():
    stream = Stream(subsample(numbered(*[3] * 50), {"a": 150})["a"], [0])
    epochs = [stream.read(150 * e, 150).tolist() for e in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_steps_that_are_none_of_the_runs_are_refused():
    batches = Batches(corpus_of_three(), Mixture({"a": 1.0}), corpus_of_three().tokens, (3, 2, 8), seed=0)
    for start, count in ((3, 1), (-1, 1), (0, 4), (0, 0)):
        with pytest.raises(IndexError):
            batches.read(start, count)


def test_opening_a_run_reads_and_orders_nothing():
    tokens = np.zeros(1, np.uint16)
    texts = {str(i): Text(tokens, np.zeros(20_000, np.int64), np.ones(20_000, np.int64)) for i in range(60)}
    corpus = Corpus(texts, {"t": tokens}, seed=0)
    subsample(corpus, corpus.tokens)  # once a corpus, not once a run
    began = time.process_time()
    batches = Batches(corpus, Mixture(dict.fromkeys(texts, 1 / 60)), corpus.tokens, (500_000, 2, 128), seed=0)
    assert batches[0].shape == (2, 128)
    assert time.process_time() - began < 1


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
