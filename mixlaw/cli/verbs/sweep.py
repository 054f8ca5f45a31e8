"""`mixlaw sweep`, and how every verb that trains proxies says what it costs and how far it is."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixlaw.cli.progress import duration, with_bar, with_progress
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    import pandas as pd

    from mixlaw.runs.run_table import Runs
    from proxies.sweep.backends import Backend
    from proxies.sweep.store import Store

TextTokens = Annotated[float, typer.Option(help="tokens of text read of each source at most")]
BACKENDS = ("workers", "in-process", "ray")


def sweep(
    project: Annotated[Path, typer.Argument(help="project file: sources, targets, budget")],
    out: Annotated[Path, typer.Option(help="folder for runs.csv and the store of finished runs")],
    runs: Annotated[int | None, typer.Option(help="number of runs, at least 10; 28 by default", min=1)] = None,
    design: Annotated[Path | None, typer.Option(help="mixtures to run, as `mixlaw design` writes them")] = None,
    seed: Annotated[int, typer.Option(help="seed of everything random", min=0)] = 0,
    seconds: Annotated[float, typer.Option(help="seconds that proxies are sized to take here", min=1.0)] = 120.0,
    backend: Annotated[str, typer.Option(help="where to train: workers (a process per core), in-process or ray")] = (
        "workers"
    ),
    workers: Annotated[int | None, typer.Option(help="worker processes; one per core by default")] = None,
    address: Annotated[str | None, typer.Option(help="a running Ray cluster; one is started here without")] = None,
    cpus_per_run: Annotated[float | None, typer.Option(help="CPUs of a Ray task; 1 by default")] = None,
    gpus_per_run: Annotated[float | None, typer.Option(help="GPUs of a Ray task; 0 by default")] = None,
    store: Annotated[str | None, typer.Option(help="folder or URL (s3://...) of finished runs; OUT/store")] = None,
    states: Annotated[Path | None, typer.Option(help="folder for runs half done; in the store's folder")] = None,
    text_tokens: TextTokens = 1e9,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="also try again runs that diverged")] = False,
) -> None:
    """Train proxies on a project's text: DIR/runs.csv. Finished runs are never run again."""
    from mixlaw.project.sources import read_project
    from proxies.sweep.store import Store
    from proxies.tasks.task import sweep_task

    team = _backend(backend, workers, (address, cpus_per_run, gpus_per_run))
    make_folder(out)
    place = Store.at(store or out / "store", states=states)
    place.open()
    read = read_project(project)
    task, mixtures = read_text(out, text_tokens, lambda b: sweep_task(read, design, runs, seed, seconds, b))
    for note in task.notes:
        say(f"note: {note}")
    train_proxies(task, seed, out, mixtures, Training(team, place, retry_failed))
    say(f"wrote runs.csv to {out}")


@dataclass(frozen=True)
class Training:
    """Where and how a verb's proxies are trained."""

    backend: "Backend"
    store: "Store"
    retry_failed: bool = False


def _backend(name: str, workers: int | None, ray: tuple[str | None, float | None, float | None]) -> "Backend":
    from mixlaw.errors import nearest
    from proxies.sweep.backends.in_process import InProcess
    from proxies.sweep.backends.ray_cluster import RayCluster
    from proxies.sweep.backends.workers import Workers

    address, cpus, gpus = ray
    if name not in BACKENDS:
        raise MixlawError(f"--backend {name}: {nearest(name, BACKENDS)}")
    if workers is not None and name != "workers":
        raise MixlawError(f"--workers is of the backend workers, not {name}: leave it out")
    if name != "ray" and any(option is not None for option in ray):
        raise MixlawError("--address, --cpus-per-run and --gpus-per-run are of the backend ray: add --backend ray")
    if name == "ray":
        return RayCluster(address, 1.0 if cpus is None else cpus, gpus or 0.0)
    return Workers(workers) if name == "workers" else InProcess()


