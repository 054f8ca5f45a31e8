"""Constraints, budgets and the project file's keys for them."""

import math

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.project.budget import Budget
from mixlaw.project.constraints import Constraints, Group, Near
from mixlaw.project.project_file import read_project
from mixlaw.project.sources import Source

BASE = "sources: {web: {tokens: 5e9, cost: 1e-6}, code: {tokens: 1e9}, math: {tokens: 1e8, share: 0.1}}\n"


def read(tmp_path, text):
    (tmp_path / "mixlaw.yaml").write_text(BASE + text)
    return read_project(tmp_path / "mixlaw.yaml")


def test_a_project_states_constraints(tmp_path):
    text = """
objective: worst
groups: {hard: {sources: [code, math], min: 0.2, max: 3e-1}}
near: {mixture: proportional, kl: 0.5, l1_price: 0.01}
budget: {flops: 1e21, served: 2e12, sizes: [1e9, 3e9], money: 1e5}
"""
    project = read(tmp_path, text)
    assert project.constraints == Constraints(
        "worst", (Group("hard", ("code", "math"), 0.2, 0.3),), Near("proportional", kl=0.5, l1_price=0.01)
    )
    assert project.budget == Budget(flops=1e21, served=2e12, sizes=(1e9, 3e9), money=1e5)
    assert (project.sources["math"].min, project.sources["math"].max) == (0.1, 0.1)
    assert project.sources["web"].cost == 1e-6
    assert read(tmp_path, "").constraints == Constraints()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("objective: median", "objective.*'median'.*mean"),
        ("objective:", "objective: has no value"),
        ("groups: {hard: {sources: [code, mth], max: 0.3}}", "group hard: 'mth'.*math"),
        ("groups: {hard: {sources: [code, code], max: 0.3}}", "group hard: code named twice"),
        ("groups: {hard: {sources: code, max: 0.3}}", "group hard: sources must be a list"),
        ("groups: {hard: {sources: [], max: 0.3}}", "group hard: has no sources"),
        ("groups: {hard: {sources: [code]}}", "group hard: bounds nothing"),
        ("groups: {hard: {sources: [code], max: 1.3}}", "group hard: max is 1.3"),
        ("groups: {hard: {sources: [code], min: 0.5, max: 0.3}}", "group hard: min 0.5 exceeds max 0.3"),
        ("groups: {hard: {max: 0.3}}", "groups.hard: has no sources"),
        ("groups: {hard: {sources: [code], most: 0.3}}", "groups.hard: unknown key 'most'"),
        ("groups: [code]", "groups: must be a mapping"),
        ("near: {mixture: proportional}", "near: states no distance"),
        ("near: {kl: 0.1}", "near: has no mixture"),
        ("near: {mixture: equal, kl: 0.1}", "near: unknown mixture 'equal'"),
        ("near: {mixture: uniform, kl: -0.1}", "near: kl is -0.1"),
        ("near: {mixture: {web: 0.5, law: 0.5}, l1: 0.1}", "near: mixture names 'law'"),
        ("near: {mixture: {web: 0.5, code: 0.2}, l1: 0.1}", "near: mixture: .*sum to 0.7"),
        ("near: {mixture: {web: 1.0}, kl: 0.1}", "near: the KL .*without code, math is infinite"),
        ("budget: {params: 1e9, tokens: 1e10, sizes: [1e9]}", "budget: sizes are for flops"),
        ("budget: {flops: 1e20, sizes: 1e9}", "budget: sizes must be a list"),
        ("budget: {flops: 1e20, served: -1}", "budget: served is -1"),
        ("budget: {money: 1e5}", "budget: has no value; give flops alone"),
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path, text, named):
    with pytest.raises(MixlawError, match=named) as caught:
        read(tmp_path, text)
    assert "mixlaw.yaml" in str(caught.value)


def test_a_fixed_share_excludes_bounds_and_costs_are_not_negative():
    with pytest.raises(MixlawError, match="source web: share fixes it"):
        Source("web", 1e9, share=0.2, max=0.5)
    with pytest.raises(MixlawError, match="source web: cost is -1"):
        Source("web", 1e9, cost=-1.0)


def test_groups_of_one_name_are_refused():
    with pytest.raises(MixlawError, match="groups: x given twice"):
        Constraints(groups=(Group("x", ("a",), max=0.5), Group("x", ("b",), max=0.5)))


def test_references_are_mixtures():
    names, proportional_S = ("a", "b"), np.array([0.9, 0.1])
    np.testing.assert_allclose(Near("uniform", kl=0.1).reference(names, None), [0.5, 0.5])
    np.testing.assert_allclose(Near("proportional", kl=0.1).reference(names, proportional_S), proportional_S)
    np.testing.assert_allclose(Near({"b": 1.0}, l1=0.1).reference(names, None), [0.0, 1.0])
    with pytest.raises(MixlawError, match="proportional needs the tokens"):
        Near("proportional", kl=0.1).reference(names, None)


def test_serving_is_paid_for_from_the_same_compute():
    budget = Budget(flops=1e21, served=1e12)
    tokens = float(budget.tokens_for(1e8))
    assert 6 * 1e8 * tokens + 2 * 1e8 * 1e12 == pytest.approx(1e21)
    assert budget.tokens_for(1e9) == 0  # 2 N served alone is twice the compute
    assert Budget(params=1e9, tokens=1e10, served=1e12).compute == pytest.approx(6e19 + 2e21)
    assert math.isclose(Budget(flops=1e21).tokens_for(1e9), 1e21 / 6e9)
    params = budget.params_for(20.0)
    assert budget.tokens_for(params) == pytest.approx(20.0 * params)
    assert params < Budget(flops=1e21).params_for(20.0) == pytest.approx(math.sqrt(1e21 / 120))
