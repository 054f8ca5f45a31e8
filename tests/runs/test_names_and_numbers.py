"""Names and numbers of a run table that other programs would read otherwise: refused or normalised."""

import numpy as np
import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from mixlaw.estimation.observations import check_losses_differ
from mixlaw.runs.run_table import Runs, read_runs

GOOD = {"run_id": ["a", "b"], "params": [1e6, 1e6], "w:web": [0.25, 0.5], "w:code": [0.75, 0.5], "loss:web": [3.1, 2.9]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"run_id": ["\x1b]0;pwned\x07", "b"]}, "control characters"),
        ({"run_id": ["=1+1", "b"]}, "formula"),
        ({"w:@x": [0.0, 0.0]}, "formula"),
        ({"tokenizer": ["gpt2\x1b[2J", "gpt2\x1b[2J"]}, "control characters"),
        ({"params": ["1_000", "1"]}, "not a number"),
        ({"params": ["\uff11\uff12", "1"]}, "not a number"),
        ({"w:caf\u00e9": [0.0, 0.0], "w:cafe\u0301": [0.0, 0.0]}, "twice"),
        ({"Loss:code": [1.0, 2.0]}, "by case"),
        ({"Tokens": [1.0, 2.0]}, "by case"),
    ],
)
def test_refused(tmp_path, changes, reason):
    frame = pd.DataFrame({**GOOD, **changes})
    with pytest.raises(MixlawError, match=reason):
        Runs.from_frame(frame)
    frame.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(MixlawError, match=reason):
        read_runs(tmp_path / "runs.csv")


def test_a_run_may_be_named_by_a_negative_number():
    assert Runs.from_frame(pd.DataFrame({**GOOD, "run_id": ["-1", "+2"]})).run_id.tolist() == ["-1", "+2"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_float32_columns_give_the_same_hash_after_writing(tmp_path, suffix):
    rng = np.random.default_rng(0)
    w_RxS = rng.dirichlet(np.ones(3), 8).astype(np.float32)
    frame = pd.DataFrame(w_RxS, columns=["w:a", "w:b", "w:c"])
    for column in ("loss:a", "params", "tokens", "unique:a"):
        frame[column] = rng.uniform(1, 2, 8).astype(np.float32)
    runs = Runs.from_frame(frame)
    runs.write(tmp_path / f"runs{suffix}")
    assert read_runs(tmp_path / f"runs{suffix}").with_targets(["a"]).w_RxS.tolist() == runs.w_RxS.tolist()
    written = (
        pd.read_csv(tmp_path / f"runs{suffix}") if "csv" in suffix else pd.read_parquet(tmp_path / f"runs{suffix}")
    )
    assert Runs.from_frame(written).hash() == runs.hash()


def test_losses_that_are_all_equal_are_refused():
    runs = Runs.from_frame(pd.DataFrame({**GOOD, "loss:code": [2.0, 2.0], "loss:math": [1.0, np.nan]}))
    with pytest.raises(MixlawError, match="loss:code is the same in all runs: nothing to fit"):
        check_losses_differ(runs)
