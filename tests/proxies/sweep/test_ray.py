"""The backend ray, on real clusters of this machine: the same table, also when a node goes with its runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from factories.sweeps import corpus, same, specs

from mixlaw.errors import MixlawError
from proxies.sweep.backends.in_process import InProcess
from proxies.sweep.backends.ray_cluster import RayCluster
from proxies.sweep.run_sweep import sweep
from proxies.sweep.store import Store

ray = pytest.importorskip("ray", reason="the extra ray")
# Ray leaves the pipes of the processes that it starts to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
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


def test_a_sweep_starts_its_own_cluster_and_ends_it(tmp_path):
    said = []
    table = sweep(specs(2), corpus(), tmp_path, backend=RayCluster(), progress=said.append).table
    assert not ray.is_initialized()
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


def test_without_ray_the_backend_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None; sys.path[:0] = [sys.argv[1]]; import factories.sweeps as t\n"
        "from mixlaw.errors import MixlawError\n"
        "from proxies.sweep.backends.ray_cluster import RayCluster\n"
        "from proxies.sweep.run_sweep import sweep\n"
        "try: sweep(t.specs(1), t.corpus(), sys.argv[2], backend=RayCluster())\n"
        "except MixlawError as error: print(error)\n"
    )
    here = str(Path(__file__).resolve().parents[2])
    done = subprocess.run([sys.executable, "-c", code, here, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "the backend ray needs Ray: pip install 'mixlaw[ray]'\n", done.stderr
