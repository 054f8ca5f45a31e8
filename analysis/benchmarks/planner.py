"""The planner's optima: certificates, agreement with SciPy and cvxpy on random problems, and what they cost.

    python analysis/benchmarks/planner.py [--problems 500] [--large]    # about ten minutes; needs the extra `test`

1. Random problems of `programs.py`: gap of each, and how far SciPy's SLSQP (given the law's gradients) and cvxpy's
   Clarabel (every law written anew) end above or below ours. A peer's mixture that breaks a constraint by more than
   1e-7 is a failure of the peer and counted as such. The trivial baseline is the feasible mixture each
   problem is made from.
2. CPU seconds a problem, compiled, beside both peers on the same problem, as ratios.
3. `--large`: 100 sources and 100 targets, mean, worst target and ceilings; 200 replicas of it re-optimised; and 200
   replicas of 17 sources and 13 targets. SciPy beside it on the same problems.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from aims import Aims
from machine import print_machine
from programs import AT, by_cvxpy, by_scipy, drawn, random_problem, single, value
from table import number

from mixlaw.derivatives import Oracle
from mixlaw.laws import MixtureIndex
from mixlaw.optimize import optimize_program
from mixlaw.program import Program, row, stack

KEPT = 1e-7


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and the CPU seconds it took on all cores: other work on the machine hardly moves them."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def compare(problems: int, aims: Aims) -> None:
    """Part 1 and 2."""
    gaps, seconds, above = [], [], {"SciPy": [], "cvxpy": [], "feasible mixture": []}
    for seed in range(problems):
        fit, program, w_S = random_problem(seed)
        oracle = single(fit)
        best = optimize_program(oracle, program)[0]
        own, broken = value(program, fit, best.w_S)
        gaps.append(best.gap / abs(own) if broken <= KEPT else np.inf)
        took = [cpu(lambda o=oracle, p=program: optimize_program(o, p))[1]]
        peers = {"SciPy": partial(by_scipy, program, fit, w_S), "cvxpy": partial(by_cvxpy, program, fit)}
        for name, solve in peers.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # inaccurate solutions are counted below
                found_S, wall = cpu(solve)
            took.append(wall)
            above[name].append(np.nan)
            if found_S is not None:
                other, off = value(program, fit, np.maximum(found_S, 0.0))
                above[name][-1] = (other - own) / abs(own) if off <= KEPT else np.nan
        above["feasible mixture"].append((value(program, fit, w_S)[0] - own) / abs(own))
        seconds.append(took)
    print(f"{problems} random problems; relative gap: median {np.median(gaps):.1e}, largest {max(gaps):.1e}")
    print(
        f"\n{'peer':<18}{'fails':>7}{'worse by > 1e-7':>17}{'better by > 1e-7':>18}{'largest better':>16}{'median':>10}"
    )
    for name, values in above.items():
        x = np.array(values)
        ok = np.isfinite(x)
        figures = int((~ok).sum()), int((x[ok] > 1e-7).sum()), int((x[ok] < -1e-7).sum())
        better, middle = max(0.0, -x[ok].min()), np.median(x[ok])
        print(f"{name:<18}{figures[0]:>7}{figures[1]:>17}{figures[2]:>18}{better:>16.1e}{middle:>10.1e}")
    own_P, scipy_P, cvxpy_P = np.array(seconds).T
    print(f"\nCPU seconds a problem, medians: ours {number(np.median(own_P))}, SciPy {number(np.median(scipy_P))}, "
          f"cvxpy {number(np.median(cvxpy_P))}; ratio to SciPy {np.median(own_P / scipy_P):.2f}, "
          f"to cvxpy {np.median(own_P / cvxpy_P):.2f}")  # fmt: skip
    aims.at_most("largest relative gap", max(gaps), 1e-7)
    for name in ("SciPy", "cvxpy"):
        x = np.array(above[name])
        ok = np.isfinite(x)
        aims.at_most(f"most that {name} is better by, relative", max(0.0, -x[ok].min()), 1e-7)
        aims.at_least(f"share within 1e-6 of {name}", float(np.mean(np.abs(x[ok]) <= 1e-6)), 0.9)


def large(aims: Aims) -> None:
    """Part 3."""
    rng, K, S = np.random.default_rng(0), 100, 100
    fit = drawn(MixtureIndex, rng, K, S)
    oracle, middle_S = single(fit), np.full(S, 1.0 / S)
    losses_K = oracle.losses(np.arange(1), middle_S[None])[0]
    mean = stack([], K, S)
    worst = stack([row(f"t{k}", 0.0, losses_K=np.eye(K)[k], linear_S=S, price=np.inf) for k in range(K)], K, S)
    ceilings = stack([row(f"t{k}", losses_K[k], losses_K=np.eye(K)[k], linear_S=S) for k in range(K)], K, S)
    print(f"\n{S} sources, {K} targets{'':<8}{'CPU s':>9}{'gap':>10}{'SciPy s':>9}{'SciPy above':>13}{'ratio':>8}")
    bounds = np.zeros((1, S)), np.full((1, S), 0.2)
    for name, rows in (("mean", mean), ("worst", worst), ("ceilings", ceilings)):
        weight_K = np.zeros(K) if name == "worst" else np.full(K, 1.0 / K)
        program = Program(weight_K, *bounds, rows, None, 0.0, 0.0, middle_S)
        optimize_program(oracle, program)
        best, took = min((cpu(lambda p=program: optimize_program(oracle, p)[0]) for _ in range(3)), key=lambda x: x[1])
        own = value(program, fit, best.w_S)[0]
        peer_S, wall = cpu(lambda p=program: by_scipy(p, fit, middle_S))
        other, off = value(program, fit, np.maximum(peer_S, 0.0))
        gained = f"{(other - own) / own:.1e}" if off <= KEPT else "broken"
        print(f"{name:<27}{took:>9.2f}{best.gap / own:>10.1e}{wall:>9.1f}{gained:>13}{took / wall:>8.2f}")
        aims.at_most(f"100 x 100, {name}: CPU seconds", took, 2.0)
        aims.at_most(f"100 x 100, {name}: relative gap", best.gap / own, 1e-7)
    for K, S, shape in ((100, 100, drawn(MixtureIndex, rng, 100, 100)), (13, 17, drawn(MixtureIndex, rng, 13, 17))):
        z_BxKxP = shape.z_KxP + 0.1 * rng.standard_normal((200, *shape.z_KxP.shape))
        at = (np.full(200, x) for x in AT)
        program = Program(np.full(K, 1.0 / K), np.zeros((200, S)), np.ones((200, S)), stack([], K, S))
        batch = Oracle(shape, z_BxKxP, *at)
        near = optimize_program(single(shape), program.take(np.arange(1)))[0].w_S
        warm = np.broadcast_to(near, (200, S))
        optima, took = cpu(lambda b=batch, p=program, w=warm: optimize_program(b, p, w, share=1e-3))
        largest = max(optimum.gap for optimum in optima)
        print(f"200 replicas of {S} sources, {K} targets: {took:.1f} CPU seconds, largest gap {largest:.1e}")
        aims.at_most(f"200 replicas, {S} x {K}: CPU seconds", took, 30.0)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--large", action="store_true")
    given, aims = parser.parse_args(), Aims()
    print_machine()
    if given.problems:
        compare(given.problems, aims)
    if given.large:
        large(aims)
    aims.print()


if __name__ == "__main__":
    main()
