"""The planned run: which law it asks for, how runs count for it, and what a fit made for it keeps."""

import numpy as np
import pandas as pd
import pytest

from mixlaw.estimation.goals import Goal, closeness, goal, unbracketed
from mixlaw.estimation.observations import observe
from mixlaw.fitting.fit_result import read_fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.law_selection import candidates, choose, default
from mixlaw.planning.recommendation import recommend
from mixlaw.project.sources import Budget, Source, Sources
from mixlaw.runs.run_table import Runs

UNIQUE = 2e8


def table(sizes=(1e7, 3e7, 1e8), repeat: bool = True, checkpoints=(1.0,), count: int = 12, **columns) -> Runs:
    """Runs on mixtures of web and a scarce code, cut down so that it repeats; losses with a penalty on repetition."""
    rng = np.random.default_rng(2)
    rows = []
    for params in sizes:
        for m in range(count):
            share = (m + 0.5) / count
            for part in checkpoints:
                tokens, unique = 20 * params * part, 4 * params if repeat else np.nan
                again = max(share * tokens / unique - 1, 0) if repeat else 0.0
                loss = 1.5 + 0.5 * (params / 1e7) ** -0.2 + 0.3 * (tokens / 2e8) ** -0.3 + 0.2 * (share + 0.05) ** -0.3
                loss = (loss + 0.05 * again**1.5) * np.exp(0.003 * rng.standard_normal())
                rows.append({"run_id": f"{params:g}-{m}", "params": params, "tokens": tokens, "loss:code": loss})
                rows[-1] |= {"w:web": 1 - share, "w:code": share, "unique:code": unique} | columns
    return Runs.from_frame(pd.DataFrame(rows))


PLAN = Goal({"web": np.inf, "code": UNIQUE}, tokens=1e9, params=5e7)


def test_the_default_knows_repetition_where_runs_or_the_plan_repeat():
    assert default(table()).law.name == "repeated-mixture"
    assert default(table(sizes=(3e7,))).law.name == "repeated-mixture"
    assert default(table(repeat=False)).law.name == "mixture-index"
    planned = default(table(repeat=False), PLAN)
    assert planned.law.name == "repeated-mixture"
    assert any("rests on priors alone" in note for note in planned.notes)
    assert default(table(repeat=False), Goal({"code": 1e12}, 1e9, 5e7)).law.name == "mixture-index"


def test_a_law_of_repetition_is_not_replaced_by_one_that_knows_none():
    for runs, plan in ((table(), None), (table(), PLAN), (table(repeat=False), PLAN), (table(sizes=(3e7,)), None)):
        assert all("unique" in law.needs for law in candidates(runs, plan))
    assert {choose(table(repeat=False), seed=seed, goal=PLAN).law.name for seed in range(3)} == {"repeated-mixture"}


def test_unique_tokens_that_just_suffice_are_no_repetition():
    runs = table(repeat=False)
    frame = runs.frame.assign(**{"unique:code": np.floor(runs.w_RxS[:, 1] * runs.tokens_R * 0.99)})
    assert default(Runs.from_frame(frame)).law.name == "mixture-index"


def test_one_source_that_repeats_asks_for_the_law_with_a_penalty():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 8, 30), 10 ** rng.uniform(8.5, 9.5, 30)
    frame = pd.DataFrame({"run_id": np.arange(30), "params": params, "tokens": tokens, "w:c4": 1.0})
    frame["loss:c4"] = 1.7 + 400 / params**0.34 + 2000 / tokens**0.37
    assert default(Runs.from_frame(frame)).law.name == "chinchilla"
    assert default(Runs.from_frame(frame), Goal({"c4": 1e9}, 1e11, 1e9)).law.name == "overfit-penalty"
    assert default(Runs.from_frame(frame.assign(**{"unique:c4": 1e8}))).law.name == "overfit-penalty"


