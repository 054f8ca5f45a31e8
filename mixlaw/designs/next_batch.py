"""The next batch of runs: mixtures, size, and expected reduction of the plan's regret."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mixlaw.designs.acquisition import Batch, knowledge_gradient, report, thompson
from mixlaw.designs.batch_report import BatchReport, RegretReport, SizeReport
from mixlaw.designs.candidates import Decision, beliefs, pose_decision
from mixlaw.designs.options import Wish
from mixlaw.designs.run_sizes import RunSize, pick, run_sizes
from mixlaw.designs.sample_size import until_verdict
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.posterior import posterior
from mixlaw.io.json import named
from mixlaw.io.notes import Note
from mixlaw.io.progress import stage
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Budget
from mixlaw.validation.held_out import held_out


@dataclass(frozen=True)
class NextRuns:
    """The next batch, with the figures behind the choice.

    Attributes:
        frame: one row per run, with columns `run_id`, `params`, `tokens`, `w:...` and `unique:...`.
        content: what `mixlaw design --after --json` prints.

    >>> table = pd.DataFrame({"run_id": ["next12-00"], "w:web": [0.6], "w:code": [0.4]})
    >>> NextRuns(table, BatchReport.from_dict({"batch": 1})).content["batch"]
    1
    """

    frame: pd.DataFrame
    content: BatchReport


def next_runs(
    fit: Fit, project: Project | None = None, budget: Budget | None = None, wish: Wish | None = None
) -> NextRuns:
    """The next batch of runs for a plan at a budget.

    Possible plans are the current optimum and the optima of the bootstrap. A candidate's score is the expected decrease
    of the lowest expected objective at the budget by one run of it. The default size is the largest in the table: the
    effect of mixtures is least certain at that size and above, and its runs need the least extrapolation.

    Args:
        fit: a fit with its runs; replicas are computed if it has none.
        project: sources, targets, constraints. If omitted, every mixture is feasible and all targets have weight 1.
        budget: the planned run, in place of the project's.
        wish: number of runs, method and size.

    Raises:
        MixlawError: as `recommend`; the fit has no runs; no size is as asked for.

    >>> from mixlaw.estimation.diagnostics import Diagnostics
    >>> from mixlaw.fitting.support import Support
    >>> from mixlaw.laws.mixing.log_linear import LogLinear
    >>> from mixlaw.runs.run_table import Runs
    >>> table = pd.DataFrame({"w:web": [0.2, 0.5, 0.8], "w:code": [0.8, 0.5, 0.2], "loss:web": [2.4, 2.3, 2.25]})
    >>> runs, none, one_S, one_K = Runs.from_frame(table), (np.nan, np.nan), np.ones(2), np.ones(1)
    >>> support = Support(none, none, none, 0.2 * one_S, 0.8 * one_S, one_S, 3)
    >>> z_KxP, shift_BxKxP = np.array([[0.7, -0.5, -1.0, 0.5]]), 0.1 * np.eye(4)[:, None]
    >>> names, replicas_BxKxP, known = ("web", "code"), z_KxP + shift_BxKxP, Diagnostics(*[one_K] * 6)
    >>> found = Fit(LogLinear, names, ("web",), z_KxP, 0.01 * one_K, {}, replicas_BxKxP, support, known, (), {}, runs)
    >>> batch = next_runs(found, wish=Wish(batch=2))
    >>> list(batch.frame["run_id"]), batch.content.method, batch.content.until_verdict.verdict
    (['next3-00', 'next3-01'], 'regret', 'unknown')
    """
    wish = wish or Wish()
    sizes, rng = run_sizes(fit), np.random.default_rng([wish.seed, 7])
    if not isinstance(wish.size, str):
        pick(sizes, float(wish.size))  # raises before any work
    stage("finding the plan and its possible alternatives")
    decision, notes = pose_decision(fit, project, budget, wish)
    stage("choosing the batch")
    chosen = [_batch(decision, size, wish, rng) for size in sizes]
    at = _which(sizes, chosen, wish, notes)
    w_QxS = decision.candidate_CxS[chosen[at].index_Q]
    run_at = posterior(decision.problem.fit, w_QxS, sizes[at].params, sizes[at].tokens, sizes[at].unique_S)
    distrust = held_out(decision.problem.fit, seed=wish.seed).distrust
    until = until_verdict(decision.problem, decision.scale, decision.best, run_at, distrust)
    content = BatchReport(
        method=wish.method,
        batch=len(w_QxS),
        size=size_report(sizes[at], chosen[at]),
        sizes=tuple(size_report(size, batch) for size, batch in zip(sizes, chosen, strict=True)),
        regret=regret_report(chosen[at]),
        mixture=named(decision.problem.fit.sources, decision.best.w_S),
        pool=None,
        spread=_apart(decision),
        until_verdict=until,
        notes=tuple(dict.fromkeys(notes)),
    )
    return NextRuns(table_of(decision.problem.fit, sizes[at], w_QxS), content)


def _batch(decision: Decision, size: RunSize, wish: Wish, rng: np.random.Generator) -> Batch:
    """The batch at one size."""
    runs = posterior(decision.problem.fit, decision.candidate_CxS, size.params, size.tokens, size.unique_S)
    belief = beliefs(decision, runs)
    count = min(wish.batch, len(decision.candidate_CxS)) if wish.candidates is not None else wish.batch
    if wish.method == "thompson":
        apart_OxC = np.abs(decision.option_OxS[:, None] - decision.candidate_CxS).sum(2)
        index_Q = thompson(belief, min(count, len(decision.candidate_CxS)), rng, apart_OxC)
    else:
        index_Q = knowledge_gradient(belief, count, rng)
    return report(belief, index_Q, rng)


def _apart(decision: Decision) -> float:
    """Share of tokens by which a bootstrap optimum differs from the plan, median over the refits."""
    refit_OxS = decision.refit_BxS
    return float(np.median(0.5 * np.abs(refit_OxS - decision.best.w_S).sum(1))) if len(refit_OxS) else 0.0


def _which(sizes: list[RunSize], chosen: list[Batch], wish: Wish, notes: list[Note]) -> int:
    """The size to run at."""
    if not isinstance(wish.size, str):
        return pick(sizes, float(wish.size))
    if wish.size == "largest" or len(sizes) == 1:
        return len(sizes) - 1
    flops = np.array([size.flops for size in sizes])
    if not np.isfinite(flops).all():
        text = "the runs' tokens are not known, so neither is their compute: the largest size is taken"
        notes.append(Note("no-compute", ("size",), text))
        return len(sizes) - 1
    return int(np.argmax([(batch.before - batch.after) / cost for batch, cost in zip(chosen, flops, strict=True)]))


def pick_size(sizes: list[RunSize], wish: Wish) -> RunSize:
    """The size that the options state, or the largest.

    Raises:
        MixlawError: no run has this size.
    """
    return sizes[-1] if isinstance(wish.size, str) else sizes[pick(sizes, float(wish.size))]


def size_report(size: RunSize, batch: Batch) -> SizeReport:
    """The batch at one size: its compute, and by how much it is expected to lower the regret."""
    flops = len(batch.index_Q) * size.flops
    params, tokens, flops = (None if np.isnan(x) else x for x in (size.params, size.tokens, flops))
    return SizeReport(params, tokens, flops, batch.before - batch.after)


def regret_report(batch: Batch) -> RegretReport:
    """Expected regret of the plan before the batch, after it, and after each of its runs."""
    return RegretReport(batch.before, batch.after, batch.after_Q.tolist())


def table_of(fit: Fit, size: RunSize, w_QxS: np.ndarray) -> pd.DataFrame:
    """The batch as a table of runs to make, with run ids that the fit's table does not have."""
    assert fit.runs is not None, "a fit with a posterior has runs"
    done = len(np.unique(fit.runs.run_id))
    taken, start = set(fit.runs.run_id.tolist()), done
    while any(f"next{start}-{q:02d}" in taken for q in range(len(w_QxS))):
        start += 1
    frame = pd.DataFrame({"run_id": [f"next{start}-{q:02d}" for q in range(len(w_QxS))]})
    for name, value in (("params", size.params), ("tokens", size.tokens)):
        if np.isfinite(value):
            frame[name] = value
    frame[[f"w:{source}" for source in fit.sources]] = w_QxS
    for source, unique in zip(fit.sources, size.unique_S, strict=True):
        if np.isfinite(unique):
            frame[f"unique:{source}"] = unique
    return frame
