"""A fit, its intervals, replicas, posterior and cross-validation share one set of observations and one prior."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from mixlaw.estimation import observations
from mixlaw.fitting import training_data
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.posterior import posterior
from mixlaw.fitting.prediction_interval import band
from mixlaw.runs.run_table import Runs
from mixlaw.validation.held_out import held_out


def table():
    rng = np.random.default_rng(1)
    w_RxS = rng.dirichlet(np.ones(3), 20)
    loss_R = 3.0 * np.exp(-0.4 * w_RxS[:, 0] + 0.002 * rng.standard_normal(20))
    return Runs.from_frame(pd.DataFrame({"w:a": w_RxS[:, 0], "w:b": w_RxS[:, 1], "w:c": w_RxS[:, 2], "loss:a": loss_R}))


@pytest.fixture
def calls(monkeypatch):
    """How often rows were chosen (by `observe`, from any module) and the prior of a fit was computed."""
    found = {"_one_scale": 0, "parameter_prior": 0}

    def counted(name, function):
        def call(*args):
            found[name] += 1
            return function(*args)

        return call

    for module, name in ((observations, "_one_scale"), (training_data, "parameter_prior")):
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    return found


def test_runs_are_observed_once_a_fit_and_its_prior_is_inverted_once(calls, monkeypatch):
    fitted = fit(table(), "log-linear")
    assert calls == {"_one_scale": 1, "parameter_prior": 1}
    inverted = []
    real = np.linalg.inv
    monkeypatch.setattr(np.linalg, "inv", lambda x: inverted.append(x.shape) or real(x))
    copy = replace(replicate(fitted, 3), unique_S=np.full(3, 1e12))
    w_MxS = np.eye(3)
    band(copy, w_MxS)
    posterior(copy, w_MxS, np.nan, np.nan)
    assert inverted == []
    held_out(copy)
    assert calls == {"_one_scale": 1, "parameter_prior": 1}


def test_a_fit_with_other_runs_has_observations_of_its_own():
    fitted = fit(table(), "log-linear")
    half = replace(fitted, runs=fitted.runs.select(np.arange(20) < 10))
    assert len(half.data.observations.runs) == 10
    assert len(fitted.data.observations.runs) == 20
    assert replace(fitted, runs=None).data is None
    with pytest.raises(MixlawError, match="without its runs, which its posterior needs"):
        posterior(replace(fitted, runs=None), np.eye(3), np.nan, np.nan)


def test_observations_of_some_targets_are_those_of_a_table_with_these_targets():
    runs = table()
    frame = runs.frame.assign(**{"loss:b": 2.0 + 0.1 * runs.w_RxS[:, 1]})
    both = Runs.from_frame(frame)
    law = fit(runs, "log-linear").law
    one, other = observations.observe(both, law).of_targets(["b"]), observations.observe(both.with_targets(["b"]), law)
    assert one.runs.targets == other.runs.targets == ("b",)
    np.testing.assert_array_equal(one.log_loss_KxR, other.log_loss_KxR)
    np.testing.assert_array_equal(one.weight_KxR, other.weight_KxR)
