"""Tables of other tools as run tables: small files of their forms, in any order of rows and columns."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.import_files import FILES, LOSS, METRICS, MIX, RATIOS, WB, WB_MAP, call
from hypothesis import given, settings
from hypothesis import strategies as st

import mixlaw
from mixlaw import ImportOptions, MixlawError, import_runs
from mixlaw.importers import FORMATS
from mixlaw.importers.units import in_nats, looks_other
from mixlaw.runs.run_table import Runs, read_runs

NATS = {"*": "nats"}


@pytest.fixture
def write(tmp_path):
    def files(*texts, suffix=".csv") -> list[Path]:
        paths = [tmp_path / f"f{i}{suffix}" for i in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return paths

    return files


def refusal(*args, **options) -> str:
    with pytest.raises(MixlawError) as caught:
        import_runs(*args, ImportOptions(**options))
    message = str(caught.value)
    assert message.isprintable()
    return message


def content(runs: Runs) -> pd.DataFrame:
    """A run table without the order of its rows and columns."""
    keys = ["run_id", *(["step"] if "step" in runs.frame else [])]
    frame = runs.frame.sort_values(keys).reset_index(drop=True)
    return frame[sorted(frame)]


# --- RegMix


def test_regmix_is_joined_by_index(write):
    shuffled = "\n".join([LOSS.splitlines()[0], *reversed(LOSS.splitlines()[1:])])
    found = import_runs("regmix", write(MIX, shuffled), ImportOptions(params=1e6, tokens=1e9))
    runs = found.runs
    assert (runs.sources, runs.targets) == (("web", "pile_cc"), ("pile_cc", "law"))
    assert runs.run_id.tolist() == ["1", "2", "3"]
    np.testing.assert_allclose(runs.w_RxS, [[0.7, 0.3], [0.25 / 0.999, 0.749 / 0.999], [1, 0]])
    np.testing.assert_array_equal(runs.loss_RxK, [[3.1, 2.1], [3.2, np.nan], [3.3, 2.3]])
    assert set(runs.params_R) == {1e6}
    assert set(runs.tokens_R) == {1e9}
    assert not found.left_out
    assert str(found.columns["loss:law"]).endswith("f1.csv: column 'valid_the_pile_law/loss'")


@pytest.mark.parametrize(
    "column",
    ["valid_the_pile_cc", "valid_the_pile_cc/loss", "metric/the_pile_cc_val_loss", "cc", "val_cc_loss", "eval/cc/loss"],
)
def test_regmix_targets_are_called_by_their_domain(write, column):
    runs = import_runs("regmix", write(MIX, f"index,{column}\n1,3\n2,3\n3,3\n")).runs
    assert runs.targets == ("cc",)


def test_regmix_takes_only_columns_of_its_form(write):
    mix = "index,lr,train_web,train_code\n1,0.001,0.5,0.5\n"
    found = import_runs("regmix", write(mix, "Unnamed: 0,index,train_loss,valid_web\n0,1,9,3\n"))
    assert found.runs.sources == ("web", "code")
    assert found.runs.targets == ("web",)
    assert [origin.column for origin in found.ignored] == ["lr", "Unnamed: 0", "train_loss"]


def test_published_regmix_runs_survive_their_original_form(published, tmp_path):
    """The published table reshaped into the pair of files that it was made from, rows of the losses shuffled."""
    table = published / "regmix" / "runs_1m_train.csv"
    frame, index = pd.read_csv(table), range(1, 513)
    assert frame["run_id"].tolist() == [f"1m_train_{i}" for i in index]
    w, loss = frame.filter(like="w:"), frame.filter(like="loss:")
    rounded = np.round(w.to_numpy() * frame["w_sum_raw"].to_numpy()[:, None], 3)
    mixtures = pd.DataFrame(rounded, columns=[f"train_the_pile_{c[2:]}" for c in w])
    losses = loss.rename(columns=lambda c: f"valid_the_pile_{c[5:]}/loss")
    pair = [tmp_path / "mixtures.csv", tmp_path / "losses.csv"]
    mixtures.assign(index=index).to_csv(pair[0], index=False)
    losses.assign(index=index).sample(frac=1, random_state=0).to_csv(pair[1], index=False)
    found = import_runs("regmix", pair, ImportOptions(params=1e6, tokens=1048576000, id_prefix="1m_train_"))
    found.runs.write(tmp_path / "runs.csv")
    original = read_runs(table)
    for runs in (found.runs, read_runs(tmp_path / "runs.csv")):
        assert (runs.sources, runs.targets) == (original.sources, original.targets)
        assert runs.run_id.tolist() == original.run_id.tolist()
        np.testing.assert_allclose(runs.w_RxS, original.w_RxS, rtol=0, atol=1e-15)
        for name in ("loss_RxK", "params_R", "tokens_R", "unique_RxS"):
            np.testing.assert_array_equal(getattr(runs, name), getattr(original, name))


# --- any order


orders = st.randoms(use_true_random=False)


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(sorted(FILES)), random=orders)
def test_the_order_of_rows_and_columns_says_nothing(tmp_path_factory, kind, random):
    folder = tmp_path_factory.mktemp("order")
    options = ImportOptions(units=NATS, columns=WB_MAP | {"train/tokens": None} if kind == "wandb" else {})
    found = []
    for shuffle in (False, True):
        paths = []
        for i, text in enumerate(FILES[kind]):
            rows = [line.split(",") for line in text.splitlines()]
            header, body = rows[0], rows[1:]
            columns = list(range(len(header)))
            if shuffle:
                random.shuffle(columns)
                random.shuffle(body)
            lines = [",".join(row[c] for c in columns) for row in (header, *body)]
            paths.append(folder / f"{i}-{shuffle}.csv")
            paths[-1].write_text("\n".join(lines) + "\n")
        found.append(import_runs(kind, paths, options))
    pd.testing.assert_frame_equal(content(found[0].runs), content(found[1].runs), check_exact=True)
    counts = [{str(k).replace("True", "False"): len(v) for k, v in f.left_out.items()} for f in found]
    assert counts[0] == counts[1]


def test_imported_runs_are_the_same_when_read_back(write, tmp_path):
    for kind, texts in FILES.items():
        options = ImportOptions(units=NATS, columns=WB_MAP | {"train/tokens": None} if kind == "wandb" else {})
        runs = import_runs(kind, write(*texts), options).runs
        for name in ("runs.csv", "runs.parquet"):
            runs.write(tmp_path / name)
            assert read_runs(tmp_path / name).hash() == runs.hash(), (kind, name)


JUNK = [
    "",
    " ",
    "nan",
    "-1",
    "0",
    "1e999",
    "x",
    "'",
    "{a: 1}",
    "1",
    "index",
    "run",
    "1e-320",
    "loss:web",
    "\u202e",
    "٣",
]


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(sorted(FILES)), random=orders)
def test_junk_in_any_cell_gives_runs_or_a_refusal(tmp_path_factory, kind, random):
    folder = tmp_path_factory.mktemp("junk")
    texts = [[line.split(",") for line in text.splitlines()] for text in FILES[kind]]
    for _ in range(random.randint(1, 4)):
        rows = random.choice(texts)
        row = random.choice(rows)
        row[random.randrange(len(row))] = random.choice(JUNK)
    paths = [folder / f"{i}.csv" for i in range(len(texts))]
    for path, rows in zip(paths, texts, strict=True):
        path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    options = ImportOptions(
        units=NATS,
        columns=WB_MAP | {"train/tokens": None} if kind == "wandb" else {},
        normalise=random.random() < 0.3,
        partial=random.random() < 0.5,
        unfinished=random.random() < 0.5,
    )
    try:
        runs = import_runs(kind, paths, options).runs
    except MixlawError:
        return
    assert np.isfinite(runs.w_RxS).all()
    assert (np.isnan(runs.loss_RxK) | (runs.loss_RxK > 0)).all()


# --- keys


@pytest.mark.parametrize("keys", [["001", "002", "003"], ["1.0", "2.0", "3.0"]])
def test_keys_written_as_other_numbers_are_compared_as_numbers(write, keys):
    lines = LOSS.splitlines()
    text = "\n".join([lines[0], *(f"{key}{line[1:]}" for key, line in zip(keys, lines[1:], strict=True))])
    runs = import_runs("regmix", write(MIX, text)).runs
    np.testing.assert_array_equal(runs.loss_RxK[:, 0], [3.1, 3.2, 3.3])
    assert any("whole numbers" in note for note in runs.notes)
    parquet = [write(MIX, text)[0], write(MIX, text)[1].with_suffix(".parquet")]
    pd.read_csv(write(MIX, LOSS)[1]).to_parquet(parquet[1])
    np.testing.assert_array_equal(import_runs("regmix", parquet).runs.loss_RxK[:, 0], [3.1, 3.2, 3.3])


def test_runs_that_one_file_lacks_are_left_out_and_said(write):
    found = import_runs("regmix", write(MIX, LOSS.replace("2,3.2,\n", "")))
    assert found.runs.run_id.tolist() == ["1", "3"]
    (places,) = found.left_out.values()
    assert places == ("f0.csv: row 3 ('2')",)
    assert any("1 row left out" in note and "row 3 ('2')" in note for note in found.runs.notes)
    found = import_runs("regmix", write(MIX.replace("1,0.7,0.3\n", ""), LOSS))
    assert found.runs.run_id.tolist() == ["2", "3"]
    assert found.left_out.popitem()[1] == ("f1.csv: row 2 ('1')",)


def test_keys_shifted_against_each_other_are_refused(write):
    """A count from 0 beside a count from 1 matches all runs but one, each with another's losses."""
    lines = LOSS.splitlines()
    shifted = "\n".join([lines[0], *(f"{i}{line[1:]}" for i, line in enumerate(lines[1:]))])
    message = refusal("regmix", write(MIX, shifted))
    assert "f0.csv: row 4, column 'index': '3' is not in" in message
    assert "'0' of that file is not here" in message
    assert "--partial" in message
    assert len(import_runs("regmix", write(MIX, shifted), ImportOptions(partial=True)).runs) == 2


