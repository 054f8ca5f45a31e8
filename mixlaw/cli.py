"""The command line: a verb parses, calls the library, and writes what it returns.

Exit codes: 0 done, 2 bad input with one line that says what to mend, 130 interrupted, 1 a defect of mixlaw.
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw import __version__
from mixlaw.cli_audit import audit_weights
from mixlaw.cli_export import export_plan
from mixlaw.cli_import import import_table
from mixlaw.cli_online import online
from mixlaw.cli_progress import with_bar, with_progress
from mixlaw.cli_recommend import Bracket, Objective, Regret, Robust, Served, Sizes, asked, budgeted, constrained
from mixlaw.cli_sweep import TextTokens, make_folder, read_text, say, sweep, train_proxies
from mixlaw.cli_tokenizer import tokenizer
from mixlaw.cli_transport import cluster, score
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.plan import Plan
    from mixlaw.runs import Runs
    from mixlaw.sources import Budget, Project

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="In which proportions should a training run use its sources, and how sure are we?",
)

ProjectFile = Annotated[Path, typer.Argument(help="project file: sources, targets, budget")]
RunTable = Annotated[Path, typer.Argument(help="run table, CSV or Parquet")]
Law = Annotated[str, typer.Option(help="a law's name (see `mixlaw laws`), or auto")]
Seed = Annotated[int, typer.Option(help="seed of everything random", min=0)]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]
AtScale = Annotated[float | None, typer.Option(help="of the table's runs use only those with so many params")]
Seconds = Annotated[float, typer.Option(help="seconds that proxies are sized to take here", min=1.0)]


def main() -> None:
    """Run the command line; errors become one line on stderr and an exit code."""
    interrupted = "interrupted; finished runs are kept, the same command goes on from them"
    try:
        code = app(standalone_mode=False)
        if code == 130:  # how Typer answers Ctrl-C
            code = _complain(interrupted, 130)
        sys.stdout.flush()
    except MixlawError as error:
        code = _complain(str(error), 2)
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _complain(interrupted, 130)
    except (BrokenPipeError, SystemExit):
        # The reader of our output left (Typer then ends in SystemExit): nothing to tell anybody, nor to flush later.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a usage error of the command line's parser
            raise
        message = error.format_message()  # pyright: ignore
        code = _complain(f"{message} (see `mixlaw --help`)", 2) if message else 2
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command(epilog="Example: mixlaw recommend --runs runs.csv --flops 1e21 --out plan/")
def recommend(
    project: Annotated[Path | None, typer.Argument(help="project file; mixlaw.yaml if there is one")] = None,
    runs: Annotated[Path | None, typer.Option(help="table of runs made by any trainer: no proxies are run")] = None,
    flops: Annotated[
        float | None, typer.Option(help="compute budget in FLOP; the parameters N and training tokens D are found")
    ] = None,
    params: Annotated[float | None, typer.Option(help="N of the planned run")] = None,
    tokens: Annotated[float | None, typer.Option(help="D of the planned run")] = None,
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
) -> None:
    """Recommend a mixture for a budget, with intervals, baselines and a verdict."""
    from mixlaw.show import print_plan

    budget, ask = _budget(flops, params, tokens), asked(robust, regret, bracket)
    if demo:
        if project or runs or budget:
            raise MixlawError("--demo brings its own text and budget: leave out the project, --runs and the budget")
        if (objective, served, sizes, robust, regret, bracket) != (None, None, None, None, None, False):
            raise MixlawError(
                "--demo shows a plain plan: leave out --objective, --served, --sizes, --robust and the like"
            )
        _check_law(law, scale, mixed=True)
        plan = _demo(out or Path("mixlaw-demo"), law, seed)
    else:
        read = _project(project, needed=runs is None)
        budget, constraints = budgeted(budget, read, served, sizes), constrained(read, objective)
        wanted = {"constraints": constraints, "ask": ask, "seed": seed}
        if out is not None:
            make_folder(out)
        if runs is not None:
            plan = _from_runs(runs, read and _counted(read), budget, law, scale, out, wanted)
        else:
            assert read is not None
            _check_law(law, scale, mixed=len(read.sources) > 1)
            folder = make_folder(out or Path("mixlaw-out"))
            task = read_text(folder, text_tokens, lambda b: _task(read, budget, seed, seconds, b))
            plan = _from_text(task, law, folder, wanted)
    print(json.dumps(plan.to_dict(), indent=1)) if as_json else print_plan(plan)


def _check_law(law: str, scale: float | None, mixed: bool) -> None:
    """Refused before proxies are trained rather than after."""
    from mixlaw.laws import by_name, parametric

    if scale is not None:
        raise MixlawError("--scale chooses among the runs of a table: give --runs, or leave --scale out")
    needed = {"mixture", "params"} if mixed else {"params"}
    known = needed if law == "auto" else parametric(by_name(law)).needs
    if not needed <= known:
        missing = "size" if "params" not in known else "mixture"
        raise MixlawError(
            f"--law {law}: knows no {missing}, and proxies of several sizes{' and mixtures' * mixed} are to be fitted: "
            "choose mixture-index, or run `mixlaw sweep` and then `mixlaw fit` with --scale"
        )


def _budget(flops: float | None, params: float | None, tokens: float | None) -> "Budget | None":
    from mixlaw.sources import Budget

    if flops is None and params is None and tokens is None:
        return None
    return Budget(flops=flops, params=params, tokens=tokens)


def _project(path: Path | None, needed: bool) -> "Project | None":
    from mixlaw.sources import read_project

    if path is None and not Path("mixlaw.yaml").exists():
        if needed:
            raise MixlawError("no project: name a mixlaw.yaml, give --runs runs.csv, or try --demo")
        return None
    return read_project(path or Path("mixlaw.yaml"))


def _counted(project: "Project") -> "Project":
    """The project with the tokens of sources that state none counted from their text, which is announced."""
    from dataclasses import replace

    unknown = [source for source in project.sources if source.tokens is None]
    if not unknown:
        return project
    from proxies.shards import count_documents
    from proxies.tokenizer import project_tokenizer

    kind = project_tokenizer(project)
    counts = {s.name: float(count_documents(s.paths, base=project.folder, tokenizer=kind)[1]) for s in unknown}
    unit = "bytes" if kind.name == "bytes" else f"tokens of {kind.name}"
    say(f"counted in {unit}: {', '.join(f'{name} {count:,.0f} tokens' for name, count in counts.items())}")
    return replace(project, sources=project.sources.with_tokens(counts))


def _read_runs(path: Path) -> "Runs":
    from mixlaw.runs import read_runs

    return read_runs(path)


def _from_runs(
    path: Path,
    project: "Project | None",
    budget: "Budget | None",
    law: str,
    scale: float | None,
    out: Path | None,
    wanted: dict[str, Any],
) -> "Plan":
    from mixlaw import fit, recommend
    from mixlaw.goal import goal

    runs = _read_runs(path)
    targets = project.targets if project else ()
    if targets:
        runs = runs.with_targets([target.name for target in targets])
    sources = project.sources if project else None
    fitted = fit(runs, law, seed=wanted["seed"], scale=scale, goal=goal(sources, budget))
    plan = recommend(fitted, sources, budget, targets=targets, **wanted)
    if out is not None:
        _save(out, plan, runs, path)
    return plan


def _save(out: Path, plan: "Plan", runs: "Runs", source: Path | None = None) -> None:
    """All that `report` and `export` need; `source` is the file the runs were read from."""
    from mixlaw.figures import save_path_figure, save_plan_figure

    folder = make_folder(out)
    table = folder / "runs.csv"
    if source is None or not (table.exists() and table.samefile(source)):  # a user's own table is not written over
        runs.write(table)
    assert plan.fit is not None, "a plan that `recommend` made has its fit"
    plan.fit.save(folder / "fit.json")
    plan.save(folder / "plan.json")
    save_plan_figure(plan, folder / "plan.png")
    drawn = ", path.png" * save_path_figure(plan, folder / "path.png")
    say(f"wrote plan.json, plan.png{drawn}, fit.json and runs.csv to {folder}")


def _task(project: "Project", budget: "Budget | None", seed: int, seconds: float, build: Any) -> Any:
    from proxies.pipeline import project_task

    return project_task(project, budget, seed, seconds, build=build)


def _from_text(task: Any, law: str, out: Path, wanted: dict[str, Any]) -> "Plan":
    runs = train_proxies(task, wanted["seed"], out)
    return _plan_task(task, runs, law, wanted, out)


def _demo(out: Path, law: str, seed: int) -> "Plan":
    from mixlaw.plan import with_check
    from proxies.pipeline import demo_task, measure

    say("reading text of this Python installation and its packages ...")
    task, store = demo_task(seed), make_folder(out) / "store"
    runs = train_proxies(task, seed, out)
    plan = _plan_task(task, runs, law, {"seed": seed}, out)
    named = {"recommended": plan.mixture, "proportional": plan.baselines["proportional"]["mixture"]}
    measured = with_progress("check at the budget", lambda tell: measure(task, named, store, seed, tell))
    plan = with_check(plan, measured)
    plan.save(out / "plan.json")
    from mixlaw.figures import save_plan_figure

    save_plan_figure(plan, out / "plan.png")
    return plan


def _plan_task(task: Any, runs: "Runs", law: str, wanted: dict[str, Any], out: Path) -> "Plan":
    from dataclasses import replace

    from mixlaw import fit, recommend
    from mixlaw.goal import goal

    fitted = fit(runs, law, seed=wanted["seed"], goal=goal(task.sources, task.budget))
    fitted = replace(
        fitted, notes=(*task.notes, *fitted.notes), provenance=fitted.provenance | {"text": task.corpus.hash}
    )
    plan = recommend(fitted, task.sources, task.budget, targets=task.targets, **wanted)
    _save(out, plan, runs)
    return plan


@app.command(epilog="Example: mixlaw design mixlaw.yaml --runs 40 --out design.csv")
def design(
    project: ProjectFile,
    runs: Annotated[int, typer.Option(help="number of mixtures", min=1)],
    out: Annotated[Path, typer.Option(help="CSV with run_id and w: columns")],
    seed: Seed = 0,
) -> None:
    """Propose mixtures to run: space-filling under the project's bounds, the proportional one first."""
    from mixlaw import design as propose
    from mixlaw import read_project

    out, read = _file(out), _counted(read_project(project))
    table = propose(read.sources, runs, seed=seed, tokens=read.budget.tokens if read.budget else None)
    _write(out, lambda file: table.to_csv(file, index=False))
    for note in table.attrs.get("notes", ()):
        say(f"note: {note}")


