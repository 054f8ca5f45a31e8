"""The planner's solver beside SciPy's SLSQP and trust-constr, cvxpy's Clarabel and Ipopt.

    python analysis/benchmarks/program_solvers.py [--problems 200]    # ten minutes; needs the extra `test`

1. The random problems of `programs.py` (3 to 8 sources, 2 to 4 targets; all convex), one at a time. SciPy and Ipopt are
   given the law's exact gradients, trust-constr and Ipopt its Hessians too, and the feasible mixture that a problem is
   made from as their start; to Clarabel every law is written anew as cones.
2. The bootstrap: 200 replicas of 17 sources and 13 targets, from the plan's optimum. Peers get `--sample` of them, one
   after another; their seconds are scaled up.

The gap is relative to the best of all solvers that keep the constraints to 1e-7. A failure is no answer, a constraint
broken by more, or a gap above 1e-6. CPU seconds are of all cores, compiled before, one call each. Clarabel's hold what
cvxpy needs to write the problem down. Only mixlaw and Clarabel prove their gap. Ipopt is
left out where `cyipopt` is missing (see `program_peers.py`). The trivial baseline is the feasible mixture.
"""

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported; waiting threads would count as CPU seconds

import numpy as np
from aims import Aims
from machine import print_machine
from planner import KEPT, cpu
from program_peers import IPOPT, by_ipopt, by_trust_constr
from programs import AT, by_cvxpy, by_scipy, drawn, random_problem, single, value

from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import MixtureIndex
from mixlaw.mixtures.constraint_rows import stack
from mixlaw.optimization.optimum import optimize_program
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.problem import REFIT_BARRIER, WARM_START_BARRIER
from mixlaw.optimization.program import Program

CLOSE = 1e-6
WARM_UP = 9
"""Problems that are solved once before: they hold every law in every shape."""
START = "feasible mixture"


class Answer(NamedTuple):
    """A solver's objective for one problem (inf: no answer), its largest constraint violation, and CPU seconds."""

    objective: float
    broken: float
    cpu: float


def by_mixlaw(program: Program, fit: Fit, start_S: np.ndarray) -> np.ndarray:
    """The planner's solver, from where it starts itself."""
    del start_S
    return optimize_program(single(fit), program)[0].w_S


def by_clarabel(program: Program, fit: Fit, start_S: np.ndarray) -> np.ndarray | None:
    """Clarabel through cvxpy, from its own start."""
    del start_S
    return by_cvxpy(program, fit)


Solver = Callable[[Program, Fit, np.ndarray], np.ndarray | None]
SOLVERS: dict[str, Solver] = {"mixlaw": by_mixlaw, "SciPy SLSQP": by_scipy, "SciPy trust-constr": by_trust_constr}
SOLVERS |= {"cvxpy, Clarabel": by_clarabel} | ({"Ipopt": by_ipopt} if IPOPT else {})


