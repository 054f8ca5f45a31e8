import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from mixlaw.runs.run_table import Runs, read_runs

GOOD = """run_id,params,tokens,w:web,w:code,loss:web,loss:code,unique:code,seed,step,host
a,1e6,1e8,0.75,0.25,4.0,3.0,1e7,0,100,h1
a,1e6,2e8,0.75,0.25,3.5,2.5,1e7,0,200,h1
b,1e6,2e8,1,0,3.4,,,1,200,h2
c,5e6,2e8,0.5,0.5,3.0,2.0,1e8,0,200,"h 3, rack 4"
"""


def table(folder: Path, text: str | bytes, name: str = "runs.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(call, *args) -> str:
    """The message of the MixlawError, which must be one printable line."""
    with pytest.raises(MixlawError) as caught:
        call(*args)
    message = str(caught.value)
    assert message.isprintable()
    assert message.splitlines() == [message]
    return message


def same(one: Runs, other: Runs) -> bool:
    return one.hash() == other.hash()


def test_reads_the_columns(tmp_path):
    runs = read_runs(table(tmp_path, GOOD))
    assert (runs.sources, runs.targets, runs.name) == (("web", "code"), ("web", "code"), "runs.csv")
    assert runs.run_id.tolist() == ["a", "a", "b", "c"]
    np.testing.assert_allclose(runs.w_RxS, [[0.75, 0.25], [0.75, 0.25], [1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(runs.loss_RxK, [[4, 3], [3.5, 2.5], [3.4, np.nan], [3, 2]])
    np.testing.assert_allclose(runs.params_R, [1e6, 1e6, 1e6, 5e6])
    np.testing.assert_allclose(runs.unique_RxS, [[np.inf, 1e7], [np.inf, 1e7], [np.inf, np.inf], [np.inf, 1e8]])
    np.testing.assert_allclose(runs.step_R, [100, 200, 200, 200])
    np.testing.assert_allclose(runs.seed_R, [0, 0, 1, 0])
    assert runs.frame["host"].tolist() == ["h1", "h1", "h2", "h 3, rack 4"]
    assert len(runs) == 4
    assert runs.tokenizer is None
    assert runs.notes == ("runs.csv: unique: absent or empty for web, taken as never repeating there",)


def test_clusters_last_checkpoints_epochs_and_scales(tmp_path):
    runs = read_runs(table(tmp_path, GOOD))
    assert runs.cluster_R.tolist() == [0, 0, 1, 2]
    assert runs.last_R.tolist() == [False, True, True, True]
    np.testing.assert_allclose(runs.epochs_RxS, [[0, 2.5], [0, 5], [0, 0], [0, 1]])
    np.testing.assert_allclose(runs.scales, [1e6, 5e6])


def test_epochs_unknown_without_tokens():
    runs = Runs.from_frame(pd.DataFrame({"run_id": ["a"], "w:x": [1.0], "loss:x": [2.0], "unique:x": [5.0]}))
    assert np.isnan(runs.epochs_RxS).all()


@pytest.mark.parametrize(
    ("columns", "last"),
    [
        ({"tokens": [3.0, 1, 2, 5, 4], "step": [1, 2, 3, 4, 5]}, [0, 3]),
        ({"step": [2, 3, 1, 4, 5]}, [1, 4]),
        ({"tokens": [1.0, 1, 1, 1, 1], "step": [2, 1, 0, 7, 9]}, [0, 4]),
    ],
)
def test_last_checkpoint_by_tokens_then_step(columns, last):
    frame = pd.DataFrame({"run_id": ["b", "b", "b", "a", "a"], "w:x": 1.0, "loss:x": 2.0, **columns})
    runs = Runs.from_frame(frame)
    assert np.flatnonzero(runs.last_R).tolist() == last
    shuffled = runs.select([4, 2, 0, 3, 1])
    assert sorted(shuffled.frame["step"][shuffled.last_R]) == sorted(runs.frame["step"][runs.last_R])


def test_absent_optional_columns():
    runs = Runs.from_frame(pd.DataFrame({"w:x": [1.0, 1.0], "loss:y": [2.0, 3.0]}), "mine")
    assert runs.run_id.tolist() == ["1", "2"]
    for array_R in (runs.params_R, runs.tokens_R, runs.seed_R, runs.step_R):
        assert np.isnan(array_R).all()
    assert np.isinf(runs.unique_RxS).all()
    assert len(runs.scales) == 0
    assert any("run_id" in note for note in runs.notes)
    assert any("unique" in note for note in runs.notes)


def test_rounded_weights_are_normalised_with_a_note(tmp_path):
    text = "run_id,w:a,w:b,loss:a\n1,0.333,0.663,2\n2,0.5,0.503,2\n3,0.5,0.5,2\n"
    runs = read_runs(table(tmp_path, text))
    np.testing.assert_allclose(runs.w_RxS.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(runs.w_RxS[0, 0], 0.333 / 0.996)
    np.testing.assert_allclose(runs.frame["w:a"], runs.w_RxS[:, 0])
    assert "2 rows of runs.csv: weights summed to 0.996 to 1.003, renormalised" in runs.notes


def test_header_blanks_index_column_blank_lines_and_byte_order_mark(tmp_path):
    text = '\ufeff, run_id , w: a ,loss :a, note\n0,x,1,2.5,"two\nlines"\n\n1,y,1, 2.6 ,\n,,,,\n'
    runs = read_runs(table(tmp_path, text))
    assert (runs.sources, runs.targets) == (("a",), ("a",))
    assert runs.run_id.tolist() == ["x", "y"]
    np.testing.assert_allclose(runs.loss_RxK[:, 0], [2.5, 2.6])
    assert any("without a name" in note for note in runs.notes)


def test_row_numbers_count_lines_of_the_file(tmp_path):
    text = 'run_id,note,w:a,loss:a\nx,"two\nlines",1,2\n\ny,,1,oops\n'
    assert "row 5, column 'loss:a': 'oops'" in refusal(read_runs, table(tmp_path, text))


def test_ids_that_look_like_numbers_stay_text(tmp_path):
    runs = read_runs(table(tmp_path, "run_id,w:a,loss:a\n007,1,2\n7,1,2\n"))
    assert runs.run_id.tolist() == ["007", "7"]
    runs.write(tmp_path / "again.csv")
    assert read_runs(tmp_path / "again.csv").run_id.tolist() == ["007", "7"]


@pytest.mark.parametrize("name", ["again.csv", "again.csv.gz", "again.parquet"])
def test_written_tables_read_back_the_same(tmp_path, name):
    runs = read_runs(table(tmp_path, GOOD))
    runs.write(tmp_path / name)
    again = read_runs(tmp_path / name)
    assert same(runs, again)
    assert again.frame["host"].tolist() == runs.frame["host"].tolist()


def test_write_refuses_unknown_suffix_and_absent_folder(tmp_path):
    runs = read_runs(table(tmp_path, GOOD))
    assert "runs.xlsx" in refusal(runs.write, tmp_path / "runs.xlsx")
    assert "cannot be written" in refusal(runs.write, tmp_path / "absent" / "runs.csv")
    mixed = Runs.from_frame(runs.frame.assign(host=[1, "x", 2.0, None]))
    assert "host" in refusal(mixed.write, tmp_path / "runs.parquet")


def test_gzip_is_read(tmp_path):
    path = table(tmp_path, gzip.compress(GOOD.encode()), "runs.csv.gz")
    assert same(read_runs(path), read_runs(table(tmp_path, GOOD)))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 3))
def test_csv_round_trip_is_exact(seed, S, K):
    import tempfile

    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.dirichlet(np.ones(S), size=6), columns=[f"w:s{i}" for i in range(S)])
    frame["run_id"] = [f"r{i}" for i in range(6)]
    for k in range(K):
        loss_R = rng.lognormal(size=6)
        loss_R[1:][rng.uniform(size=5) < 0.3] = np.nan
        frame[f"loss:t{k}"] = loss_R
    runs = Runs.from_frame(frame)
    with tempfile.TemporaryDirectory() as folder:
        runs.write(Path(folder) / "runs.csv")
        again = read_runs(Path(folder) / "runs.csv")
    np.testing.assert_array_equal(again.loss_RxK, runs.loss_RxK)
    np.testing.assert_allclose(again.w_RxS, runs.w_RxS, rtol=1e-15)


def test_select_and_with_targets(tmp_path):
    runs = read_runs(table(tmp_path, GOOD))
    last = runs.select(runs.last_R)
    assert last.run_id.tolist() == ["a", "b", "c"]
    assert last.frame["host"].tolist() == ["h1", "h2", "h 3, rack 4"]
    assert last.cluster_R.tolist() == [0, 1, 2]
    turned = runs.select([3, 0])
    np.testing.assert_allclose(turned.loss_RxK[:, 0], [3, 4])
    np.testing.assert_allclose(turned.unique_RxS[:, 1], [1e8, 1e7])
    code = runs.with_targets(["code"])
    assert code.targets == ("code",)
    np.testing.assert_allclose(code.loss_RxK[:, 0], runs.loss_RxK[:, 1])
    assert "loss:web" not in code.frame
    assert "loss:code" in runs.with_targets(["code", "web"]).frame
    message = refusal(runs.with_targets, ["cod"])
    assert "did you mean 'code'" in message
    assert "loss:cod" in message


def test_select_nothing(tmp_path):
    runs = read_runs(table(tmp_path, GOOD))
    for rows in ([], np.zeros(4, bool)):
        nothing = runs.select(rows)
        assert len(nothing) == len(nothing.frame) == len(nothing.last_R) == 0
        assert nothing.epochs_RxS.shape == (0, 2)


def test_arrays_are_read_only_and_hash_follows_content(tmp_path):
    runs = read_runs(table(tmp_path, GOOD))
    with pytest.raises(ValueError, match="read-only"):
        runs.w_RxS[0, 0] = 1
    other = read_runs(table(tmp_path, GOOD.replace("3.4", "3.41")))
    assert len({runs.hash(), other.hash(), runs.select([0, 1]).hash(), runs.with_targets(["web"]).hash()}) == 4


def test_from_frame_leaves_its_argument_alone_and_takes_a_named_index():
    frame = pd.DataFrame(
        {"w:a": [0.5, 0.4], "w:b": [0.51, 0.6], "loss:a": [2, 3]}, index=pd.Index([5, 7], name="run_id")
    )
    before = frame.copy()
    runs = Runs.from_frame(frame)
    assert runs.run_id.tolist() == ["5", "7"]
    pd.testing.assert_frame_equal(frame, before)


def test_frames_of_any_dtype():
    frame = pd.DataFrame({"run_id": [1, 2], "w:a": ["1", "1.0"], "loss:a": pd.array([2, None], dtype="Int64")})
    frame["unique:a"] = [np.inf, 5]
    frame["tokenizer"] = pd.Categorical(["gpt2", None])
    runs = Runs.from_frame(frame)
    np.testing.assert_allclose(runs.loss_RxK[:, 0], [2, np.nan])
    np.testing.assert_allclose(runs.unique_RxS[:, 0], [np.inf, 5])
    assert runs.tokenizer == "gpt2"


def test_rows_without_any_loss_are_kept_and_noted(tmp_path):
    runs = read_runs(table(tmp_path, "run_id,w:a,loss:a,loss:b\n1,1,2,\n2,1,,\n3,1,,3\n"))
    assert len(runs) == 3
    assert any("1 rows of runs.csv have no loss" in note for note in runs.notes)


def test_mixtures_that_change_within_a_run_are_noted(tmp_path):
    runs = read_runs(table(tmp_path, "run_id,tokens,w:a,w:b,loss:a\n1,1,1,0,2\n1,2,0,1,2\n2,1,1,0,2\n"))
    assert any("changes between checkpoints of 1 runs (1)" in note for note in runs.notes)


HEAD = "run_id,w:web,w:code,loss:web,loss:code\n"
BROKEN_TABLES = {
    "empty": ("", ["empty"]),
    "blank lines": ("\n\n", ["empty"]),
    "no rows": (HEAD, ["no rows"]),
    "no weights": ("run_id,web,loss:web\na,1,2\n", ["w:<source>", "run_id, web, loss:web"]),
    "no losses": ("run_id,w:web,web\na,1,2\n", ["loss:<target>"]),
    "text weight": (HEAD + "a,0.5,0.5,2,3\nb,half,0.5,2,3\n", ["row 3", "w:web", "'half'"]),
    "text loss": (HEAD + "a,0.5,0.5,2,diverged\n", ["row 2", "loss:code", "'diverged'"]),
    "constant text": (HEAD + "a,0.5,0.5,x,2\nb,0.5,0.5,x,2\n", ["row 2", "loss:web", "'x'"]),
    "decimal comma": (HEAD + 'a,"0,5","0,5",2,3\n', ["row 2", "w:web", "'0,5'"]),
    "empty weight": (HEAD + "a,1,,2,3\n", ["row 2", "w:code", "write 0"]),
    "NaN weight": (HEAD + "a,1,NaN,2,3\n", ["row 2", "w:code", "NaN"]),
    "negative weight": (HEAD + "a,1.2,-0.2,2,3\n", ["row 2", "w:code", "negative"]),
    "infinite weight": (HEAD + "a,inf,0,2,3\n", ["row 2", "w:web", "infinite"]),
    "sum too small": (HEAD + "a,0.5,0.5,2,3\nb,0.5,0.4,2,3\n", ["row 3", "w:", "0.9"]),
    "sum too large": (HEAD + "a,0.6,0.5,2,3\n", ["row 2", "w:", "1.1"]),
    "percent": (HEAD + "a,60,40,2,3\n", ["row 2", "100", "divide by 100"]),
    "all zero": (HEAD + "a,0,0,2,3\n", ["row 2", "sum to 0"]),
    "NaN loss": (HEAD + "a,0.5,0.5,NaN,3\n", ["row 2", "loss:web", "leave the cell empty"]),
    "nan loss": (HEAD + "a,0.5,0.5,2,nan\n", ["row 2", "loss:code", "leave the cell empty"]),
    "NA loss": (HEAD + "a,0.5,0.5,2,NA\n", ["row 2", "loss:code", "'NA'"]),
    "infinite loss": (HEAD + "a,0.5,0.5,2,inf\n", ["row 2", "loss:code", "infinite"]),
    "negative loss": (HEAD + "a,0.5,0.5,2,-3\n", ["row 2", "loss:code", "-3"]),
    "zero loss": (HEAD + "a,0.5,0.5,0,3\n", ["row 2", "loss:web", "0"]),
    "target never measured": (HEAD + "a,0.5,0.5,2,\nb,0.5,0.5,2,\n", ["loss:code", "no loss measured"]),
    "empty id": (HEAD + "a,0.5,0.5,2,3\n,0.5,0.5,2,3\n", ["row 3", "run_id", "empty"]),
    "id twice": (HEAD + "a,0.5,0.5,2,3\nb,0.5,0.5,2,3\na,0.5,0.5,2,3\n", ["row 4", "run_id", "'a'", "row 2"]),
    "step twice": (
        "run_id,step,w:a,loss:a\nx,1,1,2\nx,2,1,2\nx,2,1,3\n",
        ["row 4", "'x'", "same step", "row 3"],
    ),
    "tokens twice": (
        "run_id,params,tokens,w:a,loss:a\nx,1,5,1,2\nx,1,5,1,3\n",
        ["row 3", "'x'", "params and tokens", "row 2"],
    ),
    "two sizes in a run": (
        "run_id,params,tokens,w:a,loss:a\nx,1e6,5,1,2\nx,6e7,9,1,3\n",
        ["row 3", "params", "'x'", "6e+07", "1e+06", "row 2"],
    ),
    "params zero": ("run_id,params,w:a,loss:a\nx,0,1,2\n", ["row 2", "params", "above 0"]),
    "tokens negative": ("run_id,tokens,w:a,loss:a\nx,-5,1,2\n", ["row 2", "tokens", "-5"]),
    "tokens text": ("run_id,tokens,w:a,loss:a\nx,5B,1,2\n", ["row 2", "tokens", "'5B'"]),
    "seed text": ("run_id,seed,w:a,loss:a\nx,lucky,1,2\n", ["row 2", "seed", "'lucky'"]),
    "column twice": ("run_id,w:a,w:a,loss:a\nx,1,0,2\n", ["row 1", "w:a", "twice"]),
    "column twice but for blanks": ("run_id,w:a,w: a,loss:a\nx,1,0,2\n", ["w:a", "twice"]),
    "source without a name": ("run_id,w:a,w:,loss:a\nx,1,0,2\n", ["row 1", "'w:'"]),
    "name with an escape": ("run_id,w:a\x1b[31m,loss:a\nx,1,2\n", ["row 1", "proper name"]),
    "unique of no source": ("run_id,w:a,loss:a,unique:b\nx,1,2,9\n", ["unique:b", "w:b"]),
    "unique zero": ("run_id,w:a,loss:a,unique:a\nx,1,2,0\n", ["row 2", "unique:a", "never repeats"]),
    "tokenizers": (
        "run_id,w:a,loss:a,tokenizer\nx,1,2,gpt2\ny,1,2,llama\n",
        ["row 3", "tokenizer", "llama", "gpt2"],
    ),
    "too many cells": (HEAD + "a,0.5,0.5,2,3,4\n", ["row 2", "6 cells", "5"]),
    "too few cells": (HEAD + "a,0.5,0.5,2,3\nb,0.5,0.5\n", ["row 3", "3 cells", "5"]),
    "semicolons": (HEAD.replace(",", ";") + "a;1;0;2;3\n", ["commas"]),
    "tabs": (HEAD.replace(",", "\t") + "a\t1\t0\t2\t3\n", ["commas"]),
    "open quote": (HEAD + 'a,0.5,0.5,2,"3\n', ["CSV"]),
    "not UTF-8": (HEAD.encode() + b"caf\xe9,0.5,0.5,2,3\n", ["row 2", "UTF-8"]),
    "UTF-16": (HEAD.encode("utf-16"), ["UTF-8"]),
    "binary": (bytes(range(128)), ["runs.csv"]),
}


@pytest.mark.parametrize("case", BROKEN_TABLES)
def test_broken_tables(tmp_path, case):
    text, named = BROKEN_TABLES[case]
    message = refusal(read_runs, table(tmp_path, text))
    assert "runs.csv" in message
    for part in named:
        assert part in message


def test_broken_files(tmp_path):
    assert "absent.csv: no such file" in refusal(read_runs, tmp_path / "absent.csv")
    assert "no such file" in refusal(read_runs, tmp_path / ("x" * 5000 + ".csv"))
    assert "directory" in refusal(read_runs, tmp_path)
    assert "runs.xlsx" in refusal(read_runs, table(tmp_path, GOOD, "runs.xlsx"))
    assert "Parquet" in refusal(read_runs, table(tmp_path, GOOD, "runs.parquet"))
    assert "gzip" in refusal(read_runs, table(tmp_path, GOOD, "runs.csv.gz"))
    cut = gzip.compress(os.urandom(2000))[:900]
    assert "gzip" in refusal(read_runs, table(tmp_path, cut, "cut.csv.gz"))


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"loss:a": [2.0, -1.0]}, ["row 1 (from 0)", "loss:a"]),
        ({"w:a": [1.0, np.nan]}, ["row 1 (from 0)", "w:a"]),
        ({"w:a": [True, True]}, ["w:a", "bool"]),
        ({"w:a": [1 + 0j, 1]}, ["w:a", "complex"]),
        ({"loss:a": [[2.0], [3.0]]}, ["row 0 (from 0)", "loss:a"]),
        ({"loss:a": [np.nan, np.nan]}, ["loss:a", "no loss measured"]),
        ({"loss:a": [None, "x"]}, ["row 1 (from 0)", "'x'"]),
        ({"run_id": ["a", None]}, ["row 1 (from 0)", "run_id"]),
        ({"params": [np.inf, 1]}, ["row 0 (from 0)", "params"]),
    ],
)
def test_broken_frames(tmp_path, columns, named):
    frame = pd.DataFrame({"run_id": ["a", "b"], "w:a": [1.0, 1.0], "loss:a": [2.0, 3.0], **columns})
    message = refusal(Runs.from_frame, frame, "frame of mine")
    assert "frame of mine" in message
    for part in named:
        assert part in message
    if "complex" not in named:  # Parquet knows no complex numbers
        frame.to_parquet(tmp_path / "runs.parquet")
        assert "runs.parquet" in refusal(read_runs, tmp_path / "runs.parquet")


