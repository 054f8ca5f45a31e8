"""The command line end to end: a project's text, a table of runs, every verb; what is on stdout and in the files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.command_line import PROJECT, finished, standard_library, table

MIXLAW = Path(sys.executable).with_name("mixlaw")
KEYS = {
    *("mixture", "interval", "epochs", "tokens_by_source", "params", "tokens", "flops", "law", "predicted"),
    *("baselines", "verdict", "certificate", "caps", "provenance", "schema", "notes"),
}


def test_recommend_from_runs_and_a_project_prints_the_contract(run, tmp_path):
    project = tmp_path / "mixlaw.yaml"
    project.write_text(PROJECT)
    runs = table(tmp_path / "runs.csv", scales=(1e6, 2e6, 4e6))
    out = tmp_path / "plan"
    code, stdout, stderr = run("recommend", project, "--runs", runs, "--flops", "1e17", "--json", "--out", out)
    assert code == 0, stderr
    plan = json.loads(stdout)
    assert set(plan) >= KEYS
    assert sum(plan["mixture"].values()) == pytest.approx(1)
    assert plan["params"] * plan["tokens"] * 6 == pytest.approx(1e17)
    assert plan["epochs"]["books"] <= 4 + 1e-9
    assert set(plan["baselines"]) == {"proportional", "uniform", "best_run"}
    assert plan["certificate"]["gap"] <= 1e-6
    assert plan["law"]["held_out"]["mae"] < plan["law"]["held_out"]["baseline_mae"]
    for name, (low, high) in plan["interval"].items():
        assert low <= plan["mixture"][name] <= high
    assert sorted(os.listdir(out)) == ["fit.json", "path.png", "plan.json", "plan.png", "runs.csv"]
    assert json.loads((out / "plan.json").read_text()) == plan
    assert (out / "plan.png").read_bytes()[:4] == b"\x89PNG"
    again = run("recommend", project, "--runs", runs, "--flops", "1e17", "--json")[1]
    assert json.loads(again) == plan


def test_recommend_from_one_scale_without_a_project(run, tmp_path):
    runs = table(tmp_path / "runs.csv")
    code, stdout, stderr = run("recommend", "--runs", runs, "--flops", "1e21", "--json")
    assert code == 0, stderr
    plan = json.loads(stdout)
    assert plan["law"]["name"] == "effective-tokens"
    assert [plan[key] for key in ("params", "tokens", "epochs", "caps")] == [None] * 4
    assert any("runs' scale" in note for note in plan["notes"])
    code, stdout, _ = run("recommend", "--runs", runs)
    assert code == 0
    lines = stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["source", "unique", "proportional", "plan", "90%", "interval", "epochs"]
    assert any(line.startswith("verdict: ") for line in lines)


def test_fit_and_predict_keep_the_order_of_the_input(run, tmp_path):
    runs, out = table(tmp_path / "runs.csv"), tmp_path / "predictions.csv"
    code, stdout, _ = run("fit", runs, "--law", "log-linear", "--out", tmp_path / "fit.json", "--bootstrap", 0)
    assert code == 0
    assert "log-linear" in stdout
    shuffled = pd.read_csv(runs).sample(frac=1, random_state=3)
    shuffled.drop(columns=["loss:books", "loss:chat"]).to_csv(tmp_path / "candidates.csv", index=False)
    assert run("predict", tmp_path / "fit.json", tmp_path / "candidates.csv", "--out", out)[0] == 0
    predicted = pd.read_csv(out)
    assert list(predicted) == ["run_id", "loss:books", "loss:chat"]
    assert predicted["run_id"].tolist() == shuffled["run_id"].tolist()
    np.testing.assert_allclose(predicted["loss:chat"], shuffled["loss:chat"], rtol=0.05)
    assert np.corrcoef(predicted["loss:chat"], shuffled["loss:chat"])[0, 1] > 0.95


def test_compare_prints_and_writes_a_leaderboard(run, tmp_path):
    runs, out = table(tmp_path / "runs.csv", scales=(1e6, 2e6), rows=30), tmp_path / "board"
    code, stdout, stderr = run("compare", runs, "--laws", "mixture-index, optimal-mixtures", "--out", out, "--json")
    assert code == 0, stderr
    found = json.loads(stdout)
    assert [board["judged"] for board in found["boards"]] == ["mixtures", "largest size"]
    assert found["boards"][0]["entries"][0]["mean"]["mae"] < found["boards"][0]["entries"][-1]["mean"]["mae"]
    assert sorted(os.listdir(out)) == ["leaderboard.csv", "leaderboard.json", "leaderboard.png"]
    assert json.loads((out / "leaderboard.json").read_text())["boards"][0]["targets"] == ["books", "chat"]
    assert (out / "leaderboard.png").read_bytes()[:4] == b"\x89PNG"
    code, stdout, _ = run("compare", runs, "--laws", "mixture-index")
    assert code == 0
    lines = stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["law", "MAE", "bias", "slope", "rank", "rg@1", "rg@5", "cov", "s"]
    assert lines[2].startswith("mixture-index ")


def test_audit_counts_epochs_of_weights_and_of_a_plan(run, tmp_path):
    project, weights = tmp_path / "mixlaw.yaml", tmp_path / "weights.json"
    project.write_text(PROJECT)
    weights.write_text(json.dumps({"books": 2, "web": 1, "logs": 1}))
    code, stdout, _ = run("audit", weights, "--project", project, "--tokens", "1e10", "--json")
    assert code == 0
    found = json.loads(stdout)
    assert found["epochs"] == pytest.approx({"books": 5.0, "web": 0.05, "logs": 0.125})
    code, stdout, _ = run("audit", weights, "--project", project, "--tokens", "1e10")
    assert code == 0
    assert "max_epochs 4 is broken" in stdout


def test_design_writes_what_sweep_and_predict_read(run, tmp_path):
    project, out = tmp_path / "mixlaw.yaml", tmp_path / "design.csv"
    project.write_text(PROJECT)
    assert run("design", project, "--runs", 9, "--out", out, "--seed", 4)[0] == 0
    design = pd.read_csv(out)
    assert list(design) == ["run_id", "w:books", "w:web", "w:logs"]
    assert len(design) == 9
    assert (design["w:logs"] <= 0.5 + 1e-9).all()
    first = out.read_bytes()
    run("design", project, "--runs", 9, "--out", out, "--seed", 4)
    assert out.read_bytes() == first


def test_sizes_are_counted_where_a_text_project_states_none(run, tmp_path):
    project = standard_library(tmp_path / "project")
    file, weights, out = Path(project), tmp_path / "weights.json", tmp_path / "design.csv"
    file.write_text(file.read_text().replace("max: 0.6", "max_epochs: 3"))
    code, _, stderr = run("design", project, "--runs", 5, "--out", out)
    assert code == 0, stderr
    assert "counted in bytes: code " in stderr
    weights.write_text(json.dumps({"code": 1, "docs": 1, "mail": 2}))
    code, stdout, stderr = run("audit", weights, "--project", project, "--tokens", 1e6, "--json")
    assert code == 0, stderr
    assert json.loads(stdout)["epochs"]["mail"] > 3


def fitted_at_scales(folder: Path) -> Path:
    from mixlaw import fit, read_runs

    fit(read_runs(table(folder / "table.csv", scales=(1e6, 2e6, 4e6))), "mixture-index").save(folder / "fit.json")
    return folder / "fit.json"


def test_predict_takes_the_size_of_mixtures_that_have_none(run, tmp_path):
    fit, project, out = fitted_at_scales(tmp_path), tmp_path / "mixlaw.yaml", tmp_path / "p.csv"
    project.write_text(PROJECT)
    run("design", project, "--runs", 6, "--out", tmp_path / "design.csv")
    losses = []
    for params in (4e6, 8e6):
        code, _, stderr = run(
            "predict", fit, tmp_path / "design.csv", "--out", out, "--params", params, "--tokens", 20 * params
        )
        assert code == 0, stderr
        losses.append(pd.read_csv(out)["loss:books"].to_numpy())
    assert (losses[1] < losses[0]).all()
    assert run("predict", fit, tmp_path / "design.csv", "--out", out, "--params", "nan", "--tokens", 1e8)[0] == 2


def test_laws_are_listed_with_equation_and_source(run):
    code, stdout, _ = run("laws", "--json")
    assert code == 0
    assert {"effective-tokens", "log-linear", "mixture-index", "chinchilla"} <= {
        law["name"] for law in json.loads(stdout)
    }
    assert all(law["equation"] and law["source"] for law in json.loads(stdout))
    listed = run("laws")[1]
    assert (
        listed.index("effective-tokens")
        < listed.index("references, to compare laws with")
        < listed.index("boosted-trees")
    )


def test_a_reference_is_fitted_and_predicts_without_its_runs(run, tmp_path):
    rng = np.random.default_rng(0)
    web_R = rng.uniform(size=12)
    frame = pd.DataFrame({"run_id": [f"r{i}" for i in range(12)], "w:web": web_R, "w:code": 1 - web_R})
    frame.assign(**{"loss:web": 2 + (0.1 + web_R) ** -0.3}).to_csv(tmp_path / "runs.csv", index=False)
    fit, out = tmp_path / "fit.json", tmp_path / "out.csv"
    code, stdout, stderr = run("fit", tmp_path / "runs.csv", "--law", "step-size-nested", "--out", fit)
    assert code == 0, stderr
    assert "none" in stdout
    assert "nan" not in stdout
    (tmp_path / "runs.csv").unlink()
    frame.to_csv(tmp_path / "mixtures.csv", index=False)
    assert run("predict", fit, tmp_path / "mixtures.csv", "--out", out)[0] == 0
    predicted = pd.read_csv(out)["loss:web"]
    assert np.corrcoef(predicted, web_R)[0, 1] < -0.9


@pytest.mark.parametrize(
    "verb", ["recommend", "design", "sweep", "online", "import", "fit", "compare", "predict", "audit", "laws"]
)
def test_help_exits_0(verb, run):
    code, stdout, _ = run(verb, "--help")
    assert code == 0
    assert "Example: mixlaw" in stdout or verb == "laws"


def test_recommend_from_text_in_every_format_and_again_from_its_store(run, tmp_path):
    project, out = standard_library(tmp_path / "project"), tmp_path / "out"
    code, stdout, stderr = run("recommend", project, "--seconds", 45, "--json", "--out", out)
    assert code == 0, stderr
    plan = json.loads(stdout)
    assert set(plan) >= KEYS
    assert plan["mixture"]["mail"] <= 0.6 + 1e-9
    assert "28 proxy runs" in stderr
    runs = pd.read_csv(out / "runs.csv")
    assert len(runs) == 28
    assert runs["params"].nunique() == 3
    # Repetition-matched: every proxy's epochs are those its mixture has at the budget, within rounding; the last four
    # have twice and half of them, a neighbouring horizon on either side.
    horizon = np.array([1.0] * 24 + [2.0] * 2 + [0.5] * 2)
    available = {name: plan["tokens_by_source"][name] / plan["epochs"][name] for name in plan["mixture"]}
    for name, tokens in available.items():
        epochs = runs[f"seen:{name}"] / runs[f"unique:{name}"]
        np.testing.assert_allclose(epochs, runs[f"w:{name}"] * horizon * 1.0e6 / tokens, rtol=0.01, atol=0.02)
    written = {path: path.stat().st_mtime_ns for path in (out / "store").glob("*.json")}
    assert len(written) == 28
    code, again, stderr = run("recommend", project, "--seconds", 45, "--json", "--out", out)
    assert code == 0, stderr
    assert json.loads(again) == plan
    assert written == {path: path.stat().st_mtime_ns for path in (out / "store").glob("*.json")}, "trained again"


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_an_interrupted_sweep_keeps_its_finished_runs_and_goes_on(tmp_path):
    project, out = standard_library(tmp_path / "project"), tmp_path / "out"
    command = [MIXLAW, "sweep", project, "--runs", "10", "--seconds", "15", "--out", out]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    store = out / "store"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(finished(store)) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "interrupted; finished runs are kept" in stderr
    kept = {path: path.read_bytes() for path in finished(store)}
    assert 2 <= len(kept) < 10
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert len(pd.read_csv(out / "runs.csv")) == 10


@pytest.mark.parametrize("arguments", [["laws"], ["laws", "--json"]])
def test_a_closed_pipe_is_no_error(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run([MIXLAW, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, "")


def test_tables_whose_runs_differ_in_length_print_their_plan(run, tmp_path):
    runs = pd.read_csv(table(tmp_path / "runs.csv"))
    runs.assign(tokens=runs["tokens"] + 1000 * np.arange(len(runs))).to_csv(tmp_path / "runs.csv", index=False)
    code, stdout, stderr = run("recommend", "--runs", tmp_path / "runs.csv", "--law", "log-linear")
    assert code == 0, stderr
    assert "mean of the runs: 0." in stdout


def test_targets_of_no_interest_need_not_be_fitted_and_the_user_s_table_stays(run, tmp_path):
    path = table(tmp_path / "runs.csv")
    runs = pd.read_csv(path)
    runs["loss:rare"] = np.where(np.arange(len(runs)) < 2, 2.0, np.nan)
    runs.to_csv(path, index=False)
    project = tmp_path / "mixlaw.yaml"
    project.write_text(PROJECT.replace(", max_epochs: 4", ""))
    before = path.read_bytes()
    code, _, stderr = run("recommend", project, "--runs", path, "--out", tmp_path)
    assert code == 0, stderr
    assert path.read_bytes() == before


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    for command in ([MIXLAW], [sys.executable, "-m", "mixlaw"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True)
        assert done.stdout.strip() == version("mixlaw")
