"""References: regressors and pipelines that laws are judged against, refitted at every prediction."""

import json
import sys

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from mixlaw.errors import MixlawError
from mixlaw.estimation.observations import observe
from mixlaw.fitting.fit_result import read_fit
from mixlaw.fitting.fit_runs import choose, fit
from mixlaw.fitting.reference_fit import held_out_sigma
from mixlaw.laws import LAWS, REFERENCES, BoostedTrees, GaussianProcess, MixtureIndex, Row, StepSizeNested, by_name
from mixlaw.planning.recommendation import recommend
from mixlaw.runs.run_table import Runs, read_runs

SOURCES = ("web", "code", "books")
TRUTH = MixtureIndex(
    E=1.0, F=0.5, A=0.3, B=0.4, alpha=0.3, beta=0.3, kF=0.4, kN=0.3, kD=0.5, a0=0.1,
    theta=np.array([-1.0, 0.5, -0.5]), a=np.array([0.4, 0.5, 0.6]), N0=1e8, D0=2e9,
)  # fmt: skip

every_reference = pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
regressors = pytest.mark.parametrize("reference", [BoostedTrees, GaussianProcess], ids=lambda law: law.name)


def table(mixtures: int, seed: int, sizes=(3e7, 1e8, 3e8), tokens=(1e9, 2e9, 4e9)) -> tuple[Row, np.ndarray]:
    """Every mixture at every size, with a row at each token count, and the true losses with little noise."""
    rng = np.random.default_rng(seed)
    w_RxS = np.repeat(rng.dirichlet(np.ones(3), mixtures), len(sizes) * len(tokens), axis=0)
    params_R, tokens_R = np.tile([(n, d) for n in sizes for d in tokens], (mixtures, 1)).T
    rows = Row(w_RxS, params_R, tokens_R, np.full(w_RxS.shape, np.inf))
    with jax.enable_x64(True):
        loss_R = np.array(jax.vmap(TRUTH)(rows)) * np.exp(0.002 * rng.standard_normal(len(w_RxS)))
    return rows, loss_R


def runs_of(rows: Row, loss_R: np.ndarray, scales: bool = True) -> Runs:
    shares = {f"w:{s}": w_R for s, w_R in zip(SOURCES, rows.w_S.T, strict=True)}
    names = [
        f"{i}-{n:g}" for i, n in zip(np.unique(rows.w_S, axis=0, return_inverse=True)[1], rows.params, strict=True)
    ]
    frame = pd.DataFrame({"run_id": names, **shares, "loss:code": loss_R, "loss:web": 0.5 + loss_R})
    return Runs.from_frame(frame.assign(params=rows.params, tokens=rows.tokens) if scales else frame)


@every_reference
def test_unseen_mixtures_are_ranked(reference):
    rows, loss_R = table(30, 0)
    at, true_M = table(20, 1, sizes=(3e8,), tokens=(4e9,))
    predicted_M = reference.predict(rows, loss_R, np.ones(len(loss_R)), at, 0)
    assert spearmanr(predicted_M, true_M).statistic > 0.95
    assert np.abs(predicted_M - true_M).mean() < 0.3 * np.abs(true_M - true_M.mean()).mean()


def test_the_nested_pipeline_carries_losses_to_more_tokens_and_a_larger_size():
    rows, loss_R = table(30, 0, sizes=(3e7, 6e7, 1e8, 2e8), tokens=np.geomspace(5e8, 4e9, 8))
    at, true_M = table(20, 1, sizes=(6e8,), tokens=(1.2e10,))
    predicted_M = StepSizeNested.predict(rows, loss_R, np.ones(len(loss_R)), at, 0)
    assert spearmanr(predicted_M, true_M).statistic > 0.95
    assert np.abs(predicted_M - true_M).mean() < 0.05
    stuck_M = StepSizeNested.predict(rows, loss_R, np.ones(len(loss_R)), at._replace(params=np.full(20, 2e8)), 0)
    assert (stuck_M > predicted_M).all()


def test_a_stage_with_nothing_to_extrapolate_is_left_out():
    rows, loss_R = table(30, 0, sizes=(1e8,), tokens=(2e9,))
    at, true_M = table(20, 1, sizes=(1e8,), tokens=(2e9,))
    missing = np.full(20, np.nan)
    predicted_M = StepSizeNested.predict(rows, loss_R, np.ones(30), at, 0)
    assert np.abs(predicted_M - true_M).mean() < 0.02
    none = StepSizeNested.predict(rows, loss_R, np.ones(30), at._replace(params=missing, tokens=missing), 0)
    np.testing.assert_array_equal(none, predicted_M)


