"""What distances of mixtures cost beside plain POT and the linear program, and how near the nearest mixture is.

    python analysis/benchmarks/transport.py [--program 200 500] [--no-scale]    # two minutes; four with the scale

1. One value and gradient at a mixture: 10 sources, 256 features, CPU seconds relative to POT's exact `emd2` on the same
   cost, medians of repeats taken in turn.
2. The nearest mixture: evaluations and gap of the level bundle, the same with cold starts, its time beside one linear
   program in HiGHS (points a side: `--program`); what 60 steps of exponentiated gradient on plain POT leave.
3. The figures that a distance must hold: duality, subgradients, finite differences.
4. 50 sources x 2,000 points against 2,000, in a process of its own: entropic and streamed, its peak memory, its time;
   exact on subsamples with error bars.

Points are Gaussian about means of their own, the target a mixture of the sources besides a shift.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ot
from aims import Aims
from machine import print_machine
from table import number, print_row

from mixlaw.transport import (
    Bounds,
    EnergyDistance,
    EntropicOT,
    ExactOT,
    Samples,
    calibrated,
    minimize,
    minimize_by_program,
    minimize_subsampled,
    subsampled,
)

SOURCES, FEATURES, REPEATS = 10, 256, 3
SIZES = (500, 1000, 2000)
PEAK_GIB = 3.0


def case(points: int, target: int, sources: int = SOURCES, features: int = FEATURES, seed: int = 0) -> Samples:
    """`points` of all sources together, against `target` points."""
    rng = np.random.default_rng(seed)
    mean_SxF = 0.3 * rng.normal(size=(sources, features))
    x_SxNxF = mean_SxF[:, None] + rng.normal(size=(sources, points // sources, features))
    kind_M = rng.choice(sources, target, p=rng.dirichlet(np.full(sources, 0.5)))
    y_MxF = mean_SxF[kind_M] + rng.normal(size=(target, features)) + 0.1 * rng.normal(size=features)
    return Samples(tuple(f"s{k}" for k in range(sources)), x_SxNxF, y_MxF)


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns and its CPU seconds, which other work on the machine hardly moves."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def one_solve(size: int) -> list[float]:
    """CPU seconds of POT's emd2, and of one evaluation relative to it: exact cold, exact warm from 5% and from 30%
    away, POT's Sinkhorn, entropic in both precisions, energy."""
    samples, rng = case(size, size), np.random.default_rng(1)
    cold = ExactOT(samples, warm=False)
    smooth = [EntropicOT(samples, precision=precision) for precision in ("float64", "float32")]
    energy, even_M = EnergyDistance(samples), np.full(size, 1 / size)
    spent = []
    for repeat in range(REPEATS + 1):
        w_S, v_S = rng.dirichlet(np.ones(SOURCES)), rng.dirichlet(np.ones(SOURCES))
        mass_N = samples.mass_N(w_S)
        times = [cpu(lambda a=mass_N: ot.emd2(a, even_M, cold.cost_NxM, log=True))[1], cpu(lambda w=w_S: cold(w))[1]]
        for away in (0.05, 0.3):
            warm = ExactOT(samples)
            warm((1 - away) * w_S + away * v_S)
            times.append(cpu(lambda d=warm, w=w_S: d(w))[1])
        epsilon = smooth[0].epsilon
        times.append(cpu(lambda a=mass_N, e=epsilon: ot.sinkhorn2(a, even_M, cold.cost_NxM, e, stopThr=1e-6))[1])
        for distance in smooth:
            fresh = EntropicOT(samples, precision="float32" if distance is smooth[1] else "float64")
            times.append(cpu(lambda d=fresh, w=w_S: d(w))[1])
        times.append(cpu(lambda w=w_S: energy(w))[1])
        if repeat:  # the first compiles
            spent.append(times)
    middle = np.median(spent, 0)
    return [middle[0], *(middle[1:] / middle[0])]


