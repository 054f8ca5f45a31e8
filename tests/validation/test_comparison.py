"""The leaderboard: what judges what, that nothing leaks, metrics by hand, the choice of `auto`, intervals."""

import importlib.util
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mixlaw
from mixlaw.errors import MixlawError
from mixlaw.estimation import splits as folds
from mixlaw.estimation.baseline_predictors import MEAN_OF_RUNS, NEAREST_RUN, OWN_WEIGHT
from mixlaw.estimation.cross_validation import point_predictions
from mixlaw.estimation.metrics import Predictions, fold_errors, score
from mixlaw.fitting.fit_result import read_fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.law_selection import SMALLEST_GAIN_ERRORS, candidates, choose, default, pick
from mixlaw.fitting.prediction_interval import band
from mixlaw.laws import Chinchilla, EffectiveTokens, LogLinear, MixtureIndex, by_name
from mixlaw.runs.grouping import SAME_SHARE, group_points, groups, scales
from mixlaw.runs.run_table import Runs
from mixlaw.validation.comparison import compare

SOURCES = ("web", "code", "books")
file = Path(__file__).resolve().parents[2] / "analysis" / "benchmarks" / "synthetic.py"
spec = importlib.util.spec_from_file_location("synthetic", file)
assert spec is not None
assert spec.loader is not None
synthetic = importlib.util.module_from_spec(spec)
spec.loader.exec_module(synthetic)


class Ridge:
    """A reference: ridge regression of log-loss on the shares."""

    name, equation, source = "ridge", "w.t", "this test"
    needs = frozenset({"mixture"})

    @classmethod
    def predict(cls, rows, loss_R, weight_R, at, seed):
        assert seed == 0
        assert (weight_R >= 0).all()
        x_RxS = np.sqrt(weight_R)[:, None] * rows.w_S
        t_S = np.linalg.solve(
            x_RxS.T @ x_RxS + 1e-3 * np.eye(x_RxS.shape[1]), x_RxS.T @ (np.sqrt(weight_R) * np.log(loss_R))
        )
        return np.exp(at.w_S @ t_S)


def frame(mixtures=15, sizes=(1e8,), checkpoints=1, seed=0, noise=0.004):
    """Runs of every mixture at every size; targets code (a source) and chat (none)."""
    rng, rows = np.random.default_rng(seed), []
    for m, w_S in enumerate(rng.dirichlet(np.ones(3), mixtures)):
        for params in sizes:
            for c in range(checkpoints):
                tokens = 20 * params * (c + 1) / checkpoints
                level = 1.8 + 0.3 * (params / 1e8) ** -0.3 + 0.2 * (tokens / 2e9) ** -0.4
                gain_K = 0.5 * (0.2 + w_S @ [[0.3, 1.0], [1.5, 0.3], [0.3, 0.5]]) ** -0.5
                loss_K = (level + gain_K) * np.exp(noise * rng.standard_normal(2))
                row = {"run_id": f"{params:g}-{m}", "params": params, "tokens": tokens, "mixture": m}
                row |= {f"w:{s}": w for s, w in zip(SOURCES, w_S, strict=True)}
                rows.append(row | {"loss:code": loss_K[0], "loss:chat": loss_K[1]})
    return pd.DataFrame(rows)


def entry(board, name):
    return next(e for e in board.entries if e.name == name)


# --- folds


def test_a_mixture_is_in_one_fold_with_all_its_rows():
    table = frame(sizes=(1e8, 3e8), checkpoints=3)
    runs = Runs.from_frame(table.sample(frac=1, random_state=0))
    split = folds.over_mixtures(runs, 0)
    assert (split.test_FxR.sum(0) == 1).all()
    assert (split.train_FxR == ~split.test_FxR).all()
    assert (runs.frame.assign(fold=split.fold_R).groupby("mixture")["fold"].nunique() == 1).all()
    assert np.bincount(split.fold_R[runs.last_R]).tolist() == [6] * 5
    for f, parts in enumerate(split.inner_train_FxGxR):
        assert (split.inner_test_FxGxR[f].sum(0) == split.train_FxR[f]).all(), "each training row is held out once"
        for train_R, test_R in zip(parts, split.inner_test_FxGxR[f], strict=True):
            assert not (train_R & split.test_FxR[f]).any()
            assert not set(runs.frame["mixture"][train_R]) & set(runs.frame["mixture"][test_R])


