"""Fits on synthetic runs: what counts as an observation, which law, and how far estimates and intervals are right."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from mixlaw.estimation.observations import observe
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_result import read_fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.law_selection import choose
from mixlaw.laws import Chinchilla, EffectiveTokens, LogLinear, MixtureIndex
from mixlaw.runs.run_table import Runs
from mixlaw.validation.held_out import held_out

SOURCES = ("web", "code", "books", "wiki")
HELD_OUT = np.random.default_rng(99).dirichlet(np.ones(4), 50)


def effective_tokens(rng, targets):
    """Losses of as many targets, each with a plausible truth of its own: w_RxS -> (R, targets), nats per token."""
    S, K = len(SOURCES), targets
    E, gain, b = rng.uniform(1.8, 2.6, K), rng.uniform(0.3, 1.2, K), rng.uniform(0.2, 0.6, K)
    theta, a, a0 = rng.normal(0, 1, (K, S)), rng.uniform(0.3, 0.8, (K, S)), np.exp(rng.normal(-1.5, 1, K))

    def u(w_RxS):
        return a0 + (np.exp(theta) * w_RxS[:, None] ** a).sum(-1)

    return lambda w_RxS: E + gain * (u(w_RxS) / u(np.full((1, S), 1 / S))) ** -b


def one_scale(runs=36, targets=2, noise=0.006, seed=0):
    """Runs at one scale, and their truth."""
    rng = np.random.default_rng(seed)
    truth, w_RxS = effective_tokens(rng, targets), rng.dirichlet(np.ones(4), runs)
    loss_RxK = np.exp(np.log(truth(w_RxS)) + noise * rng.standard_normal((runs, targets)))
    columns = {"run_id": [f"r{i}" for i in range(runs)], "params": 1e8, "tokens": 2e9}
    columns |= {f"w:{name}": w_R for name, w_R in zip(SOURCES, w_RxS.T, strict=True)}
    columns |= {f"loss:t{k}": loss_R for k, loss_R in enumerate(loss_RxK.T)}
    return pd.DataFrame(columns), truth


def several_scales(mixtures=12, sizes=(1e8, 3e8, 1e9), checkpoints=8, seed=0, run_sd=0.0, row_sd=0.002):
    """Checkpoints of runs at several sizes; `run_sd` is noise that all checkpoints of a run share."""
    rng = np.random.default_rng(seed)
    truth, w_MxS, rows = effective_tokens(rng, 1), rng.dirichlet(np.ones(4), mixtures), []
    for params in sizes:
        for m, w_S in enumerate(w_MxS):
            shared = run_sd * rng.standard_normal()
            for c in range(checkpoints):
                tokens = 20 * params * (c + 1) / checkpoints
                loss = truth(w_S[None])[0, 0] + 0.3 * (params / 1e8) ** -0.3 + 0.3 * (tokens / 2e9) ** -0.4
                loss *= np.exp(shared + row_sd * rng.standard_normal())
                row = {"run_id": f"{params:g}-{m}", "params": params, "tokens": tokens, "loss:t0": loss}
                rows.append(row | {f"w:{name}": w for name, w in zip(SOURCES, w_S, strict=True)})
    return pd.DataFrame(rows)


def table(frame):
    return Runs.from_frame(frame.reset_index(drop=True))


@pytest.fixture(scope="module")
def fitted():
    return fit(table(one_scale()[0]), bootstrap=20)


# --- observations


def test_runs_of_nearly_one_length_are_one_scale_and_crashed_ones_are_left_out():
    frame, _ = one_scale(runs=24)
    frame["tokens"] = 1e8 + 1000.0 * np.arange(24)
    frame.loc[20:, "tokens"] -= 5e7
    seen = observe(Runs.from_frame(frame), LogLinear)
    assert seen.runs.run_id.tolist() == [f"r{i}" for i in range(20)]
    assert any("4 runs have no checkpoint" in note for note in seen.notes)


def test_a_run_of_many_checkpoints_counts_once_at_one_scale():
    frame, _ = one_scale(runs=12)
    more = [frame[:3].assign(tokens=tokens) for tokens in (1.97e9, 1.99e9, 2.02e9, 4e9)]
    seen = observe(Runs.from_frame(pd.concat([frame, *more], ignore_index=True)), LogLinear)
    assert sorted(seen.runs.run_id) == sorted(f"r{i}" for i in range(12))
    assert seen.runs.tokens_R.max() == 2.02e9


def test_checkpoints_that_weigh_less_are_announced():
    frame, _ = one_scale(runs=12)
    checkpoints = [frame.assign(tokens=2e9 * part) for part in (0.35, 0.4, 0.6, 0.8, 1.0)]
    seen = observe(Runs.from_frame(pd.concat(checkpoints, ignore_index=True)), MixtureIndex)
    assert set(np.unique(seen.weight_KxR)) == {MixtureIndex.objective.checkpoint_weight, 1.0}
    assert any("48 later ones before the last weighted" in note for note in seen.notes)


def test_held_out_error_needs_no_two_runs_of_one_length():
    frame, _ = one_scale(runs=24)
    frame["tokens"] = 2e9 + 1000.0 * np.arange(24)
    judged = held_out(fit(Runs.from_frame(frame), "log-linear"))
    assert judged.mae < judged.baseline_mae
    frame["params"], frame["tokens"] = 10 ** np.linspace(7, 9, 24), 10 ** np.linspace(9, 10, 24)
    frame.loc[frame.index[-1], "loss:t0"] = np.nan
    judged = held_out(fit(Runs.from_frame(frame), "mixture-index"))
    assert np.isfinite([judged.mae, judged.baseline_mae]).all()


def test_a_missing_loss_is_a_missing_observation():
    frame, _ = one_scale()
    full = fit(table(frame)).losses(HELD_OUT)
    frame.loc[:5, "loss:t1"] = np.nan
    holed = fit(table(frame)).losses(HELD_OUT)
    without = fit(table(frame[6:])).losses(HELD_OUT)
    np.testing.assert_allclose(holed[:, 0], full[:, 0], rtol=1e-12, err_msg="the rows still inform the other target")
    np.testing.assert_allclose(holed[:, 1], without[:, 1], rtol=1e-9, err_msg="the target has no such rows")
    assert np.abs(holed[:, 1] - full[:, 1]).max() > 1e-4
    assert np.abs(holed[:, 0] - without[:, 0]).max() > 1e-4

    frame.loc[:5, "loss:t0"] += 1.0
    np.testing.assert_allclose(fit(table(frame)).losses(HELD_OUT)[:, 1], holed[:, 1], rtol=1e-12)


def test_a_target_measured_in_too_few_runs_is_refused():
    frame, _ = one_scale()
    frame.loc[2:, "loss:t1"] = np.nan
    with pytest.raises(MixlawError, match=r"loss:t1.* measured in 2 "):
        fit(table(frame))


def test_a_law_of_one_scale_refuses_several_and_names_the_option():
    runs = table(several_scales())
    for law in ("effective-tokens", "log-linear", EffectiveTokens):
        with pytest.raises(MixlawError, match=r"3 scales .*--scale"):
            fit(runs, law)
    with pytest.raises(MixlawError, match="no run has params 5"):
        fit(runs, "log-linear", scale=5.0)


def test_a_stated_scale_uses_the_runs_of_that_scale():
    frame = several_scales()
    chosen = fit(table(frame), "effective-tokens", scale=3e8, bootstrap=3)
    alone = fit(table(frame[frame["params"] == 3e8]), "effective-tokens", bootstrap=3)
    np.testing.assert_array_equal(chosen.z_KxP, alone.z_KxP)
    np.testing.assert_array_equal(chosen.replicas_BxKxP, alone.replicas_BxKxP)
    assert chosen.support.params == (3e8, 3e8)
    assert chosen.support.runs == 12


def test_a_law_of_one_scale_takes_last_checkpoints_and_says_so():
    frame = several_scales(sizes=(1e8,))
    last = frame.groupby("run_id").tail(1)
    every, ends = (fit(table(part), "effective-tokens") for part in (frame, last))
    np.testing.assert_allclose(every.losses(HELD_OUT), ends.losses(HELD_OUT), rtol=1e-12)
    assert any("84 rows that are not a run's last checkpoint are left out" in note for note in every.notes)
    assert not any("left out" in note for note in ends.notes)


def test_early_checkpoints_are_left_out_and_reported():
    frame = several_scales()
    first = fit(table(frame), "mixture-index")
    assert any("72 checkpoints in the first 30%" in note for note in first.notes)
    early = frame["tokens"] <= 0.3 * frame.groupby("run_id")["tokens"].transform("max")
    frame.loc[early, "loss:t0"] += 0.3
    np.testing.assert_array_equal(fit(table(frame), "mixture-index").z_KxP, first.z_KxP)


def test_runs_with_few_checkpoints_keep_them_all():
    frame = several_scales(checkpoints=4)
    first = fit(table(frame), "mixture-index")
    assert not any("left out" in note for note in first.notes)
    frame.loc[frame["tokens"] <= 0.25 * frame.groupby("run_id")["tokens"].transform("max"), "loss:t0"] += 0.3
    assert (
        np.abs(fit(table(frame), "mixture-index").losses(HELD_OUT, 1e9, 2e10) - first.losses(HELD_OUT, 1e9, 2e10)).max()
        > 1e-3
    )


@pytest.mark.parametrize("column", ["params", "tokens"])
def test_a_column_that_the_law_needs_must_be_there_and_full(column):
    frame = several_scales(checkpoints=1)
    with pytest.raises(MixlawError, match=f"has no '{column}'.* mixture-index"):
        fit(table(frame.drop(columns=column)), "mixture-index")
    frame.loc[12, column] = np.nan
    with pytest.raises(MixlawError, match=rf"run '3e\+08-0' has an empty '{column}'"):
        fit(table(frame), "mixture-index")


# --- laws that read the target's own share


def own_shares(sizes=(1e8, 3e8), seed=0):
    """Runs whose losses depend on the share of the target's own source: targets code and web, in this order."""
    rng, frames = np.random.default_rng(seed), []
    for params in sizes:
        columns = {
            "run_id": [f"{params:g}-{i}" for i in range(20)],
            "params": params,
            "tokens": 1e9 * (1 + np.arange(20) % 3),
        }
        columns |= {f"w:{name}": w_R for name, w_R in zip(SOURCES, rng.dirichlet(np.ones(4), 20).T, strict=True)}
        for k, name in enumerate(("code", "web")):
            columns[f"loss:{name}"] = (2 + k) * (columns[f"w:{name}"] + 1e-4) ** -(0.1 + 0.1 * k)
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("law", ["bi-mix", "dcpt"])
def test_each_target_s_own_share_goes_with_it(law, tmp_path):
    frame = own_shares(sizes=(1e8,) if law == "bi-mix" else (1e8, 3e8))
    found = fit(table(frame), law, bootstrap=3)
    for w_S in ([0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]):  # web, code, books, wiki
        assert found.losses(np.array([w_S]), 1e8, 2e9)[0] == pytest.approx(
            [2 * w_S[1] ** -0.1, 3 * w_S[0] ** -0.2], 0.02
        )
    found.save(tmp_path / "fit.json")
    again, one = read_fit(tmp_path / "fit.json"), found.take_targets([1])
    for replicas in (False, True):
        expected = found.losses(HELD_OUT, 2e8, 1e9, replicas=replicas)
        np.testing.assert_allclose(again.losses(HELD_OUT, 2e8, 1e9, replicas=replicas), expected, rtol=1e-5)
        np.testing.assert_allclose(one.losses(HELD_OUT, 2e8, 1e9, replicas=replicas), expected[..., 1:], rtol=1e-12)
    judged = held_out(found)
    assert judged.mae < 0.1 * judged.baseline_mae


