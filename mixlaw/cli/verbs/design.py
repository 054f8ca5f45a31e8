"""The verb `mixlaw design`: mixtures to run, without data or after a table of runs."""

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.inputs import counted, project_at, stated_budget
from mixlaw.cli.options import reads_text
from mixlaw.cli.output import answer, out_file, say, tell, written
from mixlaw.cli.progress import with_stages
from mixlaw.errors import MixlawError, nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mixlaw.designs.batch_report import BatchReport
    from mixlaw.designs.next_batch import NextRuns
    from mixlaw.designs.options import Wish
    from mixlaw.designs.space_filling import Design
    from mixlaw.project.project_file import Project
    from mixlaw.project.sources import Budget
    from mixlaw.runs.run_table import Runs

CRITERIA = ("space-filling", "d-optimal")

ProjectFile = Annotated[
    Path | None, typer.Argument(help="project file: sources, targets, budget; mixlaw.yaml if there is one")
]
Out = Annotated[
    Path | None, typer.Option(help="CSV with run_id and w: columns; with --after also the size of each run")
]
Count = Annotated[int | None, typer.Option(help="number of mixtures of a design without data", min=1)]
Criterion = Annotated[str, typer.Option(help="space-filling, or d-optimal for the law of --law")]
LawName = Annotated[
    str | None, typer.Option(help="law of --criterion d-optimal, or the law to fit for --after (default there: auto)")
]
Repeats = Annotated[
    int | None,
    typer.Option(
        help="number of runs that repeat the first, to estimate noise (default with d-optimal: one in 12)", min=0
    ),
]
After = Annotated[Path | None, typer.Option(help="table of existing runs: propose the next batch")]
BatchSize = Annotated[int | None, typer.Option(help="with --after: number of runs to propose (default: 8)", min=1)]
Method = Annotated[
    str | None,
    typer.Option(help="with --after: regret (expected decrease of the plan's regret, the default) or thompson"),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="with --after: largest (of the table, the default), cost (largest gain per FLOP), or a value of N"
    ),
]
Candidates = Annotated[
    Path | None, typer.Option(help="with --after: mixtures to choose from, instead of all feasible ones")
]
OneOf = Annotated[
    Path | None,
    typer.Option(
        help="with --after: candidate mixtures; the plan is one of them, at the runs' size, and each may be run"
    ),
]


