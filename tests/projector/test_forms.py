"""The forms' columns, against each form written out in NumPy, and recovery of what they were made from."""

import numpy as np
import pytest
from factories.pilots import Quadratic, energy, pilots_of

from mixlaw.errors import MixlawError
from mixlaw.projector import FORMS, fit_projector, form_named

COLUMNS = {
    "joint": lambda w, d: [d, *w[:-1]],
    "joint-distance": lambda _w, d: [d],
    "joint-mixture": lambda w, _d: [*w[:-1]],
    "linear": lambda w, _d: [*w[:-1]],
    "pseudo-quadratic": lambda w, _d: [*w[:-1], *(w[:-1] ** 2)],
    "quadratic": lambda w, _d: [*w[:-1], *(w[i] * w[j] for i in range(len(w) - 1) for j in range(i + 1))],
    "projektor": lambda w, d: [d, *w[:-1], *(w[:-1] * d), *(w[:-1] ** 2 * d)],
}
"""Besides the constant; the last source dropped."""
NUMBERS = {
    "joint": lambda S: S + 1,
    "joint-distance": lambda _S: 2,
    "joint-mixture": lambda S: S,
    "linear": lambda S: S,
    "pseudo-quadratic": lambda S: 2 * S - 1,
    "quadratic": lambda S: S * (S + 1) // 2,
    "projektor": lambda S: 3 * (S - 1) + 2,
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("S", [2, 3, 6])
def test_columns_are_those_of_the_equation(name, S):
    rng = np.random.default_rng(S)
    w_RxS, d_R = rng.dirichlet(np.ones(S), 50), rng.random(50)
    ours = form_named(name).columns(w_RxS, d_R)
    written = np.array([[1.0, *COLUMNS[name](w_S, d)] for w_S, d in zip(w_RxS, d_R, strict=True)])
    assert ours.shape[1] == written.shape[1] == NUMBERS[name](S)
    for column in written.T:
        assert np.abs(ours - column[:, None]).max(0).min() < 1e-12, "a column of the equation is missing"


@pytest.mark.parametrize("name", COLUMNS)
def test_every_form_recovers_what_was_made_from_it(name):
    """Noiseless pilots, as many mixtures as parameters and one more: new mixtures at a third scale are met exactly."""
    distance, rng, joint = energy(), np.random.default_rng(1), form_named(name).joint
    c0_P, c1_P = rng.normal(size=(2, NUMBERS[name](3))) * 0.2
    c0_P[0] = c1_P[0] = 3.0
    if joint and "mixture" not in name:
        c0_P[1] = 0.4

    def truth(w_RxS, d_R, n_R):
        x_RxP = np.array([[1.0, *COLUMNS[name](w_S, d)] for w_S, d in zip(w_RxS, d_R, strict=True)])
        if joint:
            return np.exp(x_RxP @ c0_P - 0.3 * np.log(n_R))
        slope = np.log(n_R / 100) / np.log(3)
        return (1 - slope) * (x_RxP @ c0_P) + slope * (x_RxP @ c1_P)

    projector = fit_projector(pilots_of(distance, truth, NUMBERS[name](3) + 1, seed=3), name)
    new_QxS = rng.dirichlet(np.ones(3), 20)
    d_Q = np.array([distance(w_S).value for w_S in new_QxS])
    there = projector.predict(distance, new_QxS, 2000.0)
    assert there.performance_Q == pytest.approx(truth(new_QxS, d_Q, np.full(20, 2000.0)), rel=1e-8, abs=1e-8)
    assert projector.residual == pytest.approx(0, abs=1e-9)


def test_projektors_regression_of_two_sources_by_hand():
    """1 + 2d + 3w + 4wd + 5w²d at n0, twice that at n1: the coefficients come out, and the line goes on to 3 times."""

    def truth(w_RxS, d_R, n_R):
        w = w_RxS[:, 0]
        return (1 + 2 * d_R + 3 * w + 4 * w * d_R + 5 * w**2 * d_R) * np.where(n_R == 10, 1, 2)

    distance = Quadratic([0.3, 0.7])
    projector = fit_projector(pilots_of(distance, truth, 5, scales=(10.0, 100.0)), "projektor")
    assert projector.parameters_P == pytest.approx([1, 2, 3, 4, 5, 2, 4, 6, 8, 10], rel=1e-6)
    w, d = 0.8, 2 * 0.5**2
    by_hand = 3 * (1 + 2 * d + 3 * w + 4 * w * d + 5 * w**2 * d)
    assert projector.predict(distance, [[w, 1 - w]], 1000.0).performance_Q[0] == pytest.approx(by_hand)


@pytest.mark.parametrize(
    "name", ["joint", "joint-distance", "joint-mixture", "linear", "pseudo-quadratic", "quadratic"]
)
def test_the_order_of_the_sources_does_not_matter_but_to_projektor(name):
    rng = np.random.default_rng(2)
    w_RxS, d_R, y_R = rng.dirichlet(np.ones(4), 30), rng.random(30), rng.random(30)
    form, order = form_named(name), np.array([3, 0, 2, 1])
    if name == "pseudo-quadratic":
        order = np.array([1, 2, 0, 3])  # the last source's square is a column too few
    fits = [x @ np.linalg.lstsq(x, y_R)[0] for x in (form.columns(w_RxS, d_R), form.columns(w_RxS[:, order], d_R))]
    assert fits[0] == pytest.approx(fits[1], abs=1e-10)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_slopes_of_columns_are_their_differences(form):
    w_S, d, h = np.array([0.2, 0.0, 0.5, 0.3]), 0.7, 1e-6
    slopes_PxS = form.column_slopes(w_S, d)
    for j in range(4):
        ends = []
        for sign in (1, -1):
            v_S = np.append(w_S[:-1], d)
            v_S[j] += sign * h
            ends.append(form.columns(np.append(v_S[:-1], 0.0)[None], v_S[-1:])[0])
        assert slopes_PxS[:, j] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)


def test_an_unknown_form_is_refused_with_the_nearest():
    with pytest.raises(MixlawError, match="did you mean 'projektor'"):
        form_named("projector")
