import numpy as np
import pytest

from mixlaw.designs.acquisition import (
    Belief,
    expected_improvement,
    knowledge_gradient,
    report,
    sample_objectives,
    thompson,
)


def belief(value_O, feature_OxP, run_CxP, noise=0.3, option_C=None, own=0.0) -> Belief:
    """One target; losses near 1, so that log-losses and losses move alike."""
    value_O, feature_OxP, run_CxP = (np.asarray(x, float) for x in (value_O, feature_OxP, run_CxP))
    one_Ox1 = np.ones((len(value_O), 1))
    option_C = np.full(len(run_CxP), -1) if option_C is None else np.asarray(option_C)
    parts = feature_OxP[None], run_CxP[None], np.array([noise]), np.eye(1)
    return Belief(value_O, one_Ox1, *parts, option_C, own * one_Ox1, one_Ox1)


def test_the_expected_fall_has_its_closed_form():
    draws = np.random.default_rng(0).standard_normal(400_000)
    for gap, spread in [(0.0, 1.0), (0.5, 0.2), (0.1, 0.4)]:
        expected = np.maximum(spread * draws - gap, 0).mean()
        assert expected_improvement(np.array([gap]), np.array([[spread]]))[0, 0] == pytest.approx(expected, abs=3e-3)
    assert expected_improvement(np.array([1.0]), np.array([[0.0]]))[0, 0] == 0


def test_a_run_that_tells_the_best_apart_is_preferred_to_one_that_does_not():
    # Options 0 and 1 differ along the first direction; the last option is out of the question, however uncertain.
    known = belief([0.0, 0.01, 3.0], [[1, 0, 0], [-1, 0, 0], [0, 0, 2]], [[0, 5, 0], [0, 0, 2], [0.5, 0, 0]])
    assert knowledge_gradient(known, 1, np.random.default_rng(0))[0] == 2


def test_the_choice_is_the_best_by_simulation():
    rng = np.random.default_rng(3)
    known = belief(rng.uniform(0, 0.5, 6), 0.5 * rng.standard_normal((6, 4)), rng.standard_normal((9, 4)))
    after_C = [report(known, np.array([c]), np.random.default_rng(1)).after for c in range(9)]
    chosen = knowledge_gradient(known, 1, np.random.default_rng(0))[0]
    assert after_C[chosen] <= min(after_C) + 0.05 * report(known, np.array([0]), np.random.default_rng(1)).before


def test_a_batch_spreads_over_what_is_not_known():
    # Three pairs of equally good options, each pair told apart by a direction of its own; runs come in twos per pair.
    eye = np.eye(3)
    known = belief(np.zeros(6), np.concatenate([eye, -eye]), np.concatenate([eye, eye]), noise=0.05)
    batch = knowledge_gradient(known, 3, np.random.default_rng(0))
    assert {int(c) % 3 for c in batch} == {0, 1, 2}


def test_no_run_is_chosen_twice_while_there_are_others():
    known = belief([0.0, 0.0], [[1.0], [-1.0]], [[1.0], [0.01], [0.0]], noise=2.0)
    assert sorted(knowledge_gradient(known, 3, np.random.default_rng(0))) == [0, 1, 2]


def test_what_is_a_mixtures_own_is_learned_by_running_it_alone():
    # The law is known exactly; options are off from it by something of their own.
    known = belief([0.0, 0.1, 0.3, 5.0], np.zeros((4, 1)), np.zeros((4, 1)), 1e-9, option_C=[0, 1, 2, 3], own=0.2)
    assert sorted(knowledge_gradient(known, 2, np.random.default_rng(0))) == [0, 1]
    told = report(known, np.array([0, 1, 2]), np.random.default_rng(0))
    assert told.before > told.after_Q[0] > told.after_Q[1]
    assert told.after < 0.15 * told.before


def test_many_targets_move_together_as_far_as_they_are_alike():
    value_O, slope_OxK = np.array([0.0, 0.0]), np.full((2, 2), 0.5)
    option = np.stack([[[1.0], [-1.0]]] * 2)
    run = np.ones((2, 1, 1))
    gains = []
    for rho in (0.0, 0.9):
        known = Belief(
            value_O, slope_OxK, option, run, np.array([0.1, 0.1]), np.array([[1, rho], [rho, 1]]), np.array([-1]),
            np.zeros((2, 2)), np.ones((2, 2)),
        )  # fmt: skip
        told = report(known, np.array([0]), np.random.default_rng(0))
        gains.append(told.before - told.after)
    assert gains[1] > 1.2 * gains[0]


def test_thompson_takes_options_as_often_as_they_are_best():
    known = belief([0.0, 0.0, 1.0], [[0.3], [-0.3], [0.0]], [[0.3], [-0.3], [0.0]], option_C=[0, 1, 2])
    first = [thompson(known, 1, np.random.default_rng(seed))[0] for seed in range(400)]
    share = np.bincount(first, minlength=3) / 400
    best = np.bincount(sample_objectives(known, 4000, np.random.default_rng(0)).argmin(1), minlength=3) / 4000
    np.testing.assert_allclose(share, best, atol=0.08)
    assert len(set(thompson(known, 3, np.random.default_rng(0)))) == 3
    # Where options cannot be run, the nearest candidates stand for them.
    nearest = thompson(known, 2, np.random.default_rng(0), np.array([[0.1, 0.2, 9], [0.2, 0.1, 9], [9, 9, 0]]))
    assert set(nearest) == {0, 1}
