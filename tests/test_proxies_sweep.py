"""The sweep: finished runs are kept and never run again, whatever happens to the others."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from mixlaw.errors import MixlawError
from proxies import sweep as module
from proxies.corpus import build_corpus
from proxies.model import ModelConfig
from proxies.sweep import sweep
from proxies.train import RunSpec

TINY = ModelConfig(width=8, depth=1, heads=1, head_dim=8, length=16)
ENDLESS = 2_000_000_000


def corpus():
    return build_corpus({s: [f"{s} says {i} " * 9 for i in range(60)] for s in ("a", "b")}, 0)


def specs(count=4, **changes):
    runs = [RunSpec(f"r{i}", {"a": i / 4, "b": 1 - i / 4}, TINY, 500 + 100 * i, 0.5, seed=i) for i in range(count)]
    return [dataclasses.replace(run, **changes) for run in runs]


def written(store):
    return {path.name: path.stat().st_mtime_ns for path in store.glob("*.json")}


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """(store, table, messages) of four runs by one worker."""
    store, said = tmp_path_factory.mktemp("one"), []
    return store, sweep(specs(), corpus(), store, workers=1, progress=lambda *a: said.append(a)), said


def test_the_table_is_the_same_with_two_workers_and_in_the_order_asked(one, tmp_path):
    _, table, said = one
    assert list(table["run_id"]) == ["r0", "r1", "r2", "r3"]
    assert [message[:2] for message in said] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    again = sweep(specs()[::-1], corpus(), tmp_path, workers=2)
    pd.testing.assert_frame_equal(
        again[::-1].reset_index(drop=True).drop(columns="seconds"),
        table.drop(columns="seconds"),
        check_exact=True,
    )
    assert (table["seen:a"] + table["seen:b"] == table["tokens"]).all()
    assert not list(tmp_path.glob(".*"))  # no drafts left


def test_finished_runs_are_not_run_again(one, monkeypatch):
    store, table, _ = one
    before, said = written(store), []
    monkeypatch.setattr(module, "Worker", None)  # starting one would fail
    renamed = specs(run_id="x")[2:3] + specs()[:1]
    again = sweep(renamed, corpus(), store, progress=lambda *a: said.append(a))
    assert list(again["run_id"]) == ["x", "r0"]
    assert again["loss:a"].tolist() == table["loss:a"][[2, 0]].tolist()
    assert written(store) == before
    assert said == [(2, 2, "runs already in the store")]


def test_a_diverged_run_and_a_killed_worker_do_not_stop_the_others(tmp_path):
    runs = specs(2)
    runs += [dataclasses.replace(runs[0], run_id="nan", rate=float("inf"), seed=9)]
    runs += [dataclasses.replace(runs[0], run_id="killed", tokens=ENDLESS // 100)]
    killed = []

    def kill_endless(done, total, _):
        """By then one worker has the longest run, which is the only one left, and the other is idle."""
        if done == 3:
            for worker in started:
                os.kill(worker.pid, signal.SIGKILL)
            killed.append(total)

    started, real = [], subprocess.Popen

    class Spy(real):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.subprocess, "Popen", Spy)
        table = sweep(runs, corpus(), tmp_path, workers=2, progress=kill_endless)
    assert killed == [4]
    assert list(table["run_id"]) == ["r0", "r1"]
    failed = table.attrs["failed"]
    assert set(failed) == {"nan", "killed"}
    assert "DivergedError" in failed["nan"]
    assert "died with code -9" in failed["killed"]
    reports = [json.loads(path.read_text()) for path in tmp_path.glob("failed-*.json")]
    assert {report["run_id"]: report["reason"] for report in reports} == failed
    assert not any(alive(process.pid) for process in started)


def test_an_interrupt_ends_the_workers_and_leaves_finished_runs(tmp_path):
    runs, pids = specs(1) + specs(1, run_id="endless", tokens=ENDLESS // 100), []

    def interrupt(done, *_):
        if done == 1:
            pids.extend(children())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(runs, corpus(), tmp_path, workers=2, progress=interrupt)
    assert len(pids) >= 1
    wait_for(lambda: not any(map(alive, pids)))
    assert len(written(tmp_path)) == 1
    assert len(sweep(runs[:1], corpus(), tmp_path)) == 1


def children():
    output = subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True, text=True)
    return [int(pid) for pid in output.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_die_with_a_killed_parent(tmp_path):
    code = (
        "import sys; sys.path[:0] = [sys.argv[2], '.']; import pathlib, test_proxies_sweep as t;"
        "t.sweep(t.specs(2, tokens=t.ENDLESS // 100), t.corpus(), pathlib.Path(sys.argv[1]), workers=2)"
    )
    here = os.path.dirname(__file__)
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), here], cwd=os.path.dirname(here))
    try:
        wait_for(lambda: len(workers_of(tmp_path)) == 2)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not workers_of(tmp_path))


def workers_of(store):
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            continue
        if b"proxies.worker" in line and str(store).encode() in line and alive(entry):
            found.append(int(entry))
    return found


def test_bad_specs_are_refused_before_anything_starts(tmp_path):
    for runs, words in [
        ([], "no runs"),
        (specs(2, run_id="same"), "run_id same occurs twice"),
        (specs(2)[:1] + specs(1, run_id="x", tokens=3), "run x: 3 tokens are less than one batch"),
    ]:
        with pytest.raises(MixlawError, match=words):
            sweep(runs, corpus(), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_damaged_result_is_named(tmp_path):
    run, texts = specs(1)[0], corpus()
    (tmp_path / f"{run.key(texts.hash)}.json").write_text("{")
    with pytest.raises(MixlawError, match="not a finished run"):
        sweep([run], texts, tmp_path)
