"""Batches by a changing mixture: what is owed is drawn, epochs are whole, any step can be read; probes and windows."""

import numpy as np
import pytest
from factories.texts import letters, words
from hypothesis import given, settings
from hypothesis import strategies as st

from proxies.data.batches import Batches, subsample
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.online.mixture_batches import MixtureBatches, Probes, Windows


@pytest.fixture(scope="module")
def pieces():
    corpus = build_corpus({"a": words(0), "b": letters(1), "c": words(2, 1)}, targets={"a": None})
    return subsample(corpus, {"a": 3_000, "b": 5_000, "c": 700})


def drawn(pieces, shares=(0.5, 0.3, 0.2)):
    return MixtureBatches(pieces, (4, 32), 7, shares)


mixtures = st.lists(st.tuples(st.integers(1, 30), st.lists(st.floats(0, 1), min_size=3, max_size=3)), max_size=8)


@given(mixtures)
@settings(max_examples=60, deadline=None)
def test_what_is_drawn_is_what_the_mixtures_owe(pieces, path):
    """Never a sequence ahead, never two behind, whatever the mixtures were."""
    draws, owed_S, steps = drawn(pieces), np.zeros(3), 0
    for count, raw in path:
        shares_S = (np.array(raw) + 1e-3) / (np.array(raw) + 1e-3).sum()
        draws.set_mixture(shares_S)
        for _ in range(count):
            steps += 1
            owed_S = owed_S + 4 * shares_S
            taken_S = np.array(list(draws.seen(steps).values())) / 32
            assert np.all(taken_S - owed_S < 1)
            assert np.all(owed_S - taken_S < 2)


def test_every_token_of_a_source_is_drawn_once_an_epoch(pieces):
    draws = drawn(pieces)
    steps = 200
    got = draws.read(0, steps).reshape(-1, 32)
    order = np.array(draws._order)
    for i, own in enumerate(pieces.values()):
        text = got[order == i].reshape(-1)
        everything = np.concatenate([own.text.stored[s : s + n] for s, n in zip(own.starts, own.lengths, strict=True)])
        for epoch in range(len(text) // own.unique):
            one = text[epoch * own.unique : (epoch + 1) * own.unique]
            assert np.array_equal(np.sort(one), np.sort(everything))
    assert len(text) > 2 * own.unique, "the scarce source is repeated"


def test_a_step_can_be_read_again_and_a_new_mixture_holds_for_what_comes(pieces):
    first, again = drawn(pieces), drawn(pieces)
    whole = first.read(0, 10)
    first.set_mixture((0, 0, 1))
    after = first.read(10, 3)
    assert np.array_equal(first.read(0, 13), np.concatenate([whole, after]))
    assert np.array_equal(again[4], whole[4]), "without replaying, by dealing alone"
    assert np.array_equal(again.read(0, 10), whole)
    counts = np.diff([list(first.seen(n).values()) for n in (10, 13)], axis=0)[0]
    assert counts[2] >= 3 * 4 * 32 - 32 * 2
    assert counts[0] == 0 == counts[1], "a share of 0 is never drawn, not even what was owed"


def test_a_fixed_mixture_reads_the_text_of_a_usual_run(pieces):
    """The same streams: source by source the same tokens in the same order."""
    corpus = build_corpus({"a": words(0), "b": letters(1), "c": words(2, 1)}, targets={"a": None})
    usual = Batches(corpus, Mixture({"b": 1.0}), {"a": 3_000, "b": 5_000, "c": 700}, (20, 4, 32), 7)
    ours = drawn(pieces, (0, 1, 0))
    assert np.array_equal(ours.read(0, 20), np.stack(list(usual)))


def test_probes_are_text_of_the_source_in_an_order_of_their_own(pieces):
    probes = Probes(pieces, (4, 32), 7)
    first, second = probes.read(0), probes.read(1)
    assert [p.shape for p in first] == [(4, 32)] * 3
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], drawn(pieces, (1, 0, 0))[0]), "not what is trained on at the moment"
    assert np.array_equal(second[1], Probes(pieces, (4, 32), 7).read(1)[1]), "a function of the update alone"


def test_windows_give_each_sequence_once_an_epoch():
    tokens = np.arange(10 * 8 + 5)
    windows = Windows(tokens, (5, 8), [3])
    epoch = np.concatenate([windows.read(0), windows.read(1)])
    assert sorted(epoch[:, 0].tolist()) == list(range(0, 80, 8))
    later = np.concatenate([windows.read(2), windows.read(3)])
    assert sorted(later[:, 0].tolist()) == list(range(0, 80, 8))
    assert not np.array_equal(epoch, later)
