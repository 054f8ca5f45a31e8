"""Fitting a projector: refusals, noise gain, gradients, the bound on the distance's coefficient."""

import numpy as np
import pytest
from factories.pilots import Quadratic, energy, pilots_of
from scipy.optimize import lsq_linear

from mixlaw.errors import MixlawError
from mixlaw.projector import FORMS, Pilots, fit_projector, form_named, noise_gain
from mixlaw.transport import calibrated


def falling(w_RxS, d_R, n_R):
    return np.exp(-1 + 0.8 * d_R + 0.3 * w_RxS[:, 0]) * n_R**-0.3


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("S", [2, 3, 6])
def test_a_form_is_refused_until_there_are_as_many_mixtures_as_parameters(form, S):
    distance, least = energy(S), len(form.exponents(S))
    for count in range(1, least):
        with pytest.raises(MixlawError, match=rf"{least} parameters.*run at least {least - count} more"):
            fit_projector(pilots_of(distance, falling, count), form)
    assert len(fit_projector(pilots_of(distance, falling, least), form).parameters_P) >= least


def test_eight_pilots_of_six_sources_are_too_few_for_the_references_that_curve():
    pilots = pilots_of(energy(6), falling, 8)
    taken = []
    for form in FORMS:
        try:
            fit_projector(pilots, form)
            taken.append(form.name)
        except MixlawError:
            pass
    assert taken == ["joint", "joint-distance", "joint-mixture", "linear"]


def test_a_joint_form_counts_its_exponent_too():
    pilots = pilots_of(energy(), falling, 4, scales=(100.0, 300.0))
    rows_R = np.array([1, 1, 1, 0, 0, 0, 0, 1], bool)  # four mixtures, four runs, five parameters
    with pytest.raises(MixlawError, match="5 parameters and 4 pilots"):
        fit_projector(pilots.of_rows(rows_R), "joint")


def test_repeated_mixtures_do_not_count_twice():
    distance = energy()
    w_RxS = np.tile([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]], (10, 1))
    with pytest.raises(MixlawError, match="pilots of 2 mixtures"):
        fit_projector(Pilots.of(distance, w_RxS, 100.0, np.linspace(1, 2, 20)), "joint")


def test_mixtures_that_vary_in_too_few_directions_are_refused():
    distance, t_R = energy(), np.linspace(0, 1, 9)
    line_RxS = np.outer(1 - t_R, [0.2, 0.3, 0.5]) + np.outer(t_R, [0.6, 0.1, 0.3])
    with pytest.raises(MixlawError, match="leave some of its parameters open"):
        fit_projector(Pilots.of(distance, line_RxS, 100.0, 1 + t_R), "quadratic")
    absent_RxS = np.column_stack([np.zeros(9), t_R, 1 - t_R])
    with pytest.raises(MixlawError, match="some source has no share"):
        fit_projector(Pilots.of(distance, absent_RxS, 100.0, 1 + t_R), "joint-mixture")


def test_one_scale_says_nothing_of_another():
    distance = energy()
    projector = fit_projector(pilots_of(distance, falling, 8, scales=(100.0,)))
    assert projector.predict(distance, [[0.2, 0.3, 0.5]], 100.0).performance_Q[0] > 0
    with pytest.raises(MixlawError, match="says nothing of 200"):
        projector.predict(distance, [[0.2, 0.3, 0.5]], 200.0)


def test_three_scales_serve_joint_forms_alone():
    pilots = pilots_of(energy(), falling, 8, scales=(100.0, 200.0, 400.0))
    assert fit_projector(pilots).parameters_P[-1] == pytest.approx(0.3)
    with pytest.raises(MixlawError, match="two scales, the pilots have 3"):
        fit_projector(pilots, "quadratic")


@pytest.mark.parametrize("name", ["joint", "quadratic", "projektor"])
def test_the_noise_gain_is_the_spread_of_predictions_under_noise(name):
    """2,000 repetitions of the same pilots with relative (joint) or absolute noise of 1e-3."""
    distance, rng = energy(), np.random.default_rng(4)
    pilots, new_QxS = pilots_of(distance, falling, 10), np.array([[0.1, 0.2, 0.7], [1.0, 0.0, 0.0]])
    projector, joint = fit_projector(pilots, name), form_named(name).joint
    d_Q = np.array([distance(w_S).value for w_S in new_QxS])
    told = projector.predict_at(new_QxS, d_Q, 1000.0)
    found = []
    for _ in range(2000):
        noise_R = 1e-3 * rng.normal(size=len(pilots))
        reached_R = pilots.performance_R * np.exp(noise_R) if joint else pilots.performance_R + noise_R
        noisy = Pilots(pilots.sources, pilots.w_RxS, pilots.n_R, reached_R, pilots.distance_R)
        found.append(fit_projector(noisy, name).predict_at(new_QxS, d_Q, 1000.0).performance_Q)
    spread_Q = np.std(np.log(found) if joint else found, axis=0) / 1e-3
    assert spread_Q == pytest.approx(told.gain_Q, rel=0.06)


