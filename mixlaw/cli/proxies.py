"""Training proxies from the command line, and the plan that follows from them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mixlaw.cli.output import make_folder, say, written
from mixlaw.cli.progress import duration, with_bar, with_progress, with_stages
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mixlaw.planning.options import Ask
    from mixlaw.planning.plan import Plan
    from mixlaw.project.constraints import Constraints
    from mixlaw.runs.run_table import Runs
    from proxies.data.mixture import Mixture
    from proxies.sweep.backends import Backend
    from proxies.sweep.progress import Progress
    from proxies.sweep.run_sweep import SweepResult
    from proxies.sweep.store import Failure, Store
    from proxies.tasks.task import Task
    from proxies.text.shards import Build, Tell
    from proxies.training.run_spec import RunSpec


TextTokens = Annotated[float, typer.Option(help="largest number of tokens read from each source")]
Result = TypeVar("Result")
BACKENDS = ("workers", "in-process", "ray")


@dataclass(frozen=True)
class Training:
    """Backend, store and options for training a verb's proxies."""

    backend: "Backend"
    store: "Store"
    retry_failed: bool = False


def make_backend(name: str, workers: int | None, ray: tuple[str | None, float | None, float | None]) -> "Backend":
    from mixlaw.errors import nearest
    from proxies.sweep.backends.in_process import InProcess
    from proxies.sweep.backends.ray_cluster import RayCluster
    from proxies.sweep.backends.workers import Workers

    address, cpus, gpus = ray
    if name not in BACKENDS:
        raise MixlawError(f"--backend {name}: {nearest(name, BACKENDS)}")
    if workers is not None and name != "workers":
        raise MixlawError(f"--workers is for the backend workers, not {name}: leave it out")
    if name != "ray" and any(option is not None for option in ray):
        raise MixlawError("--address, --cpus-per-run and --gpus-per-run are for the backend ray: add --backend ray")
    if name == "ray":
        return RayCluster(address, 1.0 if cpus is None else cpus, gpus or 0.0)
    return Workers(workers) if name == "workers" else InProcess()


def train_proxies(
    task: "Task",
    seed: int,
    out: Path,
    mixtures: "list[Mixture] | None" = None,
    training: Training | None = None,
) -> "Runs":
    """Train a task's proxies, or read them from the store; write DIR/runs.csv, and DIR/failed.csv for failed runs.

    Prints the cost first. `training` None: a worker process per core, and the store DIR/store.
    """
    from proxies.sweep.backends.workers import Workers
    from proxies.sweep.run_sweep import sweep
    from proxies.sweep.store import Store
    from proxies.tasks.task import proxy_specs

    how = training or Training(Workers(), Store.at(make_folder(out) / "store"))
    how.store.open()
    specs = proxy_specs(task, seed, mixtures)
    _announce(task, specs, how)

    def work(tell: "Progress") -> "SweepResult":
        return sweep(specs, task.corpus, how.store, backend=how.backend, progress=tell, retry_failed=how.retry_failed)

    return _keep(out, with_progress("proxy runs", work))


def _announce(task: "Task", specs: "list[RunSpec]", how: Training) -> None:
    from proxies.tasks.cost import cost

    price, sizes = cost(specs, task.corpus, how.store), sorted({scale.params for scale in task.proposal.scales})
    known = f", {price.runs - price.missing} of them in the store" if price.missing < price.runs else ""
    slots = how.backend.slots
    took = f"{duration(price.seconds(slots or 1))} on {'this machine' if slots else 'one core of this machine'}"
    say(
        f"{price.runs} proxy runs of {', '.join(f'{n:,}' for n in sizes)} parameters{known}: "
        f"{price.flops:.2g} FLOP, about {took}"
    )


def _keep(out: Path, result: "SweepResult") -> "Runs":
    from mixlaw.runs.run_table import Runs

    failed, table = result.failed, result.table
    lines = [f"run {run} failed and is left out: {failure.reason}" for run, failure in failed.items()]
    _write_failed(make_folder(out) / "failed.csv", failed)
    runs = Runs.from_frame(table, "runs.csv")
    runs = replace(runs, notes=(*lines, *result.notes, *runs.notes))
    runs.write(out / "runs.csv")
    if failed:
        again = [failure.kind != "diverged" for failure in failed.values()]
        then = ["the same command tries again"] * any(again)
        then += ["runs that diverged need --retry-failed or a changed design"] * (not all(again))
        total = len(failed) + table["run_id"].nunique()
        say(f"{len(failed)} of {total} runs failed, see {out / 'failed.csv'}; {'; '.join(then)}")
    return runs