def test_a_law_of_own_shares_refuses_a_target_that_is_no_source():
    frame = own_shares()
    frame["loss:maths"] = 2.0 + 0.01 * np.arange(len(frame))
    with pytest.raises(MixlawError, match="no source is called 'maths', and the law dcpt"):
        fit(table(frame), "dcpt")


def test_a_law_of_tokens_alone_refuses_several_sizes():
    with pytest.raises(MixlawError, match=r"has 2 scales .* and the law bi-mix does not depend on the scale"):
        fit(table(own_shares()), "bi-mix")
    assert fit(table(own_shares()), "bi-mix", scale=1e8).support.params == (1e8, 1e8)


# --- which law


def test_auto_takes_effective_tokens_at_one_scale_whatever_columns_are_there():
    frame, _ = one_scale()
    for part in (frame, frame.drop(columns=["params", "tokens"])):
        law, notes = choose(table(part))
        assert law is EffectiveTokens
        assert "mixture-index, chinchilla) are skipped" in notes[0]
    law, _ = choose(table(several_scales()), scale=1e8)
    assert law is EffectiveTokens


def test_auto_takes_the_mixture_index_over_several_scales():
    law, notes = choose(table(several_scales()))
    assert law is MixtureIndex
    assert "3 sizes" in notes[0]
    for skipped in ("effective-tokens", "log-linear", "chinchilla"):
        assert skipped in notes[0]
    with pytest.raises(MixlawError, match=r"empty 'params' or 'tokens'.*--scale"):
        choose(table(several_scales(checkpoints=1).drop(columns="tokens")))