def test_several_checkpoints_of_a_run_are_told_apart_by_their_step(write):
    losses = "index,step,valid_web\n1,10,3.5\n1,20,3.2\n2,20,3.1\n3,20,3.0\n"
    runs = import_runs("regmix", write(MIX, losses), ImportOptions(tokens_per_step=100)).runs
    assert runs.run_id.tolist() == ["1", "1", "2", "3"]
    assert runs.tokens_R.tolist() == [1000, 2000, 2000, 2000]
    assert "same step (also at row 2)" in refusal("regmix", write(MIX, losses.replace("1,20", "1,10")))
    assert "tokens-per-step" in refusal("regmix", write(MIX, losses), tokens=1e9)


# --- Olmix


def test_olmix_is_joined_by_run_not_by_position_or_index(write):
    runs = import_runs("olmix", write(RATIOS, METRICS), ImportOptions(units=NATS)).runs
    assert (runs.sources, runs.run_id.tolist()) == (("wiki", "dclm:science"), ["aa", "bb", "cc"])
    np.testing.assert_array_equal(runs.loss_RxK[:, 0], [3.1, 3.2, 3.3])
    assert runs.frame["name"].tolist() == ["swarm-0", "swarm-1", "swarm-2"]


def test_olmix_names_that_contradict_the_join_are_refused(write):
    message = refusal("olmix", write(RATIOS, METRICS.replace("aa,swarm-0", "aa,swarm-9")), units=NATS)
    assert "f1.csv: row 3, column 'name': 'swarm-9', but 'swarm-0' at f0.csv: row 2" in message


