"""Kept proportions: one variable for a group, exactly, and certified as every plan is."""

import json
from dataclasses import replace

import numpy as np
import pytest
from factories.known_laws import GIVEN, NAMES, SOURCES, known
from scipy.optimize import minimize_scalar

from mixlaw.errors import MixlawError
from mixlaw.optimization.problem import pose
from mixlaw.planning.options import Ask
from mixlaw.planning.recommendation import recommend
from mixlaw.project.constraints import Constraints, Group, Near
from mixlaw.project.project_file import read_project
from mixlaw.project.sources import Source, Sources

KEEP = Group("reused", ("web", "math"), keep=(3.0, 1.0))
KEPT = Constraints(groups=(KEEP,))


@pytest.fixture(scope="module")
def fit():
    return known()


@pytest.fixture(scope="module")
def plan(fit):
    return recommend(fit, SOURCES, GIVEN, constraints=KEPT)


def along(share):
    """Mixtures with so much code and the rest in the kept proportions."""
    return np.array([0.75 * (1 - share), share, 0.25 * (1 - share)])


def test_the_plan_keeps_the_proportions_and_is_the_best_that_does(fit, plan):
    assert plan.mixture["web"] == pytest.approx(3 * plan.mixture["math"], rel=1e-12)
    assert plan.certificate["gap"] <= 1e-7 * plan.predicted["objective"]
    loss = lambda share: fit.losses(along(share)[None], 3e8, 6e9).mean()  # noqa: E731
    best = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-9})
    assert plan.mixture["code"] == pytest.approx(best.x, abs=1e-5)
    assert plan.predicted["objective"] == pytest.approx(best.fun, abs=1e-9)


def test_intervals_and_near_optimal_mixtures_keep_them_too(plan):
    low, high = np.array(plan.interval["web"]), np.array(plan.interval["math"])
    np.testing.assert_allclose(low, 3 * high, rtol=1e-6)
    for other in plan.near_optimal["mixtures"]:
        assert other["mixture"]["web"] == pytest.approx(3 * other["mixture"]["math"], rel=1e-9)


def test_a_baseline_need_not_keep_them(plan):
    assert plan.baselines["uniform"]["feasible"]
    assert "groups" in plan.provenance
    assert plan.provenance["groups"]["reused"]["keep"] == (0.75, 0.25)


def test_the_cap_of_a_member_caps_the_group_and_its_price_is_a_derivative(fit):
    def problem(most):
        sources = Sources([replace(SOURCES["web"], max=most), *SOURCES.items[1:]])
        return pose(fit, sources, GIVEN, constraints=KEPT).solve(fit.z_KxP[None], (3e8, 6e9))[0]

    best = problem(0.3)
    assert best.w_S[NAMES.index("web")] == pytest.approx(0.3, abs=1e-7)
    gained = (problem(0.299).objective - problem(0.301).objective) / 0.002
    assert best.cap_S is not None
    assert best.cap_S[NAMES.index("web")] == pytest.approx(gained, rel=1e-3)
    assert best.cap_S[NAMES.index("math")] == 0


def test_a_kl_and_a_robust_choice_go_with_them(fit):
    near = Near({"web": 0.5, "code": 0.3, "math": 0.2}, kl=0.02)
    best = recommend(fit, SOURCES, GIVEN, constraints=Constraints(groups=(KEEP,), near=near))
    w_S, r_S = np.array([best.mixture[name] for name in NAMES]), np.array([0.5, 0.3, 0.2])
    assert w_S @ np.log(w_S / r_S) <= 0.02 + 1e-7
    assert best.mixture["web"] == pytest.approx(3 * best.mixture["math"], rel=1e-9)
    chosen = recommend(fit, SOURCES, GIVEN, constraints=KEPT, ask=Ask(robust="mean"))
    assert chosen.mixture["web"] == pytest.approx(3 * chosen.mixture["math"], rel=1e-9)
    assert chosen.robust["robust"]["mean"] <= chosen.robust["plain"]["mean"] + 1e-9


def test_a_source_that_the_plan_left_out_stays_out(fit):
    group = Group("reused", ("web", "math"), keep=(1.0, 0.0))
    best = recommend(fit, SOURCES, GIVEN, constraints=Constraints(groups=(group,)))
    assert best.mixture["math"] == 0


def test_bounds_that_leave_no_such_mixture_are_refused_by_name(fit):
    sources = Sources([Source("web", 5e10, max=0.1), Source("code", 1e10, max=0.5), Source("math", 2e9)])
    with pytest.raises(MixlawError, match=r"no mixture keeps all of these: .*group reused keep math"):
        recommend(fit, sources, GIVEN, constraints=KEPT)


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ({"groups": {"g": {"keep": {"web": -1, "code": 2}}}}, "keep must be 2 numbers"),
        ({"groups": {"g": {"keep": {"web": 1, "code": 2}, "sources": ["web"]}}}, "name different sources"),
        ({"groups": {"g": {"sources": ["web", "code"], "keep": 3}}}, "keep must be a number for each source"),
        ({"groups": {"g": {"keep": {"web": 1}}, "h": {"keep": {"web": 1, "code": 1}}}}, "web is in two groups"),
        ({"groups": {"g": {"keep": {"web": 1, "code": 1}}}, "near": {"mixture": "uniform", "l1": 1}}, "l1 does not go"),
    ],
)
def test_proportions_that_make_no_sense_are_refused(top, words, tmp_path):
    with pytest.raises(MixlawError, match=words):
        stated(top, tmp_path)


def stated(top, folder) -> Constraints:
    """The constraints of a project file, which JSON is too."""
    file = folder / "mixlaw.yaml"
    file.write_text(json.dumps({"sources": {name: {"tokens": 1e9} for name in NAMES}} | top))
    return read_project(file).constraints


def test_a_project_states_them_by_source(tmp_path):
    made = stated({"groups": {"g": {"keep": {"web": 3, "math": 1}, "max": 0.5}}}, tmp_path)
    assert made.groups[0].kept == {"web": 0.75, "math": 0.25}
    assert made.groups[0].max == 0.5