def test_auto_takes_chinchilla_for_one_source():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 9, 30), 10 ** rng.uniform(9, 11, 30)
    loss = 1.8 + 400 * params**-0.34 + 2000 * tokens**-0.36
    frame = pd.DataFrame({"run_id": range(30), "params": params, "tokens": tokens, "w:all": 1.0, "loss:all": loss})
    found = fit(table(frame))
    assert found.law is Chinchilla
    assert any("one source" in note for note in found.notes)
    np.testing.assert_allclose(found.predict(table(frame))["loss:all"], loss, atol=1e-6)
    with pytest.raises(MixlawError, match="one source and fewer than 5"):
        fit(table(frame[:4]))


# --- what must not matter


def test_a_seed_gives_the_same_fit_bit_for_bit(fitted):
    runs = table(one_scale()[0])
    again, other = fit(runs, bootstrap=20), fit(runs, seed=1, bootstrap=20)
    np.testing.assert_array_equal(again.z_KxP, fitted.z_KxP)
    np.testing.assert_array_equal(again.replicas_BxKxP, fitted.replicas_BxKxP)
    np.testing.assert_allclose(other.losses(HELD_OUT), fitted.losses(HELD_OUT), atol=1e-4)
    assert np.abs(other.replicas_BxKxP - fitted.replicas_BxKxP).max() > 1e-3


