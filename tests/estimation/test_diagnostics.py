"""What a fit says of itself: seeds' noise, flat valleys, bounds, and when it refuses."""

import jax
import numpy as np
import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from mixlaw.estimation.diagnostics import at_bounds, check_trust, seed_noise
from mixlaw.estimation.levenberg_marquardt import FitSolution
from mixlaw.estimation.observations import observe
from mixlaw.fitting.fit_result import read_fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.laws import Chinchilla, EffectiveTokens, MixtureIndex
from mixlaw.laws.base import parameter_slices
from mixlaw.runs.run_table import Runs

SD = 0.01


def mixtures(seeds: int = 1, count: int = 20, sd: float = SD) -> pd.DataFrame:
    """Runs on mixtures of three sources, each run with several seeds; the third source never matters."""
    rng = np.random.default_rng(3)
    w_MxS = rng.dirichlet(np.ones(3), count)
    rows = []
    for m, w_S in enumerate(w_MxS):
        for seed in range(seeds):
            loss = (1.5 + 0.5 * (0.1 + w_S[0] + 0.5 * w_S[1]) ** -0.4) * np.exp(sd * rng.standard_normal())
            rows.append({"run_id": f"{m}-{seed}", "seed": seed, "params": 1e8, "tokens": 2e9, "loss:code": loss})
            rows[-1] |= {f"w:{name}": w for name, w in zip(("code", "web", "junk"), w_S, strict=True)}
    return pd.DataFrame(rows)


def sizes(params, tokens, sd: float = 0.002) -> pd.DataFrame:
    """Runs of one source over pairs of N and D."""
    rng = np.random.default_rng(5)
    loss = 1.7 + 400 / params**0.34 + 2000 / tokens**0.37
    return pd.DataFrame(
        {"run_id": np.arange(len(loss)), "params": params, "tokens": tokens, "w:all": 1.0}
        | {"loss:all": loss * np.exp(sd * rng.standard_normal(len(loss)))}
    )


def test_seed_noise_is_that_between_runs_alike():
    noise_K, repeats = seed_noise(observe(Runs.from_frame(mixtures(seeds=6, count=20)), EffectiveTokens))
    assert repeats == 100
    assert noise_K[0] == pytest.approx(SD, rel=0.2)


def test_seed_noise_ignores_missing_losses_and_checkpoints():
    frame = mixtures(seeds=2, count=6, sd=0.0)
    frame.loc[1, "loss:code"] *= np.exp(0.2)
    frame.loc[3, "loss:code"] = np.nan
    early = frame.assign(tokens=1e9)
    early["loss:code"] *= np.linspace(1.1, 1.5, len(early))
    noise_K, repeats = seed_noise(observe(Runs.from_frame(pd.concat([frame, early])), EffectiveTokens))
    assert repeats == 6
    assert noise_K[0] == pytest.approx(np.sqrt(0.2**2 / 2 / 5))  # one pair of five with a difference of .2


def test_packing_hides_no_repeats():
    exact = mixtures(seeds=3, count=20)
    packed, third = exact.copy(), exact["seed"] - 1.0
    packed["tokens"] *= 1 + 1e-3 * third
    packed["params"] *= 1 + 1e-3 * third
    packed["w:code"] += 1e-3 * third
    packed["w:web"] -= 1e-3 * third
    packed["unique:junk"] = 1e9 * (1 + 1e-3 * third)
    packed["unique:code"], packed["unique:web"] = np.inf, np.inf
    seen = [observe(Runs.from_frame(frame), MixtureIndex) for frame in (exact, packed)]
    (noise_K, repeats), (packed_K, packed_repeats) = map(seed_noise, seen)
    assert packed_repeats == repeats == 40
    np.testing.assert_allclose(packed_K, noise_K)


@pytest.mark.parametrize("column", ["params", "tokens", "unique:junk", "w:code"])
def test_runs_that_differ_in_their_design_are_no_repeats(column):
    frame = mixtures(seeds=2).assign(**{"unique:junk": 1e9, "unique:code": np.inf, "unique:web": np.inf})
    frame = frame[frame[["w:code", "w:web"]].min(axis=1) > 0.02]
    other = frame["seed"] == 1
    if column == "w:code":
        frame.loc[other, ["w:code", "w:web"]] += [0.01, -0.01]
    else:
        frame.loc[other, column] *= 1.05
    assert seed_noise(observe(Runs.from_frame(frame), MixtureIndex))[1] == 0


def test_without_repeats_there_is_no_seed_noise():
    found = fit(Runs.from_frame(mixtures()), "effective-tokens")
    assert np.isnan(found.diagnostics.seed_noise_K).all()
    assert found.diagnostics.repeats_K.tolist() == [0.0]