@pytest.mark.parametrize(
    ("mixtures", "sizes", "tokens", "stage"),
    [(9, (1e8,), (1e9, 2e9), "the step law"), (9, (1e8, 2e8), (1e9,), "the size law"), (2, (1e8,), (1e9,), "no row")],
)
def test_too_few_points_at_a_stage_are_refused_by_its_name(mixtures, sizes, tokens, stage):
    rows, loss_R = table(mixtures, 0, sizes, tokens)
    with pytest.raises(MixlawError, match=f"law step-size-nested: .*{stage}.*: add such runs"):
        StepSizeNested.predict(rows, loss_R, np.ones(len(loss_R)), rows, 0)


@every_reference
def test_a_seed_gives_one_answer(reference):
    rows, loss_R = table(30, 2)  # more rows than the Gaussian process learns from
    first, second = (reference.predict(rows, loss_R, np.ones(len(loss_R)), rows, 3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every_reference
def test_a_row_of_weight_0_is_left_out(reference):
    rows, loss_R = table(30, 4)
    kept_R = np.arange(len(loss_R)) >= 9
    spoilt_R = np.where(kept_R, loss_R, 1e3)
    fewer = Row(*(x[kept_R] for x in rows))
    expected = reference.predict(fewer, loss_R[kept_R], np.ones(kept_R.sum()), rows, 0)
    np.testing.assert_array_equal(reference.predict(rows, spoilt_R, kept_R * 1.0, rows, 0), expected)


@regressors
def test_a_light_row_counts_less(reference):
    rows, loss_R = table(40, 5, sizes=(1e8,), tokens=(2e9,))
    bent_R = loss_R + np.where(np.arange(40) < 10, 0.3, 0.0)
    light_R = np.where(np.arange(40) < 10, 0.01, 1.0)
    error = [np.abs(reference.predict(rows, bent_R, v_R, rows, 0) - loss_R).mean() for v_R in (light_R, np.ones(40))]
    assert error[0] < 0.8 * error[1]


@every_reference
def test_a_reference_reads_the_covariates_that_it_declares_and_no_others(reference):
    rows, loss_R = table(30, 6)
    predicted = reference.predict(rows, loss_R, np.ones(len(loss_R)), rows, 0)
    for covariate, field in {"mixture": "w_S", "params": "params", "tokens": "tokens", "unique": "unique_S"}.items():
        value = getattr(rows, field)
        if covariate in reference.needs:
            other = rows._replace(**{field: value[::-1].copy()})
            assert np.ptp(reference.predict(rows, loss_R, np.ones(len(loss_R)), other, 0) - predicted) > 0
        else:
            other = rows._replace(**{field: np.full_like(value, np.nan)})
            np.testing.assert_array_equal(reference.predict(other, loss_R, np.ones(len(loss_R)), other, 0), predicted)


@regressors
def test_sizes_that_the_runs_have_must_be_there_to_predict(reference):
    rows, loss_R = table(10, 7)
    with pytest.raises(MixlawError, match=f"law {reference.name}: the runs hold several tokens, .*--tokens"):
        reference.predict(rows, loss_R, np.ones(90), rows._replace(tokens=np.full(90, np.nan)), 0)


@regressors
def test_scikit_learn_is_asked_for_where_it_is_absent(reference, monkeypatch):
    rows, loss_R = table(3, 0)
    for module in ["sklearn", *(name for name in sys.modules if name.startswith("sklearn."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MixlawError, match=rf"law {reference.name} needs scikit-learn: pip install 'mixlaw\[references\]'"
    ):
        reference.predict(rows, loss_R, np.ones(27), rows, 0)


@every_reference
def test_a_reference_says_what_it_is(reference):
    assert by_name(reference.name) is reference
    assert reference not in LAWS
    assert reference.equation.strip()
    assert reference.source.strip()
    assert len(reference.__doc__.splitlines()) > 2
    assert reference.optional <= reference.needs <= {"mixture", "params", "tokens"}


# --- as a fit


@pytest.fixture
def quick(monkeypatch):
    """A tenth of the trees, ten times as fast: a fit makes 5 refits a target for its noise, and one a prediction."""
    monkeypatch.setattr("mixlaw.laws.references.boosted_trees.ROUNDS", 100)
    monkeypatch.setattr("mixlaw.laws.references.boosted_trees.LEARNING_RATE", 0.1)


@every_reference
@pytest.mark.usefixtures("quick")
def test_a_fit_of_a_reference_predicts_and_is_read_back(reference, tmp_path):
    rows, loss_R = table(15, 8)
    runs = runs_of(rows, loss_R)
    fitted = fit(runs, reference.name, seed=1)
    predicted = fitted.predict(runs)
    assert np.abs(predicted["loss:code"] - loss_R).mean() < 0.05
    np.testing.assert_allclose(predicted["loss:web"] - predicted["loss:code"], 0.5, atol=0.1)
    assert (fitted.sigma_K > 0.001).all()
    assert (fitted.sigma_K < 0.2).all()
    assert fitted.losses(rows.w_S, 1e8, 2e9, replicas=True).shape == (0, len(loss_R), 2)
    fitted.save(tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    assert again.law is reference
    np.testing.assert_allclose(again.predict(runs)["loss:code"], predicted["loss:code"], rtol=1e-9)
    np.testing.assert_allclose(again.sigma_K, fitted.sigma_K)
    alone = again.take_targets([1]).predict(runs)
    np.testing.assert_allclose(alone["loss:web"], predicted["loss:web"], rtol=1e-9)


def test_a_damaged_fit_of_a_reference_is_refused(tmp_path):
    path = tmp_path / "fit.json"
    fit(runs_of(*table(12, 8, (1e8,), (2e9,))), "step-size-nested").save(path)
    data = json.loads(path.read_text())
    del data["runs"]["w:web"]
    path.write_text(json.dumps(data))
    with pytest.raises(MixlawError, match=r"damaged fit"):
        read_fit(path)


@pytest.mark.usefixtures("quick")
def test_held_out_noise_is_that_of_unseen_mixtures():
    """Losses that no mixture foretells: the residual scale is theirs, not that of rows a tree has learned by heart."""
    rows, _ = table(60, 9, (1e8,), (2e9,))
    loss_R = 3.0 * np.exp(0.1 * np.random.default_rng(0).standard_normal(60))
    assert (fit(runs_of(rows, loss_R), "boosted-trees").sigma_K[0]) == pytest.approx(0.1, rel=0.4)


def test_held_out_noise_is_of_runs_not_seen_however_their_shares_drift(monkeypatch):
    rows, loss_R = table(12, 9, tuple(np.geomspace(1e7, 1e8, 2)), (1e9, 2e9, 3e9))
    drift_R = 5e-4 * np.tile([0.0, 1.0, 2.0], 24)
    centre_RxS = 0.9 * rows.w_S + 0.1 / 3
    moved = rows._replace(w_S=centre_RxS + drift_R[:, None] * [1.0, -1.0, 0.0])
    runs = runs_of(moved, loss_R).frame.assign(run_id=np.repeat(np.arange(24), 3))

    def predict(seen, _loss_R, weight_R, at, _seed):
        trained_RxS = seen.w_S[weight_R > 0]
        apart_MxR = np.abs(at.w_S[:, None] - trained_RxS).max(-1)
        assert apart_MxR.min() > 2e-3, "a mixture that is held out was trained on"
        return np.full(len(at.w_S), 3.0)

    monkeypatch.setattr(BoostedTrees, "predict", predict)
    sigma_K = held_out_sigma(BoostedTrees, observe(Runs.from_frame(runs), BoostedTrees), 0)
    assert np.isfinite(sigma_K).all()


@every_reference
@pytest.mark.usefixtures("quick")
def test_a_table_without_sizes_is_enough(reference):
    rows, loss_R = table(20, 10, (1e8,), (2e9,))
    runs = runs_of(rows, loss_R, scales=False)
    assert np.isfinite(fit(runs, reference).predict(runs)["loss:code"]).all()


def test_a_size_missing_in_some_rows_is_named():
    rows, loss_R = table(5, 11, (1e8,))
    runs = runs_of(rows._replace(params=np.where(rows.w_S[:, 0] == rows.w_S[0, 0], np.nan, rows.params)), loss_R)
    with pytest.raises(MixlawError, match=r"empty 'params', which the law gaussian-process"):
        observe(runs, GaussianProcess)


def test_a_reference_makes_no_plan():
    runs = runs_of(*table(12, 12, (1e8,), (2e9,)))
    refused = r"law step-size-nested is a reference, .*: use it in compare"
    with pytest.raises(MixlawError, match=refused):
        recommend(fit(runs, StepSizeNested))
    with pytest.raises(MixlawError, match=refused):
        fit(runs, "step-size-nested", bootstrap=5)


def test_auto_takes_no_reference():
    for sizes in ((1e8,), (1e8, 3e8)):
        runs = runs_of(*table(12, 13, sizes, (2e9,)))
        assert choose(runs)[0] in LAWS


def test_the_references_rank_published_runs(published):
    """RegMix: 128 of the runs at 1M rank the mixtures run at 60M; the floor is below what LightGBM reaches."""
    train = read_runs(published / "regmix" / "runs_1m_train.csv").with_targets(["pile_cc"])
    test = read_runs(published / "regmix" / "runs_60m_test.csv").with_targets(["pile_cc"])
    rows = np.sort(np.random.default_rng(0).choice(512, 128, replace=False))
    seen, at = observe(train.select(rows), BoostedTrees), observe(test, BoostedTrees)
    for reference, least in ((BoostedTrees, 0.95), (GaussianProcess, 0.97)):
        predicted = reference.predict(seen.rows, np.exp(seen.log_loss_KxR[0]), seen.weight_KxR[0], at.rows, 0)
        rank = spearmanr(predicted, test.loss_RxK[:, 0]).statistic
        print(f"{reference.name}: Spearman at 60M {rank:.4f}")
        assert rank > least
