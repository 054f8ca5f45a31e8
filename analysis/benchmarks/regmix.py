"""How well few small RegMix runs rank others, and whether intervals hold what they promise: laws, peers and baselines.

    python analysis/benchmarks/regmix.py [--subsets 5]      # about three minutes; needs the extra `bench`

Fitted on so many of the 512 runs of 1M parameters (means over random subsets), judged by Spearman's correlation, x100,
on 256 mixtures never run, at 1M and at 60M, for pile_cc and in the mean over the 13 targets. LightGBM has RegMix's
settings, one model a target, 1,000 rounds at a learning rate of .01: `honest` runs all rounds, `as published` stops
early by its error on the very runs it is judged on. Beside them: the law that Olmix uses (log-linear, here with weak
priors), the target's own weight, and the ceiling, the 1M losses of the very mixtures ranked at 60M.

Calibration: the share of the 1M test losses inside the 90% intervals of a fit on 256 runs: bootstrap over runs, with
the noise of a single run.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
from aims import Aims
from machine import print_machine, timed
from published import folder
from scipy.stats import spearmanr

from mixlaw.fitting.fit_runs import fit
from mixlaw.fitting.prediction_interval import band
from mixlaw.runs.run_table import Runs, read_runs

COUNTS = (32, 64, 128, 512)
LAW = "effective-tokens"
LAWS = (LAW, "log-linear")
HONEST, PUBLISHED = "LightGBM honest", "LightGBM as published"
COLD = "import sys; sys.path.insert(0, sys.argv[1]); import regmix; regmix.time_cold(sys.argv[2], int(sys.argv[3]))"


def ranks(predicted_RxK: np.ndarray, runs: Runs) -> np.ndarray:
    """Spearman's correlation of each target, x100; nan where all predictions are one."""
    varied_K = np.ptp(predicted_RxK, axis=0) > 0
    pairs = zip(predicted_RxK.T, runs.loss_RxK.T, varied_K, strict=True)
    return np.array([100 * spearmanr(p, y).statistic if varied else np.nan for p, y, varied in pairs])


def subset(train: Runs, count: int, seed: int) -> Runs:
    """So many of the runs, drawn at random."""
    return train.select(np.sort(np.random.default_rng(seed).choice(len(train), count, replace=False)))


def rank_law(law: str, count: int, subsets: int, train: Runs, tests: list[Runs]) -> tuple[np.ndarray, str]:
    """Spearman of a law fitted on `count` runs, mean over random subsets, (2, K), and the cells of its seconds."""
    found, warm = [], []
    for seed in range(1 if count == len(train) else subsets):
        runs = subset(train, count, seed)
        fit(runs, law)  # so that what follows is compiled
        fitted, seconds = timed(lambda runs=runs: fit(runs, law))
        warm.append(seconds)
        found.append([ranks(fitted.predict(test).iloc[:, 1:].to_numpy(), test) for test in tests])
    command = [sys.executable, "-c", COLD, str(Path(__file__).parent), law, str(count)]
    cold = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return np.mean(found, axis=0), f"{cold:8.1f}{np.median(warm):8.2f}"


def rank_trees(count: int, subsets: int, train: Runs, tests: list[Runs], honest: bool) -> tuple[np.ndarray, str]:
    """The same for LightGBM; if not `honest` it stops early on the 1M runs it is judged on."""
    found, seconds = [], []
    for seed in range(1 if count == len(train) else subsets):
        runs = subset(train, count, seed)
        models, spent = timed(lambda runs=runs: [_trees(runs, k, None if honest else tests[0]) for k in _targets(runs)])
        seconds.append(spent)
        found.append([ranks(np.stack([m.predict(t.w_RxS) for m in models], 1), t) for t in tests])
    return np.mean(found, axis=0), f"{'':8}{np.median(seconds):8.2f}"


def _targets(runs: Runs) -> range:
    return range(len(runs.targets))


