"""`mixlaw search`: rounds of proxies, each chosen to reduce the expected regret of the plan most."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixlaw.cli.options import reads_text
from mixlaw.cli.output import answer, make_folder, say
from mixlaw.cli.proxies import TextTokens, Training, make_backend, read_text, train_proxies
from mixlaw.errors import MixlawError

if TYPE_CHECKING:
    from mixlaw.runs.run_table import Runs
    from proxies.data.mixture import Mixture
    from proxies.tasks.climb_search import Round, Train
    from proxies.tasks.task import Task


@reads_text
def search(
    project: Annotated[Path, typer.Argument(help="project file: sources, targets, budget")],
    out: Annotated[Path, typer.Option(help="folder for runs.csv, plan.json, the rounds and the store")],
    rounds: Annotated[int, typer.Option(help="number of rounds, including the first sweep", min=1)] = 3,
    runs: Annotated[int | None, typer.Option(help="runs of the first round, at least 10 (default: 28)", min=1)] = None,
    batch: Annotated[int, typer.Option(help="runs of each later round", min=1)] = 8,
    method: Annotated[str, typer.Option(help="how batches are chosen: regret or thompson")] = "regret",
    size: Annotated[
        str, typer.Option(help="run size of later rounds: largest, cost (largest gain per FLOP), or a value of N")
    ] = "largest",
    law: Annotated[str, typer.Option(help="a law's name (see `mixlaw laws`), or auto")] = "auto",
    seed: Annotated[int, typer.Option(help="seed of everything random", min=0)] = 0,
    seconds: Annotated[float, typer.Option(help="seconds that the first round is sized to take", min=1.0)] = 120.0,
    backend: Annotated[str, typer.Option(help="where to train: workers (a process per core), in-process or ray")] = (
        "workers"
    ),
    workers: Annotated[int | None, typer.Option(help="worker processes (default: one per core)")] = None,
    address: Annotated[
        str | None, typer.Option(help="address of a running Ray cluster (default: start one on this machine)")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="folder or URL (s3://...) of finished runs (default: OUT/store)")
    ] = None,
    text_tokens: TextTokens = 1e9,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")] = False,
) -> None:
    """Repeat rounds of design, training and refitting, then recommend. The same command resumes after a stop."""
    from mixlaw.cli.proxies import PlanOptions, check_law, plan_of_task, save_plan
    from mixlaw.cli.tables import print_plan
    from mixlaw.cli.verbs.design import wished
    from mixlaw.project.project_file import read_project
    from proxies.sweep.store import Store
    from proxies.tasks.climb_search import search as loop
    from proxies.tasks.task import mixtures, sweep_task

    wish = wished(batch, method, size, seed)
    team = make_backend(backend, workers, (address, None, None))
    read = read_project(project)
    check_law(law, None, mixed=len(read.sources) > 1)
    make_folder(out)
    place = Store.at(store or out / "store")
    place.open()
    task, _ = read_text(out, text_tokens, lambda b: sweep_task(read, None, runs, seed, seconds, b))
    for note in task.notes:
        say(f"note: {note}")
    if len(task.sources) == 1:
        raise MixlawError(f"{project}: has one source, so there is no mixture to search: use `mixlaw sweep`")
    training = Training(team, place)
    train = _told(lambda now, chosen: train_proxies(now, seed, out, chosen, training), rounds)
    task, found, told = loop(task, mixtures(task, seed), rounds, wish, law, out, train)
    plan = plan_of_task(task, found, law, PlanOptions(seed, read.constraints))

    def show() -> None:
        if as_json:
            print(json.dumps(plan.to_dict(), indent=1))
        else:
            print_rounds(told)
            print_plan(plan)

    def save() -> None:
        save_plan(out, plan, found)
        _keep(out / "rounds.json", told)

    answer(show, save)


def _told(train: "Train", rounds: int) -> "Train":
    """`train` that prints the number of the round."""
    number = 0

    def work(task: "Task", chosen: "list[Mixture]") -> "Runs":
        nonlocal number
        number += 1
        say(f"round {number} of {rounds}")
        return train(task, chosen)

    return work


def _keep(path: Path, told: "list[Round]") -> None:
    from dataclasses import asdict

    from mixlaw.io.writing import write_text

    write_text(path, json.dumps([asdict(one) for one in told], indent=1))


def print_rounds(told: "list[Round]", write: Callable[[str], None] = print) -> None:
    """Print cost and results of each round, at most 80 columns wide."""
    heads = ("runs", 6), ("in all", 8), ("FLOP", 10), ("best measured", 15), ("regret left", 13), ("optimum within", 16)
    write(f"{'round':<7}" + "".join(f"{head:>{width}}" for head, width in heads))
    for one in told:
        cells = [
            "–" if one.best is None else f"{one.best:.4f}",
            "–" if one.regret is None else f"{one.regret:.4f}",
            "–" if one.spread is None else f"{100 * one.spread:.1f}%",
        ]
        write(f"{one.number:<7}{one.added:>6}{one.runs:>8}{one.flops:>10.2g}{cells[0]:>15}{cells[1]:>13}{cells[2]:>16}")
    write("best measured: of the largest proxies; regret left: expected, nats per token at")
    write("the budget; optimum within: share of tokens by which bootstrap optima differ")
    write("")
