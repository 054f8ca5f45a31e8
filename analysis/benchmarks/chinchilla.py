"""Chinchilla's 240 points (replication, 2404.10102): the optimum, the time to it, and the bootstrap.

    python analysis/benchmarks/chinchilla.py [--starts 300] [--resamples 150]      # about half a minute

The peer is the replication's procedure, written from its description: L = exp(a)/N^alpha + exp(b)/D^beta + exp(e),
summed Huber loss of log-loss at delta 1e-3, SciPy's BFGS at its defaults from each of 4,500 starts (Hoffmann et al.'s
grid), one after another; for the bootstrap, one BFGS from Hoffmann et al.'s values on each of 4,000 resamples of the
points. The aims are held to it. Beside it, `with gradient`: the same with a gradient worked out by hand, which spares
it most evaluations, and a tolerance tight enough for the sum. A part of the starts, drawn at random, and of the
resamples is timed and the rest extrapolated: `--starts 4500 --resamples 4000` runs all of them. mixlaw is timed warm,
its first fit (compilation included) beside it. The trivial baseline is one loss for all points.
`multinomial`: replicas that count points as often as a resample draws them, as the replication does; `gamma`: mixlaw's
own weights, which drop no run.
"""

import argparse
import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from aims import Aims
from machine import print_machine, timed
from published import folder
from scipy.optimize import OptimizeResult, minimize

from mixlaw.fitting.bootstrap import replicate
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.runs.run_table import Runs

DELTA = 1e-3
REPLICATION = ("the replication's procedure", 1.0)
OPTIMUM = 0.00101827402
CONSTANTS = {"A": 477.826, "B": 2143.42, "E": 1.817220, "alpha": 0.347311, "beta": 0.367172}
"""The minimum of the stated objective, from `chinchilla/README.md`."""
INTERVALS = {"A": (285, 744), "B": (1042, 5810), "E": (1.769, 1.871), "alpha": (0.317, 0.373), "beta": (0.331, 0.415)}
"""95% intervals of the replication's 4,000 resamples, from the same."""
HOFFMANN = np.array([np.log(406.4), np.log(410.7), np.log(1.69), 0.34, 0.28])
GRID = (
    np.arange(0, 30, 5),
    np.arange(0, 30, 5),
    np.arange(-1, 1.5, 0.5),
    np.arange(0, 2.5, 0.5),
    np.arange(0, 2.5, 0.5),
)
"""Starts of (a, b, e, alpha, beta)."""


def read() -> Runs:
    """The 240 points as runs of one source."""
    frame = pd.read_csv(folder("chinchilla") / "points.csv")
    frame = frame[frame["outlier"] == 0].rename(columns={"loss": "loss:text", "id": "run_id"})
    return Runs.from_frame(frame.assign(**{"w:text": 1.0}).reset_index(drop=True), "chinchilla")


def huber(x_5: np.ndarray, log_n_R: np.ndarray, log_d_R: np.ndarray, log_y_R: np.ndarray) -> tuple[float, np.ndarray]:
    """The replication's objective at (a, b, e, alpha, beta) and its gradient (5,)."""
    a, b, e, alpha, beta = x_5
    terms_3xR = np.stack([a - alpha * log_n_R, b - beta * log_d_R, np.full_like(log_n_R, e)])
    top_R = terms_3xR.max(0)
    shares_3xR = np.exp(terms_3xR - top_R)
    total_R = shares_3xR.sum(0)
    error_R = top_R + np.log(total_R) - log_y_R
    size_R = np.abs(error_R)
    value = np.sum(np.where(size_R <= DELTA, 0.5 * error_R**2, DELTA * (size_R - 0.5 * DELTA)))
    slope_3xR = shares_3xR / total_R * np.clip(error_R, -DELTA, DELTA)
    by_size, by_data, by_floor = slope_3xR.sum(1)
    return value, np.array([by_size, by_data, by_floor, -slope_3xR[0] @ log_n_R, -slope_3xR[1] @ log_d_R])


def constants(x_5: np.ndarray) -> dict[str, float]:
    """Named as in the table."""
    return dict(zip(CONSTANTS, [*np.exp(x_5[:3]), *x_5[3:]], strict=True))


def descend(x_5: np.ndarray, points: tuple[np.ndarray, ...], gradient: bool) -> OptimizeResult:
    """One BFGS: SciPy's defaults and finite differences, or the gradient and a tolerance for a sum of order .001."""
    with np.errstate(all="ignore"):
        if gradient:
            return minimize(huber, x_5, points, "BFGS", jac=True, options={"gtol": 1e-8})
        return minimize(lambda x, *p: huber(x, *p)[0], x_5, points, "BFGS")


class Loop(NamedTuple):
    """What the loop over starts came to: lowest objective, its parameters, seconds for all 4,500 starts, and the share
    that reached the lowest to a millionth."""

    lowest: float
    best_5: np.ndarray
    seconds: float
    agree: float


def their_fit(points: tuple[np.ndarray, ...], starts: int, gradient: bool) -> Loop:
    """A random part of the 4,500 starts, their time extrapolated."""
    every = np.array(list(itertools.product(*GRID)), float)
    part = every[np.random.default_rng(0).permutation(len(every))[:starts]]
    found, seconds = timed(lambda: [descend(x_5, points, gradient) for x_5 in part])
    values = np.array([one.fun for one in found])
    lowest = float(np.nanmin(values))
    agree = float(np.mean(values <= lowest * (1 + 1e-6)))
    return Loop(lowest, found[int(np.nanargmin(values))].x, seconds * len(every) / len(part), agree)