def test_olmix_units_have_to_be_stated(write):
    files = write(RATIOS, METRICS)
    message = refusal("olmix", files)
    assert "f1.csv: column 'eval/web/CE loss': its unit" in message
    message = refusal("olmix", files, units={"*": "bits-per-byte"})
    assert "--bytes-per-token" in message
    units = {"eval/web/CE loss": "nats", "*": "bits-per-byte"}
    found = import_runs("olmix", files, ImportOptions(units=units, bytes_per_token={"mmlu:bpb": 4}))
    np.testing.assert_allclose(found.runs.loss_RxK[:, 1], [1.1 * 4 * np.log(2), np.nan, 1.3 * 4 * np.log(2)])
    np.testing.assert_array_equal(found.runs.loss_RxK[:, 0], [3.1, 3.2, 3.3])
    assert any("bits-per-byte, 4 bytes per token" in note for note in found.runs.notes)


def test_units_are_converted_by_their_definition():
    loss_R = np.array([1.5, np.nan, 3.0])
    for unit, value_R in {
        "nats": loss_R,
        "bits": loss_R / np.log(2),
        "perplexity": np.exp(loss_R),
        "nats-per-byte": loss_R / 4,
        "bits-per-byte": loss_R / 4 / np.log(2),
    }.items():
        np.testing.assert_allclose(in_nats(value_R, unit, 4), loss_R)


