"""A plan beside what really happened: a fit with known parameters says what is to be found."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factories.known_laws import GIVEN, NAMES, SOURCES, known
from typer.testing import CliRunner

from mixlaw.auditing.plan_score import behind, score_plan
from mixlaw.cli.app import app
from mixlaw.errors import MixlawError
from mixlaw.planning.recommendation import recommend
from mixlaw.project.constraints import Constraints
from mixlaw.runs.run_table import Runs

PROPORTIONAL = SOURCES.proportional()


@pytest.fixture(scope="module")
def fit():
    made = known(replicas=60, spread=0.02)
    return replace(made, provenance={"tokenizer": "gpt2", "definitions": {"web": "t1"}})


@pytest.fixture(scope="module")
def plan(fit):
    return recommend(fit, SOURCES, GIVEN)


def shares(plan):
    return np.array([plan.mixture[name] for name in NAMES])


def outcome(fit, w_MxS, losses_MxK=None, params=3e8, tokens=6e9, **more):
    """Runs of these mixtures; their losses are the fit's own where none are given."""
    w_MxS = np.atleast_2d(w_MxS)
    params_M, tokens_M = (np.broadcast_to(x, len(w_MxS)) for x in (params, tokens))
    losses_MxK = fit.losses(w_MxS, params_M, tokens_M) if losses_MxK is None else np.atleast_2d(losses_MxK)
    columns = {"run_id": [f"real-{m}" for m in range(len(w_MxS))], "params": params_M, "tokens": tokens_M}
    columns |= {f"w:{name}": w_MxS[:, s] for s, name in enumerate(NAMES)}
    columns |= {f"loss:{name}": losses_MxK[:, k] for k, name in enumerate(NAMES)}
    return Runs.from_frame(pd.DataFrame({**columns, **more}), "outcome.csv")


def test_a_run_as_predicted_holds_every_interval(fit, plan):
    found = score_plan(plan, outcome(fit, shares(plan)), fit).to_dict()
    for name, row in found["targets"].items():
        assert row["measured"] == pytest.approx(plan.predicted["loss"][name]["mean"])
        assert row["as_trained"]["mean"] == pytest.approx(row["planned"]["mean"])
        assert row["as_trained"]["low"] < row["planned"]["low"]  # it holds the noise of a run besides
        assert row["held"] == {"planned": True, "as_trained": True}
    assert found["objective"]["measured"] == pytest.approx(plan.predicted["objective"])
    assert found["intervals"]["as_trained"] == {"held": 4, "of": 4}
    assert found["trained"]["moved"] == pytest.approx(0, abs=1e-9)


def test_a_run_far_off_holds_none_and_says_so_by_target(fit, plan):
    losses_K = fit.losses(shares(plan)[None], 3e8, 6e9)[0] * [1.0, 1.0, 1.5]
    found = score_plan(plan, outcome(fit, shares(plan), losses_K), fit).to_dict()
    assert [row["held"]["as_trained"] for row in found["targets"].values()] == [True, True, False]
    assert found["objective"]["held"]["planned"] is False


def test_the_mixture_as_trained_is_predicted_beside_the_planned_one(fit, plan):
    w_S = 0.97 * shares(plan) + 0.03 * np.eye(3)[2]
    found = score_plan(plan, outcome(fit, w_S), fit).to_dict()
    told = [row["as_trained"]["mean"] for row in found["targets"].values()]
    np.testing.assert_allclose(told, fit.losses(w_S[None], 3e8, 6e9)[0], rtol=1e-12)
    assert found["targets"]["web"]["planned"] == plan.predicted["loss"]["web"]
    assert found["trained"]["moved"] == pytest.approx(0.5 * np.abs(w_S - shares(plan)).sum())


def test_at_another_size_the_plans_own_interval_is_not_judged(fit, plan):
    found = score_plan(plan, outcome(fit, shares(plan), tokens=3e9), fit).to_dict()
    assert found["targets"]["web"]["held"] == {"planned": None, "as_trained": True}
    assert any("tokens of the plan's run are 0.5 times the planned" in note for note in found["notes"])
    assert found["intervals"]["planned"]["of"] == 0


def test_without_a_fit_the_plans_own_interval_is_all_there_is(fit, plan):
    found = score_plan(plan, outcome(fit, shares(plan))).to_dict()
    assert found["targets"]["web"]["as_trained"] is None
    assert found["targets"]["web"]["held"] == {"planned": True, "as_trained": None}
    assert found["objective"]["held"]["planned"] is None
    assert any("as_trained is null" in note for note in found["notes"])


def test_the_difference_from_a_baseline_is_judged(fit, plan):
    runs = outcome(fit, np.stack([PROPORTIONAL, shares(plan)]))
    found = score_plan(plan, runs, fit).to_dict()
    row = found["differences"]["proportional"]
    assert [run["taken_for"] for run in found["runs"]] == ["plan", "proportional"]
    assert row["planned"] == plan.baselines["proportional"]["difference"]
    assert row["measured"] == pytest.approx(row["planned"]["mean"])
    assert row["held"] == {"planned": True, "as_trained": True}
    swapped = outcome(fit, np.stack([PROPORTIONAL, shares(plan)]), runs.loss_RxK[::-1])
    other = score_plan(plan, swapped, fit).to_dict()["differences"]["proportional"]
    assert other["measured"] == pytest.approx(-row["measured"])
    assert other["held"]["as_trained"] is (other["as_trained"]["low"] <= -row["measured"])