def their_bootstrap(
    points: tuple[np.ndarray, ...], resamples: int, gradient: bool
) -> tuple[dict[str, tuple[float, float]], float]:
    """95% intervals of a part of the 4,000 resamples, and the seconds all would take."""
    rng, count = np.random.default_rng(42), len(points[0])

    def one() -> dict[str, float]:
        drawn = rng.choice(count, count)
        return constants(descend(HOFFMANN, tuple(p[drawn] for p in points), gradient).x)

    found, seconds = timed(lambda: pd.DataFrame([one() for _ in range(resamples)]))
    return intervals(found), seconds * 4000 / resamples


def intervals(found: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """95% intervals by constant."""
    return {name: tuple(np.quantile(found[name], [0.025, 0.975])) for name in CONSTANTS}


def our_intervals(fitted: Fit) -> dict[str, tuple[float, float]]:
    """95% intervals of a fit's replicas."""
    z_BxP = fitted.replicas_BxKxP[:, 0]
    names = ("E", "A", "B", "alpha", "beta")  # the law's order; all positive, so kept as logarithms
    return intervals(pd.DataFrame(np.exp(z_BxP), columns=list(names)))


def print_intervals(rows: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Intervals by method."""
    print(f"{'95% intervals, 4,000 resamples':<48}" + "".join(f"{name:>20}" for name in CONSTANTS))
    for name, row in rows.items():
        cells = "".join(f"{f'{row[c][0]:.4g} to {row[c][1]:.4g}':>20}" for c in CONSTANTS)
        print(f"{name:<48}{cells}")


def main() -> None:
    """Print optimum, times, intervals and aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=300, help="of the peer's 4,500 starts, those to time")
    parser.add_argument("--resamples", type=int, default=150, help="of the peer's 4,000 resamples, those to time")
    options = parser.parse_args()
    print_machine()
    runs, aims = read(), Aims()
    points = (np.log(runs.params_R), np.log(runs.tokens_R), np.log(runs.loss_RxK[:, 0]))

    loops = {kind: their_fit(points, options.starts, kind) for kind in (False, True)}
    ours, cold = timed(lambda: fit(runs, "chinchilla"))
    warm = float(np.median([timed(lambda: fit(runs, "chinchilla"))[1] for _ in range(5)]))
    parameters, objective = ours.parameters["text"], float(ours.diagnostics.objective_K[0])
    mean = float(np.sum(huber(np.array([-99, -99, np.median(points[2]), 0, 0]), *points)[0]))
    rows = [(f"mixlaw, {ours.diagnostics.starts_agree_K[0]:.0%} of starts agree", objective, parameters, warm)]
    for gradient, loop in loops.items():
        name = f"4,500 starts{' with gradient' if gradient else ''}, {loop.agree:.0%} agree"
        rows.append((name, loop.lowest, constants(loop.best_5), loop.seconds))
    rows.append(("published minimum", OPTIMUM, CONSTANTS, np.nan))
    print(f"{'240 points':<40}{'objective':>16}" + "".join(f"{name:>11}" for name in CONSTANTS) + f"{'seconds':>10}")
    for name, value, row, seconds in rows:
        print(f"{name:<40}{value:>16.13f}" + "".join(f"{row[c]:>11.6g}" for c in CONSTANTS) + f"{seconds:>10.3f}")
    print(f"{'one loss for all':<40}{mean:>16.13f}")
    how = "measured" if options.starts >= 4500 else f"extrapolated from {options.starts} starts"
    print(f"the loops' seconds {how}; mixlaw's first fit, with compilation, {cold:.2f} s\n")
    aims.at_most("objective", round(objective, 14), OPTIMUM)
    worst = max(abs(parameters[c] / CONSTANTS[c] - 1) for c in CONSTANTS)
    aims.at_most("largest relative error of a constant", worst, 1e-4)
    aims.at_most("time / that of the 4,500 starts", warm / loops[False].seconds, 0.01, REPLICATION)

    drawn = {kind: their_bootstrap(points, options.resamples, kind) for kind in (False, True)}
    how = "measured" if options.resamples >= 4000 else f"extrapolated from {options.resamples}"
    ranges = {"published": INTERVALS}
    for gradient, (found, seconds) in drawn.items():
        ranges[f"peer{' with gradient' if gradient else ''}, {seconds:.0f} s {how}"] = found
    for weights in ("multinomial", "gamma"):
        replicate(ours, 16, weights=weights)  # so that what follows is compiled
        made, seconds = timed(lambda weights=weights: replicate(ours, 4000, weights=weights))
        ranges[f"mixlaw {weights}, {seconds:.1f} s"] = our_intervals(made)
        if weights == "multinomial":
            for c, published in INTERVALS.items():
                off = [abs(x / p - 1) for x, p in zip(our_intervals(made)[c], published, strict=True)]
                aims.at_most(f"lower end of {c}, relative error", off[0], 0.05)
                aims.at_most(f"upper end of {c}, relative error", off[1], 0.10 if c == "B" else 0.05)
            aims.at_most("4,000 bootstraps: time / the replication's", seconds / drawn[False][1], 1 / 8, REPLICATION)
    print_intervals(ranges)
    aims.print()


if __name__ == "__main__":
    main()
