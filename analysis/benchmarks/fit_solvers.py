"""The fit's solver beside SciPy's `least_squares` and Optimistix, on RegMix: 13 targets x 512 runs, default law.

    python analysis/benchmarks/fit_solvers.py [--replicas 50] [--repeats 3]    # ten minutes; needs the extra `bench`

Solvers get the problems that `mixlaw.fit` and its bootstrap pose, with the same objective, Jacobian and starts, and the
same relative fall at which to end (see `fit_peers.py`). Optimistix ends by steps and residuals instead: at 1e-4, the
loosest tenth that leaves gaps below 1e-6.

1. `starts`: every target from all of the fit's starts, ended at a relative fall of 1e-7; the gap is that of the best
   start of each target. SciPy's trf gets the first start only.
2. `bootstrap`: replicas from the optimum, ended as mixlaw ends them (1e-4): the gap is that of each replica and target.
   Peers get the first `--sample` replicas, trf one, and gaps are of those.
3. `bootstrap to 1e-7`: the same, ended at 1e-7.

A failure is worse than the best of all solvers by more than 1e-6 of it. CPU seconds (all cores) are for all fits,
scaled up where a solver got a sample: medians of interleaved repeats (trf: one), warm, with one thread in NumPy's and
SciPy's algebra; `cold` is the first call, compilation included. The trivial baseline is to stay at the start.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported; waiting threads would count as CPU seconds

import jax
import numpy as np
from aims import Aims
from fit_peers import Call, Found, by_mixlaw, by_optimistix, by_scipy, calls_of, objectives
from machine import print_machine
from speed import LAW, read

from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_runs import fit

CLOSE = 1e-6
"""Share of the objective by which a solver may miss the best."""
SOLVERS: dict[str, Callable[[Call], Found]] = {
    "mixlaw": by_mixlaw,
    "SciPy lm": partial(by_scipy, robust=False),
    "SciPy trf": partial(by_scipy, robust=True),
    "Optimistix, one by one": partial(by_optimistix, tolerance=1e-4, lanes=1),
    "Optimistix, 16 lanes": partial(by_optimistix, tolerance=1e-4, lanes=16),
}
SLOW = "SciPy trf"
START = "stay at the start"


class Outcome(NamedTuple):
    """What a solver reached and took: objectives (B,), nan where it was not asked; whether it converged (B,)."""

    objective_B: np.ndarray
    converged_B: np.ndarray
    cold: float
    cpu: float
    wall: float


def clocked(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call returns, its CPU seconds on all cores, and its seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return found, time.process_time() - cpu, time.perf_counter() - wall


class Case(NamedTuple):
    """A call, its number of starts a problem, and which of its fits each peer gets."""

    call: Call
    starts: int
    peers_B: np.ndarray
    slow_B: np.ndarray

    def index(self, name: str) -> np.ndarray:
        """Of a solver's fits."""
        every_B = np.arange(len(self.call.z_BxP))
        return every_B if name in ("mixlaw", START) else self.slow_B if name == SLOW else self.peers_B


def run(case: Case, repeats: int) -> dict[str, Outcome]:
    """Every solver on one case, cold first and then in turn; the slow one is warm of SciPy's other method."""
    call, count = case.call, len(case.call.z_BxP)
    asked = {name: call.take(case.index(name)) for name in SOLVERS}
    cold, seconds, found = {SLOW: np.nan}, {name: [] for name in SOLVERS}, {}
    for name in (name for name in SOLVERS if name != SLOW):
        jax.clear_caches()
        cold[name] = clocked(partial(SOLVERS[name], asked[name]))[1]
    for solve in SOLVERS.values():
        solve(call.take(np.arange(1)))  # what clearing dropped is compiled again
    by_mixlaw(asked["mixlaw"])
    for repeat in range(repeats):
        for name, solve in SOLVERS.items():
            if name == SLOW and repeat:
                continue
            found[name], *took = clocked(partial(solve, asked[name]))
            seconds[name].append(np.array(took) * count / len(asked[name].z_BxP))
    outcomes = {START: Outcome(objectives(call, call.z_BxP), np.ones(count, bool), np.nan, 0.0, 0.0)}
    for name, one in found.items():
        objective_B = np.full(count, np.nan)
        objective_B[case.index(name)] = objectives(asked[name], one.z_BxP)
        outcomes[name] = Outcome(objective_B, one.converged_B, cold[name], *np.median(seconds[name], axis=0))
    return outcomes


