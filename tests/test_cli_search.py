"""`mixlaw search` on the command line, with proxies that are trained."""

import json
import os

import pandas as pd
from test_cli import finished, run, standard_library

from mixlaw.cli_search import print_rounds
from proxies.search import Round

__all__ = ["run"]


def test_a_search_ends_in_a_plan_and_goes_on_where_it_was(run, tmp_path, compiled_once):
    del compiled_once
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


def test_rounds_are_printed_within_80_columns(capsys):
    told = [Round(1, 28, 28, 1.23e14, 0.0123, 0.25, 1.9), Round(2, 8, 36, 9e13, None, None, None)]
    print_rounds(told)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["1", "28", "28", "1.2e+14", "1.9000", "0.0123", "25.0%"]
    assert lines[2].split()[-3:] == ["–", "–", "–"]