app.command(epilog="Example: mixlaw sweep mixlaw.yaml --runs 28 --seed 1 --out sweep/")(sweep)
app.command(
    "import",
    epilog="Example: mixlaw import regmix train_mixture_1m.csv train_pile_loss_1m.csv --params 1e6 --out runs.csv",
)(import_table)
app.add_typer(tokenizer, name="tokenizer")


app.command(epilog="Example: mixlaw online mixlaw.yaml --method dga --out mixlaw-out/")(online)
app.command(epilog="Example: mixlaw score pool/*.jsonl --target wanted.jsonl --out scores.parquet")(score)
app.command(epilog="Example: mixlaw cluster corpus/*.jsonl --sources 8 --out split/")(cluster)


@app.command(epilog="Example: mixlaw fit runs.csv --law auto --out fit.json")
def fit(
    runs: RunTable,
    out: Annotated[Path, typer.Option(help="JSON file for the fit")],
    law: Law = "auto",
    seed: Seed = 0,
    scale: AtScale = None,
    bootstrap: Annotated[
        int | None, typer.Option(help="bootstrap replicas behind the intervals; 200, a reference has none", min=0)
    ] = None,
) -> None:
    """Fit a law to a table of runs."""
    from mixlaw import fit as estimate
    from mixlaw.laws import Reference, by_name
    from mixlaw.show import print_fit

    out = _file(out)
    if bootstrap is None:
        bootstrap = 0 if law != "auto" and issubclass(by_name(law), Reference) else 200
    fitted = estimate(_read_runs(runs), law, seed=seed, scale=scale, bootstrap=bootstrap)
    _write(out, fitted.save)
    print_fit(fitted)