def test_the_largest_size_judges_fits_of_smaller_ones_on_mixtures_they_have_not_seen():
    runs = Runs.from_frame(frame(sizes=(1e8, 2e8, 3e8)))
    split = folds.over_size(runs, 0)
    assert (split.test_FxR.any(0) == (runs.params_R == 3e8)).all()
    for train_R, test_R in zip(split.train_FxR, split.test_FxR, strict=True):
        assert runs.params_R[train_R].max() == 2e8
        assert not set(runs.frame["mixture"][train_R]) & set(runs.frame["mixture"][test_R])
        assert train_R.sum() == 24
    assert folds.over_size(Runs.from_frame(frame()), 0) is None
    few = frame(sizes=(1e8, 3e8))
    assert folds.over_size(Runs.from_frame(few[(few["params"] < 2e8) | (few["mixture"] < 4)]), 0) is None


def test_one_source_is_held_out_by_run():
    table = frame(mixtures=12).assign(**{"w:web": 1.0, "w:code": 0.0, "w:books": 0.0})
    runs = Runs.from_frame(table.drop(columns=["w:code", "w:books"]))
    assert len(np.unique(groups(runs))) == 12


def test_a_run_whose_shares_drift_stays_in_one_fold_and_seeds_nearly_alike_share_one():
    table = frame(checkpoints=4)
    drift = 5e-4 * (np.arange(len(table)) % 4)
    seeds = table.assign(run_id=table["run_id"] + "-again")
    for part, moved in ((table, drift), (seeds, drift - 1e-3)):
        part["w:web"] += moved
        part["w:code"] -= moved
    part = pd.concat([table, seeds])
    part = part[part[["w:web", "w:code"]].min(axis=1) > 0].sample(frac=1, random_state=0)
    runs = Runs.from_frame(part)
    fold_R = folds.over_mixtures(runs, 0).fold_R
    assert (runs.frame.assign(fold=fold_R).groupby("mixture")["fold"].nunique() == 1).all()
    assert len(np.unique(groups(runs))) == part["mixture"].nunique()


@pytest.mark.parametrize(("step", "apart"), [(0.02, True), (0.01, True), (0.004, False)])
def test_a_fine_design_is_not_chained_into_one_mixture(step, apart):
    web = 0.1 + step * np.arange(40)
    loss = {"loss:code": 2.0, "run_id": [f"r{i}" for i in range(40)]}
    runs = Runs.from_frame(pd.DataFrame({"w:web": web, "w:code": 1 - web} | loss))
    group_R = groups(runs)
    assert len(np.unique(group_R)) == (40 if apart else 20)
    for group in range(group_R.max() + 1):
        assert np.ptp(web[group_R == group]) <= SAME_SHARE + 1e-9


def test_grouping_many_mixtures_is_quick():
    points_NxS = np.random.default_rng(0).dirichlet(np.ones(8), 2000)
    began = time.process_time()
    group_points(points_NxS / SAME_SHARE)
    assert time.process_time() - began < 4


# --- metrics


def scored(p, o, scale=None, fold=None, low=None, high=None):
    p, o = np.array([p], float), np.array([o], float)
    band = [np.broadcast_to(p if x is None else np.array(x, float), p.shape) for x in (low, high)]
    zeros = np.zeros(p.shape[1], int)
    fold, scale = (zeros if x is None else np.array(x) for x in (fold, scale))
    found = score(Predictions(p, *band), o, np.ones(p.shape, bool), scale, fold)
    return {name: value[0] for name, value in found.items()}


