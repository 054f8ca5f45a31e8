"""The schedule: every source within one sequence of its share at any time, and made as it is read."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxies.data import schedule as module
from proxies.data.schedule import Schedule

raw_shares = st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda w: sum(w) > 0.01)


def largest_deviation(order, share):
    """Of any source at any time, in sequences."""
    n = np.arange(1, len(order) + 1)
    return max(np.abs(np.cumsum(order == source) - n * w).max() for source, w in enumerate(share))


@settings(max_examples=200, deadline=None)
@given(raw=raw_shares, count=st.integers(1, 700), block=st.integers(1, 300))
def test_counts_equal_the_plan_within_one_sequence_at_every_time(raw, count, block):
    share = np.array(raw) / sum(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        order, place = Schedule(share, count).rows(0, count)
    assert largest_deviation(order, share) < 1 + 1e-6
    assert not (share[order] == 0).any()
    for source in range(len(share)):
        assert place[order == source].tolist() == list(range((order == source).sum()))


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.integers(1, 9), min_size=2, max_size=9), count=st.integers(1, 2000))
def test_whole_shares_are_met_exactly_at_the_end_of_each_round(parts, count):
    """Shares such as 1/3, whose rounding must not tip the rule."""
    share = np.array(parts) / sum(parts)
    order, _ = Schedule(share, count).rows(0, count)
    for end in range(sum(parts), count + 1, sum(parts)):
        assert np.bincount(order[:end], minlength=len(parts)).tolist() == [p * end // sum(parts) for p in parts]


def test_the_deviation_stays_below_tijdemans_bound_in_a_long_run():
    for sources in (2, 3, 60):
        share = np.random.default_rng(sources).dirichlet(np.full(sources, 0.3))
        schedule = Schedule(share, 300_000)
        counts = schedule.counts(300_000)
        assert largest_deviation(schedule.order, share) <= 1 - 1 / (2 * sources - 2) + 1e-5
        assert counts.sum() == 300_000


def test_shares_near_nothing_do_no_harm():
    share = np.array([1.0, 1e-300, 5e-324, 0.0])
    order, _ = Schedule(share, 1000).rows(0, 1000)
    assert largest_deviation(order, share) < 1


def test_a_long_run_opens_at_once_and_is_scheduled_within_a_second():
    share = np.random.default_rng(0).dirichlet(np.ones(60))
    began = time.process_time()
    Schedule(share, 1_000_000).rows(0, 16)
    opened = time.process_time()
    Schedule(share, 1_000_000).counts(1_000_000)
    assert opened - began < 0.5
    assert time.process_time() - opened < 4  # 0.4 of CPU time
