"""The command line: a verb parses, calls the library, and writes what it returns.

Exit codes: 0 done, 2 bad input with one line that says what to mend, 130 interrupted, 1 a defect of mixlaw.
"""

import os
import sys
from typing import Annotated

import typer

from mixlaw.cli.verbs.appraise import appraise
from mixlaw.cli.verbs.audit import audit_weights
from mixlaw.cli.verbs.changes import adapt, reuse, stale
from mixlaw.cli.verbs.design import design
from mixlaw.cli.verbs.export import export_plan
from mixlaw.cli.verbs.fitting import compare, fit, laws, predict
from mixlaw.cli.verbs.import_runs import import_table
from mixlaw.cli.verbs.online import online
from mixlaw.cli.verbs.recommend import recommend
from mixlaw.cli.verbs.report import report_plan
from mixlaw.cli.verbs.score_plan import score_plan
from mixlaw.cli.verbs.search import search
from mixlaw.cli.verbs.sweep import sweep
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
app.command(epilog="Example: mixlaw fit runs.csv --law auto --out fit.json")(fit)
app.command(epilog="Example: mixlaw compare runs.csv --out leaderboard/")(compare)
app.command(epilog="Example: mixlaw predict fit.json candidates.csv --out predictions.csv")(predict)
app.command("audit", epilog="Example: mixlaw audit weights.json --project mixlaw.yaml --tokens 3e10")(audit_weights)
app.command("score-plan", epilog="Example: mixlaw score-plan plan/ outcome.csv")(score_plan)
app.command(epilog="Example: mixlaw adapt runs.csv --rename web=crawl --merge code=c+python --out new.csv")(adapt)
app.command(epilog="Example: mixlaw reuse plan/ mixlaw.yaml --runs 8 --out design.csv")(reuse)
app.command(epilog="Example: mixlaw stale plan/ mixlaw.yaml")(stale)
app.command("export", epilog="Example: mixlaw export plan/ --to megatron --out blend.txt")(export_plan)
app.command("report", epilog="Example: mixlaw report plan/ --out report.html, or mixlaw report plan/ --notebook")(
    report_plan
)
app.command()(laws)
