"""Options of `recommend`: what they add to a project and a budget."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from mixlaw.cli import app as cli
from mixlaw.cli.plan_options import asked, budgeted, constrained
from mixlaw.errors import MixlawError
from mixlaw.planning.options import Ask
from mixlaw.project.constraints import Constraints
from mixlaw.project.project_file import read_project
from mixlaw.project.sources import Budget

TEXT = """
sources: {web: {tokens: 5e9, cost: 1e-6}, code: {tokens: 1e9, cost: 1e-6}}
objective: worst
groups: {all: {sources: [web, code], min: 0.5}}
budget: {flops: 1e19, served: 1e9, sizes: [1e8, 2e8], money: 1e5}
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "mixlaw.yaml").write_text(TEXT)
    return read_project(tmp_path / "mixlaw.yaml")


def test_the_command_line_s_budget_keeps_what_it_does_not_state(project):
    assert budgeted(None, project, None, None) == project.budget
    assert budgeted(None, None, None, None) is None
    found = budgeted(Budget(flops=1e20), project, None, None)
    assert found == Budget(flops=1e20, served=1e9, sizes=(1e8, 2e8), money=1e5)
    found = budgeted(Budget(params=1e8, tokens=1e9), project, 5e9, None)
    assert found == Budget(params=1e8, tokens=1e9, served=5e9, money=1e5)
    assert budgeted(Budget(flops=1e20), None, None, "3e8, 1e8").sizes == (1e8, 3e8)


def test_options_without_a_budget_or_that_are_no_numbers_are_refused(project):
    with pytest.raises(MixlawError, match="--served: there is no budget"):
        budgeted(None, None, 1e9, None)
    with pytest.raises(MixlawError, match="--sizes is 'x'"):
        budgeted(None, project, None, "1e8,x")


def test_the_objective_of_the_command_line_goes_first(project):
    assert constrained(project, None) == project.constraints
    assert constrained(project, "mean").objective == "mean"
    assert constrained(project, "mean").groups == project.constraints.groups
    assert constrained(None, None) == Constraints()
    assert asked("0.9", 0.01, True) == Ask(robust=0.9, regret=0.01, bracket=True)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("groups: {tech: {sources: [code, math], min: 0.6}}", "group tech min 0.6, source code max_epochs 4"),
        ("groups: {tech: {keep: {code: 1, math: 9}}}", "group tech keep"),
        ("groups: {tech: {sources: [code, math], min: 0.3}}\nnear: {mixture: proportional, l1: 0.1}", "near l1 0.1"),
        ("groups: {tech: {sources: [code, math], min: 0.3}}\nnear: {mixture: proportional, kl: 0.01}", "KL"),
        ("", "money 1"),
    ],
)
def test_what_no_mixture_keeps_is_refused_before_runs_are_read(capfd, monkeypatch, tmp_path, more, named):
    budget = "params: 1.0e8, tokens: 1.0e10" + ", money: 1" * (more == "")
    (tmp_path / "mixlaw.yaml").write_text(
        "sources:\n  web: {tokens: 5.0e10, min: 0.5, cost: 1e-6}\n"
        "  code: {tokens: 1.0e9, max_epochs: 4, min: 0.1, cost: 1e-6}\n"
        "  math: {tokens: 1.0e8, max_epochs: 4, cost: 1e-6}\n"
        f"{more}\nbudget: {{{budget}}}\n"
    )
    monkeypatch.setattr(sys, "argv", ["mixlaw", "recommend", str(tmp_path / "mixlaw.yaml"), "--runs", "no-such.csv"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    err = capfd.readouterr().err
    assert stop.value.code == 2
    for word in named.split(", "):
        assert word in err


def runs(path):
    rng = np.random.default_rng(0)
    w_RxS = rng.dirichlet(np.ones(2), 24)
    frame = pd.DataFrame({"run_id": range(24), "w:web": w_RxS[:, 0], "w:code": w_RxS[:, 1]})
    for k, name in enumerate(("web", "code")):
        frame[f"loss:{name}"] = 2.0 + (0.3 + w_RxS[:, k] ** 0.5) ** -0.5 + 0.002 * rng.standard_normal(24)
    frame.to_csv(path, index=False)


def test_recommend_minimises_the_worst_target_within_groups(tmp_path, monkeypatch, capsys):
    runs(tmp_path / "runs.csv")
    text = "sources: {web: {tokens: 5e9}, code: {tokens: 1e9}}\ngroups: {soft: {sources: [web], max: 0.4}}\n"
    (tmp_path / "mixlaw.yaml").write_text(text)
    line = f"mixlaw recommend {tmp_path}/mixlaw.yaml --runs {tmp_path}/runs.csv --law effective-tokens --json"
    monkeypatch.setattr(sys, "argv", [*line.split(), "--objective", "worst", "--regret", "0.01"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["objective"] == "worst"
    assert plan["mixture"]["web"] == pytest.approx(0.4, abs=1e-6)
    assert plan["predicted"]["objective"] == max(band["mean"] for band in plan["predicted"]["loss"].values())
    assert plan["near_optimal"]["regret"] == 0.01
    assert plan["worth"]["constraints"]["group soft max 0.4"] > 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--objective", "median"], "objective: 'median'"),
        (["--robust", "2"], "robust is 2"),
        (["--demo", "--served", "1e9"], "--demo shows a plain plan"),
    ],
)
def test_bad_options_end_with_2(tmp_path, monkeypatch, capsys, options, named):
    runs(tmp_path / "runs.csv")
    table = [] if "--demo" in options else ["--runs", f"{tmp_path}/runs.csv"]
    monkeypatch.setattr(sys, "argv", ["mixlaw", "recommend", *table, *options])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert named in capsys.readouterr().err
