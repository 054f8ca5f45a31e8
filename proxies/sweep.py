"""Many runs on one machine: a single-threaded worker process per core, every finished run kept on disk.

The store is a folder: `<key>.json` per finished run, `failed-<key>.json` for the report of one that failed,
`corpus-<hash>/` mapped by the workers, `worker-<i>.log`. A worker is `python -c "... proxies.worker"`,
not a fork and not multiprocessing's spawn: callers need no `if __name__ == "__main__"`, and its XLA and
thread settings are its own. It ends itself when the pipe from its parent closes.
"""

import collections
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from mixlaw.errors import MixlawError
from proxies.corpus import Corpus
from proxies.train import RunSpec, check
from proxies.worker import write_json

Progress = Callable[[int, int, str], None]
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from proxies.worker import main; main()"


def sweep(
    specs: Sequence[RunSpec],
    corpus: Corpus,
    store: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Train every run that the store does not hold yet; all finished runs' rows in the order of `specs`.

    The rows do not depend on the number of workers (`seconds` does). `workers` is one per core where None.
    `progress(done, total, message)` is called from this thread. Failed runs are left out of the table and
    listed in `table.attrs["failed"]` as {run_id: reason}; a later call tries them again. Raises MixlawError
    for specs that cannot be trained, before anything starts, and where no run at all finished.
    """
    store, done = Path(store), 0
    names = [spec.run_id for spec in specs]
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if not specs or twice:
        raise MixlawError(f"sweep: run_id {twice[0]} occurs twice" if twice else "sweep: no runs were given")
    for spec in specs:
        check(spec, corpus)
    store.mkdir(parents=True, exist_ok=True)
    keys = [spec.key(corpus.hash) for spec in specs]
    jobs = {key: spec for key, spec in zip(keys, specs, strict=True) if not (store / f"{key}.json").exists()}
    failed: dict[str, str] = {}
    tell = progress or (lambda *_: None)
    tell(len(set(keys)) - len(jobs), len(set(keys)), "runs already in the store")
    if jobs:
        path = corpus.save(store)
        count = min(workers or cores(), len(jobs))
        for key, reason in _run_all(jobs, path, store, count):
            done += 1
            if reason:
                failed[key] = reason
            message = jobs[key].run_id + (f" failed: {reason}" if reason else "")
            tell(len(set(keys)) - len(jobs) + done, len(set(keys)), message)
    rows = [_read(store, key) | {"run_id": s.run_id} for key, s in zip(keys, specs, strict=True) if key not in failed]
    if not rows:
        raise MixlawError(f"sweep: no run finished; the first, {specs[0].run_id}: {failed[keys[0]]}")
    table = pd.DataFrame(rows)
    table.attrs["failed"] = {s.run_id: failed[k] for k, s in zip(keys, specs, strict=True) if k in failed}
    return table


def cores() -> int:
    """Cores this process may use: its affinity, and a container's quota where Linux states one."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota
    return count


def _read(store: Path, key: str) -> dict[str, Any]:
    path = store / f"{key}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MixlawError(f"{path}: not a finished run ({error}); delete it and sweep again") from error


def _run_all(jobs: dict[str, RunSpec], corpus: Path, store: Path, count: int):
    """Yields (key, reason or "") as runs end. However it is left, no worker outlives it."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    # Longest first, so that the last runs to end are short ones.
    for key in sorted(jobs, key=lambda k: (-jobs[k].flops, k)):
        waiting.put(key)
    team = [Worker(i, corpus, store) for i in range(count)]
    try:
        for worker in team:
            threading.Thread(target=worker.serve, args=(waiting, jobs, ended), daemon=True).start()
        for _ in jobs:
            yield _next(ended)
    finally:
        for worker in team:
            worker.stop()


def _next(ended: queue.SimpleQueue) -> tuple[str, str]:
    while True:
        try:
            return ended.get(timeout=0.2)  # short: a wait without end would not hear Ctrl-C on every system
        except queue.Empty:
            continue


class Worker:
    """One worker process and the thread that feeds it; a process that dies fails its run and is replaced."""

    def __init__(self, index: int, corpus: Path, store: Path) -> None:
        self.index, self.corpus, self.store = index, corpus, store
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False
        self.lock = threading.Lock()

    def serve(self, waiting: queue.SimpleQueue, jobs: dict[str, RunSpec], ended: queue.SimpleQueue) -> None:
        while not self.stopped:
            try:
                key = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                reason = self._train(key, jobs[key])
            except Exception as error:
                reason = f"worker could not be reached ({error})"
            ended.put((key, reason))

    def _train(self, key: str, spec: RunSpec) -> str:
        process = self._started()
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"key": key, "spec": asdict(spec)}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if answer:
            return json.loads(answer)["failed"]
        code = process.wait()
        _close(process)
        reason = f"its worker died with code {code} (see {self.store / f'worker-{self.index}.log'})"
        if not self.stopped:
            write_json(self.store / f"failed-{key}.json", {"run_id": spec.run_id, "reason": reason})
        return reason

    def _started(self) -> subprocess.Popen[str]:
        with self.lock:
            if self.stopped:
                raise RuntimeError("the sweep was stopped")
            if self.process is None or self.process.poll() is not None:
                arguments = [json.dumps(sys.path), str(self.corpus), str(self.store)]
                with (self.store / f"worker-{self.index}.log").open("ab") as log:
                    self.process = subprocess.Popen(
                        [sys.executable, "-c", _START, *arguments],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, encoding="utf-8",
                        env=os.environ | single_threaded(), start_new_session=True,
                    )  # fmt: skip
            return self.process

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            if self.process is None:
                return
            self.process.kill()  # runs are written whole or not at all, so there is nothing to finish
            self.process.wait()
            _close(self.process)


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # a dead reader: what was buffered for it is lost, rightly
                pipe.close()


def single_threaded() -> dict[str, str]:
    """The environment of a worker: one thread, float32, on the CPU."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    threads = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NPROC",
    )
    return {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"} | dict.fromkeys(threads, "1")