@pytest.mark.parametrize("column", ["web_bpb", "eval/PPL", "val perplexity", "x bits per byte", "acc", "mmlu_accuracy"])
def test_a_name_of_another_unit_is_noticed(write, column):
    assert looks_other(column)
    assert "its unit" in refusal("regmix", write(MIX, f"index,{column}\n1,1\n2,1\n3,1\n"))


@pytest.mark.parametrize("column", ["apple", "pile_cc", "accounting", "eval/stackexchange/CE loss", "supply"])
def test_a_plain_name_is_not_taken_for_another_unit(column):
    assert not looks_other(column)


# --- Weights & Biases


def test_wandb_runs_by_a_mapping(write):
    found = import_runs("wandb", write(WB), ImportOptions(columns=WB_MAP))
    runs = found.runs
    assert runs.run_id.tolist() == ["a - 1", "b", "f"]
    assert (runs.sources, runs.targets) == (("web", "code"), ("web", "code"))
    np.testing.assert_array_equal(runs.w_RxS, [[0.5, 0.5], [1, 0], [0.25, 0.75]])
    np.testing.assert_array_equal(runs.loss_RxK, [[3.1, 2.1], [3.2, np.nan], [3.3, np.nan]])
    assert found.left_out == {
        "state crashed, --unfinished keeps it": ("f0.csv: row 4 ('c')",),
        "no mixture in the row": ("f0.csv: row 6 ('e')",),
        "no loss in the row": ("f0.csv: row 5 ('d')",),
    }
    assert any("NaN or infinite" in note for note in runs.notes)
    assert any("empty weights taken as 0" in note for note in runs.notes)
    kept = import_runs("wandb", write(WB), ImportOptions(columns=WB_MAP, unfinished=True)).runs
    assert kept.run_id.tolist() == ["a - 1", "b", "c", "f"]


@pytest.mark.parametrize("quote", ['""', "'"])
@pytest.mark.parametrize("pattern", ["config.mix", "config.mix.*"])
def test_wandb_mixtures_in_a_column_of_json_or_of_python(write, quote, pattern):
    def cell(text):
        return '"' + text.replace("'", quote) + '"'

    a, b = "{'lr': 0.1, 'mix': {'web': 0.7, 'c4.en': 0.3}}", "{'mix': {'web': 1.0}, 'tags': ['x']}"
    lines = ["name,config,loss", f"a,{cell(a)},3", f"b,{cell(b)},2"]
    options = ImportOptions(columns={pattern: "w:*", "loss": "loss:web"})
    runs = import_runs("wandb", write("\n".join(lines)), options).runs
    assert runs.sources == ("web", "c4.en")
    np.testing.assert_array_equal(runs.w_RxS, [[0.7, 0.3], [1, 0]])


def test_wandb_tables_of_the_public_api_hold_all_in_two_columns(write):
    summary = "{'_step': 9, 'eval': {'web': {'loss': 3.1}}, 'eval/code/loss': None, 'bad': nan}"
    lines = ["summary,config,name", f"\"{summary}\",\"{{'n': 1e6, 'mix': {{'web': 1.0}}}}\",a"]
    lines += [lines[1].replace("None", "2.5").removesuffix("a") + "b"]
    columns = {
        "config.mix": "w:*",
        "summary.eval/*/loss": "loss:*",
        "summary.eval.*.loss": "loss:*",
        "config.n": "params",
    }
    runs = import_runs("wandb", write("\n".join(lines)), ImportOptions(columns=columns)).runs
    assert runs.targets == ("web", "code")
    np.testing.assert_array_equal(runs.loss_RxK, [[3.1, np.nan], [3.1, 2.5]])
    assert set(runs.params_R) == {1e6}


def test_wandb_charts_and_histories_are_laid_together_by_run_and_step(write):
    options = ImportOptions(columns=WB_MAP | {"train/tokens": ""}, tokens_per_step=1000)
    found = import_runs("wandb", write(*FILES["wandb"]), options)
    frame = found.runs.frame
    assert list(zip(frame["run_id"], frame["step"], strict=True)) == [
        ("a - 1", 20), ("b", 10), ("b", 15), ("b", 20),
    ]  # fmt: skip
    np.testing.assert_array_equal(frame["loss:web"], [3.4, 3.2, np.nan, 3.1])
    np.testing.assert_array_equal(frame["loss:code"], [2.2, np.nan, 2.3, 2.5])
    np.testing.assert_array_equal(found.runs.tokens_R, [20e3, 10e3, 15e3, 20e3])
    assert found.left_out["no mapped metric at this step"] == ("f2.csv: row 5 ('b')",)