def test_frames_with_a_column_twice_or_no_rows():
    frame = pd.DataFrame([[1.0, 0.0, 2.0]], columns=["w:a", "w:a", "loss:a"])
    assert "w:a" in refusal(Runs.from_frame, frame)
    assert "no rows" in refusal(Runs.from_frame, pd.DataFrame({"w:a": [], "loss:a": []}))
    assert "w:<source>" in refusal(Runs.from_frame, pd.DataFrame())
    assert "ndarray" in refusal(Runs.from_frame, np.ones((2, 2)))


@settings(deadline=None, max_examples=150)
@given(st.text('rw:ls_id,aoe0123456789.-"\n; \t', max_size=80), st.booleans())
def test_any_text_is_read_or_refused(text, with_header):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = table(Path(folder), ("w:a,loss:a\n1,2\n" if with_header else "") + text)
        try:
            lines = ["read"] * bool(np.allclose(read_runs(path).w_RxS.sum(axis=1), 1))
        except MixlawError as error:
            lines = str(error).splitlines()
    assert len(lines) == 1


PUBLISHED = {
    "regmix/runs_1m_train.csv": (512, 17, 13, 512, [1e6]),
    "regmix/runs_1m_test.csv": (256, 17, 13, 256, [1e6]),
    "regmix/runs_60m_test.csv": (256, 17, 13, 256, [6e7]),
    "mixing_laws/2mix.csv": (110, 2, 2, 10, [7e7, 1.6e8]),
    "mixing_laws/3mix.csv": (1088, 3, 3, 41, [7e7, 1.6e8, 4.1e8]),
    "mixing_laws/5mix.csv": (1406, 5, 22, 104, [7e7, 1.6e8, 3.05e8, 4.1e8]),
    "mixing_laws/redpajama.csv": (1131, 7, 22, 103, [7e7, 1.6e8, 3.05e8, 4.1e8]),
    "pile4/runs.csv": (81, 4, 4, 40, [9e7, 2e8]),
    "slimpajama/runs.csv": (1988, 7, 8, 200, [1.22e8, 3.1e8, 6.8e8, 9.37e8]),
    "repetition_mismatch/runs.csv": (318, 3, 3, 318, [3e7, 1.24e8, 3.45e8]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tables(published, name):
    rows, S, K, count, scales = PUBLISHED[name]
    runs = read_runs(published / name)
    assert (runs.w_RxS.shape, runs.loss_RxK.shape) == ((rows, S), (rows, K))
    assert runs.cluster_R.max() + 1 == runs.last_R.sum() == count
    np.testing.assert_allclose(runs.scales, scales)
    raw = pd.read_csv(published / name)
    for target in runs.targets:
        np.testing.assert_array_equal(runs.loss_RxK[:, runs.targets.index(target)], raw[f"loss:{target}"])
    np.testing.assert_allclose(runs.w_RxS, raw[[f"w:{source}" for source in runs.sources]], atol=1e-9)


def test_published_epochs_agree_with_the_authors(published):
    runs = read_runs(published / "repetition_mismatch/runs.csv")
    for source in ("wikipedia", "pubmed"):
        stated_R = runs.frame[f"epochs:{source}"].to_numpy()
        ours_R = runs.epochs_RxS[:, runs.sources.index(source)]
        stated = ~np.isnan(stated_R)
        assert stated.sum() > 100
        np.testing.assert_allclose(ours_R[stated], stated_R[stated], atol=0.01, rtol=1e-3)


def test_published_row_without_weights_is_named(published):
    message = refusal(read_runs, published / "mixing_laws/ct.csv")
    assert "row 52, column 'w:pile'" in message