def _trees(runs: Runs, k: int, judge: Runs | None) -> lightgbm.Booster:
    settings = {"objective": "regression", "metric": "l2", "learning_rate": 0.01, "seed": 42, "verbosity": -1}
    data = lightgbm.Dataset(runs.w_RxS, runs.loss_RxK[:, k])
    if judge is None:
        return lightgbm.train(settings, data, num_boost_round=1000)
    seen = lightgbm.Dataset(judge.w_RxS, judge.loss_RxK[:, k], reference=data)
    stop = lightgbm.early_stopping(stopping_rounds=3, verbose=False)
    return lightgbm.train(settings, data, num_boost_round=1000, valid_sets=[seen], callbacks=[stop])


def print_calibration(train: Runs, test: Runs, subsets: int, aims: Aims) -> None:
    """Coverage of the 90% intervals, by subset and by target."""
    inside = []
    for seed in range(subsets):
        low_MxK, high_MxK = band(fit(subset(train, 256, seed), LAW), test.w_RxS, level=0.9)
        inside.append(((test.loss_RxK >= low_MxK) & (test.loss_RxK <= high_MxK)).mean(0))
    by_target_K = np.mean(inside, axis=0)
    print(f"\n90% intervals, {LAW} on 256 runs, 256 runs of 1M: share inside, mean of {subsets} subsets")
    print(", ".join(f"{t} {x:.3f}" for t, x in zip(test.targets, by_target_K, strict=True)))
    print("by subset: " + ", ".join(f"{np.mean(x):.3f}" for x in inside))
    aims.between("90% intervals hold this share of the 1M test losses", float(by_target_K.mean()), 0.85, 0.95)


def time_cold(law: str, count: int) -> None:
    """Print the seconds of the first fit of this process, compilation included."""
    runs = subset(read_runs(folder("regmix") / "runs_1m_train.csv"), count, 0)
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


def main() -> None:
    """Print the table, the calibration and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subsets", type=int, default=5, help="random subsets of the 512 runs")
    subsets = parser.parse_args().subsets
    print_machine()
    train = read_runs(folder("regmix") / "runs_1m_train.csv")
    tests = [read_runs(folder("regmix") / f"runs_{n}_test.csv").with_targets(train.targets) for n in ("1m", "60m")]
    print(
        f"RegMix: {len(train.sources)} sources, {len(train.targets)} targets; Spearman x100, mean of {subsets} subsets"
    )
    print(f"{'':31}{'1M':>8}{'':>8}{'60M':>8}{'':>8}{'seconds for 13':>16}")
    print(f"{'':<26}{'runs':>5}" + f"{'pile_cc':>8}{'mean':>8}" * 2 + f"{'cold':>8}{'warm':>8}")
    found = {}
    for law in LAWS:
        for count in COUNTS:
            found[law, count], seconds = rank_law(law, count, subsets, train, tests)
            print(line(law, count, found[law, count], train) + seconds, flush=True)
    for count in COUNTS:
        found[HONEST, count], seconds = rank_trees(count, subsets, train, tests, honest=True)
        print(line(HONEST, count, found[HONEST, count], train) + seconds, flush=True)
    found[PUBLISHED, 512], seconds = rank_trees(512, subsets, train, tests, honest=False)
    print(line(PUBLISHED, 512, found[PUBLISHED, 512], train) + seconds, flush=True)
    print(line("the target's own weight", "-", np.stack([ranks(own_weight(test), test) for test in tests]), train))
    print(line("the 1M losses themselves", "-", np.stack([ranks(tests[0].loss_RxK, test) for test in tests]), train))
    aims, pile_cc = Aims(), train.targets.index("pile_cc")
    for count, size, least in ((64, 0, 98.2), (128, 1, 98.4), (512, 1, 98.6)):
        ours, trees = found[LAW, count][size], found[HONEST, count][size]
        name = f"{count} runs -> {('1M', '60M')[size]}"
        aims.at_least(f"{name}, mean", float(ours.mean()), least, (HONEST, float(trees.mean())))
        if count == 128:
            aims.at_least(f"{name}, pile_cc", float(ours[pile_cc]), 98.8, (HONEST, float(trees[pile_cc])))
    print_calibration(train, tests[0], subsets, aims)
    aims.print()


if __name__ == "__main__":
    main()