def print_solves(aims: Aims) -> None:
    """The table of one evaluation."""
    print("one value and gradient, relative to POT's emd2 (CPU seconds)")
    print_row("points a side", SIZES)
    columns = [one_solve(size) for size in SIZES]
    names = ["POT emd2, seconds", "exact, cold", "exact, warm, 5% away", "exact, warm, 30% away"]
    names += ["POT Sinkhorn, eps .05", "entropic float64, cold", "entropic float32, cold", "energy, built"]
    for i, name in enumerate(names):
        print_row(name, [column[i] for column in columns])
    print()
    for size, column in zip(SIZES, columns, strict=True):
        aims.at_most(f"warm / cold exact transport, 5% away, n = {size}", column[2] / column[1], 0.8)


def exponentiated(distance: ExactOT, steps: int = 60, rate: float = 1.0) -> float:
    """The lowest distance seen in steps of exponentiated gradient on plain POT: its duals, cold."""
    w_S, best = np.full(len(distance.sources), 1 / len(distance.sources)), np.inf
    m = distance.cost_NxM.shape[1]
    for step in range(steps):
        mass_N = distance.samples.mass_N(w_S)
        value, log = ot.emd2(mass_N, np.full(m, 1 / m), distance.cost_NxM, log=True)
        best = min(best, float(value))
        slope_S = np.asarray(log["u"]).reshape(len(w_S), -1).mean(1)
        slope_S -= slope_S.mean()
        w_S = w_S * np.exp(-rate / np.sqrt(1 + step) * slope_S / np.abs(slope_S).max())
        w_S /= w_S.sum()
    return best


def print_minima(programs: list[int], aims: Aims) -> None:
    """Evaluations, gaps and times of the nearest mixture."""
    print("the nearest mixture, exact transport; excess: of the value above the certified lower bound, relative")
    heads = ("points", "solves", "gap", "CPU s", "cold/warm", "program/it", "EG excess")
    print_row("", heads, 10)
    for size in sorted({*programs, 500, 1000}):
        for seed in range(3):
            samples = case(size, size, seed=seed)
            distance = ExactOT(samples)
            found, seconds = cpu(lambda d=distance: minimize(d))
            _, cold = cpu(lambda s=samples: minimize(ExactOT(s, warm=False)))
            lower, ratio = found.value - found.gap, np.nan
            if size in programs and not (seed and size > 200):
                bounds = Bounds(np.zeros(SOURCES), np.ones(SOURCES))
                program, spent = cpu(lambda d=distance, b=bounds: minimize_by_program(d, b))
                ratio = spent / seconds
                aims.at_most(f"value above the program's, n = {size}", found.value / program.value - 1, 2e-4)
                aims.at_least(f"program / bundle, seconds, n = {size}", ratio, 2.0)
            excess = exponentiated(distance) / lower - 1 if size <= 500 else np.nan
            gap = found.gap / found.value
            print_row(f"seed {seed}", (size, found.iterations, gap, seconds, cold / seconds, ratio, excess), 10)
            aims.at_most(f"evaluations to a gap of 1e-4, n = {size}, seed {seed}", found.iterations, 40)
            aims.at_most(f"gap, n = {size}, seed {seed}", gap, 1e-4)
    print()


def print_figures(aims: Aims) -> None:
    """Duality, subgradients and finite differences on random mixtures."""
    rng, samples = np.random.default_rng(2), case(400, 300, features=64)
    exact, smooth = ExactOT(samples), EntropicOT(samples, tolerance=1e-12)
    dual, below, slope, grown, smooth_slope = [], [], [], [], []
    for _ in range(20):
        w_S, v_S = (rng.dirichlet(np.full(SOURCES, 2.0)) for _ in range(2))
        empty_S = np.where(np.arange(SOURCES) < 4, 0, w_S) / w_S[4:].sum()
        found = exact.solve(empty_S)
        dual.append(abs(found.primal - found.dual) / found.primal)
        for u_S in (w_S, empty_S):
            at = exact(u_S)
            below.append(at.value + at.gradient_S @ (v_S - u_S) - exact(v_S).value)
        at, h, k = exact(w_S), 1e-6, int(rng.integers(SOURCES))
        ends = [exact(w_S + s * h * (v_S - w_S)).value for s in (1, -1)]
        slope.append(abs((ends[0] - ends[1]) / (2 * h) - at.gradient_S @ (v_S - w_S)))
        towards_S = (np.eye(SOURCES)[k] - w_S) / (1 - w_S[k])
        ends = [exact(w_S + s * h * towards_S).value for s in (1, -1)]
        grown.append(abs((ends[0] - ends[1]) / (2 * h) - calibrated(at.gradient_S, w_S)[k]))
        h = 1e-4
        ends = [smooth(w_S + s * h * (v_S - w_S)).value for s in (1, -1)]
        smooth_slope.append(abs((ends[0] - ends[1]) / (2 * h) - smooth(w_S).gradient_S @ (v_S - w_S)))
    aims.at_most("strong duality, relative, the worst of 20", max(dual), 1e-10)
    aims.at_most("subgradient inequality, the worst excess of 40", max(below), 1e-9)
    aims.at_most("gradient against differences, median", float(np.median(slope)), 1e-6)
    aims.at_most("calibrated gradient against differences, median", float(np.median(grown)), 1e-6)
    aims.at_most("entropic gradient against differences, worst", max(smooth_slope), 1e-5)


