"""Tokenizers and targets' texts: carried from the runs to the plan, and never mixed."""

import numpy as np
import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_runs import fit
from mixlaw.runs.measurement import Measurement, check_comparable, of_provenance, unchecked
from mixlaw.runs.run_table import Runs, read_runs


def frame(rows=12, **more):
    w_R = np.linspace(0.05, 0.95, rows)
    columns = {"run_id": [f"r{i}" for i in range(rows)], "w:a": w_R, "w:b": 1 - w_R}
    columns |= {"loss:a": 2.0 + np.exp(-w_R), "loss:b": 3.0 + np.exp(w_R - 1), **more}
    return pd.DataFrame(columns)


def test_what_a_table_states_is_its_yardstick_and_its_fits():
    runs = Runs.from_frame(frame(tokenizer="gpt2", **{"target:a": "0123", "target:b": None}))
    assert (runs.measurement.tokenizer, dict(runs.measurement.definitions)) == ("gpt2", {"a": "0123"})
    assert runs.tokenizer == "gpt2"
    made = fit(runs, "log-linear", bootstrap=0)
    assert of_provenance(made.provenance, "fit") == Measurement("fit", "gpt2", {"a": "0123"})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_hash_of_digits_alone_stays_text(tmp_path, suffix):
    runs = Runs.from_frame(frame(**{"target:a": "0012345678901234", "target:b": "1e10"}))
    runs.write(tmp_path / f"runs.{suffix}")
    again = read_runs(tmp_path / f"runs.{suffix}")
    assert again.measurement.definitions == {"a": "0012345678901234", "b": "1e10"}
    assert again.hash() == runs.hash()


def test_rows_on_different_texts_are_refused_by_cell():
    text_R = ["x"] * 7 + [""] + ["y"] * 4
    with pytest.raises(MixlawError, match=r"row 8 .*column 'target:a': 'y' differs from 'x'.*split the table"):
        Runs.from_frame(frame(**{"target:a": text_R}))


def test_a_column_of_no_target_rides_along():
    runs = Runs.from_frame(frame(**{"target:c": [f"note {i}" for i in range(12)]}))
    assert not runs.measurement.definitions
    assert "target:c" in runs.frame


def test_a_target_left_out_takes_its_text_with_it():
    runs = Runs.from_frame(frame(**{"target:a": "x", "target:b": "y"})).with_targets(["b"])
    assert runs.measurement.definitions == {"b": "y"}
    assert "target:a" not in runs.frame


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (
            Measurement("plan", "gpt2"),
            Measurement("runs", "bytes"),
            "runs: its tokenizer is 'bytes', that of plan 'gpt2'",
        ),
        (
            Measurement("plan", None, {"a": "x"}),
            Measurement("runs", None, {"a": "y"}),
            "target 'a' is the text 'y', in plan",
        ),
    ],
)
def test_different_yardsticks_do_not_mix(one, other, words):
    with pytest.raises(MixlawError, match=words):
        check_comparable(one, other)


def test_what_one_side_leaves_out_is_told_and_not_refused():
    full, silent = Measurement("plan", "gpt2", {"a": "x"}), Measurement("runs")
    check_comparable(full, silent)
    check_comparable(full, Measurement("other", "gpt2", {"b": "x"}))
    told = " ".join(unchecked(full, silent))
    assert "runs names no tokenizer: taken to be gpt2" in told
    assert "no target: columns" in told


def test_a_fit_does_not_predict_runs_of_another_tokenizer():
    made = fit(Runs.from_frame(frame(tokenizer="gpt2")), "log-linear", bootstrap=0)
    with pytest.raises(MixlawError, match="tokenizer is 'bytes', that of the fit 'gpt2'"):
        made.predict(Runs.from_frame(frame(tokenizer="bytes")))