def test_metrics_by_hand():
    found = scored([1, 2, 3, 4, 6], [1.5, 2.5, 2.0, 4.5, 7.0], low=[0, 2.6, 1, 4, 6], high=[2, 3, 3, 5, 7])
    assert found["mae"] == pytest.approx((0.5 + 0.5 + 1 + 0.5 + 1) / 5)
    assert found["bias"] == pytest.approx((-0.5 - 0.5 + 1 - 0.5 - 1) / 5)
    assert found["slope"] == pytest.approx(np.polyfit([1, 2, 3, 4, 6], [1.5, 2.5, 2.0, 4.5, 7.0], 1)[0])
    assert found["spearman"] == pytest.approx(1 - 6 * 2 / (5 * 24))
    assert found["coverage"] == pytest.approx(0.8)
    assert found["regret_1"] == 0.0
    assert np.isnan(found["regret_5"]), "five of five say nothing"
    twelve = np.arange(12.0)
    observed = np.array([3, 2.5, 4, 5, 6, 7, 1, 8, 9, 10, 11, 12.0])
    assert scored(twelve, observed)["regret_1"] == 2.0
    assert scored(twelve, observed)["regret_5"] == 1.5


def test_slope_and_ranks_are_of_differences_within_a_scale():
    p, o = np.array([1, 2, 3, 4, 5.0]), np.array([1, 1.5, 2, 2.5, 3.0])
    both = scored([*p, *(p + 10)], [*o, *(o - 7)], scale=[0] * 5 + [1] * 5)
    assert both["slope"] == pytest.approx(0.5)
    assert both["spearman"] == pytest.approx(1.0)
    assert scored([*p, *(p + 10)], [*o, *(o - 7)])["slope"] < 0
    half = scored([*p, 9, 8], [*o, 1, 2], scale=[0] * 5 + [1] * 2)
    assert half["spearman"] == pytest.approx(1.0), "a scale of two runs ranks nothing"


def test_a_mean_predicts_no_differences_even_where_it_differs_by_fold():
    found = scored([2, 2, 2, 3, 3, 3], [1, 2, 3, 4, 5, 6], fold=[0, 0, 0, 1, 1, 1])
    assert np.isnan([found[m] for m in ("slope", "spearman", "regret_1")]).all()
    assert found["mae"] == pytest.approx(8 / 6)


def test_fold_errors_are_means_over_targets():
    loss, observed = np.array([[1, 2, 3, 4.0], [1, 1, 1, 1]]), np.array([[1, 1, 1, 1.0], [2, 2, 2, 2]])
    counts = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
    test = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    np.testing.assert_allclose(fold_errors(loss, observed, counts, test), [(0.5 + 1) / 2, 2.5])
    assert np.isnan(fold_errors(loss, observed, counts & ~test[0], test)[0])


def test_baselines_by_hand():
    table = pd.DataFrame(
        {
            "run_id": list("abcdef"),
            "params": [1e8, 1e8, 1e8, 1e8, 2e8, 4e8],
            "tokens": 1e9,
            "w:web": [0.1, 0.5, 0.9, 0.6, 0.2, 0.5],
            "w:code": [0.9, 0.5, 0.1, 0.4, 0.8, 0.5],
            "loss:code": [np.e**1.0, np.e**1.2, np.e**1.4, 99, 2.0, 99],
        }
    )
    runs, train = Runs.from_frame(table), np.array([1, 1, 1, 0, 1, 0], bool)
    assert MEAN_OF_RUNS.predict(runs, 0, train)[3] == pytest.approx(np.exp([1, 1.2, 1.4]).mean())
    assert MEAN_OF_RUNS.predict(runs, 0, train)[5] == 2.0, "of the nearest size"
    assert NEAREST_RUN.predict(runs, 0, train)[3] == pytest.approx(np.e**1.2)
    assert OWN_WEIGHT.predict(runs, 0, train)[3] == pytest.approx(np.e**1.25)


