from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixlaw.designs.candidates import pose_decision
from mixlaw.designs.next_batch import next_runs
from mixlaw.designs.options import Wish
from mixlaw.designs.run_sizes import run_sizes
from mixlaw.designs.sample_size import VERDICT_PROBABILITY, _shrinkage, until_verdict
from mixlaw.errors import MixlawError
from mixlaw.estimation.laplace import learned
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.posterior import posterior
from mixlaw.optimization.scale import Scale
from mixlaw.project.constraints import Constraints, Group
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Budget, Source, Sources, Target
from mixlaw.runs.run_table import Runs

NAMES = ("books", "web", "logs")
BUDGET = Budget(params=2e7, tokens=4e8)


def table(count: int = 27, seed: int = 0, noise: float = 0.003, shift: float = 0.0) -> Runs:
    """Runs of three sizes that a law of the tool generates: books count most, logs hardly."""
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.ones(3), count)
    params = np.resize([1e6, 2e6, 4e6], count)
    index = 0.2 + w_RxS**0.5 @ [1.0, 0.6 + shift, 0.1]
    loss = 1.5 + 0.5 * index**-0.5 + 0.6 * (params / 1e6) ** -0.3
    frame = pd.DataFrame({"run_id": [f"r{i}" for i in range(count)], "params": params, "tokens": 20 * params})
    frame[[f"w:{name}" for name in NAMES]] = w_RxS
    for target, scale in (("books", 1.0), ("chat", 0.9)):
        frame[f"loss:{target}"] = scale * loss * np.exp(noise * rng.standard_normal(count))
    return Runs.from_frame(frame)


def project(**more) -> Project:
    sources = Sources([Source("books", 1e8, max_epochs=3), Source("web", 5e10), Source("logs", 2e10, max=0.5)])
    targets = (Target("books", 2.0), Target("chat"))
    return Project(sources, targets, BUDGET, Path(), Path("mixlaw.yaml"), **more)


TIMES = np.array([0.0, 1.0, 9.0, 1e4])


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return replicate(fit(table(), "mixture-index"), 60)


def test_a_batch_is_feasible_at_the_largest_size_and_the_same_again(fitted):
    held = Constraints(groups=(Group("text", ("books", "web"), max=0.8),))
    found = next_runs(fitted, project(constraints=held), wish=Wish(batch=5))
    w_QxS = found.frame[[f"w:{name}" for name in NAMES]].to_numpy()
    np.testing.assert_allclose(w_QxS.sum(1), 1)
    assert (w_QxS[:, :2].sum(1) <= 0.8 + 1e-8).all()
    assert (w_QxS[:, 0] <= 0.75 + 1e-9).all()
    assert (found.frame["params"] == 4e6).all()
    assert (found.frame["tokens"] == 8e7).all()
    assert not set(found.frame["run_id"]) & {f"r{i}" for i in range(27)}
    again = next_runs(fitted, project(constraints=held), wish=Wish(batch=5))
    pd.testing.assert_frame_equal(found.frame, again.frame)
    assert found.content == again.content


def test_regret_is_expected_to_fall_with_every_run_and_more_than_by_thompson(fitted):
    found = next_runs(fitted, project(), wish=Wish(batch=6)).content
    regret = found["regret"]
    assert regret["now"] > regret["after"] >= 0
    assert (np.diff([regret["now"], *regret["after_each"]]) <= 0.02 * regret["now"]).all()
    other = next_runs(fitted, project(), wish=Wish(batch=6, method="thompson")).content["regret"]
    assert regret["after"] <= other["after"] + 0.05 * regret["now"]


def test_runs_at_the_budgets_size_say_most_and_small_ones_most_for_their_compute(fitted):
    found = next_runs(fitted, project(), wish=Wish(batch=4, size="cost")).content
    gains = [size["gain"] for size in found["sizes"]]
    per_flop = [size["gain"] / size["flops"] for size in found["sizes"]]
    assert found["size"] == found["sizes"][int(np.argmax(per_flop))]
    assert all(gain > 0 for gain in gains)
    stated = next_runs(fitted, project(), wish=Wish(batch=4, size=2e6))
    assert (stated.frame["params"] == 2e6).all()


def test_candidates_are_the_only_mixtures_chosen(fitted):
    given = np.random.default_rng(4).dirichlet(np.ones(3), 12)
    for method in ("regret", "thompson"):
        found = next_runs(fitted, project(), wish=Wish(batch=5, candidates=given, method=method)).frame
        w_QxS = found[[f"w:{name}" for name in NAMES]].to_numpy()
        assert (np.abs(w_QxS[:, None] - given).max(2).min(1) < 1e-12).all()
        assert len(np.unique(w_QxS.round(9), axis=0)) == 5