def scale() -> dict[str, Any]:
    """The largest case, in this process: time and memory of the entropic minimum, and exact subsamples."""
    import resource

    samples, began = case(100_000, 2000, sources=50, features=64), time.perf_counter()
    distance = EntropicOT(samples, precision="float32", tolerance=1e-5)
    built, used = time.perf_counter() - began, time.process_time()
    w_S = np.full(50, 0.02)
    at = distance(w_S)
    once, passes = time.perf_counter() - began - built, distance.passes
    found = minimize(distance, tolerance=1e-4)
    report: dict[str, Any] = {"build": built, "once": once, "passes": passes, "all_passes": distance.passes}
    report |= {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used, "error": at.error / at.value}
    report |= {"gap": found.gap / found.value, "evaluations": found.iterations, "w": found.w_S.tolist()}
    report["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report["uniform"] = at.value
    return report


def print_scale(aims: Aims) -> None:
    """The largest case, and exact subsamples of it."""
    print("50 sources x 2,000 points against 2,000, 64 features, epsilon .05 of the mean cost, float32")
    told = subprocess.run([sys.executable, __file__, "--child"], check=True, capture_output=True, text=True)
    found = json.loads(told.stdout.splitlines()[-1])
    cold = f"{found['once']:.1f} s ({found['passes']} passes)"
    print(f"mean cost {found['build']:.1f} s; one value and gradient, cold, {cold}")
    print(
        f"nearest mixture: {found['evaluations']} evaluations, {found['all_passes']} passes, {found['seconds']:.0f} s, "
        f"CPU {found['cpu']:.0f} s, gap {number(found['gap'])} of the value; peak memory {found['peak']:.2f} GiB"
    )
    aims.at_most("scale: peak memory of the process, GiB", found["peak"], PEAK_GIB)
    aims.at_most("scale: certified gap of the entropic minimum", found["gap"], 1e-4)
    samples, w_S = case(100_000, 2000, sources=50, features=64), np.full(50, 0.02)
    for count, target in ((5, 250), (10, 500), (20, 1000)):
        estimate, seconds = cpu(lambda c=count, t=target: subsampled(samples, w_S, c, t))
        print(
            f"exact, uniform, {count} points a source, {target} of the target: {estimate.mean:.4f} ± "
            f"{estimate.half_width:.4f} ({estimate.folds} folds, CPU {seconds:.1f} s); entropic {found['uniform']:.4f}"
        )
    estimate, seconds = cpu(lambda: minimize_subsampled(samples, 10, 500, tolerance=1e-3))
    off = np.abs(estimate.mean - np.array(found["w"])).sum() / 2
    print(
        f"exact, nearest mixture, 10 and 500 points: shares ± {estimate.half_width.max():.3f} at most "
        f"({estimate.folds} folds, CPU {seconds:.0f} s); share that differs from the entropic one {off:.3f}\n"
    )


def main() -> None:
    """Print the tables and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=int, nargs="*", default=[200, 500], help="points a side of linear programs")
    parser.add_argument("--no-scale", action="store_true", help="without the largest case")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(scale()))
        return
    print_machine()
    aims = Aims()
    print_solves(aims)
    print_minima(options.program, aims)
    print_figures(aims)
    if not options.no_scale:
        print_scale(aims)
    aims.print()


if __name__ == "__main__":
    main()
