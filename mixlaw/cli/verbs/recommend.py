"""The verb `mixlaw recommend`: a plan from a run table, from proxies trained on the text, or from text distances."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.inputs import counted, project_at, read_texts, stated_budget
from mixlaw.cli.options import AtScale, Json, Law, Seconds, Seed
from mixlaw.cli.output import make_folder, say
from mixlaw.cli.plan_options import (
    Bracket,
    By,
    NoProxies,
    Objective,
    Regret,
    Reuse,
    Robust,
    Served,
    Sizes,
    asked,
    budgeted,
    constrained,
)
from mixlaw.cli.progress import with_progress, with_stages
from mixlaw.cli.proxies import PlanOptions, TextTokens, check_law, plan_of_task, read_text, save_plan, train_proxies
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.planning.plan import Plan
    from mixlaw.project.project_file import Project
    from mixlaw.project.sources import Budget


def recommend(
    project: Annotated[Path | None, typer.Argument(help="project file; mixlaw.yaml if there is one")] = None,
    runs: Annotated[Path | None, typer.Option(help="table of runs made by any trainer: no proxies are run")] = None,
    flops: Annotated[
        float | None, typer.Option(help="compute budget in FLOP; the parameters N and training tokens D are found")
    ] = None,
    params: Annotated[float | None, typer.Option(help="parameters N of the planned run")] = None,
    tokens: Annotated[float | None, typer.Option(help="training tokens D of the planned run")] = None,
    law: Law = "auto",
    as_json: Json = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder for plan.json, fit.json, runs.csv and the figure; mixlaw-out or mixlaw-demo after proxies"
        ),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="run it all on text of the Python installation itself")] = False,
    seed: Seed = 0,
    scale: AtScale = None,
    seconds: Seconds = 120.0,
    text_tokens: TextTokens = 1e9,
    objective: Objective = None,
    served: Served = None,
    sizes: Sizes = None,
    robust: Robust = None,
    regret: Regret = None,
    bracket: Bracket = False,
    reuse: Reuse = None,
    no_proxies: NoProxies = False,
    by: By = None,
) -> None:
    """Recommend a mixture for a budget, with intervals, baselines and a verdict."""
    from mixlaw.cli.appraisal_tables import print_nearest
    from mixlaw.cli.plan_options import refuse_unkeepable
    from mixlaw.cli.tables import print_plan

    budget, ask = stated_budget(flops, params, tokens), asked(robust, regret, bracket)
    plain = ask == asked(None, None, False)
    _refuse_beside_no_proxies(no_proxies, by, demo or bool(runs) or law != "auto" or scale is not None or not plain)
    if demo:
        wishes = [wish for wish in (objective, served, sizes, reuse) if wish is not None]
        _refuse_beside_demo(bool(project or runs or budget), not plain or bool(wishes))
        check_law(law, scale, mixed=True)
        plan = _demo(out or Path("mixlaw-demo"), law, seed)
    else:
        read = project_at(project, needed=runs is None)
        budget, constraints = budgeted(budget, read, served, sizes), constrained(read, objective, reuse)
        options = PlanOptions(seed, constraints, ask)
        if not no_proxies:
            refuse_unkeepable(read, budget, constraints)
        if out is not None:
            make_folder(out)
        if no_proxies:
            assert read is not None
            plan = plan_without_runs(replace(read, budget=budget, constraints=constraints), by, seed, out)
        elif runs is not None:
            plan = _from_runs(runs, read, budget, law, scale, out, options)
        else:
            assert read is not None
            check_law(law, scale, mixed=len(read.sources) > 1)
            folder = make_folder(out or Path("mixlaw-out"))
            task = read_text(folder, text_tokens, lambda b: _task(read, budget, seed, seconds, b))
            plan = _from_text(task, law, folder, options)
    show = print_nearest if no_proxies else print_plan
    print(json.dumps(plan.to_dict(), indent=1)) if as_json else show(plan)


def _refuse_beside_no_proxies(no_proxies: bool, by: str | None, with_runs: bool) -> None:
    """Raise if --no-proxies is combined with options about runs or laws."""
    if no_proxies and with_runs:
        raise MixlawError(
            "--no-proxies plans without runs: leave out --demo, --runs, --law, --scale, --robust and the like"
        )
    if by is not None and not no_proxies:
        raise MixlawError("--by is of --no-proxies: a plan from runs is by a law")


def _refuse_beside_demo(own_question: bool, own_wishes: bool) -> None:
    """Raise if --demo is combined with options that change its fixed problem."""
    if own_question:
        raise MixlawError("--demo brings its own text and budget: leave out the project, --runs and the budget")
    if own_wishes:
        raise MixlawError("--demo shows a plain plan: leave out --objective, --served, --sizes, --robust and the like")


def _from_runs(
    path: Path,
    project: "Project | None",
    budget: "Budget | None",
    law: str,
    scale: float | None,
    out: Path | None,
    options: PlanOptions,
) -> "Plan":
    from mixlaw.cli.inputs import check_tokenizer, since, with_stale
    from mixlaw.estimation.goals import goal
    from mixlaw.fitting.fit_runs import fit
    from mixlaw.planning.recommendation import recommend
    from mixlaw.runs.run_table import read_runs

    runs = read_runs(path)
    targets = project.targets if project else ()
    if targets:
        runs = runs.with_targets([target.name for target in targets])
    found = ()
    if project is not None:
        check_tokenizer(project, runs.measurement)
        project = counted(project)
        found = since(path.parent, project, runs)
    sources = project.sources if project else None

    def work() -> "Plan":
        fitted = fit(runs, law, seed=options.seed, scale=scale, goal=goal(sources, budget))
        return recommend(
            fitted,
            sources,
            budget,
            targets=targets,
            constraints=options.constraints,
            ask=options.ask,
            seed=options.seed,
        )

    plan = with_stale(with_stages("recommend", work), found)
    if out is not None:
        save_plan(out, plan, runs, path)
    return plan


def _task(project: "Project", budget: "Budget | None", seed: int, seconds: float, build: Any) -> Any:
    from proxies.tasks.task import project_task

    return project_task(project, budget, seed, seconds, build=build)


def _from_text(task: Any, law: str, out: Path, options: PlanOptions) -> "Plan":
    runs = train_proxies(task, options.seed, out)
    return plan_of_task(task, runs, law, options, out)


def _demo(out: Path, law: str, seed: int) -> "Plan":
    from mixlaw.auditing.budget_check import with_check
    from proxies.data.mixture import Mixture
    from proxies.tasks.task import demo_task, measure

    say("reading text of this Python installation and its packages ...")
    task, store = demo_task(seed), make_folder(out) / "store"
    runs = train_proxies(task, seed, out)
    plan = plan_of_task(task, runs, law, PlanOptions(seed), out)
    proportional = plan.baselines["proportional"]
    assert proportional is not None, "the demo's sources have tokens"
    shares = {"recommended": plan.mixture, "proportional": proportional.mixture}
    named = {name: Mixture(mixture) for name, mixture in shares.items()}
    measured = with_progress("check at the budget", lambda tell: measure(task, named, store, seed, tell))
    plan = with_check(plan, measured)
    plan.save(out / "plan.json")
    from mixlaw.figures import save_plan_figure

    save_plan_figure(plan, out / "plan.png")
    return plan


def plan_without_runs(project: "Project", by: str | None, seed: int, out: Path | None) -> "Plan":
    """The transport optimum as a plan, written to DIR/plan.json if a folder is given."""
    from mixlaw.appraisal import DISTANCES, nearest_plan
    from mixlaw.cli.output import make_folder, say

    read = counted(project)
    plan = nearest_plan(read_texts(read, seed), read, by or DISTANCES[0], seed)
    if out is not None:
        plan.save(make_folder(out) / "plan.json")
        say(f"wrote plan.json to {out}")
    return plan