def _write_failed(path: Path, failed: "Mapping[str, Failure]") -> None:
    import pandas as pd

    if not failed:
        path.unlink(missing_ok=True)  # of an earlier sweep, whose runs have rows now
        return
    rows = [{"run_id": run, "kind": failure.kind, "reason": failure.reason} for run, failure in failed.items()]
    written(path, lambda file: pd.DataFrame(rows).to_csv(file, index=False))


def read_text(out: Path, limit: float, work: "Callable[[Build], Result]") -> "Result":
    """Result of `work(build)`, whose `Build` caches tokens in DIR/store/text and moves a progress bar."""
    from proxies.text.shards import Build

    if not 1000 <= limit < 1e18:
        raise MixlawError(f"--text-tokens is {limit:g}: it must be a number from 1000 on")

    def watched(tell: "Tell") -> "Result":
        def in_megabytes(done: int, total: int, source: str) -> None:
            tell(done >> 20, total >> 20, source)

        return work(Build(limit=int(limit), cache=make_folder(out) / "store" / "text", tell=in_megabytes))

    return with_bar("text read (MB)", watched)


def check_law(law: str, scale: float | None, mixed: bool) -> None:
    """Raise MixlawError for a law that cannot be fitted to proxies, before they are trained."""
    from mixlaw.laws import by_name, parametric

    if scale is not None:
        raise MixlawError("--scale chooses among the runs of a table: give --runs, or leave --scale out")
    needed = {"mixture", "params"} if mixed else {"params"}
    known = needed if law == "auto" else parametric(by_name(law)).needs
    if not needed <= known:
        missing = "size" if "params" not in known else "mixture"
        raise MixlawError(
            f"--law {law}: does not depend on the {missing}, and proxies have several sizes{' and mixtures' * mixed}: "
            "choose mixture-index, or run `mixlaw sweep` and then `mixlaw fit` with --scale"
        )


def save_plan(out: Path, plan: "Plan", runs: "Runs", source: Path | None = None) -> None:
    """Write the files that `report` and `export` need. `source`: file that the runs were read from."""
    from mixlaw.figures import save_path_figure, save_plan_figure
    from mixlaw.io.writing import replacing_all

    folder = make_folder(out)
    table = folder / "runs.csv"
    assert plan.fit is not None, "a plan that `recommend` made has its fit"
    with replacing_all() as draft_of:  # the files of a folder belong together: all are replaced, or none
        if source is None or not (table.exists() and table.samefile(source)):  # a user's own table is not written over
            runs.write(draft_of(table))
        plan.fit.save(draft_of(folder / "fit.json"))
        plan.save(draft_of(folder / "plan.json"))
        save_plan_figure(plan, draft_of(folder / "plan.png"))
        drawn = ", path.png" * (len(plan.path or ()) > 1)
        if drawn:
            save_path_figure(plan, draft_of(folder / "path.png"))
    say(f"wrote plan.json, plan.png{drawn}, fit.json and runs.csv to {folder}")


@dataclass(frozen=True)
class PlanOptions:
    """Options of `recommend` that do not depend on the runs."""

    seed: int
    constraints: "Constraints | None" = None
    ask: "Ask | None" = None


def plan_of_task(task: "Task", runs: "Runs", law: str, options: PlanOptions) -> "Plan":
    """Fit a law to a task's runs, and make the plan."""
    from mixlaw.estimation.goals import goal
    from mixlaw.fitting.fit_runs import fit
    from mixlaw.planning.recommendation import recommend

    def work() -> "Plan":
        fitted = fit(runs, law, seed=options.seed, goal=goal(task.sources, task.budget))
        origin = fitted.provenance | {"text": task.corpus.hash}
        fitted = replace(fitted, notes=(*task.notes, *fitted.notes), provenance=origin)
        return recommend(
            fitted,
            task.sources,
            task.budget,
            targets=task.targets,
            constraints=options.constraints,
            ask=options.ask,
            seed=options.seed,
        )

    return with_stages("recommend", work)