def table(case: Case, outcomes: dict[str, Outcome]) -> list[dict[str, Any]]:
    """A row a solver; of a problem's starts the best counts. Problems that no peer got have no gap."""
    every_KxS = {name: one.objective_B.reshape(-1, case.starts) for name, one in outcomes.items()}
    shared_K = np.isfinite(every_KxS["SciPy lm"]).all(1)
    least = {name: np.nanmin(np.where(np.isnan(x), np.inf, x), 1)[shared_K] for name, x in every_KxS.items()}
    best_K, rows = np.min(list(least.values()), axis=0), []
    for name, one in outcomes.items():
        asked_K = np.isfinite(least[name])
        gap_K, mine_KxS = (least[name] / best_K - 1.0)[asked_K], every_KxS[name][shared_K][asked_K]
        reached_KxS = (mine_KxS <= best_K[asked_K, None] * (1.0 + CLOSE))[np.isfinite(mine_KxS)]
        rows.append({
            "solver": name,
            "fits": len(one.converged_B),
            "cold CPU s": one.cold,
            "CPU s": one.cpu,
            "wall s": one.wall,
            "median gap": float(np.median(gap_K)),
            "largest gap": float(gap_K.max()),
            "failures": int((gap_K > CLOSE).sum()),
            "of": len(gap_K),
            "not converged": int((~one.converged_B).sum()),
            "share of starts there": float(reached_KxS.mean()),
        })  # fmt: skip
    return rows


def judge(name: str, rows: list[dict[str, Any]], aims: Aims, tight: bool) -> None:
    """Aims of mixlaw: it takes no more than each peer, and misses the best by as little as it must."""
    own, *others = (row for row in rows if row["solver"] != START)
    for other in others:
        peer = other["solver"], other["CPU s"]
        aims.at_most(f"{name}: CPU seconds, beside {peer[0]}", own["CPU s"], other["CPU s"], peer)
    if tight:
        nearest = min(others, key=lambda row: row["failures"])
        aims.at_most(f"{name}: failures", own["failures"], 0, (nearest["solver"], nearest["failures"]))
    aims.at_most(f"{name}: fits that did not converge", own["not converged"], 0)


def cases(replicas: int, sample: int) -> dict[str, Case]:
    """What is compared."""
    runs, kept = read(), {}
    first, *_, last = calls_of(lambda: kept.update(fit=fit(runs, LAW)))
    (refits,) = calls_of(lambda: replicate(kept["fit"], replicas))
    count, targets = len(first.z_BxP), len(runs.targets)
    starts, full = count // targets, lm.Stopping(last.limits.steps, last.limits.tolerance)
    of_peers = np.arange(sample * targets), np.arange(targets)
    return {
        "starts": Case(first._replace(limits=full), starts, np.arange(count), np.arange(0, count, starts)),
        "bootstrap": Case(refits, 1, *of_peers),
        "bootstrap to 1e-7": Case(refits._replace(limits=full), 1, *of_peers),
    }


def main() -> None:
    """Print the tables and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=50)
    parser.add_argument("--sample", type=int, default=4, help="of the replicas, those that peers get")
    parser.add_argument("--repeats", type=int, default=3)
    options, aims = parser.parse_args(), Aims()
    print_machine()
    for name, case in cases(options.replicas, options.sample).items():
        rows, (count, width) = table(case, run(case, options.repeats)), case.call.z_BxP.shape
        aims.table(f"{name}: {count} fits of {width} parameters to 512 runs", rows)
        judge(name, rows, aims, tight=case.call.limits.tolerance <= CLOSE)
    aims.print()


if __name__ == "__main__":
    main()
