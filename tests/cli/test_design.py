"""`mixlaw design` on the command line: from nothing by either criterion, and after runs."""

import json

import pandas as pd
import pytest
from factories.command_line import PROJECT, table

BUDGETED = PROJECT + "budget: {params: 2.0e7, tokens: 4.0e8}\ngroups: {text: {sources: [books, web], max: 0.8}}\n"


@pytest.fixture
def project(tmp_path):
    file = tmp_path / "mixlaw.yaml"
    file.write_text(BUDGETED)
    return file


def test_a_design_keeps_groups_and_repeats_its_first_run(run, project, tmp_path):
    out = tmp_path / "design.csv"
    assert run("design", project, "--runs", 9, "--repeats", 2, "--out", out)[0] == 0
    found = pd.read_csv(out)
    assert list(found) == ["run_id", "w:books", "w:web", "w:logs"]
    assert (found["w:books"] + found["w:web"] <= 0.8 + 1e-8).all()
    assert (found.iloc[-2:, 1:].to_numpy() == found.iloc[0, 1:].to_numpy()).all()
    assert found["run_id"].is_unique


def test_a_d_optimal_design_for_a_law(run, project, tmp_path):
    out = tmp_path / "design.csv"
    options = ("--criterion", "d-optimal", "--law", "mixture-index")
    code, stdout, stderr = run("design", project, "--runs", 12, *options, "--out", out)
    assert (code, stdout) == (0, ""), stderr
    found = pd.read_csv(out)
    assert len(found) == 12
    assert (found["w:books"] + found["w:web"] <= 0.8 + 1e-8).all()
    code, stdout, _ = run("design", project, "--runs", 12, *options, "--json")
    assert code == 0
    assert len(json.loads(stdout)["design"]) == 12


def test_the_next_batch_after_runs(run, project, tmp_path):
    runs, out = table(tmp_path / "runs.csv", scales=(1e6, 2e6, 4e6)), tmp_path / "next.csv"
    code, stdout, stderr = run("design", project, "--after", runs, "--batch", 4, "--out", out)
    assert code == 0, stderr
    lines = stdout.splitlines()
    assert max(map(len, lines[:-20])) <= 80 if len(lines) > 20 else True
    assert any(line.startswith("expected regret of the plan: ") for line in lines)
    assert any("more runs until it is likely to be other than tie: " in line for line in lines)
    found = pd.read_csv(out)
    assert len(found) == 4
    assert (found["params"] == 4e6).all()
    assert (found["w:books"] + found["w:web"] <= 0.8 + 1e-8).all()
    code, stdout, _ = run("design", project, "--after", runs, "--batch", 4, "--json", "--method", "thompson")
    assert code == 0
    content = json.loads(stdout)
    assert content["method"] == "thompson"
    assert len(content["design"]) == 4
    assert {"runs", "reason", "verdict", "eventually"} <= set(content["until_verdict"])


def test_without_a_project_the_budget_comes_from_the_command_line(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs, out = table(tmp_path / "runs.csv"), tmp_path / "next.csv"
    code, stdout, stderr = run("design", "--after", runs, "--batch", 3, "--out", out)
    assert code == 0, stderr
    assert "3 runs by regret" in stdout
    given = pd.read_csv(runs).drop(columns=["loss:books", "loss:chat"]).iloc[:5]
    given.to_csv(tmp_path / "pool.csv", index=False)
    code, _, stderr = run("design", "--after", runs, "--batch", 3, "--candidates", tmp_path / "pool.csv", "--out", out)
    assert code == 0, stderr
    assert set(pd.read_csv(out)["w:books"].round(9)) <= set(given["w:books"].round(9))


def test_the_plan_may_be_one_of_a_files_mixtures(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    every = pd.read_csv(table(tmp_path / "every.csv"))
    every.iloc[:4].to_csv("runs.csv", index=False)
    every.drop(columns=["loss:books", "loss:chat"]).to_csv("pool.csv", index=False)
    asked = ("design", "--after", "runs.csv", "--one-of", "pool.csv", "--batch", 2)
    code, stdout, stderr = run(*asked, "--out", "next.csv")
    assert code == 0, stderr
    assert "plan now: row " in stdout
    found = pd.read_csv("next.csv")
    assert len(found) == 2
    assert set(found["w:books"].round(9)) <= set(every["w:books"].iloc[4:].round(9))
    content = json.loads(run(*asked, "--json")[1])
    assert content["until_verdict"] is None
    assert [every["w:books"][row - 1] for row in content["pool"]["rows"]] == pytest.approx(found["w:books"].tolist())
    code, _, stderr = run(*asked, "--flops", "1e18", "--out", "next.csv")
    assert (code, "--flops does not go with --one-of" in stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--out o.csv", "give --runs, or --after runs.csv"),
        ("--runs 5", "--out is missing"),
        ("--runs 5 --batch 4 --out o.csv", "--batch needs --after"),
        ("--runs 5 --flops 1e20 --out o.csv", "--flops needs --after"),
        ("--runs 5 --after runs.csv --out o.csv", "--runs is for a design without data"),
        ("--after runs.csv --repeats 2 --out o.csv", "--repeats is for a design without data"),
        ("--runs 5 --criterion d-optimal --out o.csv", "needs a law: give --law"),
        ("--runs 5 --criterion d-optimum --law linear --out o.csv", "did you mean 'd-optimal'?"),
        ("--runs 5 --law linear --out o.csv", "--law needs --criterion d-optimal"),
        ("--runs 5 --repeats 5 --out o.csv", "give fewer than the 5 runs"),
        ("--after nowhere.csv --out o.csv", "nowhere.csv"),
        ("--after runs.csv --size 3e6 --out o.csv", "no run of the table has this number of params"),
        ("--after runs.csv --method greedy --out o.csv", "--method greedy"),
        ("--runs 5 --out nowhere/o.csv", "its folder does not exist"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(run, project, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "runs.csv", scales=(1e6, 2e6, 4e6))
    code, _, stderr = run("design", project, *options.split())
    assert code == 2
    last = stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last


def test_candidates_of_other_sources_are_refused(run, project, tmp_path):
    runs = table(tmp_path / "runs.csv", scales=(1e6, 2e6, 4e6))
    pd.DataFrame({"run_id": ["a"], "w:books": [0.5], "w:chat": [0.5]}).to_csv(tmp_path / "pool.csv", index=False)
    code, _, stderr = run(
        "design", project, "--after", runs, "--candidates", tmp_path / "pool.csv", "--out", tmp_path / "o.csv"
    )
    assert code == 2
    assert "source 'chat' is only in one of" in stderr
