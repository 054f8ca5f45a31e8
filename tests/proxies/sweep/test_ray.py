"""The backend ray, on real clusters of this machine: the same table, also when a node goes with its runs."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from factories.sweeps import corpus, same, specs

from mixlaw.errors import MixlawError
from proxies.sweep.backends import own_ray
from proxies.sweep.backends.in_process import InProcess
from proxies.sweep.backends.ray_cluster import RayCluster
from proxies.sweep.backends.ray_guard import of_cluster, processes
from proxies.sweep.run_sweep import sweep
from proxies.sweep.store import Store

ray = pytest.importorskip("ray", reason="the extra ray")
# Ray leaves the pipes of the processes that it starts to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
LINUX = sys.platform.startswith("linux")
MEMORY = 100 << 20


@pytest.fixture
def nodes():
    """Two nodes of one CPU each: the cluster, and the one that may go."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": MEMORY})
    yield cluster, cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    ray.shutdown()
    cluster.shutdown()


def test_a_node_that_goes_mid_sweep_takes_no_run_with_it(nodes, tmp_path):
    cluster, second = nodes
    runs, said = specs(3, tokens=500_000), []

    def remove(status):
        said.append(status)
        if status.share > 0.02 and len(cluster.list_all_nodes()) == 2:
            cluster.remove_node(second, allow_graceful=False)

    store = Store.at(tmp_path / "ray", every=0.5)
    result = sweep(runs, corpus(), store, backend=RayCluster(cluster.address), progress=remove)
    table = result.table
    lost = [status.message for status in said if "node was lost" in status.message]
    assert len(lost) == 1
    assert lost[0].endswith("tried once more")
    assert said[-1].done == 3
    assert any(0 < status.share < 1 and status.tokens_per_second for status in said)
    assert not result.failed
    same(table, sweep(runs, corpus(), tmp_path / "here", backend=InProcess()).table)
    assert not list((tmp_path / "ray" / "states").iterdir())


def listening(pids):
    """Local addresses, in hex, on which any of these processes listens."""
    inodes = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(entry).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        found |= {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}
    return found


def test_a_sweep_starts_its_own_cluster_and_ends_it(tmp_path):
    """Nobody else reaches it: it listens on the loopback address, asks for a token, and its files are the user's."""
    said, backend, addresses, modes = [], RayCluster(), set(), set()

    def watch(status):
        said.append(status)
        if LINUX and backend.own is not None and not addresses:
            addresses.update(listening(of_cluster(processes(), os.getpid())))
        if backend.own is not None and backend.own.folder is not None:
            modes.add(backend.own.folder.stat().st_mode & 0o777)
            modes.add(len(os.environ["RAY_AUTH_TOKEN"]))

    before = dict(os.environ)
    table = sweep(specs(2), corpus(), tmp_path, backend=backend, progress=watch).table
    assert not ray.is_initialized()
    assert addresses == ({"0100007F", "0000000000000000FFFF00000100007F"} if LINUX else set())
    assert modes == {0o700, 64}
    assert {name: os.environ.get(name) for name in before} == before
    assert "RAY_AUTH_TOKEN" not in os.environ
    same(table, sweep(specs(2), corpus(), tmp_path / "here", backend=InProcess()).table)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (lambda: RayCluster(cpus=0), "give at least one of them above 0"),
        (lambda: RayCluster(address="127.0.0.1:1"), "--address 127.0.0.1:1: no Ray cluster could be joined"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, backend, words):
    with pytest.raises(MixlawError, match=words):
        sweep(specs(1), corpus(), tmp_path, backend=backend())
    assert not ray.is_initialized()


@pytest.mark.skipif(not LINUX, reason="processes are found in /proc")
def test_what_a_killed_driver_leaves_is_ended(tmp_path):
    """A driver with a raylet that has an agent, in processes that only have these names; nothing else is touched."""
    shutil.copy(shutil.which("sh"), tmp_path / "raylet")
    (tmp_path / "cluster").mkdir()
    script = "./raylet -c 'sleep 97 & wait' & sleep 99 & wait"
    driver = subprocess.Popen(["sh", "-c", script], cwd=tmp_path)
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", own_ray.GUARD, str(driver.pid), str(tmp_path / "cluster")], stdin=subprocess.PIPE
    )
    while len(mine := of_cluster(processes(), driver.pid)) < 2:
        time.sleep(0.05)
    time.sleep(1.5)
    spared = [pid for pid, (parent, name, _) in processes().items() if parent == driver.pid and name == "sleep"]
    driver.kill()
    driver.wait()
    guard.stdin.close()
    guard.wait(timeout=20)
    there = processes()
    assert not [pid for pid in mine if pid in there]
    assert not (tmp_path / "cluster").exists()
    assert [pid in there for pid in spared] == [True]
    os.kill(spared[0], signal.SIGKILL)


def test_without_ray_the_backend_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None; sys.path[:0] = [sys.argv[1]]; import factories.sweeps as t\n"
        "from mixlaw.errors import MixlawError\n"
        "from proxies.sweep.backends.ray_cluster import RayCluster\n"
        "from proxies.sweep.run_sweep import sweep\n"
        "try: sweep(t.specs(1), t.corpus(), sys.argv[2], backend=RayCluster())\n"
        "except MixlawError as error: print(error)\n"
    )
    here = str(Path(__file__).resolve().parents[2] / "support")
    done = subprocess.run([sys.executable, "-c", code, here, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "the backend ray needs Ray: pip install 'mixlaw[ray]'\n", done.stderr
