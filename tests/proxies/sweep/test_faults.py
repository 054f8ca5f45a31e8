"""What goes wrong in a sweep is said, loses no finished run, and the next sweep goes on from there."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from factories.sweeps import ENDLESS, Spy, corpus, same, specs, written

from mixlaw.errors import MixlawError
from proxies.sweep import location as folder
from proxies.sweep import store as module
from proxies.sweep.backends import workers
from proxies.sweep.backends.in_process import InProcess
from proxies.sweep.backends.workers import Workers
from proxies.sweep.run_sweep import sweep
from proxies.sweep.store import DamagedError, Failure, Store

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's signals, limits and mounts")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setattr(workers.subprocess, "Popen", Spy)
    monkeypatch.setattr(Spy, "started", [])
    return Spy.started


@LINUX
def test_kills_at_random_moments_lose_no_finished_run_and_end_in_the_same_table():
    script = ROOT / "analysis" / "benchmarks" / "faults.py"
    command = [sys.executable, script, "--moments", "6", "--runs", "3", "--horizon", "6", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    tally = json.loads(done.stdout)
    assert (tally["kills"], tally["finished runs lost"], tally["tables that differ"]) == (6, 0, 0)
    assert tally["driver"] + tally["worker"] == 6
    assert tally["sweeps compared"] >= 1


@pytest.mark.parametrize("when", ["rows", "state"])
def test_a_full_disk_ends_the_sweep_and_the_next_goes_on(tmp_path, monkeypatch, when):
    runs, full, real = specs(2, tokens=20_000), [], os.replace
    stop = "json" if when == "rows" else "npz"

    def replace(source, target):
        if str(target).endswith(stop) and "probe" not in str(target) and not full:
            full.append(target)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        real(source, target)

    monkeypatch.setattr(folder.os, "replace", replace)
    store = Store.at(tmp_path, every=0.0)
    with pytest.raises(MixlawError, match=r"No space left on device.*0 of 2 runs are finished.*run the same again"):
        sweep(runs, corpus(), store, backend=InProcess())
    assert full
    assert not list(tmp_path.glob(".*.json*"))
    assert len(sweep(runs, corpus(), store, backend=InProcess()).table) == 2
    assert not list((tmp_path / "states").iterdir())


@LINUX
def test_a_disk_that_is_really_full(tmp_path):
    """In a mount namespace of its own, so that nothing stays mounted."""
    code = (
        "import sys, pathlib; sys.path[:0] = [sys.argv[2], '.']; import factories.sweeps as t\n"
        "from mixlaw.errors import MixlawError\n"
        "from proxies.sweep.backends.in_process import InProcess\n"
        "from proxies.sweep.run_sweep import sweep\n"
        "place = pathlib.Path(sys.argv[1]); ballast = place / 'ballast'; runs = t.specs(2)\n"
        "def fill(status):\n"
        "    with ballast.open('wb', buffering=0) as file:\n"
        "        while True: file.write(bytes(4096))\n"
        "def full(status):\n"
        "    try: fill(status)\n"
        "    except OSError: pass\n"
        "try: sweep(runs, t.corpus(), place, backend=InProcess(), progress=full)\n"
        "except MixlawError as error: print(error)\n"
        "ballast.unlink()\n"
        "print(len(sweep(runs, t.corpus(), place, backend=InProcess()).table))\n"
    )
    mount = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" -c "$3" "$1" "$4"'
    arguments = [str(tmp_path), sys.executable, code, str(ROOT / "tests" / "support")]
    try:
        probe = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none "$1"', "sh", str(tmp_path)]
        subprocess.run(probe, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no mount namespaces here")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    said, count = done.stdout.splitlines()
    assert "No space left on device" in said
    assert count == "2"


def test_a_store_that_cannot_be_written_is_said_before_anything_is_trained(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(MixlawError, match=r"file: cannot be written \((File exists|Not a directory)"):
        sweep(specs(1), corpus(), tmp_path / "file", backend=InProcess())
    monkeypatch.setattr(folder.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only")))
    with pytest.raises(MixlawError, match=r"cannot be written \(Read-only"):
        sweep(specs(1), corpus(), tmp_path / "store", backend=InProcess())
    with pytest.raises(MixlawError, match="nosuch://bucket/runs"):
        Store.at("nosuch://bucket/runs")


@pytest.mark.parametrize("damage", ["cut", "manifest"])
def test_an_unreadable_corpus_is_named_and_the_next_sweep_writes_it_anew(tmp_path, damage):
    texts = corpus()

    class Damaged(Workers):
        def start(self, *args):
            super().start(*args)
            files = [
                path for path in tmp_path.glob("corpus-*/*") if (path.name == "corpus.json") is (damage == "manifest")
            ]
            largest = max(files, key=lambda path: path.stat().st_size)
            os.truncate(largest, 20)

    with pytest.raises(MixlawError, match=rf"corpus .*{texts.hash}: cannot be read .*0 of 1 runs are finished"):
        sweep(specs(1), texts, tmp_path, backend=Damaged(1))
    if damage == "cut":
        assert len(sweep(specs(1), texts, tmp_path, backend=Workers(1)).table) == 1


@LINUX
def test_a_corpus_cut_short_under_a_running_worker(tmp_path):
    """The worker dies of it (SIGBUS), the one that takes its place says what it finds."""
    said = []

    def cut(status):
        said.append(status.message)
        if status.share > 0:
            for path in tmp_path.glob("corpus-*/*.bin"):
                os.truncate(path, 0)

    with pytest.raises(MixlawError, match=r"corpus .* cannot be read"):
        sweep(specs(1, tokens=ENDLESS // 100), corpus(), tmp_path, backend=Workers(1), progress=cut)
    assert any("killed by SIGBUS (a file it reads was cut short" in message for message in said)


@LINUX
@pytest.mark.usefixtures("started")
def test_a_worker_without_memory_is_said_and_the_run_is_tried_by_the_next_sweep(tmp_path, monkeypatch):
    import resource

    real, runs = Spy.__init__, specs(1)

    def limited(self, *args, **kwargs):
        real(self, *args, **kwargs)
        resource.prlimit(self.pid, resource.RLIMIT_AS, (1000 << 20, 1000 << 20))

    monkeypatch.setattr(Spy, "__init__", limited)
    with pytest.raises(MixlawError, match=r"no run finished; the first, r0: .*out of memory"):
        sweep(runs, corpus(), tmp_path, backend=Workers(1))
    monkeypatch.setattr(Spy, "__init__", real)
    assert len(sweep(runs, corpus(), tmp_path, backend=Workers(1)).table) == 1


def test_compiled_programs_cut_short_are_compiled_again(tmp_path, monkeypatch):
    """A killed worker may leave half a file: it must cost time, not the sweep."""
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    runs, texts = specs(2), corpus()
    sweep(runs[:1], texts, tmp_path, backend=Workers(1))
    compiled = list(tmp_path.glob("compiled-*/*-cache"))
    assert compiled
    for path in compiled:
        os.truncate(path, path.stat().st_size // 2)
    found = sweep(runs, texts, tmp_path, backend=Workers(1)).table
    same(found, sweep(runs, texts, tmp_path / "other", backend=InProcess()).table)


def test_a_clock_that_jumps_costs_at_most_a_state(tmp_path, monkeypatch):
    runs, texts = specs(2), corpus()
    store = Store.at(tmp_path)
    monkeypatch.setattr(module.time, "time", lambda: 0.0)
    table = sweep(runs[:1], texts, store, backend=InProcess()).table
    before = written(tmp_path)
    monkeypatch.setattr(module.time, "time", lambda: 4e9)
    same(sweep(runs, texts, store, backend=InProcess()).table[:1], table)
    assert before.items() <= written(tmp_path).items()


def test_what_is_left_of_other_sweeps_is_tidied_but_not_what_may_go_on(tmp_path):
    run, texts = specs(1)[0], corpus()
    store = Store.at(tmp_path)
    store.open()
    key, states = run.key(texts.hash), tmp_path / "states"
    other, old = "0" * 32, "1" * 32
    for name in (f"{key}.npz", f".{key}.npz.77", f"{other}.npz", f"{old}.npz"):
        (states / name).write_text("not a state")
    os.utime(states / f"{old}.npz", (0, 0))
    (tmp_path / f".{key}.json.somewhere.77").write_text("a draft")
    sweep([run], texts, store, backend=InProcess())
    assert sorted(os.listdir(states)) == [f"{other}.npz"]
    assert not list(tmp_path.glob(".*.json*"))
    assert (tmp_path / "locks" / f"{key}.lock").exists()
    sweep([run, dataclasses.replace(run, run_id="more", seed=7)], texts, store, backend=InProcess())
    assert not (tmp_path / "locks" / f"{key}.lock").exists()


def test_the_store_keeps_and_checks_what_it_is_given(tmp_path):
    for place in (tmp_path, "memory://store-test"):
        store = Store.at(place)
        store.open()
        rows = [{"run_id": "r", "loss:a": 0.1 + 0.2, "step": 3}]
        assert (store.rows("k"), store.failure("k"), store.holds("k")) == (None, None, False)
        store.report("k", Failure("r", "fault", "why"))
        assert store.failure("k") == Failure("r", "fault", "why")
        store.write("k", rows)
        assert (store.rows("k"), store.failure("k"), store.keys()) == (rows, None, {"k"})
    (tmp_path / "other.json").write_bytes((tmp_path / "k.json").read_bytes())  # a run under another's name
    store = Store.at(tmp_path)
    with pytest.raises(DamagedError, match=r"other\.json: is damaged"):
        store.rows("other")
    text = (tmp_path / "k.json").read_text()
    (tmp_path / "k.json").write_text(text.replace("0.30000000000000004", "0.30000000000000001"))
    assert not store.holds("k")
    (tmp_path / "k.json").write_text(text.replace('"schema": 1', '"schema": 2'))
    with pytest.raises(MixlawError, match="another version of mixlaw"):
        store.rows("k")
