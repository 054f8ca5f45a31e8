"""What the interior-point method's variables follow the shares by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.optimization.standard_form import _largest_row, _violation

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(seed=SEEDS, mu=st.floats(1e-9, 1.0))
def test_a_breach_balances_its_price(seed, mu):
    rng = np.random.default_rng(seed)
    b_BxE, price_E = rng.normal(size=(4, 3)) * 10.0 ** rng.uniform(-6, 1, (4, 3)), 10.0 ** rng.uniform(-1, 3, 3)
    y_BxE = _violation(b_BxE, price_E, np.full((4, 1), mu))
    slack_BxE = y_BxE - b_BxE
    assert (y_BxE > 0).all()
    known = slack_BxE > 1e-6 * np.abs(b_BxE)  # else the difference is rounding
    pull_BxE = mu / y_BxE + mu / np.where(known, slack_BxE, 1.0)
    assert np.where(known, pull_BxE, price_E) == pytest.approx(np.tile(price_E, (4, 1)), rel=1e-5)


@settings(deadline=None)
@given(seed=SEEDS, mu=st.floats(1e-9, 1.0), elastic=st.sampled_from(["none", "some", "all"]))
def test_the_largest_of_the_rows_is_pulled_by_one(seed, mu, elastic):
    rng = np.random.default_rng(seed)
    b_BxT = rng.normal(size=(4, 5))
    price_T = {"none": np.full(5, np.inf), "all": np.full(5, 0.4), "some": np.array([0.4, np.inf, 0.1, np.inf, 3.0])}[
        elastic
    ]
    t_B = _largest_row(b_BxT, price_T, np.full((4, 1), mu))
    away_BxT, soft_T = b_BxT - t_B[:, None], np.isfinite(price_T)
    y_BxT = np.where(soft_T, _violation(away_BxT, np.where(soft_T, price_T, 1.0), np.full((4, 1), mu)), 0.0)
    # Where a row is broken by more than its slack, the slack is known better from the price.
    pull_BxT = np.where(away_BxT > 0, price_T - mu / np.maximum(y_BxT, 1e-300), mu / (y_BxT - away_BxT))
    assert pull_BxT.sum(1) == pytest.approx(np.ones(4), rel=1e-5)
    assert (np.where(soft_T, -np.inf, away_BxT) < 0).all()
