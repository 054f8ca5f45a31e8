"""Verbs about laws: fit, compare, predict, laws."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mixlaw.cli.options import AtScale, Json, Law, RunTable, Seed
from mixlaw.cli.output import answer, make_folder, out_file, say, written
from mixlaw.cli.progress import with_bar, with_stages
from mixlaw.errors import MixlawError


def fit(
    runs: RunTable,
    out: Annotated[Path, typer.Option(help="JSON file for the fit")],
    law: Law = "auto",
    seed: Seed = 0,
    scale: AtScale = None,
    bootstrap: Annotated[
        int | None,
        typer.Option(help="number of bootstrap replicas for the intervals (default: 200, for a reference 0)", min=0),
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
    answer(lambda: print_fit(fitted), lambda: fitted.save(out))


def compare(
    runs: RunTable,
    out: Annotated[
        Path | None, typer.Option(help="folder for leaderboard.csv, leaderboard.json and the figure")
    ] = None,
    laws: Annotated[
        str | None, typer.Option(help="names, separated by commas (default: all that the table supports)")
    ] = None,
    as_json: Json = False,
    seed: Seed = 0,
) -> None:
    """Compare laws and trivial baselines by their predictions of held-out mixtures: a leaderboard."""
    from mixlaw.cli.tables import print_leaderboard
    from mixlaw.runs.run_table import read_runs
    from mixlaw.validation.comparison import compare as judge

    names = None if laws is None else [name.strip() for name in laws.split(",")]
    table = read_runs(runs)
    if out is not None:
        make_folder(out)
    board = with_bar("compare", lambda tell: judge(table, names, seed=seed, tell=tell))

    def save() -> None:
        from mixlaw.figures import save_leaderboard_figure

        assert out is not None
        board.save(out)
        save_leaderboard_figure(board, out / "leaderboard.png")
        say(f"wrote leaderboard.csv, leaderboard.json and leaderboard.png to {out}")

    show = lambda: print(json.dumps(board.to_dict(), indent=1)) if as_json else print_leaderboard(board)  # noqa: E731
    answer(show, None if out is None else save)


def predict(
    fit: Annotated[Path, typer.Argument(help="fit.json of `mixlaw fit`")],
    runs: RunTable,
    out: Annotated[Path, typer.Option(help="CSV with run_id and loss: columns, in the order of the input")],
    params: Annotated[float | None, typer.Option(help="N of every row, in place of the table's params")] = None,
    tokens: Annotated[float | None, typer.Option(help="D of every row, in place of the table's tokens")] = None,
) -> None:
    """Predict the losses of a table's mixtures (its own losses, if any, are ignored).

    The table needs run_id and w: columns, and params and tokens if the law depends on them and they are not given here.
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


def laws(as_json: Json = False) -> None:
    """List the laws, and the references to compare them with, with their equation and source."""
    from mixlaw.cli.tables import print_laws
    from mixlaw.laws import LAWS, REFERENCES

    rows = [
        {"name": law.name, "equation": law.equation, "source": law.source, "needs": sorted(law.needs)}
        | {"reference": law in REFERENCES}
        for law in (*LAWS, *REFERENCES)
    ]
    print(json.dumps(rows, indent=1)) if as_json else print_laws(LAWS, REFERENCES)
