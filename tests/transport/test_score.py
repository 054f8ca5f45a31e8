"""Scores of documents and clusters: small cases with known answers."""

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.transport import (
    Clusters,
    ExactOT,
    NGrams,
    Samples,
    cluster,
    importance,
    neighbours,
    resample,
    transport_gradient,
)


def test_importance_is_counts_times_the_difference_of_logs():
    ngrams = NGrams(words=(1,), buckets=10**5)
    raw, target = ["a b", "b b"], ["a a b"]
    log_a = np.log((2 + 1) / (3 + 1e5)) - np.log((1 + 1) / (4 + 1e5))
    log_b = np.log((1 + 1) / (3 + 1e5)) - np.log((3 + 1) / (4 + 1e5))
    found = importance(["a b b", "b", ""], ngrams.total(raw), ngrams.total(target), ngrams)
    np.testing.assert_allclose(found, [log_a + 2 * log_b, log_b, 0], atol=1e-12)


def test_importance_finds_the_targets_kind_of_text():
    news, code = "the bank raised its rates again", "for i in range ( n ) : print ( i )"
    total = NGrams().total
    found = importance([news, code], total([news, code] * 5), total([news] * 5))
    assert found[0] > 0 > found[1]


def test_resampling_draws_by_weight_and_without_replacement():
    """First draws of one document: chances proportional to weights; all of them: a permutation of none twice."""
    weight_N = np.array([0.6, 0.3, 0.1])
    first = np.bincount([resample(np.log(weight_N), 1, seed)[0] for seed in range(3000)], minlength=3) / 3000
    np.testing.assert_allclose(first, weight_N, atol=4 * np.sqrt(0.25 / 3000))
    assert resample(np.log(weight_N), 3).tolist() == [0, 1, 2]
    with pytest.raises(MixlawError, match="4 documents of 3"):
        resample(np.log(weight_N), 4)


def test_the_transport_gradient_of_two_points_is_known():
    """Target at 0, documents at 0 and 1: moving mass from the far one to the near one saves 1 per mass."""
    found = transport_gradient(np.array([[0.0], [1.0]]), np.array([[0.0]]))
    np.testing.assert_allclose(found, [-1, 1])


def test_the_transport_gradient_is_the_slope_of_the_distance():
    rng = np.random.default_rng(0)
    x_NxF, y_MxF = rng.normal(size=(12, 3)), rng.normal(size=(17, 3)) + 1
    found, h, wrong = transport_gradient(x_NxF, y_MxF), 1e-6, []
    each = ExactOT(Samples(tuple(map(str, range(12))), x_NxF[:, None], y_MxF))
    for i in range(12):
        others_N = (np.ones(12) - np.eye(12)[i]) / 11
        grown = [each((1 / 12 + s * h) * np.eye(12)[i] + (11 / 12 - s * h) * others_N).value for s in (1, -1)]
        wrong.append(abs((grown[0] - grown[1]) / (2 * h) - found[i] * 1.0))
    assert np.median(wrong) < 1e-6


def test_neighbours_are_the_documents_of_the_targets_kind():
    """30 documents like the target among 120 of two other kinds: none of the others is chosen, most of the 30 are."""
    rng = np.random.default_rng(1)
    like_NxF = rng.normal(size=(30, 4)) * 0.3
    x_NxF = np.concatenate([like_NxF, rng.normal(size=(60, 4)) + 6, rng.normal(size=(60, 4)) - 6])
    found = neighbours(x_NxF, rng.normal(size=(40, 4)) * 0.3)
    assert not found.chosen_N[30:].any()
    assert found.chosen_N[:30].sum() >= 20
    assert found.rank_N[30:].min() > 30


def test_the_set_before_the_rise_is_chosen():
    """One document on each target point and one far off: with one neighbour every target point has its own, with the
    rest the distance rises."""
    y_MxF = np.arange(6.0)[:, None]
    x_NxF = np.concatenate([y_MxF, [[100.0]]])
    found = neighbours(x_NxF, y_MxF, folds=2)
    later = found.distance_K
    assert found.count == len(later) - 1 or not found.chosen_N.all()
    assert (np.diff(later[:-1]) <= 0).all()
    assert later[-1] > later[-2]
    assert not found.chosen_N[-1]


def test_neighbours_refuse_folds_that_cannot_be():
    with pytest.raises(MixlawError, match="5 folds of 3 target points"):
        neighbours(np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(MixlawError, match="fewer than two documents"):
        transport_gradient(np.ones((1, 2)), np.ones((3, 2)))
    with pytest.raises(MixlawError, match="the raw text of shape"):
        importance(["a"], np.ones(3), np.ones(10_000))


def test_clusters_are_the_kinds_largest_first():
    rng = np.random.default_rng(2)
    kind_N = np.repeat([0, 1, 2, 3], (50, 30, 15, 5))
    x_NxF = 8 * rng.normal(size=(4, 5))[kind_N] + rng.normal(size=(100, 5))
    order_N = rng.permutation(100)
    label_N, centre_KxP = cluster(x_NxF[order_N], 4)
    np.testing.assert_array_equal(label_N, kind_N[order_N])
    np.testing.assert_allclose(centre_KxP[3], x_NxF[95:].mean(0))
    np.testing.assert_array_equal(cluster(x_NxF, 4, seed=3)[0], cluster(x_NxF, 4, seed=4)[0])
    assert set(cluster(x_NxF, 1)[0]) == {0}
    with pytest.raises(MixlawError, match="3 clusters of 2 different documents"):
        cluster(np.repeat([[0.0], [1.0]], 4, 0), 3)


def test_new_documents_go_to_the_nearest_centre():
    clusters = Clusters(lambda texts: np.array([[float(len(text))] for text in texts]), np.array([[2.0], [10.0]]))
    assert clusters(["a", "aaa", "a" * 9]).tolist() == [0, 0, 1]