def answer(solve: Solver, program: Program, fit: Fit, start_S: np.ndarray) -> Answer:
    """One solver on one problem."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is inaccurate is counted
        found_S, took = cpu(partial(solve, program, fit, start_S))
    if found_S is None or not np.isfinite(found_S).all():
        return Answer(np.inf, np.inf, took)
    return Answer(*value(program, fit, np.maximum(found_S, 0.0)), took)


def table(answers: dict[str, list[Answer]], scale: float = 1.0) -> list[dict[str, Any]]:
    """A row a solver; seconds are medians, or with `scale` the mean times it."""
    objective = {name: np.array([one.objective for one in found]) for name, found in answers.items()}
    broken = {name: np.array([one.broken for one in found]) for name, found in answers.items()}
    kept = {name: np.where(broken[name] <= KEPT, objective[name], np.inf) for name in answers}
    best_P, rows = np.min(list(kept.values()), axis=0), []
    for name, found in answers.items():
        gap_P = (kept[name] - best_P) / np.abs(best_P)
        seconds = np.array([one.cpu for one in found])
        rows.append({
            "solver": name,
            "problems": len(found),
            "CPU s": float(np.median(seconds) if scale == 1.0 else seconds.mean() * scale),
            "slowest CPU s": float(seconds.max()),
            "median gap": float(np.median(gap_P)),
            "largest gap": float(gap_P[np.isfinite(gap_P)].max(initial=0.0)),
            "most broken": float(broken[name][np.isfinite(broken[name])].max(initial=0.0)),
            "failures": int((~(gap_P <= CLOSE)).sum()),
        })  # fmt: skip
    return rows


def judge(name: str, rows: list[dict[str, Any]], aims: Aims) -> None:
    """Aims of mixlaw: it fails nowhere, and takes no more than each peer."""
    own, *others = (row for row in rows if row["solver"] != START)
    most = max(others, key=lambda row: row["failures"])
    aims.at_most(f"{name}: failures", own["failures"], 0, (most["solver"], most["failures"]))
    for other in others:
        peer = other["solver"], other["CPU s"]
        aims.at_most(f"{name}: CPU seconds, beside {peer[0]}", own["CPU s"], other["CPU s"], peer)


def random(problems: int, aims: Aims) -> None:
    """Part 1."""
    answers: dict[str, list[Answer]] = {START: [], **{name: [] for name in SOLVERS}}
    for seed in [*range(WARM_UP), *range(problems)]:
        fit, program, start_S = random_problem(seed)
        found = {name: answer(solve, program, fit, start_S) for name, solve in SOLVERS.items()}
        for name, one in found.items():
            answers[name].append(one)
        answers[START].append(Answer(*value(program, fit, start_S), 0.0))
    answers = {name: found[WARM_UP:] for name, found in answers.items()}
    rows = table(answers)
    aims.table(f"{problems} random problems of 3 to 8 sources", rows)
    judge("random problems", rows, aims)


def replicas(count: int, sample: int, aims: Aims) -> None:
    """Part 2, as `planner.refits` poses it."""
    rng, K, S = np.random.default_rng(1), 13, 17
    shape = drawn(MixtureIndex, rng, K, S)
    z_BxKxP = shape.z_KxP + 0.1 * rng.standard_normal((count, *shape.z_KxP.shape))
    bounds, middle_S = (np.zeros((count, S)), np.ones((count, S))), np.full(S, 1.0 / S)
    program = Program(np.full(K, 1.0 / K), *bounds, stack([], K, S), None, 0.0, 0.0, middle_S)
    batch = Oracle(shape, z_BxKxP, *(np.full(count, x) for x in AT))
    near_S = optimize_program(single(shape), program.take(np.arange(1)))[0].w_S
    warm_BxS, few = np.broadcast_to(near_S, (count, S)), np.arange(2)
    optimize_program(
        batch.take(few), program.take(few), warm_BxS[few], WARM_START_BARRIER, REFIT_BARRIER
    )  # compiled before
    optima, took = cpu(lambda: optimize_program(batch, program, warm_BxS, WARM_START_BARRIER, REFIT_BARRIER))
    answers: dict[str, list[Answer]] = {START: [], **{name: [] for name in SOLVERS}}
    for b in range(sample):
        fit, one = replace(shape, z_KxP=z_BxKxP[b]), program.take(np.array([b]))
        answers[START].append(Answer(*value(one, fit, near_S), 0.0))
        answers["mixlaw"].append(Answer(*value(one, fit, optima[b].w_S), took / count))
        for name in [name for name in SOLVERS if name != "mixlaw"]:
            if b == 0:
                answer(SOLVERS[name], one, fit, near_S)  # compiled before
            answers[name].append(answer(SOLVERS[name], one, fit, near_S))
    rows = table(answers, scale=count)
    aims.table(f"{count} replicas of 17 sources and 13 targets, {sample} judged", rows)
    judge("replicas", rows, aims)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--sample", type=int, default=20, help="of the replicas, those that peers get")
    options, aims = parser.parse_args(), Aims()
    print_machine()
    random(options.problems, aims)
    replicas(options.replicas, options.sample, aims)
    aims.print()


if __name__ == "__main__":
    main()
