"""The verb `mixlaw appraise`: the value of a new source from a text sample."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixlaw.cli.inputs import counted, read_texts, stated_budget
from mixlaw.cli.options import reads_text
from mixlaw.cli.plan_options import Objective, Served, Sizes, budgeted, constrained
from mixlaw.cli.progress import with_stages
from mixlaw.errors import MixlawError
from mixlaw.io.progress import stage

if TYPE_CHECKING:
    from mixlaw.appraisal import Appraisal
    from mixlaw.fitting.fit_result import Fit
    from mixlaw.project.project_file import Project


@reads_text
def appraise(
    sample: Annotated[list[str], typer.Argument(help="text of the new source: files, folders or globs")],
    project: Annotated[Path, typer.Option(help="project file; its sources and targets need text")] = Path(
        "mixlaw.yaml"
    ),
    runs: Annotated[Path | None, typer.Option(help="table of runs of the project's sources")] = None,
    flops: Annotated[float | None, typer.Option(help="compute budget in FLOP; default: the project's")] = None,
    params: Annotated[float | None, typer.Option(help="N of the planned run")] = None,
    tokens: Annotated[float | None, typer.Option(help="D of the planned run")] = None,
    name: Annotated[str, typer.Option(help="name of the new source")] = "sample",
    available: Annotated[float | None, typer.Option(help="unique tokens of the new source; default: unlimited")] = None,
    max_epochs: Annotated[float | None, typer.Option(help="largest number of epochs of it; needs --available")] = None,
    cost: Annotated[float | None, typer.Option(help="cost of training on one of its tokens")] = None,
    law: Annotated[str, typer.Option(help="law to fit to the runs; auto: the default for these runs")] = "auto",
    scale: Annotated[float | None, typer.Option(help="use only runs with this number of params")] = None,
    objective: Objective = None,
    served: Served = None,
    sizes: Sizes = None,
    seed: Annotated[int, typer.Option(help="random seed", min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Estimate the value of a new source from a text sample: its optimal share, the gain per token, useful tokens.

    Up to 2,000 passages of 300 characters are used of each source. Fewer than 8 are an error, fewer than 100 a warning.
    """
    from dataclasses import replace

    from mixlaw.appraisal import appraise as estimate
    from mixlaw.cli.appraisal_tables import print_appraisal
    from mixlaw.project.project_file import read_project
    from mixlaw.project.sources import Source

    read = read_project(project)
    if max_epochs is not None and available is None:
        raise MixlawError("--max-epochs: limits passes over --available tokens: give them too")
    if runs is None and (law, scale) != ("auto", None):
        raise MixlawError("--law and --scale need --runs: give it, or leave them out")
    new = Source(name, available, tuple(sample), max_epochs=max_epochs, cost=cost)
    if name in read.sources.names:
        raise MixlawError(f"--name {name}: the project has a source of that name; give the sample another")
    budget = budgeted(stated_budget(flops, params, tokens), read, served, sizes)
    read = replace(counted(read), budget=budget, constraints=constrained(read, objective))

    def work() -> "tuple[Appraisal, str | None]":
        stage("reading text")
        texts = read_texts(read, seed, new)
        fit, why = (None, None) if runs is None else _fitted(runs, read, law, scale, seed)
        stage("estimating the value of the sample")
        return estimate(texts, read, new, fit, seed=seed), why

    found, why = with_stages("appraise", work)
    if why is not None:
        found = replace(found, notes=[why, *found.notes])
    print(json.dumps(found.to_dict(), indent=1)) if as_json else print_appraisal(found)


def _fitted(
    path: Path, project: "Project", law: str, scale: float | None, seed: int
) -> tuple["Fit | None", str | None]:
    """The fit of the runs; or None and the reason, if they have a single source, which allows no fit."""
    from mixlaw.estimation.goals import goal
    from mixlaw.estimation.observations import at_params
    from mixlaw.fitting.fit_runs import fit
    from mixlaw.fitting.law_selection import default
    from mixlaw.runs.run_table import read_runs

    table = read_runs(path)
    if project.targets:
        table = table.with_targets([target.name for target in project.targets])
    if len(table.sources) == 1:
        return (
            None,
            f"{table.name}: has a single source, which allows no fit: appraised by text distance alone",
        )
    aim = goal(project.sources, project.budget)
    if law == "auto":
        some = table if scale is None else at_params(table, scale)
        return fit(table, default(some, aim).law, seed=seed, scale=scale, goal=aim), None
    return fit(table, law, seed=seed, scale=scale, goal=aim), None