def test_runs_nearest_to_the_plan_count_most_and_checkpoints_as_their_run():
    runs = table(checkpoints=(0.1, 0.4, 1.0))
    near = Goal({"code": 4 * 3e7}, 20 * 3e7, 3e7)  # what the middle size is
    weight_R = closeness(runs, near)
    assert weight_R.mean() == pytest.approx(1.0)
    by_size = [weight_R[runs.params_R == n] for n in (1e7, 3e7, 1e8)]
    assert all(np.ptp(x) == 0 for x in by_size)
    # Every size has the same N/U and D/U here: all count alike.
    np.testing.assert_allclose(weight_R, 1.0)
    far = closeness(runs, Goal({"code": 1e7}, 20 * 3e7, 3e7))
    np.testing.assert_allclose(far, 1.0)
    mixed = Runs.from_frame(pd.concat([runs.frame, table(sizes=(2e7,)).frame.assign(**{"unique:code": 8e6})]))
    weight_R = closeness(mixed, near)
    assert weight_R[mixed.params_R == 2e7].max() < 0.5 * weight_R[mixed.params_R == 3e7].min()


def test_nothing_is_weighed_without_repetition_sizes_or_priors():
    assert (closeness(table(repeat=False), PLAN) == 1).all()
    assert (closeness(table(), Goal(PLAN.unique, PLAN.tokens)) == 1).all()
    assert (closeness(Runs.from_frame(table().frame.drop(columns="params")), PLAN) == 1).all()
    mixed = Runs.from_frame(pd.concat([table().frame, table(sizes=(2e7,)).frame.assign(**{"unique:code": 8e6})]))
    assert np.ptp(observe(mixed, fit(mixed, "repeated-mixture").law, goal=PLAN).weight_KxR) > 0
    one = mixed.frame.assign(**{"w:code": 1.0}).drop(columns="w:web")
    published = observe(Runs.from_frame(one), fit(Runs.from_frame(one), "data-constrained").law, goal=PLAN)
    assert np.ptp(published.weight_KxR) == 0


def test_a_plan_outside_what_the_runs_repeat_is_said():
    assert unbracketed(table(), Goal({"code": 4 * 5e7}, 20 * 5e7, 5e7)) == []
    (note,) = unbracketed(table(), Goal({"code": 5e7}, 5e7 * 5, 5e7))
    assert "code: the plan's N/U of 1 is outside the runs' 0.25 to 0.25" in note


def test_a_goal_is_what_project_and_budget_state():
    sources = Sources((Source("web", tokens=1e12), Source("code", tokens=UNIQUE)))
    stated = goal(sources, Budget(params=5e7, tokens=1e9))
    assert stated == Goal({"web": 1e12, "code": UNIQUE}, 1e9, 5e7)
    assert stated.repeats
    assert goal(sources, Budget(flops=6 * 5e7 * 1e9)) == Goal(stated.unique, pytest.approx(1e9))
    assert goal(None, Budget(flops=1e18)) is None
    assert goal(sources, None) is None


def test_a_plan_s_fit_predicts_from_its_file_what_the_plan_says(tmp_path):
    sources = Sources((Source("web", tokens=1e12), Source("code", tokens=UNIQUE)))
    budget = Budget(params=5e7, tokens=1e9)
    plan = recommend(fit(table(), goal=goal(sources, budget)), sources, budget, replicas=5)
    assert plan.epochs["code"] > 1
    plan.fit.save(tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    predicted = again.predict(plan.mixture, 5e7, 1e9)["loss:code"][0]
    assert predicted == pytest.approx(plan.predicted["loss"]["code"]["mean"], rel=1e-9)
    asked = Runs.from_frame(pd.DataFrame([{"run_id": 0, "params": 5e7, "tokens": 1e9, "w:web": 0.1, "w:code": 0.9}] * 2)
                            .assign(run_id=[0, 1], **{"loss:code": 1.0}))  # fmt: skip
    assert any("as in the project" in note for note in again.remarks(asked))
    endless = Runs.from_frame(asked.frame.assign(**{"unique:code": np.nan}))
    assert any("never repeating" in note for note in again.remarks(endless))
    assert again.predict(asked)["loss:code"][0] > again.predict(endless)["loss:code"][0]


def test_a_law_without_sizes_takes_a_table_without_them_to_a_plan():
    sources = Sources((Source("web", tokens=1e12), Source("code", tokens=UNIQUE)))
    runs = Runs.from_frame(table(sizes=(3e7,)).frame.drop(columns="params"))
    plan = recommend(fit(runs, "quality-decay"), sources, Budget(params=5e7, tokens=1e9), replicas=3)
    assert set(plan.mixture) == {"web", "code"}
    if plan.certificate["gap"] > 1e-4:  # the law is not convex: a plan that is no optimum says so
        assert plan.verdict == "unknown"
        assert any("short of a certified optimum" in note for note in plan.notes)