def test_of_one_parameter_the_gain_is_that_of_the_rule_over_scales():
    """The projected mean of R pilots at each scale: the rule's gain over sqrt(R)."""
    form = form_named("linear")
    flat = type(form)("mean", "L = 1", "", ((0, 0),))
    distance = energy()
    projector = fit_projector(pilots_of(distance, falling, 9, scales=(1000.0, 1500.0)), flat)
    told = projector.predict(distance, [[0.2, 0.3, 0.5]], 10_000.0)
    assert told.gain_Q[0] == pytest.approx(noise_gain(10_000, 1000, 1500) / 3)
    assert "noise gain 2.5" in str(told)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_gradients_are_the_predictions_differences(form):
    distance, rng, h = energy(), np.random.default_rng(5), 1e-5
    projector = fit_projector(pilots_of(distance, falling, 12, noise=0.05), form)
    for _ in range(5):
        w_S, v_S = rng.dirichlet(np.full(3, 3.0), 2)
        ends = [projector.predict(distance, [w_S + s * h * (v_S - w_S)], 1000.0).performance_Q[0] for s in (1, -1)]
        along = projector.gradient(distance, w_S, 1000.0) @ (v_S - w_S)
        assert along == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-7)


def test_the_calibrated_gradient_is_what_a_source_brings_as_the_others_shrink():
    """Projektor's: (g_k - w.g) / (1 - w_k), here of the projected performance and not of the small scale's."""
    distance, h = energy(), 1e-5
    projector = fit_projector(pilots_of(distance, falling, 12, noise=0.05), "projektor")
    w_S = np.array([0.2, 0.5, 0.3])
    told_S = calibrated(projector.gradient(distance, w_S, 1000.0), w_S)
    small_S = calibrated(projector.gradient(distance, w_S, 100.0), w_S)
    for k in range(3):
        grown_S = (1 - w_S[k] - h) / (1 - w_S[k]) * w_S
        grown_S[k] = w_S[k] + h
        ends = [projector.predict(distance, [at], 1000.0).performance_Q[0] for at in (grown_S, w_S)]
        assert told_S[k] == pytest.approx((ends[0] - ends[1]) / h, rel=1e-3, abs=1e-6)
    assert np.abs(told_S - small_S).max() > 1e-3


def test_a_calibrated_gradient_by_hand():
    """ln L = d, d = |w - (1, 0)|^2, at w = (.5, .5): d falls by 2 a share, L = e^.5 by 2 e^.5."""
    distance = Quadratic([1.0, 0.0])
    projector = fit_projector(pilots_of(distance, lambda _w, d, _n: np.exp(d), 6, scales=(1.0,)), "joint-distance")
    w_S = np.array([0.5, 0.5])
    told_S = calibrated(projector.gradient(distance, w_S, 1.0), w_S)
    assert told_S == pytest.approx([-2 * np.exp(0.5), 2 * np.exp(0.5)])


def test_a_distance_that_is_rewarded_is_left_out_which_is_the_bounded_optimum():
    distance = energy()
    pilots = pilots_of(distance, lambda w, d, n: np.exp(-0.5 * d + w[:, 0]) * n**-0.2, 10, noise=0.02)
    projector = fit_projector(pilots)
    assert "left out" in projector.notes[0]
    x_RxP = projector.form.design(pilots.w_RxS, pilots.distance_R, pilots.n_R, pilots.scales)
    least_P = np.full(5, -np.inf)
    least_P[1] = 0
    bounded = lsq_linear(x_RxP, np.log(pilots.performance_R), (least_P, np.inf), tol=1e-12)
    assert projector.parameters_P == pytest.approx(bounded.x, abs=1e-5)
    assert projector.parameters_P[1] == 0
    assert "distance is left out" in str(projector)


def test_another_distances_sources_are_refused():
    projector = fit_projector(pilots_of(energy(3), falling, 8))
    with pytest.raises(MixlawError, match="give the same in the same order"):
        projector.predict(energy(4), [[0.2, 0.3, 0.5]], 100.0)
    with pytest.raises(MixlawError, match=r"shape \(1, 4\) for 3 sources"):
        projector.predict(energy(3), [[0.25] * 4], 100.0)
