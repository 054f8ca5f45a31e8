"""How often 90% bootstrap intervals hold the truth, on synthetic runs whose truth is known.

    python analysis/benchmarks/coverage.py [--truths 200] [--replicas 100]    # some minutes; needs nothing but mixlaw

Nine settings of runs and noise. In each, `--truths` targets with a truth (effective tokens) and noise of their own are
fitted on the same mixtures, and judged on 50 mixtures not run: the loss of each, and the difference between each and
the next, which is what a verdict rests on. Beside it the interval of plus or minus 1.64 residual scales, which knows
only the noise of a run.
"""

import argparse

import numpy as np
import pandas as pd
from aims import Aims
from machine import print_machine
from table import print_row

from mixlaw.fitting.fit_runs import fit
from mixlaw.runs.run_table import Runs

SOURCES = ("web", "code", "books", "wiki")
RUNS, NOISE = (18, 36, 72), (0.003, 0.006, 0.012)


def truths(rng: np.random.Generator, count: int):
    """Losses of as many targets: a function of w_RxS that gives (R, count), nats per token."""
    shape = (count, len(SOURCES))
    floor_K, gain_K, b_K = rng.uniform(1.8, 2.6, count), rng.uniform(0.3, 1.2, count), rng.uniform(0.2, 0.6, count)
    theta_KxS, a_KxS, a0_K = rng.normal(0, 1, shape), rng.uniform(0.3, 0.8, shape), np.exp(rng.normal(-1.5, 1, count))

    def u(w_RxS: np.ndarray) -> np.ndarray:
        return a0_K + (np.exp(theta_KxS) * w_RxS[:, None] ** a_KxS).sum(-1)

    return lambda w_RxS: floor_K + gain_K * (u(w_RxS) / u(np.full((1, len(SOURCES)), 1 / len(SOURCES)))) ** -b_K


def coverage(runs: int, noise: float, count: int, replicas: int) -> tuple[float, float, float]:
    """Shares of the truth inside 90% intervals: of losses, of differences, and of losses by the noise alone."""
    rng = np.random.default_rng([runs, round(1e6 * noise)])
    truth, w_RxS, held_MxS = truths(rng, count), rng.dirichlet(np.ones(4), runs), rng.dirichlet(np.ones(4), 50)
    loss_RxK = truth(w_RxS) * np.exp(noise * rng.standard_normal((runs, count)))
    columns = {"run_id": [f"r{i}" for i in range(runs)]}
    columns |= {f"w:{name}": w_R for name, w_R in zip(SOURCES, w_RxS.T, strict=True)}
    columns |= {f"loss:t{k}": loss_R for k, loss_R in enumerate(loss_RxK.T)}
    found = fit(Runs.from_frame(pd.DataFrame(columns), "synthetic"), "effective-tokens", bootstrap=replicas)
    drawn_BxMxK, true_MxK = found.losses(held_MxS, replicas=True), truth(held_MxS)
    steps_BxMxK, steps_MxK = np.diff(drawn_BxMxK, axis=1), np.diff(true_MxK, axis=0)
    point_MxK = found.losses(held_MxS)
    plain_MxK = np.abs(np.log(point_MxK / true_MxK)) <= 1.645 * found.sigma_K
    return inside(drawn_BxMxK, true_MxK), inside(steps_BxMxK, steps_MxK), float(plain_MxK.mean())


def inside(drawn_BxMxK: np.ndarray, true_MxK: np.ndarray) -> float:
    """Share of the truth between the 5% and the 95% quantile of the replicas."""
    low_MxK, high_MxK = np.quantile(drawn_BxMxK, [0.05, 0.95], axis=0)
    return float(np.mean((low_MxK <= true_MxK) & (true_MxK <= high_MxK)))


def main() -> None:
    """Print the table and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truths", type=int, default=200)
    parser.add_argument("--replicas", type=int, default=100)
    options = parser.parse_args()
    print_machine()
    print_row("runs, noise", ("losses", "differ", "noise"), 16)
    found = {}
    for runs in RUNS:
        for noise in NOISE:
            found[runs, noise] = coverage(runs, noise, options.truths, options.replicas)
            print_row(f"{runs}, {noise:g}", found[runs, noise], 16)
    aims = Aims()
    for at, what in enumerate(("losses", "differences")):
        aims.between(f"90% intervals of {what}, lowest", min(each[at] for each in found.values()), 0.80, 1.0)
        aims.between(
            f"90% intervals of {what}, mean", float(np.mean([each[at] for each in found.values()])), 0.85, 0.95
        )
    aims.print()


if __name__ == "__main__":
    main()