@app.command(epilog="Example: mixlaw compare runs.csv --out leaderboard/")
def compare(
    runs: RunTable,
    out: Annotated[
        Path | None, typer.Option(help="folder for leaderboard.csv, leaderboard.json and the figure")
    ] = None,
    laws: Annotated[
        str | None, typer.Option(help="names, joined by commas; all that the table supports by default")
    ] = None,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Which law predicts these runs best? A leaderboard on mixtures that no fit has seen, beside trivial baselines."""
    from mixlaw import compare as judge
    from mixlaw.show import print_leaderboard

    names = None if laws is None else [name.strip() for name in laws.split(",")]
    table = _read_runs(runs)
    if out is not None:
        make_folder(out)
    board = with_bar("compare", lambda tell: judge(table, names, seed=seed, tell=tell))
    if out is not None:
        from mixlaw.figures import save_leaderboard_figure

        board.save(out)
        save_leaderboard_figure(board, out / "leaderboard.png")
        say(f"wrote leaderboard.csv, leaderboard.json and leaderboard.png to {out}")
    print(json.dumps(board.to_dict(), indent=1)) if as_json else print_leaderboard(board)


@app.command(epilog="Example: mixlaw predict fit.json candidates.csv --out predictions.csv")
def predict(
    fit: Annotated[Path, typer.Argument(help="fit.json of `mixlaw fit`")],
    runs: RunTable,
    out: Annotated[Path, typer.Option(help="CSV with run_id and loss: columns, in the order of the input")],
    params: Annotated[float | None, typer.Option(help="N of every row, in place of the table's params")] = None,
    tokens: Annotated[float | None, typer.Option(help="D of every row, in place of the table's tokens")] = None,
) -> None:
    """Predict the losses of a table's mixtures (its own losses, if any, are not looked at).

    The table has run_id and w: columns, and params and tokens if the law reads them and they are not given here.
    """
    from dataclasses import replace

    import numpy as np

    from mixlaw import read_fit
    from mixlaw.runs import read_runs

    out, asked = _file(out), read_runs(runs, losses=False)
    for name, value in (("params", params), ("tokens", tokens)):
        if value is not None:
            if not (np.isfinite(value) and value > 0):
                raise MixlawError(f"--{name} is {value:g}: it must be a number above 0")
            asked = replace(asked, **{f"{name}_R": np.full(len(asked), value)})
    fitted = read_fit(fit)
    for note in fitted.remarks(asked):
        say(f"note: {note}")
    table = fitted.predict(asked)
    _write(out, lambda file: table.to_csv(file, index=False))


app.command("audit", epilog="Example: mixlaw audit weights.json --project mixlaw.yaml --tokens 3e10")(audit_weights)
app.command("export", epilog="Example: mixlaw export plan/ --to megatron --out blend.txt")(export_plan)


@app.command()
def laws(as_json: Json = False) -> None:
    """List the laws, and the references to judge them by, with their equation and source."""
    from mixlaw.laws import LAWS, REFERENCES
    from mixlaw.show import print_laws

    rows = [
        {"name": law.name, "equation": law.equation, "source": law.source, "needs": sorted(law.needs)}
        | {"reference": law in REFERENCES}
        for law in (*LAWS, *REFERENCES)
    ]
    print(json.dumps(rows, indent=1)) if as_json else print_laws(rows)


def _file(out: Path) -> Path:
    """Refused before the work whose result goes there, so that nothing is lost to a bad name."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        why = "is a folder" if out.is_dir() else "its folder does not exist"
        raise MixlawError(f"--out {out}: {why}: name a file in a folder that exists")
    return out


def _write(out: Path, write: Any) -> None:
    try:
        write(out)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be written ({error.strerror}): name another file") from None
