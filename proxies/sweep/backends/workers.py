"""Backend `workers`: trains runs on this machine with a single-threaded process per core.

A worker is `python -c "... proxies.sweep.worker"`, not a fork and not multiprocessing's spawn: callers need no
`if __name__ == "__main__"`, and its XLA and thread settings are its own. It ends itself when the pipe from
its parent closes, so it dies with a killed parent.
"""

import contextlib
import json
import os
import pickle
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.sweep.cores import cores
from proxies.sweep.job import Ended, Event, Job, RunProgress, Tell
from proxies.sweep.store import Store

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from proxies.sweep.worker import main; main()"
WHY = {
    "SIGKILL": "out of memory?",
    "SIGABRT": "out of memory?",
    "SIGSEGV": "out of memory?",
    "SIGBUS": "a file it reads was cut short, or its disk failed",
}


class Workers:
    """A backend of `slots` worker processes; None: one per core. A process that dies is replaced.

    >>> Workers(2).slots
    2
    """

    def __init__(self, slots: int | None = None) -> None:
        if slots is not None and slots < 1:
            raise MixlawError(f"{slots} workers; give at least 1")
        self.slots = slots or cores()
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.team: list[Worker] = []
        self.scratch: Path | None = None

    def start(self, corpus: Corpus, store: Store) -> None:
        """Write the corpus into the store's folder or a temporary one, from which workers map it."""
        refuse_memory(store)
        self.jobs, self.events = queue.SimpleQueue(), queue.SimpleQueue()
        if store.location.folder is None:
            self.scratch = Path(tempfile.mkdtemp(prefix="mixlaw-"))
        folder = store.location.folder or self.scratch
        assert folder is not None
        path = corpus.save(folder)
        self.team = [Worker(i, path, store, folder / f"worker-{i}.log") for i in range(self.slots)]
        for worker in self.team:
            threading.Thread(target=worker.serve, args=(self.jobs, self.events), daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queue the job; a worker's process starts with its first job."""
        self.jobs.put(job)

    def step(self, tell: Tell) -> None:
        """Report the workers' events."""
        with contextlib.suppress(queue.Empty):
            tell(
                self.events.get(timeout=0.2)
            )  # short: on some systems Ctrl-C does not interrupt a wait without timeout
            while True:
                tell(self.events.get_nowait())

    def stop(self) -> None:
        """Kill the workers. Rows are written atomically, so no worker has to finish."""
        for worker in self.team:
            worker.stop()
        for _ in self.team:
            self.jobs.put(None)
        self.team = []
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch = None


class Worker:
    """One worker process, with the thread that sends it jobs."""

    def __init__(self, index: int, corpus: Path, store: Store, log: Path) -> None:
        self.index, self.corpus, self.store, self.log = index, corpus, store, log
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.lock = threading.Lock()

    def serve(self, jobs: queue.SimpleQueue[Job | None], events: queue.SimpleQueue[Event]) -> None:
        """Train jobs until stopped. Every job ends in exactly one `Ended` event."""
        while (job := jobs.get()) is not None and not self.stopped:
            try:
                ended = self._train(job, events)
            except OSError as error:
                ended = Ended(job.key, "unusable", f"no worker could be started ({error})")
            events.put(ended)

    def _train(self, job: Job, events: queue.SimpleQueue[Event]) -> Ended:
        process = self._started()
        if process is None:
            return Ended(job.key, "killed", "the sweep was stopped")
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(
            OSError, EOFError, pickle.UnpicklingError
        ):  # a dead worker: its exit code is read below
            pickle.dump(job, process.stdin)
            process.stdin.flush()
            while True:
                answer: Any = pickle.load(process.stdout)
                if isinstance(answer, str):
                    return Ended(job.key, "unusable", answer)
                if isinstance(answer, Ended):
                    return answer
                if isinstance(answer, RunProgress):
                    events.put(answer)
        code = process.wait()
        return Ended(job.key, "killed", f"its worker {_death(code)} (see {self.log})")

    def _started(self) -> subprocess.Popen[bytes] | None:
        with self.lock:
            if self.stopped:
                return None
            if self.process is not None and self.process.poll() is not None:
                _close(self.process)  # it has died
                self.process = None
            if self.process is None:
                store = pickle.dumps(self.store).hex()
                with self.log.open("ab") as log:
                    self.process = subprocess.Popen(
                        [sys.executable, "-c", _START, json.dumps(sys.path), str(self.corpus), store],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                        env=compiled_once(self.log.parent) | os.environ | single_threaded(), start_new_session=True,
                    )  # fmt: skip
            return self.process

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            if self.process is None:
                return
            self.process.kill()
            self.process.wait()
            _close(self.process)


def refuse_memory(store: Store) -> None:
    """Raise MixlawError if the store is in this process's memory, which workers cannot reach."""
    if store.location.address.startswith("memory:"):
        raise MixlawError(f"{store}: is in this process's memory; train with the backend in-process")


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (f" ({WHY[name]})" if name in WHY else "")


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # the reader is dead, so buffered data is not needed
                pipe.close()


def compiled_once(folder: Path) -> dict[str, str]:
    """Environment that caches compiled programs by host: other processors may not be able to run them."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / f"compiled-{socket.gethostname()}"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def single_threaded() -> dict[str, str]:
    """Environment of a worker: one thread, float32, on the CPU.

    >>> single_threaded()["OMP_NUM_THREADS"]
    '1'
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    threads = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NPROC",
    )
    return {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"} | dict.fromkeys(threads, "1")