def test_wandb_steps_with_the_tokens_of_the_whole_run_are_refused(write):
    message = refusal("wandb", write(*FILES["wandb"]), columns=WB_MAP)
    assert "run 'b' has 2e+08 tokens at several steps; give --tokens-per-step" in message


def test_wandb_charts_that_contradict_each_other_are_refused(write):
    chart = "Step,b - eval/web/CE loss\n10,3.2\n"
    message = refusal("wandb", write(WB, chart, chart.replace("3.2", "3.3")), columns=WB_MAP)
    assert "f2.csv: row 2, column 'b - eval/web/CE loss': '3.3', but '3.2' at" in message
    runs = import_runs("wandb", write(WB, chart, chart), ImportOptions(columns=WB_MAP)).runs
    assert len(runs) == 1


def test_wandb_steps_of_unfinished_runs_go_with_them(write):
    chart = "Step,b - eval/web/CE loss,c - eval/web/CE loss\n10,3.2,9\n"
    found = import_runs("wandb", write(WB, chart), ImportOptions(columns=WB_MAP))
    assert found.runs.run_id.tolist() == ["b"]
    assert found.left_out["the run did not finish"] == ("f1.csv: row 2 ('c')",)
    assert "'zz' of that file" in refusal("wandb", write(WB, chart.replace("c -", "zz -")), columns=WB_MAP)


def test_relative_weights_are_normalised_when_that_is_said(write):
    mix = MIX.replace("1,0.7,0.3", "1,7,3")
    assert "sum to 10" in refusal("regmix", write(mix, LOSS))
    runs = import_runs("regmix", write(mix, LOSS), ImportOptions(normalise=True)).runs
    np.testing.assert_allclose(runs.w_RxS[0], [0.7, 0.3])


def test_names_can_be_given(write):
    options = ImportOptions(rename={"pile_cc": "cc"}, id_prefix="60m-")
    found = import_runs("regmix", write(MIX, LOSS), options)
    assert (found.runs.sources, found.runs.targets) == (("web", "cc"), ("cc", "law"))
    assert found.runs.run_id.tolist() == ["60m-1", "60m-2", "60m-3"]
    assert found.columns["w:cc"].column == "train_the_pile_pile_cc"


# --- the command line


def test_the_command_writes_the_table_and_a_summary(write, tmp_path, capfd, monkeypatch):
    (tmp_path / "map.yaml").write_text("config.mix.*: w:*\nconfig.n: params\nlr:\n")
    out = tmp_path / "runs.csv"
    given = ["wandb", *write(WB), "--out", out, "--mapping", tmp_path / "map.yaml", "--map", "eval/*/CE loss=loss:*"]
    given += ["--rename", "web=chat", "--tokens", "1e9", "--id-prefix", "w-"]
    code, printed, err = call([*given, "--json"], capfd, monkeypatch)
    assert (code, err) == (0, "")
    summary = json.loads(printed)
    assert (summary["runs"], summary["rows"], summary["not_measured"]) == (3, 3, 2)
    assert summary["sources"] == ["chat", "code"]
    assert summary["columns"]["loss:chat"] == "f0.csv: eval/web/CE loss"
    assert {part["reason"] for part in summary["left_out"]} >= {"no mixture in the row"}
    runs = read_runs(out)
    assert runs.run_id.tolist() == ["w-a - 1", "w-b", "w-f"]
    assert set(runs.tokens_R) == {1e9}
    code, printed, err = call(given, capfd, monkeypatch)
    assert code == 0
    assert "2 sources: chat, code" in printed
    assert "row 4 ('c')" in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 80 + len(str(tmp_path))


def test_every_format_is_named_in_the_help(capfd, monkeypatch):
    code, printed, _ = call(["--help"], capfd, monkeypatch)
    assert code == 0
    assert "Example: mixlaw import" in printed
    for name in FORMATS:
        assert name in printed


def test_a_byte_order_mark_and_windows_lines_are_nothing(write):
    plain = import_runs("regmix", write(MIX, LOSS)).runs
    marked = [b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for text in (MIX, LOSS)]
    assert import_runs("regmix", write(*marked)).runs.hash() == plain.hash()


def test_importing_needs_no_jax():
    import subprocess

    code = "import sys, mixlaw; mixlaw.import_runs; print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    assert mixlaw.import_runs is import_runs
