"""The verb `mixlaw report`: a plan's folder into one HTML file, or into an executed notebook."""

from pathlib import Path
from typing import Annotated

import typer

from mixlaw.cli.output import out_file
from mixlaw.errors import MixlawError


def report_plan(
    folder: Annotated[Path, typer.Argument(help="folder that `mixlaw recommend --out` wrote")],
    out: Annotated[
        Path | None, typer.Option(help="file to write; default: report.html or report.ipynb in FOLDER")
    ] = None,
    leaderboard: Annotated[
        Path | None, typer.Option(help="leaderboard.json of `mixlaw compare --out`, or its folder; default: FOLDER's")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="first cross-validate all laws on the folder's runs"),
    ] = False,
    held_out: Annotated[
        bool,
        typer.Option("--held-out/--no-held-out", help="include scatter plots of held-out predictions (needs refits)"),
    ] = True,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="write an executed Jupyter notebook (.ipynb) in place of the page")
    ] = False,
) -> None:
    """Write a plan as one HTML file that needs no network: figures, sliders, leaderboard, provenance.

    With --notebook: as a notebook with its figures, to be changed and run again. It refers to FOLDER by a path relative
    to its own location.
    """
    from mixlaw.cli.output import say

    if out is None and not folder.is_dir():
        raise MixlawError(f"{folder}: is no folder: give the one that `mixlaw recommend --out` wrote")
    out = out_file(out or folder / f"report.{'ipynb' if notebook else 'html'}")
    if notebook:
        _check_notebook(out)
    if compare:
        if leaderboard is not None:
            raise MixlawError("--compare makes a leaderboard and --leaderboard names one: give one of them")
        _compare(folder)
    if held_out:
        say("refitting the law without each fold of mixtures (--no-held-out leaves that out) ...")
    _notebook(folder, out, leaderboard, held_out) if notebook else _page(folder, out, leaderboard, held_out)
    say(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB)")


def _page(folder: Path, out: Path, leaderboard: Path | None, held_out: bool) -> None:
    """The HTML file."""
    from mixlaw.cli.output import say
    from mixlaw.reports import report

    page = report(folder, leaderboard=leaderboard, held_out=held_out)
    page.save(out)
    for reason in page.missing:
        say(f"note: {reason}")


def _check_notebook(out: Path) -> None:
    """Refused before any work."""
    from mixlaw.reports.notebook import packages

    packages()
    if out.suffix != ".ipynb":
        raise MixlawError(f"--out {out}: a notebook's file ends in .ipynb: name it so, or leave --notebook out")


def _notebook(folder: Path, out: Path, leaderboard: Path | None, held_out: bool) -> None:
    """The planning notebook, executed."""
    from mixlaw.reports.notebook import plan_notebook, save

    made = plan_notebook(folder, out.absolute().parent, leaderboard=leaderboard, held_out=held_out)
    save(made, out)


def _compare(folder: Path) -> None:
    """Compare all laws on the folder's runs and write the leaderboard to the folder."""
    from mixlaw.cli.progress import with_bar
    from mixlaw.planning.plan import read_plan
    from mixlaw.runs.run_table import read_runs
    from mixlaw.validation.comparison import compare

    seed = read_plan(folder / "plan.json").provenance["seed"]
    runs = read_runs(folder / "runs.csv")
    with_bar("compare", lambda tell: compare(runs, None, seed=seed, tell=tell)).save(folder)
