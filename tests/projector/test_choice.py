"""Choosing by held-out regret: what is held out, what wins, what the choice itself is worth."""

import numpy as np
import pytest
from factories.pilots import energy, pilots_of

from mixlaw.errors import MixlawError
from mixlaw.projector import FORMS, Pilots, choose_projector, fit_projector, form_named
from mixlaw.projector.choice import held_out, regret


def with_distance(pilots, distance_R):
    return Pilots(pilots.sources, pilots.w_RxS, pilots.n_R, pilots.performance_R, distance_R)


def test_whole_mixtures_are_held_out_every_set_once():
    pilots = pilots_of(energy(), lambda _w, d, _n: np.exp(d), 8)
    held_HxR = held_out(pilots, 40, 0)
    assert held_HxR.shape == (28, 16)
    assert (held_HxR.sum(1) == 4).all()
    assert (held_HxR[:, :8] == held_HxR[:, 8:]).all(), "a mixture goes with all its scales"
    assert len(np.unique(held_HxR, axis=0)) == 28
    many = held_out(pilots_of(energy(), lambda _w, d, _n: np.exp(d), 20), 40, 0)
    assert many.shape == (40, 40)
    assert (many.sum(1) == 10).all()


def test_the_regret_of_a_pick_by_hand():
    """Held out are w_1 = .1 and .9, which reached 1 and 3 at one scale and 2 and 6 at the other; w_1 is predicted to
    be good, so the pick loses 2 and 4."""
    w_RxS = np.array([[0.4, 0.6], [0.6, 0.4], [0.1, 0.9], [0.9, 0.1]] * 2)
    reached_R = np.array([2.0, 1.0, 1.0, 3.0, 4.0, 2.0, 2.0, 6.0])
    pilots = Pilots(("a", "b"), w_RxS, np.repeat([1.0, 2.0], 4), reached_R, np.ones(8))
    held_R = np.array([0, 0, 1, 1] * 2, bool)
    projector = fit_projector(pilots.of_rows(~held_R), "joint-mixture")
    assert regret(pilots, held_R, projector) == pytest.approx(3.0)
    assert regret(pilots, held_R, None) == pytest.approx(1.5)


def test_the_distance_that_performance_follows_is_chosen():
    """Performance follows one of two distances, the other is noise but given first: the right one has the lowest regret
    in nine of ten cases, and is mostly clear enough to be chosen."""
    right = lowest = 0
    for seed in range(10):
        distance = energy(4, seed)
        pilots = pilots_of(distance, lambda _w, d, n: np.exp(2 * d) * n**-0.3, 8, noise=0.02, seed=seed)
        junk_M = np.random.default_rng(100 + seed).random(8)
        tables = {"junk": with_distance(pilots, np.tile(junk_M, 2)), "energy": pilots}
        choice = choose_projector(tables, [form_named("joint-distance")])
        right += choice.distance == "energy"
        lowest += next(iter(choice.regrets))[1] == "energy"
        assert list(choice.regrets.values()) == sorted(choice.regrets.values())
    assert lowest >= 9
    assert right >= 6


def test_a_form_that_can_bend_is_chosen_where_the_truth_bends():
    distance = energy()
    truth = lambda w, _d, n: (1 + 8 * (w[:, 0] - 0.4) ** 2 + 8 * (w[:, 1] - 0.3) ** 2) * n**-0.01  # noqa: E731
    choice = choose_projector(pilots_of(distance, truth, 20, seed=2), [form_named("linear"), form_named("quadratic")])
    assert choice.projector.form.name == "quadratic"
    assert choice.regret < choice.blind / 5


def test_the_first_given_stays_unless_another_is_clearly_better():
    """The right distance comes first, three at random after it."""
    kept = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        pilots = pilots_of(energy(3, seed), lambda _w, d, _n: np.exp(d), 8, noise=0.1, seed=seed)
        tables = {"energy": pilots} | {f"junk {i}": with_distance(pilots, np.tile(rng.random(8), 2)) for i in range(3)}
        kept += choose_projector(tables, [form_named("joint-distance")], seed=seed).distance == "energy"
    assert kept == 4


def test_of_equals_the_first_given_is_taken():
    pilots = pilots_of(energy(2), lambda w, _d, _n: np.exp(w[:, 0]), 8)
    forms = [form_named("linear"), form_named("joint-mixture")]
    for order in (forms, forms[::-1]):
        choice = choose_projector(pilots, order)
        assert set(choice.regrets.values()) == {0.0}
        assert choice.projector.form.name == order[0].name


def test_where_nothing_can_be_known_the_lowest_regret_flatters_and_the_nested_one_does_not():
    """Performances and six distances at random: the lowest of six regrets is far below blind picks, the nested not."""
    lowest, nested = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        pilots = pilots_of(energy(3, seed), lambda _w, _d, n, rng=rng: np.tile(rng.random(len(n) // 2), 2) + 1, 8)
        tables = {f"junk {i}": with_distance(pilots, np.tile(rng.random(8), 2)) for i in range(6)}
        choice = choose_projector(tables, [form_named("joint-distance")], seed=seed)
        lowest.append(min(choice.regrets.values()) / choice.blind)
        nested.append(choice.regret / choice.blind)
    assert np.mean(lowest) < 0.7
    assert np.mean(nested) > 0.85


def test_forms_too_large_for_a_part_of_the_pilots_are_no_candidates_and_said():
    choice = choose_projector(pilots_of(energy(), lambda _w, d, n: np.exp(d) / n, 8, noise=0.1))
    assert set(choice.refused) == {"projektor"}
    assert "8 parameters" in choice.refused["projektor"]
    assert len(choice.regrets) == len(FORMS) - 1
    assert "no candidate" in str(choice)


def test_what_cannot_be_chosen_from_is_refused():
    pilots = pilots_of(energy(), lambda _w, d, _n: np.exp(d), 8)
    with pytest.raises(MixlawError, match="3 mixtures, too few"):
        choose_projector(pilots.of_rows(np.arange(16) % 8 < 3))
    with pytest.raises(MixlawError, match="no form can be fitted: some held out, projector form projektor"):
        choose_projector(pilots, [form_named("projektor")])
    other = pilots_of(energy(), lambda _w, d, _n: np.exp(2 * d), 8)
    with pytest.raises(MixlawError, match="distance b are not the runs"):
        choose_projector({"a": pilots, "b": other})