def test_a_flat_valley_is_named_and_a_determined_law_is_not():
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 9, 60), 10 ** rng.uniform(8.5, 10.5, 60)
    assert not any("flat valley" in note for note in fit(Runs.from_frame(sizes(params, tokens)), "chinchilla").notes)
    ray = fit(Runs.from_frame(sizes(params, 20 * params)), "chinchilla")  # one ray: A and B cannot be told apart
    assert any("flat valley" in note and "B" in note for note in ray.notes)


def test_parameters_that_rest_on_their_priors_are_named():
    found = fit(Runs.from_frame(mixtures().assign(tokens=2e9, params=1e8)), "mixture-index")
    (note,) = [note for note in found.notes if "where their priors put them" in note]
    assert "alpha" in note
    assert "beta" in note  # one size and token count


@pytest.mark.parametrize("law", ["mixture-index", "joint-effective-tokens", "chinchilla", "effective-tokens"])
def test_two_sizes_are_said_to_leave_the_level_open_and_three_are_not(law):
    """Only of laws that read the size, and of differences between mixtures only where the law knows mixtures."""

    def notes(params):
        runs = Runs.from_frame(mixtures(count=40).assign(params=params, tokens=20 * params))
        found = fit(runs, law, scale=1e8 if law == "effective-tokens" else None)
        return [note for note in found.notes if "two sizes" in note]

    two = notes(np.resize([1e8, 3e8], 40))
    assert len(two) == (law != "effective-tokens")
    assert all("three sizes" in note for note in two)
    assert all(("differences between mixtures" in note) == (law != "chinchilla") for note in two)
    assert all(("priors" in note) == (law != "chinchilla") for note in two)
    assert not notes(np.resize([1e8, 3e8, 1e9], 40))


def test_a_parameter_at_its_bound_is_named():
    found = fit(Runs.from_frame(mixtures()), "effective-tokens")
    assert not any("at a bound" in note for note in found.notes)
    z_KxP = found.z_KxP.copy()
    z_KxP[0, parameter_slices(EffectiveTokens, 3)["a"]] = [0.0, 6.0, -1.0]  # a of web at 0.998
    with jax.enable_x64(True):
        (note,) = at_bounds(EffectiveTokens, z_KxP, found.constants, found.sources)
    assert note.endswith("a of web")


def test_a_fit_that_is_none_is_refused_with_numbered_causes():
    frame = mixtures()
    frame.loc[7, "loss:code"] = 900.0
    seen = observe(Runs.from_frame(frame), EffectiveTokens)
    lost = FitSolution(np.zeros((1, 9)), np.array([5.0]), np.array([False]), np.array([0.3]), np.zeros(1), np.zeros(1))
    with pytest.raises(MixlawError, match=r"code did not end.*\(1\) 20 runs for 9.*\(2\).*'7-0' has 900.*\(3\).*\(4\)"):
        check_trust(EffectiveTokens, seen, lost, np.array([0.25]), 4)
    with pytest.raises(MixlawError, match="no finite objective"):
        check_trust(EffectiveTokens, seen, lost._replace(objective=np.array([np.inf])), np.array([1.0]), 4)
    check_trust(EffectiveTokens, seen, lost, np.array([0.5]), 4)  # two of four starts agree
    check_trust(EffectiveTokens, seen, lost._replace(residual_sum=np.array([1e-9])), np.array([0.25]), 4)
    check_trust(EffectiveTokens, seen, lost._replace(converged=np.array([True])), np.array([0.25]), 4)


def test_the_noise_of_a_published_law_is_that_of_its_residuals():
    """Its delta of .001 lies far below them."""
    rng = np.random.default_rng(1)
    params, tokens = 10 ** rng.uniform(7, 9, 200), 10 ** rng.uniform(8.5, 10.5, 200)
    found = fit(Runs.from_frame(sizes(params, tokens, sd=0.02)), Chinchilla)
    assert found.sigma_K[0] == pytest.approx(0.02, rel=0.15)


def test_a_file_states_objective_and_intervals(tmp_path):
    found = fit(Runs.from_frame(mixtures()), "effective-tokens", bootstrap=30)
    low, high = found.intervals["code"]["theta"]["web"]
    assert low < found.parameters["code"]["theta"]["web"] < high
    stated = found.to_dict()["objective"]
    assert stated["kind"] == "maximum a posteriori"
    assert stated["huber_delta"]["code"] == pytest.approx(1.345 * found.sigma_K[0])
    found.save(tmp_path / "fit.json")
    again = read_fit(tmp_path / "fit.json")
    assert again.intervals["code"]["E"] == pytest.approx(found.intervals["code"]["E"], rel=1e-5)
    assert again.diagnostics.repeats_K.tolist() == [0.0]