def test_the_order_of_rows_targets_and_sources_does_not_matter(fitted):
    frame, expected = one_scale()[0], fitted.losses(HELD_OUT)
    shuffled = fit(table(frame.sample(frac=1, random_state=3)))
    np.testing.assert_allclose(shuffled.losses(HELD_OUT), expected, atol=1e-9)

    runs = table(frame)
    swapped = fit(runs.with_targets(["t1", "t0"]))
    np.testing.assert_allclose(swapped.losses(HELD_OUT)[:, ::-1], expected, atol=1e-9)
    np.testing.assert_allclose(fit(runs.with_targets(["t1"])).losses(HELD_OUT), expected[:, 1:], atol=1e-9)

    turned = frame[["run_id", "w:wiki", "w:books", "w:code", "w:web", "loss:t0", "loss:t1"]]
    np.testing.assert_allclose(fit(table(turned)).losses(HELD_OUT[:, ::-1]), expected, atol=1e-5)


def test_rows_are_joined_to_their_own_mixture():
    """A permutation of the losses alone is another table: a fit joined by position elsewhere would not notice."""
    frame, _ = one_scale()
    expected = fit(table(frame)).losses(HELD_OUT)
    frame["loss:t0"] = frame["loss:t0"].to_numpy()[::-1]
    assert np.abs(fit(table(frame)).losses(HELD_OUT) - expected)[:, 0].max() > 0.01


# --- objective and priors


