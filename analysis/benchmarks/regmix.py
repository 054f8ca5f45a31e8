"""How well few small RegMix runs rank others: mixlaw's laws beside trivial baselines, and what a fit costs.

    python analysis/benchmarks/regmix.py [--subsets 5]

Reads the published runs in the folder MIXLAW_PUBLISHED (default ../shared/published from the project's root).
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from mixlaw.fit import fit
from mixlaw.runs import Runs, read_runs

COUNTS = (32, 64, 128, 512)
LAWS = ("effective-tokens", "log-linear")
COLD = "import sys; sys.path.insert(0, sys.argv[1]); import regmix; regmix.time_cold(sys.argv[2], int(sys.argv[3]))"


def folder() -> Path:
    """The folder of published runs."""
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("MIXLAW_PUBLISHED", root / "../shared/published")) / "regmix"


def ranks(predicted_RxK: np.ndarray, runs: Runs) -> np.ndarray:
    """Spearman's correlation of each target, x100."""
    columns = range(len(runs.targets))
    return np.array([100 * spearmanr(predicted_RxK[:, k], runs.loss_RxK[:, k]).statistic for k in columns])


def subset(train: Runs, count: int, seed: int) -> Runs:
    """So many of the runs, drawn at random."""
    return train.select(np.sort(np.random.default_rng(seed).choice(len(train), count, replace=False)))


def law_line(law: str, count: int, subsets: int, train: Runs, tests: tuple[Runs, Runs]) -> str:
    """Spearman of a law fitted on `count` runs, means over random subsets, and the seconds of a fit."""
    found, warm = [], []
    for seed in range(1 if count == len(train) else subsets):
        runs = subset(train, count, seed)
        fit(runs, law)  # so that what follows is compiled
        start = time.perf_counter()
        fitted = fit(runs, law)
        warm.append(time.perf_counter() - start)
        found.append([ranks(fitted.predict(test).iloc[:, 1:].to_numpy(), test) for test in tests])
    command = [sys.executable, "-c", COLD, str(Path(__file__).parent), law, str(count)]
    cold = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return line(law, count, np.mean(found, axis=0), train) + f"{cold:8.1f}{np.median(warm):8.2f}"


def time_cold(law: str, count: int) -> None:
    """Print the seconds of the first fit of this process, compilation included."""
    runs = subset(read_runs(folder() / "runs_1m_train.csv"), count, 0)
    start = time.perf_counter()
    fit(runs, law)
    print(time.perf_counter() - start)


def own_weight(test: Runs) -> np.ndarray:
    """The trivial baseline: more of the target's own source, lower loss. Every RegMix target has one."""
    return np.stack([-test.w_RxS[:, test.sources.index(target)] for target in test.targets], axis=1)


def line(name: str, count: int | str, rank_2xK: np.ndarray, train: Runs) -> str:
    """Name, runs, and Spearman at 1M and 60M for pile_cc and in the mean over the targets."""
    pile_cc = train.targets.index("pile_cc")
    cells = (f"{rank_K[pile_cc]:8.2f}{rank_K.mean():8.2f}" for rank_K in rank_2xK)
    return f"{name:<26}{count:>5}" + "".join(cells)


def gflops(size: int = 2048) -> float:
    """What this machine reaches in a single-precision matrix product of NumPy, best of five."""
    a = np.ones((size, size), np.float32)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds) / 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subsets", type=int, default=5, help="random subsets of the 512 runs")
    subsets = parser.parse_args().subsets
    train = read_runs(folder() / "runs_1m_train.csv")
    tests = tuple(read_runs(folder() / f"runs_{n}_test.csv").with_targets(train.targets) for n in ("1m", "60m"))
    print(
        f"RegMix: {len(train.sources)} sources, {len(train.targets)} targets; Spearman x100, mean of {subsets} subsets"
    )
    print(f"this machine: {gflops():.0f} GFLOP/s (numpy sgemm), {os.cpu_count()} cores\n")
    print(f"{'':31}{'1M':>8}{'':>8}{'60M':>8}{'':>8}{'seconds for 13':>16}")
    print(f"{'':<26}{'runs':>5}" + f"{'pile_cc':>8}{'mean':>8}" * 2 + f"{'cold':>8}{'warm':>8}")
    for law in LAWS:
        for count in COUNTS:
            print(law_line(law, count, subsets, train, (tests[0], tests[1])), flush=True)
    print(line("the target's own weight", "-", np.stack([ranks(own_weight(test), test) for test in tests]), train))
    print(line("the 1M losses themselves", "-", np.stack([ranks(tests[0].loss_RxK, test) for test in tests]), train))


if __name__ == "__main__":
    main()
