"""The sweep: finished runs are kept and never run again, whatever happens to the others."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.sweeps import ENDLESS, TINY, Spy, corpus, same, specs, written

from mixlaw.changes import join_runs
from mixlaw.errors import MixlawError
from mixlaw.runs.run_table import Runs
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.sweep.backends import workers as module
from proxies.sweep.backends.in_process import InProcess
from proxies.sweep.backends.workers import Workers
from proxies.sweep.run_sweep import sweep
from proxies.sweep.store import Store
from proxies.training.run_spec import RunSpec


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setattr(module.subprocess, "Popen", Spy)
    monkeypatch.setattr(Spy, "started", [])
    return Spy.started


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
    """(store, table, statuses) of four runs by one worker."""
    store, said = tmp_path_factory.mktemp("one"), []
    return store, sweep(specs(), corpus(), store, backend=Workers(1), progress=said.append).table, said


def test_the_table_is_the_same_with_two_workers_and_in_the_order_asked(one, tmp_path):
    store, table, said = one
    assert list(table["run_id"]) == ["r0", "r1", "r2", "r3"]
    assert [(s.done, s.total) for s in said if s.message] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert [s.message for s in said if s.message][1:] == ["r3", "r2", "r1", "r0"]  # the longest first
    again = sweep(specs()[::-1], corpus(), tmp_path, backend=Workers(2)).table
    same(again[::-1].reset_index(drop=True), table)
    assert (table["seen:a"] + table["seen:b"] == table["tokens"]).all()
    for left in (".*", "states/*"):  # drafts, runs half done
        assert not [*tmp_path.glob(left), *store.glob(left)]


def test_finished_runs_are_not_run_again_whatever_they_are_called(one, monkeypatch):
    store, table, _ = one
    monkeypatch.setattr(module.subprocess, "Popen", None)
    before, said = written(store), []
    renamed = [dataclasses.replace(spec, run_id=f"again-{spec.run_id}") for spec in specs()]
    again = sweep(renamed, corpus(), store).table
    assert list(again["run_id"]) == [f"again-r{i}" for i in range(4)]
    same(again.drop(columns="run_id"), table.drop(columns="run_id"))
    part = sweep([specs()[2], specs()[0]], corpus(), store, progress=said.append).table
    assert part["run_id"].tolist() == ["r2", "r0"]
    assert written(store) == before
    assert [(s.done, s.total, s.message) for s in said] == [(2, 2, "2 of 2 runs are in the store")]


def test_text_seed_and_size_make_new_runs(tmp_path, monkeypatch):
    from proxies.sweep import job

    monkeypatch.setattr(job, "train", lambda spec, *_, **__: [{"run_id": spec.run_id, "loss:a": 1.0}])
    first, other = specs(1), build_corpus({s: [f"{s} says: {i} " * 9 for i in range(60)] for s in ("a", "b")}, 0)
    wider = dataclasses.replace(TINY, width=16, head_dim=16)
    for count, (runs, texts) in enumerate(
        [(first, corpus()), (first, other), (specs(1, seed=5), corpus()), (specs(1, config=wider), corpus())], 1
    ):
        sweep(runs, texts, tmp_path, backend=InProcess())
        assert len(written(tmp_path)) == count


def test_every_row_of_a_run_is_kept(tmp_path):
    runs = specs(2, evaluations=3)
    table = sweep(runs, corpus(), tmp_path, backend=InProcess()).table
    assert table["run_id"].tolist() == ["r0"] * 3 + ["r1"] * 3
    assert table.groupby("run_id")["step"].apply(list).tolist() == [spec.evaluated for spec in runs]
    same(sweep(runs, corpus(), tmp_path).table, table)


def test_a_diverged_run_and_one_killed_again_and_again_do_not_stop_the_others(tmp_path, started):
    runs = specs(2)
    runs += [dataclasses.replace(runs[0], run_id="nan", rate=float("inf"), seed=9)]
    runs += [dataclasses.replace(runs[0], run_id="killed", tokens=ENDLESS // 100)]
    said = []

    def kill_endless(status):
        """Once the others have ended, one worker has the longest run, and the other is idle."""
        said.append(status)
        if status.done + status.failed == 3 and status.share > 0 and not status.message:
            for worker in started:
                os.kill(worker.pid, signal.SIGKILL) if worker.poll() is None else None

    result = sweep(runs, corpus(), tmp_path, backend=Workers(2), progress=kill_endless)
    assert list(result.table["run_id"]) == ["r0", "r1"]
    failed = {name: failure.reason for name, failure in result.failed.items()}
    assert set(failed) == {"nan", "killed"}
    assert "lower the learning rate" in failed["nan"]
    assert "was killed by SIGKILL (out of memory?)" in failed["killed"]
    assert sum("tried once more" in s.message for s in said) == 1
    assert said[-1].failed == 2
    reports = [json.loads(path.read_text()) for path in tmp_path.glob("failed-*.json")]
    assert {report["run_id"]: report["reason"] for report in reports} == failed
    assert {report["run_id"]: report["kind"] for report in reports} == {"nan": "diverged", "killed": "killed"}
    assert {name: failure.kind for name, failure in result.failed.items()} == {"nan": "diverged", "killed": "killed"}
    assert not any(alive(process.pid) for process in started)


def test_a_diverged_run_is_tried_again_only_on_request_and_a_fault_always(tmp_path, monkeypatch):
    from proxies.sweep import job

    runs, tried = [*specs(1), *specs(1, run_id="nan", seed=9)], []
    real = job.train

    def fail(spec, *args, **kwargs):
        tried.append(spec.run_id)
        if spec.run_id == "nan":
            raise fault
        return real(spec, *args, **kwargs)

    monkeypatch.setattr(job, "train", fail)
    fault = job.DivergedError("the loss is nan")
    for retry, expected in [(False, ["nan", "r0"]), (False, []), (True, ["nan"])]:
        tried.clear()
        result = sweep(runs, corpus(), tmp_path, backend=InProcess(), retry_failed=retry)
        assert sorted(tried) == expected
        assert "the loss is nan" in result.failed["nan"].reason
    fault = MemoryError()
    result = sweep(runs, corpus(), tmp_path, backend=InProcess(), retry_failed=True)
    assert "out of memory" in result.failed["nan"].reason
    tried.clear()
    result = sweep(runs, corpus(), tmp_path, backend=InProcess())
    assert (tried, [failure.kind for failure in result.failed.values()]) == (["nan"], ["fault"])
    monkeypatch.setattr(job, "train", real)
    assert len(sweep(runs, corpus(), tmp_path, backend=InProcess()).table) == 2
    assert not list(tmp_path.glob("failed-*"))


def test_a_sweep_in_which_nothing_finishes_is_refused_with_the_first_reason(tmp_path, monkeypatch):
    from proxies.sweep import job

    def fail(*_, **__):
        raise job.DivergedError("the loss is infinite")

    monkeypatch.setattr(job, "train", fail)
    with pytest.raises(MixlawError, match="no run finished; the first, r0: the loss is infinite"):
        sweep(specs(2), corpus(), tmp_path, backend=InProcess())


def test_an_interrupt_ends_the_workers_and_leaves_finished_runs(tmp_path, started):
    runs = specs(1) + specs(1, run_id="endless", tokens=ENDLESS // 100)

    def interrupt(status):
        if status.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(runs, corpus(), tmp_path, backend=Workers(2), progress=interrupt)
    assert len(started) == 2
    assert not any(alive(process.pid) for process in started)
    assert len(written(tmp_path)) == 1
    assert len(sweep(runs[:1], corpus(), tmp_path).table) == 1


def test_two_sweeps_at_once_share_the_runs_and_train_none_twice(tmp_path):
    """The second starts in the same moment with the same runs: what one has claimed, the other waits for."""
    tables, said, runs = {}, {0: [], 1: []}, specs(4, tokens=6000)

    def one(index):
        tables[index] = sweep(runs, corpus(), tmp_path, backend=Workers(1), progress=said[index].append).table

    threads = [threading.Thread(target=one, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(tables[0], tables[1])
    # `seconds` is measured: equal only where both read the one file that was written.
    assert tables[0]["seconds"].tolist() == tables[1]["seconds"].tolist()
    messages = [status.message for index in said for status in said[index]]
    assert sum(message in {run.run_id for run in runs} for message in messages) == len(runs)


def test_a_run_that_another_sweep_holds_is_waited_for_and_taken_over_when_its_process_dies(tmp_path):
    run, texts, said = specs(1), corpus(), []
    store = Store.at(tmp_path)
    store.open()
    path = tmp_path / "locks" / f"{run[0].key(texts.hash)}.lock"
    code = (
        "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire();"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def release(status):
            said.append(status.message)
            if "is being trained by another sweep" in status.message:
                holder.kill()

        assert len(sweep(run, texts, store, backend=InProcess(), progress=release).table) == 1
    assert [message for message in said if message] == [
        "0 of 1 runs are in the store", "r0 is being trained by another sweep", "r0"
    ]  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_die_with_a_killed_parent(tmp_path):
    code = (
        "import sys; sys.path[:0] = [sys.argv[2], '.']; import pathlib; from factories import sweeps as t;"
        "from proxies.sweep.backends.workers import Workers; from proxies.sweep.run_sweep import sweep;"
        "sweep(t.specs(2, tokens=t.ENDLESS // 100), t.corpus(), pathlib.Path(sys.argv[1]), backend=Workers(2))"
    )
    root = Path(__file__).resolve().parents[3]
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(root / "tests" / "support")], cwd=root)
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
        if b"proxies.sweep.worker" in line and str(store).encode() in line and alive(entry):
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
    with pytest.raises(MixlawError, match="give at least 1"):
        Workers(0)


@pytest.mark.parametrize("content", ["{", "", "[]", '{"schema": 1, "rows": [], "digest": "", "key": ""}'])
def test_a_damaged_result_is_named_and_trained_again(one, tmp_path, content):
    _, table, _ = one
    run, texts, said = specs(1)[0], corpus(), []
    path = tmp_path / f"{run.key(texts.hash)}.json"
    path.write_text(content)
    again = sweep([run], texts, tmp_path, backend=InProcess(), progress=said.append)
    same(again.table, table[:1])
    assert f"{path.name}: is damaged" in said[0].message
    assert again.notes == (said[0].message,)
    assert sweep([run], texts, tmp_path).notes == ()


def test_runs_of_a_store_in_memory_are_trained_in_process(one):
    _, table, _ = one
    store = Store.at("memory://mixlaw-test")
    with pytest.raises(MixlawError, match="train with the backend in-process"):
        sweep(specs(), corpus(), store)
    first = sweep(specs(), corpus(), store, backend=InProcess())
    same(first.table, table)
    assert ["no locks there" in note for note in first.notes] == [True]
    again = sweep(specs(), corpus(), store, backend=InProcess())
    pd.testing.assert_frame_equal(again.table, first.table)


def test_the_table_names_the_text_of_every_target(tmp_path):
    """Also of runs stored before tables did; another split is another text, and runs of the two do not mix."""
    one, other = corpus(), build_corpus({s: [f"{s} says {i} " * 9 for i in range(60)] for s in ("a", "b")}, 1)
    table = sweep(specs(1), one, tmp_path, backend=InProcess()).table
    again = sweep(specs(1), one, tmp_path, backend=InProcess()).table
    runs = Runs.from_frame(again)
    assert (runs.measurement.tokenizer, dict(runs.measurement.definitions)) == ("bytes", one.definitions)
    same(table, again)
    assert set(one.definitions) == {"a", "b"}
    assert one.definitions["a"] != other.definitions["a"]
    later = Runs.from_frame(sweep(specs(1), other, tmp_path, backend=InProcess()).table, "later")
    with pytest.raises(MixlawError, match="losses on different texts cannot be compared"):
        join_runs([runs, later])


OLD_STORE = Path(__file__).resolve().parents[2] / "data" / "sweep_store"


def test_finished_runs_of_a_store_written_by_an_older_mixlaw_are_found(tmp_path, monkeypatch):
    """A run's key depends on its content alone: not on how a mixture is passed, on NumPy types, or on the order."""
    from proxies.sweep import job

    monkeypatch.setattr(job, "train", None)
    shutil.copytree(OLD_STORE, tmp_path / "store")
    third = Mixture({"b": np.float64(2 / 3), "a": np.float64(1 / 3)})
    unique = {"a": np.int64(2000), "b": 3000}
    runs = [
        RunSpec("plain", Mixture({"b": 0.75, "a": 0.25}), TINY, 500, 0.5, seed=0),
        RunSpec("one-source", Mixture({"b": 1.0}), TINY, 600, 0.5, seed=1),
        RunSpec("numpy", third, TINY, 700, 1.0, unique=unique, seed=2, evaluations=2),
        RunSpec("diverges", Mixture.of("ab", np.array([0.5, 0.5])), TINY, 500, 0.5, seed=3, rate=float("inf")),
    ]
    result = sweep(runs, corpus(), tmp_path / "store", backend=InProcess())
    assert result.table["run_id"].tolist() == ["plain", "one-source", "numpy", "numpy"]
    assert result.table["loss:a"].iloc[0] == 2.7614193454512894
    assert {name: failure.kind for name, failure in result.failed.items()} == {"diverges": "diverged"}
    assert "(not tried again)" in result.failed["diverges"].reason