# --- nothing leaks


@pytest.mark.parametrize("sizes", [(1e8,), (1e8, 2e8, 3e8)])
def test_a_fold_s_losses_move_neither_its_predictions_nor_what_auto_takes(sizes):
    """Law with priors, without them, reference, baselines, auto, and all their intervals, on both boards."""
    table = frame(sizes=sizes, mixtures=15)
    runs = Runs.from_frame(table)
    laws = ["effective-tokens", "linear", Ridge] if len(sizes) == 1 else ["mixture-index", "optimal-mixtures"]
    if len(sizes) > 1:
        tokens = table["tokens"] * (1 + 0.5 * (table["mixture"] % 3))
        runs = Runs.from_frame(table.assign(tokens=tokens))
        laws.append("chinchilla")
    before = compare(runs, laws)
    fold_R = folds.over_mixtures(runs, 0).fold_R
    rng, changed = np.random.default_rng(1), runs.frame.copy()
    held = np.flatnonzero(fold_R == 2)
    changed.loc[held, ["loss:code", "loss:chat"]] *= rng.uniform(0.3, 3.0, (len(held), 2))
    after = compare(Runs.from_frame(changed), laws)
    assert len(before.boards) == (1 if len(sizes) == 1 else 2)
    for one, other in zip(before.boards, after.boards, strict=True):
        assert {e.name for e in one.entries} >= {"auto", "own weight", "nearest run", "mean of the runs"}
        others_move = False
        for was in one.entries:
            now = entry(other, was.name)
            for end in ("loss_KxR", "low_KxR", "high_KxR"):
                x, y = getattr(was.predicted, end), getattr(now.predicted, end)
                np.testing.assert_array_equal(x[:, fold_R == 2], y[:, fold_R == 2], err_msg=f"{was.name} {end}")
                others_move |= bool(np.nanmax(np.abs(x - y)) > 1e-3)
            if was.picks:
                assert was.picks[2] == now.picks[2]
        assert others_move, "the change is seen where it may be"


def test_auto_s_error_is_that_of_what_it_took():
    board = compare(Runs.from_frame(frame()), ["effective-tokens", "log-linear", "linear"]).boards[0]
    auto, fold_R = entry(board, "auto"), folds.over_mixtures(Runs.from_frame(frame()), 0).fold_R
    for f, name in enumerate(auto.picks):
        taken = entry(board, name).predicted.loss_KxR[:, fold_R == f]
        np.testing.assert_array_equal(auto.predicted.loss_KxR[:, fold_R == f], taken)


# --- which rows judge


def test_last_checkpoints_judge_and_missing_losses_are_missing_observations():
    table = frame(sizes=(1e8, 3e8), checkpoints=6)
    board = compare(Runs.from_frame(table), ["mixture-index"]).boards[0]
    assert (board.scored_KxR == (table["tokens"] == 20 * table["params"]).to_numpy()).all()
    table.loc[(table["mixture"] == 3), "loss:chat"] = np.nan
    part = compare(Runs.from_frame(table), ["mixture-index"]).boards[0]
    assert part.scored_KxR.sum(1).tolist() == [30, 28]
    was, now = entry(board, "mixture-index"), entry(part, "mixture-index")
    np.testing.assert_allclose(was.predicted.loss_KxR[0], now.predicted.loss_KxR[0], rtol=1e-6)
    assert all(np.isfinite(list(mean.values())).sum() >= 3 for mean in part.means)


