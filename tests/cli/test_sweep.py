"""`mixlaw sweep`: its options, what it says before, during and after, and what it leaves in the folder."""

import pandas as pd
import pytest
from factories.command_line import standard_library

from mixlaw.cli import progress as cli_progress
from mixlaw.cli.progress import described, duration, plain
from proxies.model.transformer import count_params
from proxies.sweep import job
from proxies.sweep.progress import Status
from proxies.tasks.proxy_sizes import MENU


@pytest.fixture
def quick(monkeypatch):
    """Runs that take no time and have plausible losses; two diverge."""

    def train(spec, corpus, *, progress, **_):
        if spec.run_id in ("proxy-003", "proxy-011"):
            raise job.DivergedError("the loss is nan near step 3 of 9; lower the learning rate")
        progress(spec.tokens // 2, spec.tokens)
        own = {f"w:{s}": spec.mixture.get(s, 0.0) for s in corpus.sources}
        losses = {f"loss:{t}": 2.0 + 0.1 * own[f"w:{t}"] for t in corpus.targets}
        return [
            {"run_id": spec.run_id, "params": 1000, "tokens": spec.tokens, **own, **losses, "step": 9, "seconds": 0.1}
        ]

    monkeypatch.setattr(job, "train", train)


@pytest.mark.usefixtures("quick")
def test_a_design_is_swept_its_failures_are_told_and_nothing_is_done_twice(run, tmp_path):
    project, out = standard_library(tmp_path / "project"), tmp_path / "out"
    assert run("design", project, "--runs", 12, "--out", tmp_path / "design.csv")[0] == 0
    design = pd.read_csv(tmp_path / "design.csv")
    again = ("sweep", project, "--design", tmp_path / "design.csv", "--seconds", 45, "--out", out)
    again += ("--backend", "in-process", "--store", "memory://cli-sweep")
    code, stdout, stderr = run(*again)
    assert (code, stdout) == (0, "")
    runs = pd.read_csv(out / "runs.csv")
    assert set(runs["w:mail"].round(9)) <= set(design["w:mail"].round(9))
    lines = stderr.splitlines()
    total = 12 + 4  # the first mixture at every scale
    cost = next(line for line in lines if "FLOP" in line)
    assert cost.startswith(f"{total} proxy runs of ")
    assert "on this machine" in cost
    failed = pd.read_csv(out / "failed.csv")
    assert (failed["run_id"].tolist(), len(runs)) == (["proxy-003", "proxy-011"], total - 2)
    assert set(failed["kind"]) == {"diverged"}
    assert any("failed: the loss is nan" in line for line in lines)
    assert any(line.startswith(f"proxy runs: {len(runs)} of {total} runs done, {len(failed)} failed") for line in lines)
    assert f"{len(failed)} of {total} runs failed, see {out / 'failed.csv'}; runs that diverged need" in lines[-2]
    code, _, stderr = run(*again)
    assert code == 0
    assert f"{len(runs)} of them in the store" in stderr
    assert "(not tried again)" in stderr


@pytest.fixture
def sized(run, tmp_path):
    """A project, and a design of four runs of it that is free to name sizes."""
    project, file = standard_library(tmp_path / "project"), tmp_path / "next.csv"
    assert run("design", project, "--runs", 4, "--out", file)[0] == 0
    return project, file, pd.read_csv(file).assign(run_id=[f"next{i}" for i in range(4)])


@pytest.mark.usefixtures("quick")
def test_a_design_that_names_sizes_is_swept_at_them(run, sized, tmp_path):
    project, file, table = sized
    least = count_params(MENU[0])
    table["params"], table["tokens"], table["unique:mail"] = [least, least, 60_000, 60_000], 300_000, 20_000
    table.to_csv(file, index=False)
    again = ("--backend", "in-process", "--store", "memory://sized")
    code, _, stderr = run("sweep", project, "--design", file, "--out", tmp_path / "out", *again)
    assert code == 0, stderr
    assert stderr.splitlines()[-1].startswith("wrote runs.csv")
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert runs["run_id"].tolist() == table["run_id"].tolist()
    assert runs["w:mail"].round(9).tolist() == table["w:mail"].round(9).tolist()
    assert "4 proxy runs of " in stderr
    assert f"{least:,}" in next(line for line in stderr.splitlines() if "4 proxy runs of" in line)
    assert "the design's 60,000 parameters and 300,000 tokens are trained as " in stderr


def test_a_design_of_half_a_size_is_refused_in_one_line(run, sized, tmp_path):
    project, file, table = sized
    table.assign(params=30_000).to_csv(file, index=False)
    code, _, stderr = run("sweep", project, "--design", file, "--out", tmp_path / "out")
    assert (code, stderr.splitlines()[-1].startswith("error: next.csv: it has no tokens")) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--backend wokers", "did you mean 'workers'?"),
        ("--backend ray --workers 2", "--workers is for the backend workers, not ray"),
        ("--workers 0", "0 workers; give at least 1"),
        ("--address auto", "add --backend ray"),
        ("--cpus-per-run 2", "add --backend ray"),
        ("--backend ray --cpus-per-run 0", "give at least one of them above 0"),
        ("--backend ray --gpus-per-run -1", "give at least one of them above 0"),
        ("--store nosuch://x/y", "store nosuch://x/y"),
        ("--states mixlaw.yaml/x", "cannot be written"),
        ("--store mixlaw.yaml", "cannot be written"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(run, tmp_path, monkeypatch, options, words):
    project = standard_library(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    code, _, stderr = run("sweep", project, "--runs", 12, "--seconds", 45, "--out", "out", *options.split())
    assert (code, stderr.splitlines()[-1].startswith("error: ")) == (2, True)
    assert words in stderr


def test_plain_progress_says_what_matters_and_not_more_than_every_ten_seconds(capsys):
    now = 0.0
    tell = plain("proxy runs", clock=lambda: now)
    for second in range(36):
        now = float(second)
        tell(Status(second // 4, 9, int(second > 20), second / 36, 35_200.4, 84.0 - second, ""))
    tell(Status(9, 10, 1, 1.0, 35_200.4, 0.0, "r9 failed: the loss is nan"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "proxy runs: 0 of 9 runs done, 35,200 tokens/s, about 1:24 left",
        "proxy runs: 2 of 9 runs done, 35,200 tokens/s, about 1:14 left",
        "proxy runs: 5 of 9 runs done, 35,200 tokens/s, about 1:04 left",
        "proxy runs: 7 of 9 runs done, 1 failed, 35,200 tokens/s, about 0:54 left",
        "proxy runs: r9 failed: the loss is nan",
        "proxy runs: 9 of 10 runs done, 1 failed, 35,200 tokens/s",
    ]


def test_a_terminal_gets_a_live_line(monkeypatch, capsys):
    monkeypatch.setattr(cli_progress.sys.stderr, "isatty", lambda: True, raising=False)
    status = Status(3, 9, 1, 0.5, 1000.0, 12.0, "r2 failed: [why]")
    result = cli_progress.with_progress("proxy runs", lambda tell: tell(status) or "table")
    assert result == "table"
    text = capsys.readouterr().err
    assert "r2 failed: [why]" in text
    assert "3 of 9 runs done" in text


def test_durations_and_a_status_before_anything_is_known():
    assert [duration(s) for s in (0, 59.6, 723, 10_920)] == ["0:00", "1:00", "12:03", "3:02:00"]
    assert described(Status(0, 9, 0, 0.0, None, None)) == "0 of 9 runs done"
