"""Published runs that no one here made: what the laws must reach on them. Skipped where the folder is absent."""

import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.prediction_interval import band
from mixlaw.laws import DataConstrained, Row
from mixlaw.runs.run_table import Runs, read_runs

TIMED = """
import sys, time
import numpy as np
from mixlaw.runs.run_table import read_runs
from mixlaw.fitting.fit_runs import fit
runs = read_runs(sys.argv[1]).select(np.sort(np.random.default_rng(0).choice(512, 128, replace=False)))
start = time.process_time()
fit(runs, "effective-tokens")
print(time.process_time() - start)
"""


def test_128_runs_of_1m_parameters_rank_the_runs_of_60m(published):
    """RegMix: Spearman on the mixtures run at 60M, means over 5 random subsets of the 512 runs at 1M."""
    train = read_runs(published / "regmix" / "runs_1m_train.csv")
    test = read_runs(published / "regmix" / "runs_60m_test.csv").with_targets(train.targets)
    rank_5xK = np.empty((5, len(train.targets)))
    for subset in range(5):
        rows = np.sort(np.random.default_rng(subset).choice(512, 128, replace=False))
        predicted = fit(train.select(rows), "effective-tokens").predict(test)
        for k, target in enumerate(train.targets):
            rank_5xK[subset, k] = spearmanr(predicted[f"loss:{target}"], test.loss_RxK[:, k]).statistic
    pile_cc, mean = rank_5xK[:, train.targets.index("pile_cc")].mean(), rank_5xK.mean()
    print(f"Spearman at 60M: pile_cc {pile_cc:.4f}, mean of 13 targets {mean:.4f}")
    assert pile_cc >= 0.986
    assert mean >= 0.984


def test_intervals_hold_nine_of_ten_losses_of_runs_not_fitted(published):
    """RegMix 1M: 90% intervals from 256 of the training runs, on the 256 test runs."""
    train = read_runs(published / "regmix" / "runs_1m_train.csv")
    test = read_runs(published / "regmix" / "runs_1m_test.csv").with_targets(train.targets)
    rows = np.sort(np.random.default_rng(0).choice(512, 256, replace=False))
    low_MxK, high_MxK = band(fit(train.select(rows), "effective-tokens"), test.w_RxS)
    coverage = np.mean((low_MxK <= test.loss_RxK) & (test.loss_RxK <= high_MxK))
    print(f"coverage of 90% intervals: {coverage:.3f}")
    assert 0.85 <= coverage <= 0.95


def test_13_targets_are_fitted_within_seconds(published):
    """Compilation included. The aim is 5 s on two idle cores. CPU seconds, which other work on the machine moves less:
    twice those of two cores, and twice that for a slower machine."""
    command = [sys.executable, "-c", TIMED, str(published / "regmix" / "runs_1m_train.csv")]
    seconds = float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    print(f"13 targets, 128 runs, with compilation: {seconds:.1f} CPU seconds")
    assert seconds <= 20