def test_targets_and_laws_that_cannot_be_judged_are_named(monkeypatch):
    names = ("effective-tokens", "mixture-index", "chinchilla", "kaplan", "repeated-mixture", "dcpt")
    monkeypatch.setattr(sys.modules["mixlaw.validation.eligibility"], "METHODS", tuple(map(by_name, names)))
    table = frame().assign(**{"loss:rare": np.where(np.arange(15) < 4, 2.0 + 0.1 * np.arange(15), np.nan)})
    found = compare(Runs.from_frame(table))
    assert found.boards[0].targets == ("code", "chat")
    assert any("rare" in note for note in found.notes)
    assert set(found.skipped) == {"chinchilla", "kaplan", "repeated-mixture", "dcpt"}
    assert "no source is called 'chat'" in found.skipped["dcpt"]
    assert {"effective-tokens", "mixture-index"} <= {e.name for e in found.boards[0].entries}
    assert any("own weight is a mean over the 1 targets" in note for note in found.notes)
    assert any("have one size" in note and "mixture-index" in note for note in found.notes)


def test_what_cannot_be_compared_is_refused():
    runs = Runs.from_frame(frame())
    with pytest.raises(MixlawError, match="law 'magic' is not known"):
        compare(runs, ["magic"])
    with pytest.raises(MixlawError, match="no source is called 'chat'"):
        compare(runs, ["dcpt"])
    with pytest.raises(MixlawError, match="1 sizes and token counts are too few for chinchilla"):
        compare(runs, ["chinchilla"])
    with pytest.raises(MixlawError, match="9 mixtures are too few to hold any out: comparing laws takes at least 10"):
        compare(Runs.from_frame(frame(mixtures=9)))
    few_R = np.where(np.arange(15) < 3, 2.0 + 0.1 * np.arange(15), np.nan)
    empty = frame().assign(**{"loss:code": np.nan, "loss:chat": few_R})
    with pytest.raises(MixlawError, match="no loss: column is measured in enough mixtures"):
        compare(Runs.from_frame(empty.drop(columns="loss:code")))


def test_a_reference_is_compared_like_a_law():
    board = compare(Runs.from_frame(frame(mixtures=40)), [Ridge, "log-linear"]).boards[0]
    ridge = entry(board, "ridge")
    assert ridge.kind == "reference"
    assert ridge.scores["mae"].max() < 0.5 * entry(board, "mean of the runs").scores["mae"].min()
    assert (ridge.predicted.low_KxR < ridge.predicted.loss_KxR).all()


def few_methods(monkeypatch, *names):
    monkeypatch.setattr(sys.modules["mixlaw.validation.eligibility"], "METHODS", tuple(map(by_name, names)))


def test_a_reference_that_refuses_is_skipped_where_none_was_named(monkeypatch):
    few_methods(monkeypatch, "mixture-index", "step-size-nested")
    several = frame(sizes=(1e8, 2e8))
    several["tokens"] *= 1 + several["mixture"] % 3
    runs = Runs.from_frame(several)
    found = compare(runs)
    assert "the step law has no three checkpoints" in found.skipped["step-size-nested"]
    for board in found.boards:
        assert {e.name for e in board.entries} >= {"mixture-index", "nearest run"}
        assert "step-size-nested" not in {e.name for e in board.entries}
    told = []
    with pytest.raises(MixlawError, match="no three checkpoints"):
        compare(runs, ["mixture-index", "step-size-nested"], tell=lambda *x: told.append(x))
    assert not told, "refused before any law is fitted"


def test_a_reference_that_refuses_on_one_board_alone_is_judged_on_the_other(monkeypatch):
    few_methods(monkeypatch, "mixture-index", "step-size-nested")
    found = compare(Runs.from_frame(frame(sizes=(1e8, 2e8, 3e8)).assign(tokens=2e9)))
    on = {board.name: {e.name for e in board.entries} for board in found.boards}
    assert "step-size-nested" in on["mixtures"]
    assert "step-size-nested" not in on["largest size"]
    assert "step-size-nested" not in found.skipped
    assert any("step-size-nested is not judged on largest size: " in note for note in found.notes)


