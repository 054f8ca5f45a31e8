"""Stages of long work: silent by default, told to whoever listens, a line on stderr where it takes long."""

import time

import numpy as np
import pandas as pd

from mixlaw import fit
from mixlaw.cli.progress import plain_stages, with_stages
from mixlaw.io.progress import listening, stage
from mixlaw.runs.run_table import Runs


def table(rows=20):
    w_RxS = np.random.default_rng(0).dirichlet(np.ones(2), rows)
    return Runs.from_frame(pd.DataFrame({"w:a": w_RxS[:, 0], "w:b": w_RxS[:, 1], "loss:a": 2 + np.exp(-w_RxS[:, 0])}))


def test_a_fit_tells_its_stages_to_who_listens_and_nobody_else(capfd):
    told = []
    with listening(told.append):
        fit(table(), "auto", bootstrap=3)
    assert any(what.startswith("choosing the law: ") and "(1 of 3)" in what for what in told)
    assert any(what.startswith("fitting ") and "20 rows" in what for what in told)
    assert told[-1].startswith("refitting ")
    assert "3 bootstrap samples" in told[-1]
    assert told[-1].endswith(": 3 of 3 fits")
    count = len(told)
    fit(table(), "log-linear")  # outside, nobody hears
    assert len(told) == count
    assert capfd.readouterr() == ("", "")


def test_long_work_is_told_now_and_then_on_stderr_alone(capfd):
    with plain_stages("fit", every=0.05) as tell, listening(tell):
        stage("fitting")
        time.sleep(0.3)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[0].startswith("fit: fitting, 0:00 so far")
    assert with_stages("fit", lambda: 7) == 7
    assert capfd.readouterr() == ("", ""), "quick work says nothing in a log"


def test_an_error_ends_the_telling():
    told = []
    try:
        with listening(told.append):
            raise ValueError
    except ValueError:
        pass
    stage("later")
    assert told == []
