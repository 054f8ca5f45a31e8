"""The command line: a verb parses, calls the library, and writes what it returns.

Exit codes: 0 done, 2 bad input with one line that says what to mend, 130 interrupted, 1 a defect of mixlaw.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mixlaw.cli.inputs import AtScale, Json, Law, RunTable, Seed, out_file, written
from mixlaw.cli.progress import with_bar, with_stages
from mixlaw.cli.verbs.appraise import appraise
from mixlaw.cli.verbs.audit import audit_weights
from mixlaw.cli.verbs.changes import adapt, reuse, stale
from mixlaw.cli.verbs.design import design
from mixlaw.cli.verbs.export import export_plan
from mixlaw.cli.verbs.import_runs import import_table
from mixlaw.cli.verbs.online import online
from mixlaw.cli.verbs.recommend import recommend
from mixlaw.cli.verbs.report import report_plan
from mixlaw.cli.verbs.score_plan import score_plan
from mixlaw.cli.verbs.search import search
from mixlaw.cli.verbs.sweep import make_folder, say, sweep
from mixlaw.cli.verbs.tokenizer import tokenizer
from mixlaw.cli.verbs.transport import cluster, score
from mixlaw.errors import MixlawError
from mixlaw.version import __version__

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="In which proportions should a training run use its sources, and how sure are we?",
)


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


app.command(epilog="Example: mixlaw recommend --runs runs.csv --flops 1e21 --out plan/")(recommend)
app.command(epilog="Example: mixlaw design mixlaw.yaml --runs 40 --out design.csv")(design)
app.command(epilog="Example: mixlaw search mixlaw.yaml --rounds 3 --out search/")(search)
app.command(epilog="Example: mixlaw sweep mixlaw.yaml --runs 28 --seed 1 --out sweep/")(sweep)
app.command(
    "import",
    epilog="Example: mixlaw import regmix train_mixture_1m.csv train_pile_loss_1m.csv --params 1e6 --out runs.csv",
)(import_table)
app.add_typer(tokenizer, name="tokenizer")


app.command(epilog="Example: mixlaw online mixlaw.yaml --method dga --out mixlaw-out/")(online)
app.command(epilog="Example: mixlaw score pool/*.jsonl --target wanted.jsonl --out scores.parquet")(score)
app.command(epilog="Example: mixlaw appraise new/*.jsonl --project mixlaw.yaml --runs runs.csv")(appraise)
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
    from mixlaw.cli.tables import print_fit
    from mixlaw.fitting.fit_runs import fit as estimate
    from mixlaw.laws import Reference, by_name
    from mixlaw.runs.run_table import read_runs

    out = out_file(out)
    if bootstrap is None:
        bootstrap = 0 if law != "auto" and issubclass(by_name(law), Reference) else 200
    table, replicas = read_runs(runs), bootstrap
    fitted = with_stages("fit", lambda: estimate(table, law, seed=seed, scale=scale, bootstrap=replicas))
    written(out, fitted.save)
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
    from mixlaw.cli.tables import print_leaderboard
    from mixlaw.runs.run_table import read_runs
    from mixlaw.validation.comparison import compare as judge

    names = None if laws is None else [name.strip() for name in laws.split(",")]
    table = read_runs(runs)
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

    from mixlaw.fitting.fit_result import read_fit
    from mixlaw.runs.run_table import read_runs

    out, asked = out_file(out), read_runs(runs, losses=False)
    for name, value in (("params", params), ("tokens", tokens)):
        if value is not None:
            if not (np.isfinite(value) and value > 0):
                raise MixlawError(f"--{name} is {value:g}: it must be a number above 0")
            asked = replace(asked, **{f"{name}_R": np.full(len(asked), value)})
    fitted = read_fit(fit)
    for note in fitted.remarks(asked):
        say(f"note: {note}")
    table = fitted.predict(asked)
    written(out, lambda file: table.to_csv(file, index=False))


app.command("audit", epilog="Example: mixlaw audit weights.json --project mixlaw.yaml --tokens 3e10")(audit_weights)
app.command("score-plan", epilog="Example: mixlaw score-plan plan/ outcome.csv")(score_plan)
app.command(epilog="Example: mixlaw adapt runs.csv --rename web=crawl --merge code=c+python --out new.csv")(adapt)
app.command(epilog="Example: mixlaw reuse plan/ mixlaw.yaml --runs 8 --out design.csv")(reuse)
app.command(epilog="Example: mixlaw stale plan/ mixlaw.yaml")(stale)
app.command("export", epilog="Example: mixlaw export plan/ --to megatron --out blend.txt")(export_plan)
app.command("report", epilog="Example: mixlaw report plan/ --out report.html, or mixlaw report plan/ --notebook")(
    report_plan
)


@app.command()
def laws(as_json: Json = False) -> None:
    """List the laws, and the references to judge them by, with their equation and source."""
    from mixlaw.cli.tables import print_laws
    from mixlaw.laws import LAWS, REFERENCES

    rows = [
        {"name": law.name, "equation": law.equation, "source": law.source, "needs": sorted(law.needs)}
        | {"reference": law in REFERENCES}
        for law in (*LAWS, *REFERENCES)
    ]
    print(json.dumps(rows, indent=1)) if as_json else print_laws(rows)