def test_a_reference_that_refuses_later_costs_no_more_than_itself(monkeypatch):
    class Fussy(Ridge):
        name = "fussy"
        calls = 0

        @classmethod
        def predict(cls, rows, loss_R, weight_R, at, seed):
            cls.calls += 1
            if cls.calls > 3:
                raise MixlawError("too fussy")
            return Ridge.predict(rows, loss_R, weight_R, at, seed)

    monkeypatch.setattr(sys.modules["mixlaw.validation.eligibility"], "METHODS", (LogLinear, Fussy))
    found = compare(Runs.from_frame(frame()))
    assert found.skipped == {"fussy": "too fussy"}
    assert "log-linear" in {e.name for e in found.boards[0].entries}


def test_without_scikit_learn_the_laws_are_compared_all_the_same(monkeypatch):
    for module in ["sklearn", *(name for name in sys.modules if name.startswith("sklearn."))]:
        monkeypatch.setitem(sys.modules, module, None)
    runs = Runs.from_frame(frame())
    told = []
    with pytest.raises(MixlawError, match="law boosted-trees needs scikit-learn"):
        compare(runs, ["log-linear", "boosted-trees"], tell=lambda *x: told.append(x))
    assert not told
    few_methods(monkeypatch, "effective-tokens", "log-linear", "boosted-trees", "gaussian-process")
    found = compare(runs)
    assert set(found.skipped) == {"boosted-trees", "gaussian-process"}
    assert all("pip install 'mixlaw[references]'" in why for why in found.skipped.values())
    assert {e.name for e in found.boards[0].entries} >= {"effective-tokens", "log-linear", "auto"}


# --- auto


def test_the_default_goes_only_for_a_gain_beyond_its_standard_error():
    spread = np.array([0.02, -0.02, 0.01, -0.01, 0.0])
    error = spread.std(ddof=1) / np.sqrt(5) * SMALLEST_GAIN_ERRORS
    default_F = np.full(5, 0.1)
    assert pick(np.stack([default_F, default_F - 0.9 * error + spread])) == 0
    assert pick(np.stack([default_F, default_F - 1.1 * error + spread])) == 1
    assert pick(np.stack([default_F, default_F + 0.01, default_F - 0.01, default_F - 0.02])) == 3
    assert pick(np.stack([default_F, np.full(5, np.nan)])) == 0
    empty = np.array([0, np.nan, 0, 0, 0])
    assert pick(np.stack([default_F, default_F - 0.01]) + empty) == 1, "a fold in which nothing judges does not count"
    assert pick(np.stack([np.full(5, np.nan), default_F, default_F - 0.01])) == 2


def test_auto_takes_a_law_that_is_clearly_better_and_says_why():
    rng = np.random.default_rng(0)
    w_RxS = rng.dirichlet(np.ones(3), 60)
    table = pd.DataFrame({"run_id": range(60), **dict(zip(("w:a", "w:b", "w:c"), w_RxS.T, strict=True))})
    table["loss:t"] = (w_RxS @ [2.0, 4.0, 3.0]) * np.exp(0.001 * rng.standard_normal(60))
    runs = Runs.from_frame(table)
    law, notes = choose(runs)
    assert law.name == "linear"
    assert "linear is lower than the default effective-tokens by" in notes[-1]
    assert "more than its standard error" in notes[-1]
    found = fit(runs)
    assert found.law is law
    assert notes[-1] in found.notes


def test_auto_keeps_the_default_with_figures_and_on_few_mixtures_without():
    runs = Runs.from_frame(frame(mixtures=40))
    law, notes = choose(runs)
    assert law is EffectiveTokens
    assert "skipped" in notes[0]
    assert all(f"{name} 0." in notes[1] for name in ("effective-tokens", "log-linear", "linear"))
    law, notes = choose(Runs.from_frame(frame(mixtures=8)))
    assert law is EffectiveTokens
    assert "8 mixtures are too few to compare laws" in notes[1]


