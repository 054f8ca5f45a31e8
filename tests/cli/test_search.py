"""`mixlaw search` on the command line, with proxies that are trained."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from factories.command_line import finished, standard_library

from mixlaw.cli.verbs.search import print_rounds
from mixlaw.designs.batch_report import BatchReport
from mixlaw.designs.next_batch import NextRuns
from mixlaw.planning.plan import Plan
from mixlaw.runs.run_table import Runs
from proxies.tasks.climb_search import Round


def test_a_search_ends_in_a_plan_and_goes_on_where_it_was(run, tmp_path):
    project, out = standard_library(tmp_path / "project"), tmp_path / "out"
    command = ("search", project, "--rounds", 2, "--runs", 12, "--batch", 2, "--seconds", 20, "--out", out)
    code, stdout, stderr = run(*command)
    assert code == 0, stderr
    lines = stdout.splitlines()
    assert " ".join(lines[0].split()) == "round runs in all FLOP best measured regret left optimum within"
    assert [line.split()[:3] for line in lines[1:3]] == [["1", "12", "12"], ["2", "2", "14"]]
    assert max(map(len, lines[:5])) <= 80
    assert any(line.startswith("verdict: ") for line in lines)
    assert {"plan.json", "plan.png", "fit.json", "runs.csv", "round-2.json", "rounds.json"} <= set(os.listdir(out))
    assert "round 2 of 2" in stderr
    runs = pd.read_csv(out / "runs.csv")
    assert len(runs) == 14
    assert (runs["params"].iloc[-2:] == runs["params"].max()).all()
    assert (runs["w:mail"] <= 0.6 + 1e-9).all()
    written = {path: path.stat().st_mtime_ns for path in finished(out / "store")}
    plan = json.loads((out / "plan.json").read_text())
    code, stdout, stderr = run(*command, "--json")
    assert code == 0, stderr
    assert json.loads(stdout) == plan
    assert written == {path: path.stat().st_mtime_ns for path in finished(out / "store")}, "trained again"


def test_rounds_train_what_was_added_and_end_in_a_plan(run, tmp_path, monkeypatch):
    """The verb's own part: training, proposals and the plan are stood for."""
    project, out = standard_library(tmp_path / "project"), tmp_path / "out"
    trained = []

    def train(task, seed, folder, mixtures, training):
        assert (seed, folder, training.store.location.folder) == (3, out, out / "store")
        trained.append(len(mixtures))
        names = task.sources.names
        rows = [[mixture[name] for name in names] for mixture in mixtures]
        frame = pd.DataFrame(rows, columns=[f"w:{name}" for name in names])
        frame.insert(0, "run_id", [f"r{i}" for i in range(len(mixtures))])
        frame["params"] = np.repeat([s.params for s in task.proposal.scales], [s.runs for s in task.proposal.scales])
        return Runs.from_frame(frame.assign(**{"loss:docs": 2.0, "loss:mail": 3.0}))

    def propose(task, runs, wish, law):
        del law
        frame = pd.DataFrame([[0.5, 0.25, 0.25]] * wish.batch, columns=[f"w:{name}" for name in task.sources.names])
        frame["params"] = runs.params_R.max()
        return NextRuns(frame, BatchReport.from_dict({"spread": 0.1, "regret": {"now": 0.02, "after": 0.01}}))

    monkeypatch.setattr("mixlaw.cli.verbs.search.train_proxies", train)
    monkeypatch.setattr("proxies.tasks.climb_search._next", propose)
    monkeypatch.setattr("mixlaw.cli.proxies.plan_of_task", lambda *_: Plan({"code": 1.0}, verdict="tie"))
    monkeypatch.setattr("mixlaw.cli.proxies.save_plan", lambda *_: None)
    command = ("search", project, "--rounds", 3, "--runs", 12, "--batch", 2, "--seconds", 20, "--seed", 3, "--out", out)
    code, stdout, stderr = run(*command, "--json")
    assert code == 0, stderr
    assert trained == [12, 14, 16]
    assert json.loads(stdout)["verdict"] == "tie"
    assert [line for line in stderr.splitlines() if line.startswith("round ")] == [f"round {i} of 3" for i in (1, 2, 3)]
    told = json.loads((out / "rounds.json").read_text())
    assert [one["added"] for one in told] == [12, 2, 2]
    assert told[0]["best"] == pytest.approx((2 * 2.0 + 3.0) / 3)
    code, _, stderr = run("search", project, "--method", "greedy", "--out", out)
    assert code == 2
    assert "--method greedy" in stderr


def test_rounds_are_printed_within_80_columns(capsys):
    told = [Round(1, 28, 28, 1.23e14, 0.0123, 0.25, 1.9), Round(2, 8, 36, 9e13, None, None, None)]
    print_rounds(told)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["1", "28", "28", "1.2e+14", "1.9000", "0.0123", "25.0%"]
    assert lines[2].split()[-3:] == ["–", "–", "–"]
