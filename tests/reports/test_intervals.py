"""Replicas in 16 bits, and intervals: those of Python and of the page."""

import numpy as np
import pytest
from factories import node
from factories.report_cases import PARAMS, TOKENS, fit_of, names

from mixlaw.reports.intervals import interval, pack

SCRIPT = """
return data.map(({ point, values, whole }) => engine.interval(point, values, whole));
"""


@pytest.fixture(scope="module")
def fit():
    return fit_of(names("source", 5), names("target", 3))


def mixtures(count=20, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(5), count)


def losses(fit, z_RxKxP, w_MxS):
    import dataclasses

    return dataclasses.replace(fit, replicas_BxKxP=z_RxKxP).losses(w_MxS, PARAMS, TOKENS, replicas=True)


def test_packed_replicas_predict_as_the_fit_s_own_to_a_hundredth_of_their_interval(fit):
    w_MxS = mixtures()
    packed = pack(fit)
    assert packed.whole
    own = losses(fit, fit.replicas_BxKxP, w_MxS)
    theirs = losses(fit, packed.parameters(fit.z_KxP), w_MxS)
    width = np.ptp(np.quantile(own, [0.05, 0.95], axis=0), axis=0)
    assert (np.abs(theirs - own).max(0) < 0.01 * width).all()


def test_as_many_replicas_are_packed_as_fit_into_the_bytes(fit):
    size = fit.z_KxP.size
    packed = pack(fit, most_bytes=30 * size * 8 // 3)
    assert len(packed.count_RxKxP) == 30
    assert packed.of == 200
    assert not packed.whole
    np.testing.assert_allclose(packed.parameters(fit.z_KxP), fit.replicas_BxKxP[:30], atol=1e-4)


def test_a_parameter_that_never_moves_and_a_fit_without_replicas_are_no_trouble(fit):
    import dataclasses

    still = fit.replicas_BxKxP.copy()
    still[:, :, 0] = fit.z_KxP[:, 0]
    packed = pack(dataclasses.replace(fit, replicas_BxKxP=still))
    assert (packed.parameters(fit.z_KxP)[:, :, 0] == fit.z_KxP[:, 0]).all()
    none = pack(dataclasses.replace(fit, replicas_BxKxP=still[:0]))
    assert none.whole
    assert none.count_RxKxP.shape == (0, *fit.z_KxP.shape)


def test_the_interval_of_all_replicas_is_their_range_widened_to_hold_the_point():
    values_RxM = np.linspace(0.0, 1.0, 101)[:, None] + np.array([0.0, 5.0])
    low, high = interval(np.array([0.5, 4.0]), values_RxM, True)
    np.testing.assert_allclose(low, [0.05, 4.0])
    np.testing.assert_allclose(high, [0.95, 5.95])


def test_intervals_of_some_replicas_are_about_as_wide_as_those_of_all(fit):
    point_M = fit.losses(mixtures(100), PARAMS, TOKENS).ravel()
    each_RxM = fit.losses(mixtures(100), PARAMS, TOKENS, replicas=True).reshape(200, -1)
    some, every = (np.subtract(*interval(point_M, x, w)[::-1]) for x, w in ((each_RxM[:34], False), (each_RxM, True)))
    assert np.median(np.abs(some / every - 1)) < 0.2


def test_the_page_s_intervals_are_python_s():
    rng = np.random.default_rng(0)
    point_M, values_RxM = rng.normal(2, 0.1, 30), rng.normal(2, 0.1, (200, 30))
    for whole in (True, False):
        cases = [{"point": p, "values": v.tolist(), "whole": whole} for p, v in zip(point_M, values_RxM.T, strict=True)]
        expected = interval(point_M, values_RxM, whole)
        np.testing.assert_allclose(np.array(node.run(SCRIPT, cases)).T, expected, rtol=1e-13)
