import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from mixlaw.errors import MixlawError
from mixlaw.estimation.laplace import learned
from mixlaw.fitting.fit_result import Fit, read_fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.posterior import posterior, residual_correlation
from mixlaw.fitting.prediction_interval import band
from mixlaw.runs.run_table import Runs


def runs(count: int = 30, seed: int = 0) -> Runs:
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.ones(3), count)
    index = 0.2 + w_RxS @ [1.0, 0.3, 0.05]
    frame = pd.DataFrame({"run_id": [f"r{i}" for i in range(count)]})
    frame[["w:books", "w:web", "w:logs"]] = w_RxS
    noise_Rx2 = rng.standard_normal((count, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    frame["loss:books"] = (1.5 + 0.5 * index**-0.5) * np.exp(0.004 * noise_Rx2[:, 0])
    frame["loss:chat"] = (2.5 + 0.3 * index**-0.8) * np.exp(0.004 * noise_Rx2[:, 1])
    return Runs.from_frame(frame)


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return fit(runs(), "effective-tokens")


def test_its_variances_are_those_of_the_intervals_of_single_runs(fitted):
    w_MxS = np.random.default_rng(1).dirichlet(np.ones(3), 7)
    known = posterior(fitted, w_MxS, np.nan, np.nan)
    low_MxK, high_MxK = band(fitted, w_MxS, level=0.9)
    free_K = 30 - fitted.diagnostics.degrees_K
    half_KxM = 0.5 * np.log(high_MxK / low_MxK).T / student.ppf(0.95, free_K)[:, None]
    variance_KxM = np.square(known.feature_KxNxP).sum(2) + known.noise_K[:, None] ** 2
    np.testing.assert_allclose(np.sqrt(variance_KxM), half_KxM, rtol=1e-6)
    np.testing.assert_allclose(np.exp(known.log_KxN).T, fitted.losses(w_MxS), rtol=1e-9)


def test_a_further_run_teaches_what_conditioning_says(fitted):
    w_MxS = np.random.default_rng(2).dirichlet(np.ones(3), 6)
    known = posterior(fitted, w_MxS, np.nan, np.nan)
    after = learned(known.feature_KxNxP, known.feature_KxNxP[:, 0], known.noise_K)
    for k in range(2):
        before = known.feature_KxNxP[k] @ known.feature_KxNxP[k].T
        variance = before[0, 0] + known.noise_K[k] ** 2
        expected = before - np.outer(before[:, 0], before[0]) / variance
        np.testing.assert_allclose(after[k] @ after[k].T, expected, atol=1e-15 + 1e-9 * before.max())


def test_what_runs_are_off_by_is_alike_between_targets(fitted):
    assert posterior(fitted, np.eye(3), np.nan, np.nan).correlation_KxK[0, 1] == pytest.approx(0.8 * 30 / 40, abs=0.25)
    off_KxR = np.random.default_rng(0).standard_normal((3, 400))
    off_KxR[2] = off_KxR[0]
    off_KxR[1, 5:] = np.nan
    found = residual_correlation(off_KxR)
    assert found[0, 2] == pytest.approx(400 / 410, abs=1e-3)
    assert abs(found[0, 1]) < 0.5
    assert np.linalg.eigvalsh(found).min() > 0


def test_a_fit_from_a_file_has_no_runs_to_tell_it_from(fitted, tmp_path):
    fitted.save(tmp_path / "fit.json")
    with pytest.raises(MixlawError, match="fit the run table again"):
        posterior(read_fit(tmp_path / "fit.json"), np.eye(3), np.nan, np.nan)