def train_proxies(
    task: Any,
    seed: int,
    out: Path,
    mixtures: list[dict[str, float]] | None = None,
    training: Training | None = None,
) -> "Runs":
    """A task's proxies trained, or taken from the store: DIR/runs.csv, and DIR/failed.csv for those that failed.

    Says the cost first. Where `training` is None: by a worker per core, into DIR/store.
    """
    from proxies.sweep.backends.workers import Workers
    from proxies.sweep.run_sweep import sweep
    from proxies.sweep.store import Store
    from proxies.tasks.task import proxy_specs

    how = training or Training(Workers(), Store.at(make_folder(out) / "store"))
    how.store.open()
    specs = proxy_specs(task, seed, mixtures)
    _announce(task, specs, how)

    def work(tell: Any) -> Any:
        return sweep(specs, task.corpus, how.store, backend=how.backend, progress=tell, retry_failed=how.retry_failed)

    return _keep(out, with_progress("proxy runs", work))


def _announce(task: Any, specs: Any, how: Training) -> None:
    from proxies.tasks.cost import cost

    price, sizes = cost(specs, task.corpus, how.store), sorted({scale.params for scale in task.proposal.scales})
    known = f", {price.runs - price.missing} of them in the store" if price.missing < price.runs else ""
    slots = how.backend.slots
    took = f"{duration(price.seconds(slots or 1))} on {'this machine' if slots else 'one core of this machine'}"
    say(
        f"{price.runs} proxy runs of {', '.join(f'{n:,}' for n in sizes)} parameters{known}: "
        f"{price.flops:.2g} FLOP, about {took}"
    )


def _keep(out: Path, table: "pd.DataFrame") -> "Runs":
    from dataclasses import replace

    from mixlaw.runs.run_table import Runs

    failed, kinds = table.attrs["failed"], table.attrs["kinds"]
    lines = [f"run {run} failed and is left out: {reason}" for run, reason in failed.items()]
    _write_failed(make_folder(out) / "failed.csv", failed, kinds)
    runs = Runs.from_frame(table, "runs.csv")
    runs = replace(runs, notes=(*lines, *table.attrs["notes"], *runs.notes))
    runs.write(out / "runs.csv")
    if failed:
        again = [kind != "diverged" for kind in kinds.values()]
        then = ["the same command tries again"] * any(again)
        then += ["runs that diverged need --retry-failed or a changed design"] * (not all(again))
        total = len(failed) + table["run_id"].nunique()
        say(f"{len(failed)} of {total} runs failed, see {out / 'failed.csv'}; {'; '.join(then)}")
    return runs


def _write_failed(path: Path, failed: dict[str, str], kinds: dict[str, str]) -> None:
    import pandas as pd

    if not failed:
        path.unlink(missing_ok=True)  # of an earlier sweep, whose runs have rows now
        return
    rows = [{"run_id": run, "kind": kinds[run], "reason": reason} for run, reason in failed.items()]
    pd.DataFrame(rows).to_csv(path, index=False)


def read_text(out: Path, limit: float, work: Any) -> Any:
    """`work` with how text is read: tokens are kept in DIR/store/text, and a bar shows how far it is."""
    from proxies.text.shards import Build

    if not 1000 <= limit < 1e18:
        raise MixlawError(f"--text-tokens is {limit:g}: it must be a number from 1000 on")

    def watched(tell: Any) -> Any:
        def in_megabytes(done: int, total: int, source: str) -> None:
            tell(done >> 20, total >> 20, source)

        return work(Build(limit=int(limit), cache=make_folder(out) / "store" / "text", tell=in_megabytes))

    return with_bar("text read (MB)", watched)


def make_folder(out: Path) -> Path:
    """Made before the work whose results go there, so that nothing is lost to a bad name."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MixlawError(f"--out {out}: cannot be made a folder ({error.strerror}): name another") from None
    return out


def say(message: str) -> None:
    """A line on stderr."""
    print(message, file=sys.stderr)
