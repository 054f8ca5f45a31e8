"""What of a plan is stale, and what runs do not tell apart."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from mixlaw.changes import stale
from mixlaw.estimation.goals import Goal
from mixlaw.fitting.support import since_fit, unseen
from mixlaw.project.budget import Budget
from mixlaw.project.constraints import Constraints, Group, Near
from mixlaw.project.request import question
from mixlaw.project.sources import Source, Sources, Target
from mixlaw.runs.run_table import Runs

WORLD = Sources((Source("web", 5e10, ("web/",)), Source("code", 1e10, max_epochs=4), Source("math", 2e9)))
BUDGET = Budget(flops=6e20, served=1e11, sizes=(1e9, 3e9))
ASKED = Constraints(
    "mean", (Group("tech", ("code", "math"), max=0.6),), Near({"web": 0.5, "code": 0.25, "math": 0.25}, kl=0.1)
)
TARGETS = (Target("web"), Target("code", 2.0, max_loss=2.5))
CONTENT = {
    "mixture": {"web": 0.6, "code": 0.3, "math": 0.1},
    "predicted": {"loss": {"web": {}, "code": {}}},
    "provenance": {
        "sources": {source.name: asdict(source) for source in WORLD},
        "targets": {"web": 1.0, "code": 2.0},
        "runs_hash": "abc",
        "runs": "runs.csv",
    },
}


def changed(*items, **more):
    return stale(CONTENT, Sources(items), **more)


def test_nothing_is_stale_in_the_same_world():
    assert changed(*WORLD, targets=(Target("web"), Target("code", 2.0))) == ()


@pytest.mark.parametrize(
    ("items", "kind", "words"),
    [
        ([Source("crawl", 5.5e10, ("web/",)), *WORLD.items[1:]], "renamed", "adapt RUNS --rename web=crawl"),
        ([*WORLD.items[:2], Source("maths", 2e9)], "renamed", "adapt RUNS --rename math=maths"),
        ([WORLD["web"], Source("text", 1.2e10)], "merged", "adapt RUNS --merge text=code\\+math"),
        (
            [*WORLD.items[1:], Source("a", 4e10), Source("b", 1e10)],
            "split",
            r"adapt RUNS --split web=a:40000000000\+b:10000000000",
        ),
        (WORLD.items[:2], "gone", "math is gone.*--drop math"),
        ([*WORLD, Source("new", 1e9)], "new", "no run has seen it.*mixlaw reuse PLAN"),
        ([*WORLD.items[:2], Source("math", 8e9)], "grown", "math has grown from 2B to 8B tokens.*the runs are not"),
        ([*WORLD.items[:2], Source("math", 1e9)], "shrunk", "math has shrunk from 2B to 1B tokens"),
        ([WORLD["web"], replace(WORLD["code"], max_epochs=2), WORLD["math"]], "bounds", "code: max_epochs changed"),
    ],
)
def test_what_changed_is_told_with_what_to_do(items, kind, words):
    found = changed(*items)
    assert [one.kind for one in found] == [kind]
    assert re.search(words, str(found[0]))


def test_a_guess_that_is_not_the_only_one_is_not_made():
    twins = [*WORLD.items[:2], Source("a", 2e9), Source("b", 2e9)]
    assert sorted(one.kind for one in changed(*twins)) == ["gone", "new", "new"]


def test_targets_and_runs_are_compared_too():
    assert [one.kind for one in changed(*WORLD, targets=(Target("web", 3.0), Target("code", 2.0)))] == ["targets"]
    frame = pd.DataFrame({"w:a": [1.0], "loss:a": [2.0]})
    assert [one.kind for one in changed(*WORLD, runs=Runs.from_frame(frame))] == ["runs"]


def asked_for(budget=BUDGET, constraints=ASKED, targets=TARGETS):
    """A plan.json read back that records what it was asked."""
    recorded = CONTENT["provenance"] | question(budget, constraints, targets)
    return json.loads(json.dumps(CONTENT | {"objective": constraints.objective, "provenance": recorded}))


def test_the_same_question_is_not_stale():
    assert stale(asked_for(), WORLD, targets=TARGETS, budget=BUDGET, constraints=ASKED) == ()
    assert stale(asked_for(), WORLD, targets=TARGETS, constraints=ASKED) == (), "a project without a budget"


@pytest.mark.parametrize(
    ("now", "kind", "words"),
    [
        ({"budget": replace(BUDGET, flops=6e22)}, "budget", r"flops 6e\+20 in the plan, 6e\+22 in the project"),
        ({"budget": replace(BUDGET, served=None)}, "budget", r"served 1e\+11 in the plan, none"),
        ({"budget": replace(BUDGET, sizes=(1e9,))}, "budget", "sizes 1B, 3B in the plan, 1B in the project"),
        ({"budget": replace(BUDGET, money=10.0)}, "budget", "money none in the plan, 10"),
        ({"constraints": replace(ASKED, objective="worst")}, "objective", "the project minimises the worst target"),
        ({"constraints": replace(ASKED, groups=())}, "groups", "tech were added, removed or changed"),
        ({"constraints": replace(ASKED, groups=(replace(ASKED.groups[0], max=0.1),))}, "groups", "tech"),
        ({"constraints": replace(ASKED, near=Near("uniform", kl=0.001))}, "near", "a mixture kl 0.1.*uniform kl 0.001"),
        ({"targets": (TARGETS[0], Target("code", 2.0))}, "ceilings", "code 2.5 in the plan, none in the project"),
    ],
)
def test_another_question_makes_a_plan_stale(now, kind, words):
    found = stale(asked_for(), WORLD, **{"targets": TARGETS, "budget": BUDGET, "constraints": ASKED} | now)
    assert [one.kind for one in found] == [kind]
    assert re.search(words, str(found[0]))


def test_the_group_that_reuse_adds_is_no_change_of_the_project():
    kept = replace(ASKED, groups=(*ASKED.groups, Group("reused", ("web", "code"), keep=(3, 1))))
    assert stale(asked_for(constraints=kept), WORLD, targets=TARGETS, budget=BUDGET, constraints=ASKED) == ()


def test_what_an_old_plan_does_not_record_cannot_be_told():
    old = CONTENT | {"flops": 6e20, "objective": "mean"}
    found = {one.kind: one.what for one in stale(old, WORLD, targets=TARGETS, budget=BUDGET, constraints=ASKED)}
    assert set(found) == {"unrecorded"}
    for word in ("cannot tell", "groups", "near", "budget", "max_loss"):
        assert word in found["unrecorded"]
    larger = stale(old, WORLD, targets=TARGETS, budget=replace(BUDGET, flops=6e22), constraints=ASKED)
    assert [one.kind for one in larger] == ["budget", "unrecorded"], "its compute shows all the same"


def test_a_plan_that_holds_only_a_hash_of_its_sources_says_what_that_tells():
    unlisted = {key: value for key, value in CONTENT["provenance"].items() if key != "sources"}
    hashed = CONTENT | {"provenance": unlisted | {"sources_hash": WORLD.hash()}}
    turned = Sources(reversed(WORLD.items))
    assert stale(hashed, turned) == (), "the project's order is no change"
    smaller = Sources((*WORLD.items[:2], Source("math", 1e9)))
    for content, why in ((hashed, "a hash of them, which has changed"), (CONTENT | {"provenance": unlisted}, "no")):
        (found,) = stale(content, smaller)
        assert found.kind == "unrecorded"
        assert "cannot tell" in found.what
        assert why in found.what


def test_sources_that_no_run_has_seen_or_tells_apart_are_noted():
    rng = np.random.default_rng(0)
    w_R = rng.uniform(0.1, 0.9, 6)
    columns = {"w:a": 0.75 * w_R, "w:b": 0.25 * w_R, "w:c": 1 - w_R, "w:new": 0 * w_R, "loss:a": 2 + w_R}
    notes = unseen(Runs.from_frame(pd.DataFrame(columns)))
    assert len(notes) == 2
    assert "no run has seen new" in notes[0]
    assert "a, b have the same proportions in every run" in notes[1]
    assert unseen(Runs.from_frame(pd.DataFrame({"w:a": w_R, "w:c": 1 - w_R, "loss:a": 2 + w_R}))) == []


def test_a_fit_made_for_fewer_tokens_says_so():
    goal = Goal({"web": 5e10, "code": 1e10, "math": 1e9}, 1e10)
    assert since_fit(goal, WORLD) == [
        "math has 2B tokens, the fit was made for 1B: runs are weighed, caps and epochs counted anew"
    ]
    assert since_fit(None, WORLD) == []
