"""The parameter-free rules over scales, by values worked out by hand."""

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.projector import noise_gain, project_log_linear, project_power_law, projection_weights


def test_projektors_rule_goes_on_along_the_line_in_the_logarithm_of_the_scale():
    assert project_log_linear(5.0, 4.0, 1000, 10, 100) == pytest.approx(3.0)
    assert project_log_linear([5.0, 2.0], [4.0, 2.0], 10_000, 10, 100) == pytest.approx([2.0, 2.0])


def test_the_power_law_falls_by_a_factor_where_the_line_falls_by_a_difference():
    assert project_power_law(8.0, 4.0, 1000, 10, 100) == pytest.approx(2.0)
    far = project_power_law(8.0, 4.0, 1e9, 10, 100)
    assert 0 < far < 0.1
    assert project_log_linear(8.0, 4.0, 1e9, 10, 100) < 0, "the line is optimistic"


@pytest.mark.parametrize("rule", [project_log_linear, project_power_law])
def test_at_the_pilots_own_scales_a_rule_gives_the_pilots_back(rule):
    assert rule(8.0, 4.0, 10, 10, 100) == pytest.approx(8.0)
    assert rule(8.0, 4.0, 100, 10, 100) == pytest.approx(4.0)


def test_the_noise_gain_is_what_noise_shows():
    assert noise_gain(10_000, 1000, 1500) == pytest.approx(7.36, abs=0.01)
    noise_2xN = np.random.default_rng(0).normal(size=(2, 100_000))
    spread = project_log_linear(*noise_2xN, 10_000, 1000, 1500).std()
    assert spread == pytest.approx(noise_gain(10_000, 1000, 1500), rel=0.01)


@pytest.mark.parametrize(("n", "n0", "n1"), [(10, 5, 5), (10, 8, 5), (10, 0, 5), (-1, 2, 5), (np.nan, 2, 5)])
def test_scales_in_the_wrong_order_or_not_above_0_are_refused(n, n0, n1):
    with pytest.raises(MixlawError, match="0 < n0 < n1"):
        projection_weights(n, n0, n1)


def test_a_power_law_through_0_is_refused():
    with pytest.raises(MixlawError, match="above 0"):
        project_power_law(0.0, 1.0, 10, 2, 5)