def test_the_published_objective_has_no_prior():
    """Chinchilla's objective, recomputed in NumPy: the summed Huber loss of log-loss, delta 1e-3, and no more."""
    frame = several_scales(checkpoints=4, row_sd=0.01)
    found = fit(table(frame), "chinchilla")
    observed = np.log(frame["loss:t0"].to_numpy())
    residual = np.abs(np.log(found.predict(table(frame))["loss:t0"].to_numpy()) - observed)
    huber = np.where(residual <= 1e-3, 0.5 * residual**2, 1e-3 * (residual - 0.5e-3)).sum()
    assert found.diagnostics.objective_K[0] == pytest.approx(huber, rel=1e-9)


def test_priors_hold_a_fit_to_fewer_runs_than_parameters():
    frame, truth = one_scale(runs=5, targets=1)
    named = frame.rename(columns={"loss:t0": "loss:code"})
    found = fit(table(named))
    assert found.diagnostics.degrees_K[0] < 5
    assert np.abs(found.losses(HELD_OUT) - truth(HELD_OUT)).max() < 0.5
    share = np.array([[0.1, 0.7, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1]])
    anonymous = fit(table(frame)).losses(share)[:, 0]
    own = found.losses(share)[:, 0]
    assert own[1] - own[0] > anonymous[1] - anonymous[0], "the source of the target's name is expected to help it"


# --- how right it is


@pytest.mark.parametrize("law", ["effective-tokens", "log-linear"])
def test_predictions_are_much_better_than_the_noise_of_one_run(law):
    frame, truth = one_scale(runs=120, targets=20, noise=0.01, seed=1)
    if law == "log-linear":
        t_SxK = np.random.default_rng(2).normal(0, 1, (4, 20))
        truth = lambda w_RxS: 2.0 + np.exp(-0.5 + w_RxS @ t_SxK)  # noqa: E731
        w_RxS, noise = (
            frame[[f"w:{s}" for s in SOURCES]].to_numpy(),
            np.random.default_rng(3).normal(0, 0.01, (120, 20)),
        )
        frame[[f"loss:t{k}" for k in range(20)]] = truth(w_RxS) * np.exp(noise)
    found = fit(table(frame), law)
    error = np.sqrt(np.mean((np.log(found.losses(HELD_OUT)) - np.log(truth(HELD_OUT))) ** 2))
    assert error < 0.4 * 0.01
    assert np.median(found.sigma_K) == pytest.approx(0.01, rel=0.1)
    assert found.diagnostics.converged_K.all()


def test_the_mixture_index_carries_over_to_a_larger_size():
    frame = several_scales(mixtures=24, sizes=(1e8, 3e8, 1e9), row_sd=0.002)
    large = several_scales(mixtures=24, sizes=(3e9,), row_sd=0.0)
    large = large[large["tokens"] == 6e10]
    predicted = fit(table(frame)).predict(table(large))["loss:t0"].to_numpy()
    error = predicted - large["loss:t0"].to_numpy()
    assert np.abs(error).max() < 0.04
    assert np.std(error) < 0.2 * large["loss:t0"].std()


def test_ninety_percent_intervals_cover_the_truth():
    """200 tables in one: every target has a truth and a noise of its own."""
    frame, truth = one_scale(runs=36, targets=200, noise=0.006)
    found = fit(table(frame), "effective-tokens", bootstrap=100)
    low, high = np.quantile(found.losses(HELD_OUT, replicas=True), [0.05, 0.95], axis=0)
    coverage = np.mean((low <= truth(HELD_OUT)) & (truth(HELD_OUT) <= high))
    print(f"coverage of the 90% intervals: {coverage:.3f}")
    assert 0.80 <= coverage <= 0.97


def test_the_bootstrap_keeps_the_checkpoints_of_a_run_together():
    """Noise shared by a run's checkpoints widens the intervals only if they are resampled as one."""
    frame = several_scales(run_sd=0.01, row_sd=0.0)
    together = fit(table(frame), "mixture-index", bootstrap=60)
    apart = fit(table(frame.assign(run_id=[f"r{i}" for i in range(len(frame))])), "mixture-index", bootstrap=60)
    widths = [found.losses(HELD_OUT, 1e9, 2e10, replicas=True).std(0).mean() for found in (together, apart)]
    assert widths[0] > 1.25 * widths[1]