def test_one_size_needs_no_budget_and_no_project():
    one = table()
    found = next_runs(fit(one.select(one.params_R == 4e6), "effective-tokens"), wish=Wish(batch=3))
    assert len(found.frame) == 3
    assert found.content["size"]["flops"] == pytest.approx(3 * 6 * 4e6 * 8e7)


def test_unique_tokens_and_the_longest_common_horizon_go_with_a_size():
    frame = table().frame.assign(**{"unique:books": 5e6})
    frame.loc[frame["params"] == 4e6, "unique:books"] = 1e7
    frame.loc[frame.index[frame["params"] == 4e6][:2], "tokens"] *= 2
    sizes = run_sizes(fit(Runs.from_frame(frame), "mixture-index"))
    assert [size.params for size in sizes] == [1e6, 2e6, 4e6]
    assert sizes[2].tokens == 8e7
    assert sizes[2].unique_S[0] == 1e7
    assert np.isinf(sizes[2].unique_S[1])
    assert sum(size.runs for size in sizes) == 27


def test_the_difference_shrinks_with_more_runs_as_learning_them_one_by_one_says(fitted):
    decision = pose_decision(fitted, project(), None, Wish())[0]
    pair_2xS = np.stack([decision.best.w_S, np.full(3, 1 / 3)])
    w_QxS = np.random.default_rng(6).dirichlet(np.ones(3), 5)
    of_both = posterior(decision.problem.fit, np.concatenate([pair_2xS, w_QxS]), 4e6, 8e7)
    decision = replace(decision, scale=Scale(4e6, 8e7))
    factors = _shrinkage(decision.problem, decision.scale, (pair_2xS[0], pair_2xS[1]), of_both.take(slice(2, 7)), TIMES)
    feature_KxNxP, weight_K = of_both.feature_KxNxP, decision.problem.weight_K

    def spread() -> float:
        step_KxP = np.diff(feature_KxNxP[:, :2] * np.exp(of_both.log_KxN[:, :2, None]), axis=1)[:, 0]
        return float(np.sqrt(np.square(weight_K[:, None] * step_KxP).sum()))

    before = spread()
    for q in range(2, 7):
        feature_KxNxP = learned(feature_KxNxP, feature_KxNxP[:, q], of_both.noise_K)
    assert factors[0] == pytest.approx(1)
    assert factors[1] == pytest.approx(spread() / before)
    assert (np.diff(factors) < 0).all()


def test_runs_until_the_verdict_are_enough_by_their_own_measure(fitted):
    found = next_runs(fitted, project(), wish=Wish(batch=4)).content["until_verdict"]
    assert found["verdict"] in ("better", "tie", "unknown")
    assert found["reason"]
    if found["verdict"] == "tie":
        assert found["runs"] is None or found["runs"] % 4 == 0


def noisy_tie() -> tuple:
    """A problem whose plan is hardly better than its best run, and the posterior of a batch."""
    loose = replicate(fit(table(seed=2, noise=0.06), "mixture-index"), 60)
    decision = pose_decision(loose, project(), None, Wish())[0]
    runs = posterior(decision.problem.fit, decision.option_OxS[:4], 4e6, 8e7)
    return decision, runs


def test_a_tie_says_how_many_runs_or_why_not():
    decision, runs = noisy_tie()
    found = until_verdict(decision.problem, decision.scale, decision.best, runs)
    assert found.verdict == "tie"
    if found.runs is None:
        assert "too much to tell them apart" in found.reason or "equal predictions" in found.reason
    else:
        assert found.difference is not None
        assert found.eventually is not None
        assert found.eventually >= VERDICT_PROBABILITY
        assert str(found.runs) in found.reason
    doubtful = until_verdict(decision.problem, decision.scale, decision.best, runs, ("the fit is off",))
    assert (doubtful.verdict, doubtful.runs) == ("unknown", None)
    assert "the fit is off" in doubtful.reason


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch": 0}, "--batch 0"),
        ({"method": "thomson"}, "did you mean 'thompson'"),
        ({"size": "large"}, "--size large"),
        ({"size": 3e6}, "its sizes are 1e+06, 2e+06, 4e+06"),
        ({"candidates": np.ones((2, 2)) / 2}, "of the 3 sources"),
    ],
)
def test_refusals(fitted, settings, words):
    with pytest.raises(MixlawError) as caught:
        next_runs(fitted, project(), wish=Wish(**settings))
    assert words in str(caught.value)


def test_a_law_that_knows_scale_needs_a_budget(fitted):
    with pytest.raises(MixlawError, match="no budget"):
        next_runs(fitted)
    with pytest.raises(MixlawError, match="fit the run table again"):
        next_runs(replace(fitted, runs=None), project())
