"""Largest remainders under bounds: integers that sum to their total, near the shares, inside the caps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.exporters.rounding import decimals, keeps, whole, whole_in_groups, within

SHARES = st.lists(st.floats(0.001, 1), min_size=1, max_size=12).map(lambda x: np.array(x) / sum(x))


@settings(deadline=None)
@given(w_S=SHARES, total=st.integers(1, 10**9))
def test_without_bounds_it_is_the_method_of_largest_remainders(w_S, total):
    n_S = whole(w_S, total, np.zeros(len(w_S)), np.ones(len(w_S)))
    assert n_S is not None
    assert n_S.sum() == total
    assert (np.abs(n_S - w_S * total) < 1 + 1e-6).all()
    up = n_S > np.floor(w_S * total + 1e-6)
    remainder = w_S * total - np.floor(w_S * total)
    if up.any() and not up.all():
        assert remainder[up].min() >= remainder[~up].max() - 1e-6


@settings(deadline=None)
@given(w_S=SHARES, total=st.integers(1, 10**9), seed=st.integers(0, 10**6))
def test_bounds_are_kept_or_there_is_no_answer(w_S, total, seed):
    random = np.random.default_rng(seed)
    lower_S, upper_S = w_S * random.uniform(0.5, 1, len(w_S)), np.minimum(w_S * random.uniform(1, 1.5, len(w_S)), 1)
    n_S = whole(w_S, total, lower_S, upper_S)
    if n_S is not None:
        assert n_S.sum() == total
        assert (n_S <= upper_S * total * (1 + 1e-9)).all()
        assert (n_S >= lower_S * total * (1 - 1e-9)).all()
    else:  # then whole numbers inside the bounds cannot have that sum
        high_S, low_S = np.floor(upper_S * total), np.ceil(lower_S * total)
        assert high_S.sum() < total or low_S.sum() > total or (low_S > high_S).any()


def test_what_has_no_share_gets_none_and_ties_go_to_the_first():
    none = np.zeros(3)
    assert whole(np.array([0.5, 0.5, 0.0]), 3, none, np.ones(3)).tolist() == [2, 1, 0]
    assert whole(np.array([1.0, 0.0, 0.0]), 7, none, np.ones(3)).tolist() == [7, 0, 0]
    assert whole(np.array([0.5, 0.5, 0.0]), 3, none, np.array([0.5, 0.5, 1.0])) is None


@settings(deadline=None)
@given(w_S=SHARES.filter(lambda w_S: len(w_S) > 2), total=st.integers(2000, 10**6))
def test_a_group_is_rounded_down_to_its_cap(w_S, total):
    in_S = np.arange(len(w_S)) < len(w_S) - 1
    groups = [(in_S, float(w_S[in_S].sum()))]
    n_S = whole_in_groups(w_S, total, np.zeros(len(w_S)), np.ones(len(w_S)), groups)
    assert n_S is not None
    assert n_S.sum() == total
    assert n_S[in_S].sum() <= w_S[in_S].sum() * total * (1 + 1e-9)


@settings(deadline=None)
@given(w_S=SHARES)
def test_decimals_are_short_and_move_nothing_visibly(w_S):
    rounded_S = decimals(w_S, lambda v_S: v_S, np.zeros(len(w_S)), np.ones(len(w_S)))
    assert rounded_S.sum() == pytest.approx(1, abs=1e-12)
    assert rounded_S == pytest.approx(w_S, rel=1.1e-4)
    assert all(len(repr(x)) <= 12 for x in rounded_S.tolist())


def test_a_share_at_its_cap_by_float_noise_is_put_there():
    upper_S = np.array([0.3, 1.0, 1.0])
    v_S = within(np.array([0.3 + 1e-9, 0.5, 0.2 - 1e-9]), np.zeros(3), upper_S)
    assert v_S.sum() == pytest.approx(1, abs=1e-15)
    assert keeps(v_S, np.zeros(3), upper_S)
