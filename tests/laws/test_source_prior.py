"""A prior of what sources are worth: what it refuses, that a fit hears it, and that it decides where runs are few."""

import numpy as np
import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_runs import fit
from mixlaw.laws import EffectiveTokens, SourcePrior
from mixlaw.runs.run_table import Runs
from mixlaw.validation.held_out import held_out

SOURCES, TARGETS = ("a", "b", "c", "d"), ("x", "y")
THETA = np.array([[1.0, 0.0, -1.0, -2.0], [-2.0, 1.0, 0.0, -1.0]])
CERTAIN = SourcePrior.of(SOURCES, TARGETS, THETA - THETA.mean(1, keepdims=True), np.full((2, 4), 0.2))


def truth(w_RxS):
    u_RxK = 0.3 + np.einsum("ks,rs->rk", np.exp(THETA), np.sqrt(w_RxS))
    return 1.5 + u_RxK**-0.4


def table(count, seed=0, noise=0.004):
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.ones(4), count)
    loss_RxK = truth(w_RxS) * np.exp(noise * rng.standard_normal((count, 2)))
    frame = pd.DataFrame({"run_id": range(count)})
    frame = frame.assign(**{f"w:{s}": w_RxS[:, i] for i, s in enumerate(SOURCES)})
    return Runs.from_frame(frame.assign(**{f"loss:{t}": loss_RxK[:, k] for k, t in enumerate(TARGETS)}))


def test_the_prior_is_heard_where_runs_are_few_and_not_where_they_are_many():
    w_MxS = np.random.default_rng(9).dirichlet(np.ones(4), 200)
    error = {}
    for count in (6, 48):
        for prior in (None, CERTAIN):
            found = [fit(table(count, seed), EffectiveTokens, prior=prior) for seed in range(3)]
            away = [np.abs(one.losses(w_MxS) - truth(w_MxS)).mean() for one in found]
            error[count, prior is not None] = np.mean(away)
    assert error[6, True] < 0.7 * error[6, False]
    assert error[48, True] == pytest.approx(error[48, False], rel=0.5)


def test_replicas_and_held_out_errors_know_the_prior():
    runs = table(12)
    plain, informed = (replicate(fit(runs, EffectiveTokens, prior=prior), 20) for prior in (None, CERTAIN))
    at = np.array([[0.0, 0.0, 0.0, 1.0]])
    wide, narrow = (np.ptp(one.losses(at, replicas=True), axis=0).mean() for one in (plain, informed))
    assert narrow < wide
    assert held_out(informed).mae < held_out(plain).mae
    assert informed.provenance["prior"] == "stated"
    assert "prior" not in plain.provenance


def test_what_does_not_fit_is_refused():
    runs = table(12)
    with pytest.raises(MixlawError, match="takes no prior of its sources"):
        fit(runs, "linear", prior=CERTAIN)
    with pytest.raises(MixlawError, match="says nothing of d, e, or the runs do not"):
        fit(runs, EffectiveTokens, prior=SourcePrior.of((*SOURCES[:3], "e"), TARGETS, THETA, np.ones((2, 4))))
    with pytest.raises(MixlawError, match="do not fit"):
        SourcePrior.of(SOURCES, TARGETS, THETA[:, :3], np.ones((2, 4)))
    with pytest.raises(MixlawError, match="not positive definite"):
        SourcePrior.of(SOURCES, TARGETS, THETA, np.zeros((2, 4)))
    with pytest.raises(MixlawError, match="finite"):
        SourcePrior.of(SOURCES, TARGETS, THETA * np.nan, np.ones((2, 4)))
