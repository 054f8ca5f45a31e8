"""kill -9 of a sweep's driver and workers at random moments: what is lost, and does it end in the same table?

A sweep of tiny runs by two workers is started again and again; at a random moment its driver or one of its workers
is killed. Runs finished before a kill must be there after it, byte for byte, and every sweep must end in the table
of an undisturbed one, bit for bit but for the seconds.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from proxies.data.corpus import build_corpus  # noqa: E402
from proxies.data.mixture import Mixture  # noqa: E402
from proxies.model.transformer import ModelConfig  # noqa: E402
from proxies.sweep.backends.workers import Workers  # noqa: E402
from proxies.sweep.run_sweep import sweep  # noqa: E402
from proxies.sweep.store import Store  # noqa: E402
from proxies.training.run_spec import RunSpec  # noqa: E402

TINY = ModelConfig(width=8, depth=1, heads=1, head_dim=8, length=16)
RUNS = 6
TOKENS = 150_000
EVERY = 0.2  # seconds between two states: so that many moments fall into one's writing


def texts():
    """Two small sources."""
    return build_corpus({s: [f"{s} says {i} " * 9 for i in range(60)] for s in ("a", "b")}, 0)


def specs(runs: int) -> list[RunSpec]:
    """Runs of one size, two rows each."""
    shares = [i / runs for i in range(runs)]
    return [
        RunSpec(f"r{i}", Mixture({"a": w, "b": 1 - w}), TINY, TOKENS + 10_000 * i, 0.5, seed=i, evaluations=2)
        for i, w in enumerate(shares)
    ]


def drive(place: str, runs: int) -> pd.DataFrame:
    """The sweep, from wherever it stands."""
    result = sweep(specs(runs), texts(), Store.at(place, every=EVERY), backend=Workers(2))
    return result.table.drop(columns="seconds")


def children(pid: int) -> list[int]:
    """Processes of a driver."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parts = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else []
        except OSError:
            continue
        if parts and int(parts[1]) == pid and parts[0] != "Z":
            found.append(int(entry.name))
    return found


def finished(store: Path) -> dict[str, bytes]:
    """Files of finished runs."""
    return {p.name: p.read_bytes() for p in store.glob("*.json") if not p.name.startswith((".", "failed-"))}


class Tally:
    """What was killed, lost, and compared."""

    def __init__(self, moments: int, runs: int, seed: int) -> None:
        self.moments, self.runs, self.random = moments, runs, random.Random(seed)
        self.kills = {"driver": 0, "worker": 0}
        self.lost = self.differ = self.compared = self.half_done = self.resumed = 0
        self.kept: dict[str, bytes] = {}

    def disturb(self, store: Path, horizon: float) -> None:
        """One store: kill until its sweep ends or the moments are used up, then let it end."""
        self.kept = {}
        driver = None
        while True:
            driver = driver or self.start(store)
            left = self.moments - sum(self.kills.values())
            try:
                code = driver.wait(self.random.uniform(0, horizon) if left else None)
            except subprocess.TimeoutExpired:
                self.look(store)
                self.half_done += any((store / "states").glob("*.npz"))
                driver = self.kill(driver)
                self.look(store)
                continue
            self.look(store)
            driver = None
            if code == 0 and len(finished(store)) == self.runs:
                return

    def start(self, store: Path) -> subprocess.Popen:
        """A driver."""
        self.resumed += any((store / "states").glob("*.npz"))
        code = f"import sys; sys.path.insert(0, sys.argv[1]); import faults; faults.drive(sys.argv[2], {self.runs})"
        here = str(Path(__file__).parent)
        return subprocess.Popen([sys.executable, "-c", code, here, str(store)], stderr=subprocess.DEVNULL)

    def kill(self, driver: subprocess.Popen) -> subprocess.Popen | None:
        """Kill the driver (then None) or one of its workers."""
        workers = children(driver.pid)
        victim = self.random.choice(["driver", "worker"]) if workers else "driver"
        self.kills[victim] += 1
        if victim == "worker":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(workers), signal.SIGKILL)
            return driver
        driver.kill()
        driver.wait()
        return None

    def look(self, store: Path) -> None:
        """Runs that were finished and are not there any more."""
        now = finished(store)
        self.lost += sum(now.get(name) != content for name, content in self.kept.items())
        self.kept |= now


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=50, help="kills")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--horizon", type=float, help="a kill comes so many seconds after the last one at most")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = drive(f"{folder}/undisturbed", options.runs)
        horizon = options.horizon or time.perf_counter() - began
        tally, round_ = Tally(options.moments, options.runs, options.seed), 0
        while sum(tally.kills.values()) < options.moments:
            store = Path(folder) / f"store-{round_}"
            round_ += 1
            tally.disturb(store, horizon)
            table = drive(str(store), options.runs)
            tally.compared += 1
            tally.differ += not undisturbed.equals(table)
            left = [str(p) for pattern in (".*json*", "states/*") for p in store.glob(pattern)]
            if left:
                print(f"left behind: {left}", file=sys.stderr)
    result = {
        "kills": sum(tally.kills.values()), **tally.kills, "with runs half done": tally.half_done,
        "sweeps compared": tally.compared,
        "started from states": tally.resumed, "finished runs lost": tally.lost, "tables that differ": tally.differ,
        "seconds": round(time.perf_counter() - began),
    }  # fmt: skip
    print(json.dumps(result) if options.json else "\n".join(f"{name:22} {value}" for name, value in result.items()))
    sys.exit(bool(tally.lost or tally.differ))


if __name__ == "__main__":
    main()