@reads_text
def design(
    project: ProjectFile = None,
    runs: Count = None,
    out: Out = None,
    seed: Annotated[int, typer.Option(help="seed of everything random", min=0)] = 0,
    criterion: Criterion = "space-filling",
    law: LawName = None,
    repeats: Repeats = None,
    after: After = None,
    batch: BatchSize = None,
    method: Method = None,
    size: Size = None,
    candidates: Candidates = None,
    one_of: OneOf = None,
    flops: Annotated[
        float | None, typer.Option(help="with --after: planned compute in FLOP, in place of the project's budget")
    ] = None,
    params: Annotated[float | None, typer.Option(help="with --after: parameters N of the planned run")] = None,
    tokens: Annotated[float | None, typer.Option(help="with --after: training tokens D of the planned run")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Propose mixtures to run: a first design, or with --after the next batch after a table of runs."""
    if out is None and not as_json:
        raise MixlawError("--out is missing: name the CSV file to write, or give --json")
    out = None if out is None else out_file(out)
    if after is None:
        of_next = {"--batch": batch, "--method": method, "--size": size, "--candidates": candidates}
        of_next |= {"--one-of": one_of, "--flops": flops, "--params": params, "--tokens": tokens}
        _refuse_given(of_next, "needs --after runs.csv: add it, or leave the option out")
        if runs is None:
            raise MixlawError("no number of runs: give --runs, or --after runs.csv for the next batch")
        read = project_at(project, needed=True)
        assert read is not None
        made = from_nothing(counted(read), runs, seed, criterion, law, repeats)
        table, report = made.frame, None
        shown = {"runs": len(table), "notes": list(made.notes)}
    else:
        alone = {"--runs": runs, "--repeats": repeats, "--criterion": None if criterion == CRITERIA[0] else criterion}
        _refuse_given(alone, "is for a design without data: leave it out, or leave out --after")
        read = project_at(project, needed=False)
        wish, read = wished(batch, method, size, seed), read and counted(read)
        if one_of is not None:
            elsewhere = {"--candidates": candidates, "--flops": flops, "--params": params, "--tokens": tokens}
            _refuse_given(elsewhere, "does not go with --one-of, whose mixtures are run and planned at the runs' size")
            found = after_runs_of_pool(after, read, law, wish, one_of)
        else:
            found = after_runs(after, read, stated_budget(flops, params, tokens), law, wish, candidates)
        table, report, shown = found.frame, found.content, found.content.to_dict()

    def show() -> None:
        if as_json:
            print(json.dumps(shown | {"design": json.loads(table.to_json(orient="records"))}, indent=1))
        elif report is not None:
            print_next(table, report)

    save = None if out is None else lambda: written(out, lambda file: table.to_csv(file, index=False))
    answer(show, save)
    for note in shown["notes"] if after is None else ():
        say(f"note: {note}")


def _refuse_given(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise MixlawError(f"{name} {why}")


def from_nothing(
    project: "Project", runs: int, seed: int, criterion: str, law: str | None, repeats: int | None
) -> "Design":
    """A design without data."""
    from mixlaw.designs.d_optimality import d_optimal_design
    from mixlaw.designs.space_filling import space_filling

    if criterion not in CRITERIA:
        raise MixlawError(f"--criterion {criterion}: {nearest(criterion, CRITERIA)}")
    budget, constraints = project.budget, project.constraints
    tokens, money = (budget.tokens, budget.money) if budget else (None, None)
    if criterion == "d-optimal":
        if law is None or law == "auto":
            raise MixlawError("--criterion d-optimal needs a law: give --law, such as mixture-index")
        return d_optimal_design(
            project.sources,
            runs,
            law,
            seed=seed,
            targets=project.targets,
            budget=budget,
            constraints=constraints,
            repeats=repeats,
        )
    if law is not None:
        raise MixlawError("--law needs --criterion d-optimal: add it, or leave --law out")
    again = repeats or 0
    if again >= runs:
        raise MixlawError(f"--repeats {again}: give fewer than the {runs} runs")
    return space_filling(project.sources, runs - again, seed, tokens, constraints, money).with_repeats(again)


def wished(batch: int | None, method: str | None, size: str | None, seed: int) -> "Wish":
    """The options of the next batch as a `Wish`."""
    from mixlaw.designs.options import Wish

    at: str | float = size or "largest"
    with contextlib.suppress(ValueError):  # it is then a name, which Wish looks at
        at = float(at)
    return Wish(batch=batch or 8, method=method or "regret", size=at, seed=seed)


def after_runs(
    table: Path,
    project: "Project | None",
    budget: "Budget | None",
    law: str | None,
    wish: "Wish",
    candidates: Path | None = None,
) -> "NextRuns":
    """The next batch after a table of runs."""
    from dataclasses import replace

    from mixlaw.designs.next_batch import next_runs
    from mixlaw.estimation.goals import goal
    from mixlaw.fitting.fit_runs import fit

    runs = _runs_of(table, project)
    if candidates is not None:
        wish = replace(wish, candidates=_mixtures(candidates, runs))
    planned = budget or (project.budget if project else None)
    aim = goal(project.sources, planned) if project else None
    work = lambda: next_runs(fit(runs, law or "auto", seed=wish.seed, goal=aim), project, budget, wish)  # noqa: E731
    return with_stages("design", work)


def after_runs_of_pool(
    table: Path, project: "Project | None", law: str | None, wish: "Wish", one_of: Path
) -> "NextRuns":
    """The next batch if the plan is one of a file's mixtures."""
    from mixlaw.designs.pool import next_of_pool
    from mixlaw.fitting.fit_runs import fit

    runs = _runs_of(table, project)
    pool_MxS = _mixtures(one_of, runs)
    return next_of_pool(fit(runs, law or "auto", seed=wish.seed), pool_MxS, project, wish)


def _runs_of(table: Path, project: "Project | None") -> "Runs":
    from mixlaw.runs.run_table import read_runs

    runs = read_runs(table)
    return runs.with_targets([target.name for target in project.targets]) if project and project.targets else runs


def _mixtures(file: Path, runs: "Runs") -> "np.ndarray":
    """Mixtures of a file (M, S) in the order of the runs' sources."""
    from mixlaw.runs.run_table import read_runs

    given = read_runs(file, losses=False)
    unknown = sorted(set(given.sources) ^ set(runs.sources))
    if unknown:
        raise MixlawError(
            f"{file}: source '{unknown[0]}' is only in one of the file and {runs.name}: give both the same sources"
        )
    return given.w_RxS[:, [given.sources.index(name) for name in runs.sources]]


def print_next(table: "pd.DataFrame", content: "BatchReport", write: Callable[[str], Any] = tell) -> None:
    """Print the batch in at most 80 columns, its expected effect on regret, and the runs until a verdict."""
    from mixlaw.errors import short

    shares = [column for column in table if str(column).startswith("w:")]
    most = table[shares].max().sort_values(ascending=False, kind="stable").index[:5]
    heads = [str(column)[2:][:9] for column in most]
    write(f"{'run':<14}" + "".join(f"{head:>11}" for head in heads) + ("  ..." if len(shares) > 5 else ""))
    for row in table.to_dict("records"):
        write(f"{row['run_id']:<14}" + "".join(f"{100 * row[column]:>10.1f}%" for column in most))
    at = content.size
    where = "at the runs' size" if at.params is None else f"at {short(at.params)} parameters"
    where += "" if at.tokens is None else f", {short(at.tokens)} tokens"
    where += "" if at.flops is None else f", {at.flops:.2g} FLOP in all"
    regret = content.regret
    write(f"{content.batch} runs by {content.method} {where}")
    write(f"expected regret of the plan: {regret.now:.4f} nats now, {regret.after:.4f} after them")
    for other in content.sizes if len(content.sizes) > 1 else ():
        cost = "" if other.flops is None else f" for {other.flops:.2g} FLOP"
        write(f"  {short(other.params or 0.0):>8} parameters: {other.gain:.4f} nats less{cost}")
    if content.pool is not None:
        plan = content.pool
        how = "measured" if plan.measured else "predicted"
        write(f"plan now: row {plan.row} of the pool, {how} {plan.objective:.4f} nats")
    if content.until_verdict is not None:
        until = content.until_verdict
        count = "unknown" if until.runs is None else until.runs
        write(f"verdict now: {until.verdict}; more runs until it is likely to be other than tie: {count}")
        write(f"  {until.reason}")
    for note in content.notes:
        write(f"note: {note}")
