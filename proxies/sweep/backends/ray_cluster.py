"""Backend `ray`: trains runs as tasks of a Ray cluster, started here or running at an address (extra `ray`).

The corpus is copied by Ray's object store, so nodes need no shared folder for it. They need this version of mixlaw, and
a store that all of them reach. If a node is lost, the sweep submits its runs again.
"""

import socket
import time
from typing import Any

from mixlaw.errors import MixlawError
from proxies.data.corpus import Corpus
from proxies.sweep.backends.own_ray import OwnRay
from proxies.sweep.backends.workers import refuse_memory, single_threaded
from proxies.sweep.job import Ended, Job, RunProgress, Tell, run_job
from proxies.sweep.store import Store

GRACE_SECONDS = 60.0
"""Seconds without a node that could train a run, after which the sweep ends."""


class RayCluster:
    """A backend with one Ray task per run, of `cpus` and `gpus`. `address`: address of a running cluster ("auto": that
    of this machine); None: start one here."""

    def __init__(self, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0) -> None:
        if not (cpus >= 0 and gpus >= 0 and cpus + gpus > 0):
            raise MixlawError(f"{cpus:g} CPUs and {gpus:g} GPUs per run: give at least one of them above 0")
        self.address, self.needs = address, {"CPU": cpus, "GPU": gpus}
        self.running: dict[Any, Job] = {}
        self.own: OwnRay | None = None
        self.owned, self.slots, self.fits_since = False, 0, time.monotonic()

    def start(self, corpus: Corpus, store: Store) -> None:
        """Join the cluster, or start one here, and copy the corpus to it."""
        ray = _ray()
        refuse_memory(store)
        if not ray.is_initialized():
            self.owned = True
            try:
                if self.address is None:
                    self.own = OwnRay()
                    self.own.start(ray)
                else:
                    _knock(self.address)
                    ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                place = "this machine" if self.address is None else f"--address {self.address}"
                why = "started" if self.address is None else "joined"
                raise MixlawError(f"{place}: no Ray cluster could be {why} ({error})") from error
        self.slots = self._room()
        if self.address is None and not self.slots:
            raise MixlawError(f"this machine cannot train a run of {_words(self.needs)}: request less per run")
        _ = corpus.hash  # computed once, here
        self.corpus, self.store = ray.put(corpus), ray.put(store)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        self.board = ray.remote(Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
        self.task = ray.remote(train_task).options(
            num_cpus=self.needs["CPU"],
            num_gpus=self.needs["GPU"],
            max_retries=0,  # the sweep itself tries again
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment(**self.needs)},
        )

    def submit(self, job: Job) -> None:
        """Submit the job to Ray, which queues it until a node is free."""
        self.running[self.task.remote(job, self.corpus, self.store, self.board)] = job

    def step(self, tell: Tell) -> None:
        """Events of tasks that ended, and progress of the others."""
        ray = _ray()
        ready, _ = ray.wait(list(self.running), timeout=0.5)
        for ref in ready:
            tell(self._ended(ref))
        try:
            marks = ray.get(self.board.read.remote(), timeout=5)
        except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
            marks = {}  # failing to read progress must not end the sweep
        alive = {job.key for job in self.running.values()}
        for event in marks.values():
            if event.key in alive:
                tell(event)
        self._check_room(moving=bool(ready or marks))

    def stop(self) -> None:
        """Cancel running tasks, and shut down a cluster that was started here."""
        ray = _ray()
        if ray.is_initialized():
            for ref in self.running:
                ray.cancel(ref, force=True)
            if hasattr(self, "board"):
                ray.kill(self.board)
        self.running = {}
        if self.own is not None:
            self.own.stop(ray)
        elif self.owned:
            ray.shutdown()
        self.owned, self.own = False, None

    def _ended(self, ref: Any) -> Ended:
        ray, job = _ray(), self.running.pop(ref)
        try:
            return ray.get(ref)
        except ray.exceptions.OutOfMemoryError:
            return Ended(job.key, "killed", "its process was killed by Ray: its node was out of memory")
        except ray.exceptions.RayTaskError as error:  # before or after `run_job`, which raises nothing
            return Ended(job.key, "unusable", f"a node cannot train ({_in_short(error.cause or error)})")
        except ray.exceptions.RayError as error:
            return Ended(job.key, "killed", f"its process or its node was lost ({_in_short(error)})")

    def _room(self) -> int:
        """Number of simultaneous runs that the live nodes could train if they were idle."""
        nodes = [node["Resources"] for node in _ray().nodes() if node["Alive"]]
        asked = {kind: need for kind, need in self.needs.items() if need}
        return sum(int(min(node.get(kind, 0) / need for kind, need in asked.items())) for node in nodes)

    def _check_room(self, moving: bool) -> None:
        if moving or self._room():
            self.fits_since = time.monotonic()
        elif time.monotonic() - self.fits_since > GRACE_SECONDS:
            raise MixlawError(
                f"the cluster has had no node for a run of {_words(self.needs)} for {GRACE_SECONDS:.0f} s: finished "
                "runs are kept; add nodes or request less per run, and run the same command again"
            )


class Board:
    """Actor to which tasks report their progress and from which the driver reads it: tasks return only at their end."""

    def __init__(self) -> None:
        self.marks: dict[str, RunProgress] = {}

    def mark(self, event: RunProgress) -> None:
        """Record a progress mark."""
        self.marks[event.key] = event

    def read(self) -> dict[str, RunProgress]:
        """Marks recorded since the last call."""
        marks, self.marks = self.marks, {}
        return marks


def train_task(job: Job, corpus: Corpus, store: Store, board: Any) -> Ended:
    """The task: `run_job` with progress marks on the board. Fails if the node's mixlaw gives the run another key."""
    if job.spec.key(corpus.hash) != job.key:
        reason = f"node {socket.gethostname()} has another version of mixlaw: install this one there"
        return Ended(job.key, "unusable", reason)
    store.open()
    return run_job(job, corpus, store, lambda event: board.mark.remote(event))


def environment(CPU: float, GPU: float) -> dict[str, str]:
    """Environment of a task. A run on one core gets that of a worker, so that its rows are the same bit for bit."""
    if GPU:
        return {"JAX_ENABLE_X64": "0"} | ({"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} if GPU < 1 else {})
    return single_threaded() if CPU <= 1 else {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"}


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise MixlawError("the backend ray needs Ray: pip install 'mixlaw[ray]'") from None
    return ray


def _knock(address: str) -> None:
    """Raise OSError if no process listens at host:port; Ray itself would retry for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _words(needs: dict[str, float]) -> str:
    return " and ".join(f"{need:g} {kind}s" for kind, need in needs.items() if need)


def _in_short(error: BaseException) -> str:
    """First sentence of an error message of Ray."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0]
