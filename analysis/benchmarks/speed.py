"""What fits cost: RegMix's 13 targets beside Olmix's procedure, 200 bootstraps, and growth with runs and targets.

    python analysis/benchmarks/speed.py [--peer-starts 300] [--largest]    # five minutes; needs the extra `bench`

1. All 13 targets of RegMix's 512 runs of 1M parameters, default law, warm (compiled) and cold (first fit of a process),
   beside Olmix's procedure (its log-linear law, 300 starts, PyTorch's L-BFGS on a Huber loss, one start after another;
   written from its description, see `peers.py`): one target is timed and 13 are extrapolated. `--peer-starts` times
   fewer starts and extrapolates those too. The trivial baseline is least squares, a line in the shares.
2. 200 bootstrap replicas of all 13.
3. Synthetic runs drawn from the law with 1% noise: seconds against runs, targets and sources, and the exponent of the
   growth (1 is linear). `--largest` adds 2,000 runs of 50 sources with 100 targets (five minutes and more).
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from aims import Aims
from machine import print_machine, timed
from peers import olmix_grid, torch_multistart
from published import folder
from table import number, print_row

from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_runs import fit
from mixlaw.runs.run_table import Runs, read_runs

LAW = "effective-tokens"
RUNS, TARGETS, SOURCES = (250, 500, 1000, 2000), (12, 25, 50, 100), (10, 20, 50)
BASE = (250, 12, 20)
SMALLER, LARGEST = (500, 25, 50), (2000, 100, 50)
COLD = "import sys; sys.path.insert(0, sys.argv[1]); import speed; print(speed.timed(lambda: speed.fit(speed.read(), "
COLD += "speed.LAW))[1])"


def read() -> Runs:
    """The 512 runs of 1M parameters."""
    return read_runs(folder("regmix") / "runs_1m_train.csv")


def synthetic(runs: int, targets: int, sources: int) -> Runs:
    """Runs drawn from the effective-tokens law: Dirichlet mixtures of which half of the shares are near 0, noise 1%."""
    rng = np.random.default_rng(0)
    w_RxS = rng.dirichlet(np.full(sources, 0.5), runs)
    theta_KxS, a_KxS = rng.normal(-1.0, 1.5, (targets, sources)), rng.uniform(0.3, 0.8, (targets, sources))
    u_RxK = 0.2 + np.stack([(w_RxS**a_S) @ np.exp(t_S) for t_S, a_S in zip(theta_KxS, a_KxS, strict=True)], 1)
    loss_RxK = (1.5 + u_RxK**-0.4) * np.exp(0.01 * rng.standard_normal((runs, targets)))
    columns = {"run_id": [f"r{r}" for r in range(runs)]}
    columns |= {f"w:s{s}": w_RxS[:, s] for s in range(sources)}
    columns |= {f"loss:t{k}": loss_RxK[:, k] for k in range(targets)}
    return Runs.from_frame(pd.DataFrame(columns), "synthetic")


def cost(shape: tuple[int, int, int]) -> tuple[float, float]:
    """Seconds of a warm fit, and CPU seconds, which other work on the machine hardly moves. One target suffices to
    compile, since problems are solved in chunks of one size."""
    runs = synthetic(*shape)
    fit(runs.with_targets(runs.targets[:1]), LAW)
    began = time.process_time()
    _, seconds = timed(lambda: fit(runs, LAW))
    return seconds, time.process_time() - began


def exponent(sizes, seconds) -> float:
    """Slope of log seconds in log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def print_growth(largest: bool, aims: Aims) -> None:
    """Tables of the cost against runs, targets and sources; exponents are of CPU seconds."""
    words = ("runs", "targets", "sources")
    for axis, sizes in enumerate((RUNS, TARGETS, SOURCES)):
        spent = np.array([cost((*BASE[:axis], n, *BASE[axis + 1 :])) for n in sizes])
        others = ", ".join(f"{n} {word}" for n, word in zip(BASE, words, strict=True) if word != words[axis])
        print_row(f"{words[axis]} ({others})", sizes, 36)
        print_row("seconds, warm", spent[:, 0], 36)
        print_row("CPU seconds", spent[:, 1], 36)
        print(f"exponent {exponent(sizes, spent[:, 1]):.2f}\n", flush=True)
        if words[axis] != "sources":
            aims.at_most(f"growth in {words[axis]}: exponent", exponent(sizes, spent[:, 1]), 1.1)
    if largest:
        small, large = ((shape, cost(shape)) for shape in (SMALLER, LARGEST))
        for shape, (seconds, cpu) in (small, large):
            print(f"{shape[0]} runs, {shape[1]} targets, {shape[2]} sources: {number(seconds)} s, CPU {number(cpu)} s")
        cells = [shape[0] * shape[1] for shape, _ in (small, large)]
        grown = exponent((cells[0], cells[1]), [small[1][1], large[1][1]])
        aims.at_most("growth in runs x targets to the largest table: exponent", grown, 1.1)


def least_squares(runs: Runs) -> np.ndarray:
    """A line in the shares for every target, (S, K)."""
    return np.linalg.lstsq(runs.w_RxS, runs.loss_RxK, rcond=None)[0]


def main() -> None:
    """Print the times, the growth and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-starts", type=int, default=300, help="of the peer's 300 starts, those to time")
    parser.add_argument("--largest", action="store_true", help="with 2,000 runs, 100 targets, 50 sources")
    options = parser.parse_args()
    print_machine()
    runs, aims = read(), Aims()
    k, count = runs.targets.index("pile_cc"), len(runs.targets)
    cold = subprocess.run(
        [sys.executable, "-c", COLD, str(Path(__file__).parent)], check=True, capture_output=True, text=True
    )
    fitted = fit(runs, LAW)
    warm = float(np.median([timed(lambda: fit(runs, LAW))[1] for _ in range(5)]))
    line = timed(lambda: least_squares(runs))[1]
    every = list(olmix_grid(runs.sources.index("pile_cc"), len(runs.sources), np.random.default_rng(0)))
    chosen = [every[i] for i in np.linspace(0, len(every) - 1, options.peer_starts).astype(int)]
    _, seconds = torch_multistart(chosen, runs.w_RxS, runs.loss_RxK[:, k], free_k=False)
    theirs = seconds * len(every)
    print(f"RegMix, 512 runs, {count} targets:")
    print(f"mixlaw {warm:.2f} s warm, {float(cold.stdout):.1f} s cold; least squares {line:.4f} s")
    how = "timed" if options.peer_starts >= len(every) else f"extrapolated from {options.peer_starts} starts"
    print(
        f"Olmix's procedure, one target {theirs:.0f} s ({how}), {count} targets {count * theirs:.0f} s (extrapolated)"
    )
    aims.at_most("13 targets, 512 runs, warm: seconds", warm, 2.0, ("Olmix's procedure", count * theirs))
    aims.at_most("the same / Olmix's procedure", warm / (count * theirs), 1 / 50, ("Olmix's procedure", 1.0))
    replicate(fitted, 2)
    spent = timed(lambda: replicate(fitted, 200))[1]
    print(f"200 bootstraps of all 13: {spent:.1f} s\n", flush=True)
    aims.at_most("200 bootstraps of all 13: seconds", spent, 60.0)
    print_growth(options.largest, aims)
    aims.print()


if __name__ == "__main__":
    main()
