"""Equal samples of streams: uniform, seeded, of bounded memory; passages."""

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.transport import equal_samples, passages, reservoir


def stream(count):
    return (f"document {i}" for i in range(count))


def test_every_document_is_equally_likely():
    """5,000 draws of 5 from 20: each is there in a quarter of them, first, last and middle alike."""
    times = np.zeros(20)
    for seed in range(5000):
        for document in reservoir(stream(20), 5, seed):
            times[int(document.split()[1])] += 1
    deviation = (times - 1250) / np.sqrt(5000 * 0.25 * 0.75)
    assert np.abs(deviation).max() < 4
    assert (deviation**2).mean() < 2


def test_pairs_are_equally_likely():
    together = np.zeros((6, 6))
    for seed in range(6000):
        i, j = (int(document.split()[1]) for document in reservoir(stream(6), 2, seed))
        together[i, j] += 1
    pairs = together[np.triu_indices(6, 1)]
    assert pairs.sum() == 6000, "the order of the stream is kept"
    assert np.abs(pairs - 400).max() < 4.5 * np.sqrt(400)


def test_a_seed_gives_one_sample_and_another_seed_another():
    assert reservoir(stream(1000), 20, 3) == reservoir(stream(1000), 20, 3) != reservoir(stream(1000), 20, 4)


def test_a_stream_is_read_once_and_not_held():
    seen = 0

    def counting():
        nonlocal seen
        for seen in range(1, 10_001):
            yield str(seen)

    assert len(reservoir(counting(), 10, 0)) == 10
    assert seen == 10_000


def test_a_sample_does_not_depend_on_the_other_sources():
    alone = equal_samples({"b": stream(500)}, 10)["b"]
    both = equal_samples({"a": stream(500), "b": stream(500)}, 10)
    assert both["b"] == alone
    assert both["a"] != alone


def test_too_few_documents_are_refused_by_name():
    with pytest.raises(MixlawError, match=r"source b: has 7 documents where 10 .* passages"):
        equal_samples({"a": stream(20), "b": stream(7)}, 10)
    with pytest.raises(MixlawError, match="0 documents"):
        equal_samples({"a": stream(20)}, 0)


def test_passages_lose_nothing_and_are_nearly_equal():
    text = " ".join(f"word{i}" for i in range(2000))
    parts = list(passages([text, "short"], 300))
    assert "".join(parts[:-1]) == text
    assert parts[-1] == "short"
    assert max(map(len, parts)) <= 300
    assert min(map(len, parts[:-1])) > 250
    assert all(part.endswith(" ") for part in parts[:-2]), "cut at blanks"
    assert "".join(passages(["x" * 1001], 100)) == "x" * 1001
    assert list(passages(["", "  \n "], 100)) == []