def test_several_seeds_count_as_their_mean_with_less_noise(fit, plan):
    losses_K = fit.losses(shares(plan)[None], 3e8, 6e9)[0]
    once = score_plan(plan, outcome(fit, shares(plan)), fit).to_dict()
    runs = outcome(fit, np.tile(shares(plan), (4, 1)), np.outer([0.99, 1.01, 0.98, 1.02], losses_K))
    found = score_plan(plan, runs, fit).to_dict()
    assert found["trained"]["runs"] == 4
    assert found["objective"]["measured"] == pytest.approx(once["objective"]["measured"])
    width = [x["objective"]["as_trained"]["high"] - x["objective"]["as_trained"]["low"] for x in (found, once)]
    assert width[0] < width[1]


def test_intervals_as_trained_hold_nine_times_in_ten(fit, plan):
    """Truths drawn as the replicas were, and noise as the fit states it."""
    rng, held = np.random.default_rng(1), []
    many = known(replicas=180, spread=0.02)
    truths_BxK = many.losses(shares(plan)[None], 3e8, 6e9, replicas=True)[60:, 0]  # the first 60 are like the fit's own
    for truth_K in truths_BxK[:120]:
        runs = outcome(fit, shares(plan), truth_K * np.exp(0.01 * rng.standard_normal()))
        held.append(score_plan(plan, runs, fit).to_dict()["intervals"]["as_trained"]["held"] / 4)
    assert 0.82 < np.mean(held) < 0.97


def test_the_worst_target_is_scored_as_the_worst(fit):
    plan = recommend(fit, SOURCES, GIVEN, constraints=Constraints("worst"))
    found = score_plan(plan, outcome(fit, shares(plan)), fit).to_dict()
    assert found["objective"]["measured"] == pytest.approx(max(r["measured"] for r in found["targets"].values()))
    assert found["objective"]["held"]["as_trained"] is True


def test_a_target_that_is_not_measured_is_null_with_its_reason(fit, plan):
    frame = outcome(fit, shares(plan)).frame.drop(columns="loss:code")
    found = score_plan(plan, Runs.from_frame(frame, "outcome.csv"), fit).to_dict()
    assert found["targets"]["code"]["measured"] is None
    assert found["objective"]["measured"] is None
    assert any("target code is not measured" in note for note in found["notes"])


def test_bits_are_noticed(fit, plan):
    losses_K = fit.losses(shares(plan)[None], 3e8, 6e9)[0] / np.log(2)
    notes = score_plan(plan, outcome(fit, shares(plan), losses_K), fit).to_dict()["notes"]
    assert any("look like bits" in note for note in notes)


def test_a_run_alone_is_the_plans_whatever_it_was_trained_on(fit, plan):
    found = score_plan(plan, outcome(fit, [0.1, 0.1, 0.8]), fit).to_dict()
    assert any("of the tokens of the plan's run are elsewhere" in note for note in found["notes"])
    two = outcome(fit, [[0.1, 0.1, 0.8], [0.1, 0.2, 0.7]])
    with pytest.raises(MixlawError, match=r"no run has the plan's mixture; the nearest.*--run RUN_ID"):
        score_plan(plan, two, fit)
    assert [r["taken_for"] for r in score_plan(plan, two, fit, run="real-1").to_dict()["runs"]] == ["plan", "real-0"]
    with pytest.raises(MixlawError, match="no run is called 'real-9'"):
        score_plan(plan, two, fit, run="real-9")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("tokenizer", "bytes", "tokenizer is 'bytes', that of the plan 'gpt2'"),
        ("target:web", "t2", "target 'web' is the text 't2'"),
    ],
)
def test_what_was_measured_differently_is_refused(fit, plan, column, value, words):
    with pytest.raises(MixlawError, match=words):
        score_plan(plan, outcome(fit, shares(plan), **{column: value}), fit)


def test_another_worlds_sources_are_refused(fit, plan):
    frame = outcome(fit, shares(plan)).frame.rename(columns={"w:web": "w:crawl"})
    with pytest.raises(MixlawError, match=r"'w:crawl' has a share and is no source of the plan.*mixlaw adapt"):
        score_plan(plan, Runs.from_frame(frame, "outcome.csv"), fit)


def test_the_command_line_finds_the_fit_beside_the_plan(fit, plan, tmp_path):
    plan.save(tmp_path / "plan.json")
    plan.fit.save(tmp_path / "fit.json")
    assert behind(plan, plan.fit)
    outcome(fit, np.stack([PROPORTIONAL, shares(plan)])).write(tmp_path / "outcome.csv")
    call = ["score-plan", str(tmp_path), str(tmp_path / "outcome.csv")]
    printed = CliRunner().invoke(app, [*call, "--json"], catch_exceptions=False).stdout
    found = json.loads(printed)
    assert found["intervals"]["as_trained"] == {"held": 5, "of": 5}
    shown = CliRunner().invoke(app, call, catch_exceptions=False).stdout
    assert "5 of 5 intervals held" in shown
    assert max(map(len, shown.splitlines())) <= 80
    known(seed=5).save(tmp_path / "fit.json")
    with pytest.raises(MixlawError, match="is not the fit that the plan was made from"):
        CliRunner().invoke(app, call, catch_exceptions=False)