def test_replicas_surround_the_fit_and_need_runs(fitted):
    losses = fitted.losses(HELD_OUT, replicas=True)
    assert losses.shape == (20, 50, 2)
    point, spread = fitted.losses(HELD_OUT), losses.std(0)
    assert (spread > 0).all()
    assert np.mean(np.abs(losses.mean(0) - point) < 1.5 * spread) > 0.9
    with pytest.raises(MixlawError, match="without its runs, which the bootstrap resamples"):
        replicate(replace(fitted, runs=None), 3)


def test_multinomial_replicas_are_the_fits_of_resampled_tables():
    rng, count = np.random.default_rng(3), 60
    N, D = np.exp(rng.uniform(np.log(5e7), np.log(1e10), count)), np.exp(rng.uniform(np.log(1e9), np.log(3e11), count))
    loss = (1.8 + 480 / N**0.35 + 2100 / D**0.37) * np.exp(0.01 * rng.standard_normal(count))
    columns = {"run_id": [f"r{i}" for i in range(count)], "params": N, "tokens": D, "w:web": 1.0, "loss:web": loss}
    frame = pd.DataFrame(columns)
    made = replicate(fit(table(frame), "chinchilla"), 5, seed=7, weights="multinomial")
    # As often as each run is drawn by the same generator, its row stands in a table of its own.
    drawn_BxR = np.random.default_rng([7, 1]).multinomial(count, np.full(count, 1 / count), size=5)
    for z_P, drawn_R in zip(made.replicas_BxKxP[:, 0], drawn_BxR, strict=True):
        again = frame.loc[np.repeat(np.arange(count), drawn_R)].reset_index(drop=True)
        again["run_id"] = [f"r{i}" for i in range(count)]
        np.testing.assert_allclose(z_P, fit(table(again), "chinchilla").z_KxP[0], atol=0.01)


def test_replicas_refuse_weights_that_are_not_known():
    with pytest.raises(MixlawError, match="choose gamma or multinomial"):
        replicate(fit(table(one_scale()[0]), "log-linear"), 2, weights="jackknife")


# --- files and predictions