def test_differences_between_mixtures_carry_over_to_a_larger_size(published):
    """SlimPajama: up to 680M on half the mixtures, judged at 937M on the others. A slope above 1 would mean that
    differences are underestimated; laws that act through one term alone reach .8 or 1.4 here."""
    runs = read_runs(published / "slimpajama" / "runs.csv")
    names = np.unique(runs.frame["mixture"][runs.params_R > 9e8])
    trained_R = np.isin(runs.frame["mixture"], np.random.default_rng(0).permutation(names)[: len(names) // 2])
    found = fit(runs.select(trained_R & (runs.params_R < 9e8)), "mixture-index")
    judged = runs.select(~trained_R & (runs.params_R > 9e8) & runs.last_R)
    assert len(judged) == len(names) - len(names) // 2
    predicted_RxK = found.predict(judged)[[f"loss:{t}" for t in runs.targets]].to_numpy()
    slopes, errors = [], []
    for k in range(len(runs.targets)):
        seen_R = np.isfinite(judged.loss_RxK[:, k])
        predicted, observed = predicted_RxK[seen_R, k], judged.loss_RxK[seen_R, k]
        predicted, observed = predicted - predicted.mean(), observed - observed.mean()
        slopes.append((predicted @ observed, predicted @ predicted))
        errors.append(np.mean((observed - predicted) ** 2))
    slope, rmse = np.divide(*np.sum(slopes, axis=0)), np.sqrt(np.mean(errors))
    print(f"observed on predicted differences at 937M: slope {slope:.3f}, rmse {rmse:.4f} nats")
    assert 0.9 <= slope <= 1.1
    assert rmse <= 0.02


def test_chinchilla_reaches_the_optimum_of_the_published_objective(published):
    """The replication's 240 points: the sum of Huber terms and the constants to their published digits."""
    points = pd.read_csv(published / "chinchilla" / "points.csv")
    points = points[points["outlier"] == 0].rename(columns={"id": "run_id", "loss": "loss:all"})
    assert len(points) == 240
    found = fit(Runs.from_frame(points.assign(**{"w:all": 1.0})), "chinchilla")
    assert found.diagnostics.objective_K[0] <= 0.0010182741
    constants = found.parameters["all"]
    expected = {"A": 477.8, "B": 2143, "E": 1.8172, "alpha": 0.3473, "beta": 0.3672}
    half_digits = {"A": 0.05, "B": 0.5, "E": 5e-5, "alpha": 5e-5, "beta": 5e-5}
    for name, value in expected.items():
        assert constants[name] == pytest.approx(value, abs=half_digits[name]), name


# --- repetition


@pytest.fixture
def repeated(published):
    """The 163 data-constrained runs of the published fit that are at hand."""
    points = pd.read_csv(published / "data_constrained" / "runs.csv")
    points = points[points["in_published_fit"] == 1].reset_index(names="run_id")
    assert len(points) == 163
    names = {"unique_tokens": "unique:c4", "loss": "loss:c4"}
    return Runs.from_frame(
        points.rename(columns=names)[["run_id", "params", "tokens", *names.values()]].assign(**{"w:c4": 1.0})
    )


def test_the_data_constrained_law_is_the_published_one(repeated):
    """The authors' objective on these rows, with their base constants and the pair that their procedure finds."""
    A, B, E = np.exp([6.255414, 7.3049974, 0.6254804])
    law = DataConstrained(E=E, A=A, B=B, alpha=0.3526596, beta=0.3526596, RD=15.49, RN=5.33)
    with jax.enable_x64(True):
        predicted_R = jax.vmap(law)(Row(repeated.w_RxS, repeated.params_R, repeated.tokens_R, repeated.unique_RxS))
    size_R = np.abs(np.log(predicted_R) - np.log(repeated.loss_RxK[:, 0]))
    huber_R = np.where(size_R <= 1e-3, 0.5 * size_R**2, 1e-3 * (size_R - 0.5e-3))
    assert huber_R.sum() == pytest.approx(0.01444636, rel=1e-5)
    found = fit(repeated, "data-constrained")  # all seven constants are free
    assert found.diagnostics.objective_K[0] < 0.0063
    assert found.diagnostics.starts_agree_K[0] > 0.5


def test_laws_of_repetition_explain_repeated_runs_better(repeated):
    names = ("chinchilla", "data-constrained", "overfit-penalty")
    loss_R = repeated.loss_RxK[:, 0]
    mae = [np.abs(fit(repeated, name).predict(repeated)["loss:c4"].to_numpy() - loss_R).mean() for name in names]
    print("mean absolute error, nats: " + ", ".join(f"{n} {e:.3f}" for n, e in zip(names, mae, strict=True)))
    assert mae[2] < 0.9 * mae[1] < 0.8 * mae[0]


@pytest.mark.parametrize("scarce", ["wikipedia", "pubmed"])
def test_the_best_share_of_a_scarce_source_carries_over_to_a_larger_size(published, scarce):
    """Repetition Mismatch: up to 124M on web and a scarce source, judged on the curves over the share at 345M. The
    law without repetition is fitted on the same runs."""
    frame = pd.read_csv(published / "repetition_mismatch" / "runs.csv")
    frame = frame[frame["set"] == f"two_source_{scarce}"]
    columns = ["run_id", "params", "tokens", "w:fineweb", f"w:{scarce}", f"unique:{scarce}", f"loss:{scarce}"]
    small, large = frame[frame["params"] < 3e8], frame[frame["params"] > 3e8]
    regret = {}
    for law in ("repeated-mixture", "joint-effective-tokens"):
        predicted = fit(Runs.from_frame(small[columns]), law).predict(Runs.from_frame(large[columns]))
        judged = large.assign(predicted=predicted[f"loss:{scarce}"].to_numpy())
        curves = [curve for _, curve in judged.groupby(["steps", "subsample"]) if len(curve) >= 3]
        assert len(curves) == 9
        loss = f"loss:{scarce}"
        regret[law] = np.mean([c[loss].loc[c["predicted"].idxmin()] - c[loss].min() for c in curves])
    print(f"regret of the best share, mean of 9 curves at 345M, nats: {regret}")
    assert regret["repeated-mixture"] < 0.004
    assert regret["repeated-mixture"] < 0.5 * regret["joint-effective-tokens"]
