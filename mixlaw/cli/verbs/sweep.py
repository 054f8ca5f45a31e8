"""`mixlaw sweep`: train proxies on a design of mixtures."""

from pathlib import Path
from typing import Annotated

import typer

from mixlaw.cli.options import reads_text
from mixlaw.cli.output import make_folder, say
from mixlaw.cli.proxies import TextTokens, Training, make_backend, read_text, train_proxies


@reads_text
def sweep(
    project: Annotated[Path, typer.Argument(help="project file: sources, targets, budget")],
    out: Annotated[Path, typer.Option(help="folder for runs.csv and the store of finished runs")],
    runs: Annotated[int | None, typer.Option(help="number of runs, at least 10 (default: 28)", min=1)] = None,
    design: Annotated[Path | None, typer.Option(help="mixtures to run, as `mixlaw design` writes them")] = None,
    seed: Annotated[int, typer.Option(help="seed of everything random", min=0)] = 0,
    seconds: Annotated[
        float, typer.Option(help="seconds on this machine that the proxies may take; sets their size", min=1.0)
    ] = 120.0,
    backend: Annotated[str, typer.Option(help="where to train: workers (a process per core), in-process or ray")] = (
        "workers"
    ),
    workers: Annotated[int | None, typer.Option(help="worker processes (default: one per core)")] = None,
    address: Annotated[
        str | None, typer.Option(help="address of a running Ray cluster (default: start one on this machine)")
    ] = None,
    cpus_per_run: Annotated[float | None, typer.Option(help="CPUs of a Ray task (default: 1)")] = None,
    gpus_per_run: Annotated[float | None, typer.Option(help="GPUs of a Ray task (default: 0)")] = None,
    store: Annotated[
        str | None, typer.Option(help="folder or URL (s3://...) of finished runs (default: OUT/store)")
    ] = None,
    states: Annotated[
        Path | None, typer.Option(help="folder for states of unfinished runs (default: in the store's folder)")
    ] = None,
    text_tokens: TextTokens = 1e9,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="also train runs that diverged before")] = False,
) -> None:
    """Train proxies on a project's text and write DIR/runs.csv. Finished runs are not repeated."""
    from mixlaw.project.project_file import read_project
    from proxies.sweep.store import Store
    from proxies.tasks.task import sweep_task

    team = make_backend(backend, workers, (address, cpus_per_run, gpus_per_run))
    make_folder(out)
    place = Store.at(store or out / "store", states=states)
    place.open()
    read = read_project(project)
    task, mixtures = read_text(out, text_tokens, lambda b: sweep_task(read, design, runs, seed, seconds, b))
    for note in task.notes:
        say(f"note: {note}")
    train_proxies(task, seed, out, mixtures, Training(team, place, retry_failed))
    say(f"wrote runs.csv to {out}")