def test_a_fit_read_back_predicts_the_same(fitted, tmp_path):
    fitted.save(tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    np.testing.assert_allclose(again.losses(HELD_OUT), fitted.losses(HELD_OUT), rtol=1e-12)
    np.testing.assert_allclose(again.losses(HELD_OUT, replicas=True), fitted.losses(HELD_OUT, replicas=True), rtol=1e-5)
    for name in ("law", "sources", "targets", "notes", "provenance", "constants", "parameters"):
        assert getattr(again, name) == getattr(fitted, name)
    for part in ("support", "diagnostics"):
        for name, value in vars(getattr(fitted, part)).items():
            np.testing.assert_array_equal(getattr(getattr(again, part), name), value)


@pytest.mark.parametrize("law", ["mixture-index", "chinchilla", "log-linear"])
def test_a_fit_of_every_law_is_read_back(law, tmp_path):
    sizes = (1e8,) if law == "log-linear" else (1e8, 3e8, 1e9)
    found = fit(table(several_scales(sizes=sizes, row_sd=0.01)), law)
    found.save(tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    np.testing.assert_allclose(again.losses(HELD_OUT, 2e8, 1e10), found.losses(HELD_OUT, 2e8, 1e10), rtol=1e-12)


def test_constants_that_are_not_one_for_each_target_are_refused(tmp_path):
    found, file = fit(table(several_scales(row_sd=0.01)), "mixture-index"), tmp_path / "fit.json"
    found.save(file)
    content = json.loads(file.read_text())
    for broken in ({"N0": [1.0, 2.0], "D0": [1.0, 2.0]}, {"N0": [1.0]}, {"N0": 1.0, "D0": 1.0}):
        file.write_text(json.dumps(content | {"constants": broken}))
        with pytest.raises(MixlawError, match="damaged"):
            read_fit(file)


def test_files_that_are_no_fits_are_refused_by_name(fitted, tmp_path):
    fitted.save(tmp_path / "fit.json")
    content, file = json.loads((tmp_path / "fit.json").read_text()), tmp_path / "bad.json"

    def refusal(text):
        file.write_text(text)
        with pytest.raises(MixlawError, match=r"bad\.json") as error:
            read_fit(file)
        return str(error.value)

    for text in ("", "{", "[1]", "null", '{"schema": 1}', json.dumps(content)[:-30]):
        refusal(text)
    assert "schema 1, this version reads 2" in refusal(json.dumps(content | {"schema": 1}))
    assert "schema None" in refusal(json.dumps({k: v for k, v in content.items() if k != "schema"}))
    for key in ("sources", "targets", "sigma", "constants", "support", "diagnostics", "z", "replicas"):
        assert "damaged" in refusal(json.dumps({k: v for k, v in content.items() if k != key}))
        for value in (3, [1], "x"):
            assert "damaged" in refusal(json.dumps(content | {key: value}))
    assert "damaged" in refusal(json.dumps(content | {"z": content["z"][:1]}))
    assert "damaged" in refusal(json.dumps(content | {"sources": ["web"]}))
    assert "not known" in refusal(json.dumps(content | {"law": "magic"}))
    with pytest.raises(MixlawError, match=r"none\.json"):
        read_fit(tmp_path / "none.json")


def test_predict_takes_runs_arrays_dicts_and_tables(fitted):
    frame, _ = one_scale()
    by_runs = fitted.predict(table(frame))
    assert list(by_runs) == ["run_id", "loss:t0", "loss:t1"]
    assert by_runs["run_id"].tolist() == frame["run_id"].tolist()
    w_RxS = frame[[f"w:{s}" for s in SOURCES]].to_numpy()
    losses = by_runs[["loss:t0", "loss:t1"]].to_numpy()
    for what in (w_RxS, frame, frame[["w:books", "w:wiki", "run_id", "w:web", "w:code"]]):
        np.testing.assert_allclose(fitted.predict(what)[["loss:t0", "loss:t1"]].to_numpy(), losses, rtol=1e-12)
    assert fitted.predict(frame)["run_id"].tolist() == frame["run_id"].tolist()
    one = {name: float(w) for name, w in reversed(list(zip(SOURCES, w_RxS[4], strict=True)))}
    for what in (one, w_RxS[4]):
        np.testing.assert_allclose(fitted.predict(what)[["loss:t0", "loss:t1"]].to_numpy()[0], losses[4], rtol=1e-12)


def test_predict_uses_each_run_s_own_size_and_defaults_to_the_largest():
    frame = several_scales()
    found = fit(table(frame))
    np.testing.assert_allclose(found.predict(table(frame))["loss:t0"], frame["loss:t0"], rtol=0.1)
    largest = found.predict(HELD_OUT)["loss:t0"]
    np.testing.assert_array_equal(found.predict(HELD_OUT, 1e9, 2e10)["loss:t0"], largest)
    assert (found.predict(HELD_OUT, 1e8, 2e9)["loss:t0"] > largest).all()
    with pytest.raises(MixlawError, match="params"):
        found.predict(table(frame.drop(columns="params")))


def test_predict_refuses_what_the_fit_cannot_know(fitted):
    with pytest.raises(MixlawError, match="source 'law' has a share"):
        fitted.predict({"web": 0.5, "law": 0.5})
    absent = fitted.predict({"web": 0.5, "code": 0.5, "law": 0.0})
    np.testing.assert_array_equal(absent, fitted.predict({"web": 0.5, "code": 0.5}))
    frame, _ = one_scale()
    with pytest.raises(MixlawError, match="source 'law' has a share"):
        fitted.predict(table(frame.rename(columns={"w:web": "w:law"})))
    for bad in ([0.5, 0.5], [0.5, 0.5, 0.5, 0.5], [1.5, -0.5, 0, 0], [np.nan, 0.5, 0.5, 0], {"web": 0.4}):
        with pytest.raises(MixlawError):
            fitted.predict(bad)


def test_laws_may_be_given_as_classes(fitted):
    runs = table(one_scale()[0])
    np.testing.assert_array_equal(fit(runs, EffectiveTokens).z_KxP, fitted.z_KxP)
    assert fit(runs, LogLinear).law is LogLinear
    with pytest.raises(MixlawError, match="not known"):
        fit(runs, "EffectiveTokens")