def test_auto_counts_the_mixtures_of_the_runs_that_its_candidates_can_be_fitted_on():
    table = frame(mixtures=15)
    table.loc[table["mixture"] >= 4, "tokens"] *= 2 + 0.3 * table["mixture"]  # each run ends elsewhere
    (note,) = [note for note in choose(Runs.from_frame(table)).notes if "too few" in note]
    assert "since 4 mixtures are too few to compare laws" in note
    assert "11 runs without a checkpoint at the token count where most runs end do not count" in note
    rare = frame(mixtures=15).drop(columns="loss:code")
    rare.loc[3:, "loss:chat"] = np.nan
    assert "no target is measured in enough of 15 mixtures" in choose(Runs.from_frame(rare)).notes[-1]


def test_candidates_read_the_mixture_and_are_convex():
    table = frame(sizes=(1e8, 2e8, 3e8))
    assert default(Runs.from_frame(table)).law is MixtureIndex
    plain = candidates(Runs.from_frame(table))
    repeats = candidates(
        Runs.from_frame(table.assign(**{"unique:code": 1e7, "unique:web": np.inf, "unique:books": np.inf}))
    )
    assert by_name("repeated-mixture") in repeats
    assert by_name("repeated-mixture") not in plain
    for law in (*repeats, *candidates(Runs.from_frame(frame()))):
        assert "mixture" in law.needs
        assert law.convex


# --- intervals


def test_bands_cover_new_runs_and_shrink_with_their_level(tmp_path):
    table = frame(mixtures=400, noise=0.01)
    runs, new = Runs.from_frame(table[:60]), Runs.from_frame(table[60:])
    for law in (EffectiveTokens, LogLinear):
        found = fit(runs, law)
        low, high = band(found, new.w_RxS, new.params_R, new.tokens_R)
        assert low.shape == (340, 2)
        assert (low < found.losses(new.w_RxS)).all()
        assert (found.losses(new.w_RxS) < high).all()
        coverage = np.mean((low <= new.loss_RxK) & (new.loss_RxK <= high))
        assert 0.84 <= coverage <= 0.96
        half = band(found, new.w_RxS, level=0.5)
        assert 0.4 <= np.mean((half[0] <= new.loss_RxK) & (new.loss_RxK <= half[1])) <= 0.6
    # Where runs are few and far, the law itself is uncertain: wider than the noise alone.
    few = fit(Runs.from_frame(table[:15]), EffectiveTokens)
    low, high = band(few, np.array([[1.0, 0.0, 0.0], [0.4, 0.3, 0.3]]))
    assert (np.log(high / low)[0] > 1.2 * np.log(high / low)[1]).all()
    found.save(tmp_path / "fit.json")
    with pytest.raises(MixlawError, match="without its runs, which the interval needs"):
        band(read_fit(tmp_path / "fit.json"), new.w_RxS)


def test_bands_of_a_law_without_priors_are_least_squares_prediction_intervals():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 9, 300), 10 ** rng.uniform(9, 11, 300)
    loss = (1.8 + 400 * params**-0.34 + 2000 * tokens**-0.36) * np.exp(0.01 * rng.standard_normal(300))
    table = pd.DataFrame({"run_id": range(300), "params": params, "tokens": tokens, "w:all": 1.0, "loss:all": loss})
    found = fit(Runs.from_frame(table[:60]), Chinchilla)
    low, high = band(found, np.ones((240, 1)), params[60:], tokens[60:])
    assert 0.82 <= np.mean((low[:, 0] <= loss[60:]) & (loss[60:] <= high[:, 0])) <= 0.97
    assert np.log(high / low).min() / 2 == pytest.approx(1.67 * 0.01, rel=0.35)


def test_intervals_without_a_law_hold_nine_of_ten():
    board = compare(Runs.from_frame(frame(mixtures=150, noise=0.02)), [Ridge, "log-linear"]).boards[0]
    for e in board.entries:
        assert e.scores["coverage"][0] == pytest.approx(0.9, abs=0.08), e.name


def test_predictions_below_zero_count_as_infinitely_wrong():
    """A line in a share may fall below 0. Were such rows left out, the interval of the others would look narrow."""
    runs = folds.with_row_numbers(Runs.from_frame(frame(mixtures=30)))
    split, truth_KxR = folds.over_mixtures(runs, 0), runs.loss_RxK.T
    scored_KxR = np.isfinite(truth_KxR)
    some_R = np.arange(len(runs)) % 4 == 0
    sound = point_predictions(lambda k, _: 1.01 * truth_KxR[k], runs, scored_KxR, split)
    broken = point_predictions(lambda k, _: np.where(some_R, -1.0, 1.01 * truth_KxR[k]), runs, scored_KxR, split)
    np.testing.assert_allclose(sound.high_KxR, 1.01**2 * truth_KxR)
    assert np.isinf(broken.high_KxR[:, ~some_R]).all()


# --- synthetic truth


@pytest.mark.parametrize(
    ("name", "rivals"),
    [
        ("effective-tokens", ["log-linear", "linear"]),
        ("log-linear", ["effective-tokens", "linear"]),
        ("mixture-index", ["optimal-mixtures"]),
        ("overfit-penalty", ["kaplan"]),
    ],
)
def test_the_law_that_made_the_runs_is_first_or_indistinguishable(name, rivals):
    law = by_name(name)
    for seed in range(2):
        runs, truth_RxK = synthetic.generate(law, seed)
        board = compare(runs, [name, *rivals])
        _, alike, error = synthetic.verdict(law, runs, truth_RxK, board)
        assert alike, [(e.name, e.scores["mae"]) for e in board.boards[0].entries]
        assert error < 1.0, "predictions of runs not seen are nearer to the truth than the runs themselves"


# --- what is returned


def test_the_leaderboard_is_sorted_written_and_told(tmp_path):
    told = []
    found = compare(Runs.from_frame(frame(sizes=(1e8, 2e8, 3e8))), ["mixture-index"], tell=lambda *x: told.append(x))
    assert [t[:2] for t in told] == [(i, 6) for i in range(7)]
    for board in found.boards:
        assert np.all(np.diff([mean["mae"] for mean in board.means]) >= 0)
        assert board.entries[0].name == "mixture-index"
    found.save(tmp_path)
    table = pd.read_csv(tmp_path / "leaderboard.csv")
    assert set(table["judged"]) == {"mixtures", "largest size"}
    rows = table[(table["judged"] == "mixtures") & (table["name"] == "mixture-index")]
    assert rows["target"].fillna("").tolist() == ["", "code", "chat"]
    assert rows["mae"].iloc[0] == pytest.approx(rows["mae"].iloc[1:].mean())
    data = found.to_dict()
    assert data["boards"][0]["entries"][0]["by_target"]["code"]["mae"] > 0
    assert data["boards"][0]["entries"][-1]["mean"]["slope"] is None
    assert mixlaw.compare is compare


def test_a_law_that_fails_on_a_target_has_no_mean():
    board = compare(Runs.from_frame(frame()), ["effective-tokens", "log-linear"]).boards[0]
    law = entry(board, "log-linear")
    broken = replace(law, scores=law.scores | {"mae": np.array([0.001, np.nan])})
    again = replace(board, entries=(broken, entry(board, "effective-tokens"))).sorted()
    assert [e.name for e in again.entries] == ["effective-tokens", "log-linear"]
    assert np.isnan(again.means[1]["mae"])


def test_scales_forgive_packing():
    table = frame(mixtures=4).assign(tokens=[1e9, 1.001e9, 1.0005e9, 2e9])
    assert len(set(scales(Runs.from_frame(table)).tolist())) == 2
