"""CLIMB's search over the sweep: propose, run, refit, narrow, repeated (Diao et al., 2504.13161).

The first round is the usual sweep. Each later round fits a law to all runs so far and adds the batch that is expected
to reduce the plan's regret most. Proposed batches are stored, so that an interrupted search resumes with the same runs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.designs.next_batch import NextRuns, next_runs
from mixlaw.designs.options import Wish
from mixlaw.errors import MixlawError
from mixlaw.estimation.goals import goal
from mixlaw.fitting.fit_runs import fit
from mixlaw.project.project_file import Project
from mixlaw.runs.run_table import Runs
from proxies.data.mixture import Mixture
from proxies.tasks.proxy_sizes import ProxySize
from proxies.tasks.task import Task

SCHEMA = 1
Train = Callable[[Task, list[Mixture]], Runs]
"""Returns the finished runs of a task, training those that the store lacks: one mixture per run, in size order."""


@dataclass(frozen=True)
class Round:
    """One round of a search.

    Attributes:
        number: from 1.
        added: runs added in this round. runs: all finished runs after it.
        flops: FLOP of the added runs.
        regret: expected regret of the plan after this round; None after the last round, which proposes no batch.
        spread: median share of tokens by which bootstrap optima differ from the plan.
        best: the lowest measured objective of the added runs at the largest size, nats per token.
    """

    number: int
    added: int
    runs: int
    flops: float
    regret: float | None
    spread: float | None
    best: float | None


@dataclass(frozen=True)
class NextBatch:
    """The runs that a round adds.

    Attributes:
        params: parameters of each proxy.
        mixtures: one per run.
        spread, regret: of the plan before the batch is run, as in `Round`.
    """

    params: float
    mixtures: tuple[Mixture, ...]
    spread: float
    regret: float


def search(
    task: Task, first: list[Mixture], rounds: int, wish: Wish, law: str, folder: Path, train: Train
) -> tuple[Task, Runs, list[Round]]:
    """Search for a number of rounds.

    Returns:
        The task including the added runs, all finished runs, and one `Round` per round.

    Args:
        first: mixtures of the first round, in the order of the task's scales.
        rounds: number of rounds, including the first.
        wish: options of each later batch.
        law: name of a law, or auto; fitted again each round.
        folder: of the stored proposals.
        train: callback that trains runs, see `Train`.
    """
    mixtures, told = list(first), []
    before, runs = 0.0, train(task, mixtures)
    for number in range(1, rounds + 1):
        runs = runs if number == 1 else train(task, mixtures)
        flops = sum(scale.runs * scale.flops for scale in task.proposal.scales)
        added = task.proposal.runs - sum(one.added for one in told)
        best = best_of(task, runs)
        told.append(Round(number, added, len(np.unique(runs.run_id)), flops - before, None, None, best))
        before = flops
        if number == rounds:
            break
        batch = _proposed(task, runs, number + 1, wish, law, folder)
        told[-1] = replace(told[-1], regret=batch.regret, spread=batch.spread)
        task = extended(task, batch.params, len(batch.mixtures))
        mixtures += batch.mixtures
    return task, runs, told


def best_of(task: Task, runs: Runs) -> float | None:
    """Lowest measured objective (nats per token) at the largest size; None if no run of this size has all losses."""
    largest = max(scale.params for scale in task.proposal.scales if scale.on_ray)
    targets = [target for target in task.targets if target.weight > 0]
    weight_K = np.array([target.weight for target in targets])
    loss_RxK = runs.loss_RxK[runs.last_R & (runs.params_R == largest)][:, [runs.targets.index(t.name) for t in targets]]
    whole_R = np.isfinite(loss_RxK).all(1)
    return float((loss_RxK[whole_R] @ weight_K / weight_K.sum()).min()) if whole_R.any() else None


def extended(task: Task, params: float, count: int) -> Task:
    """The task with `count` more runs at the size that has these params. Raises MixlawError if no size has them."""
    at = [scale for scale in task.proposal.scales if scale.on_ray and np.isclose(scale.params, params)]
    if not at:
        raise MixlawError(f"search: no proxies of {params:g} parameters; sizes are {[s.params for s in _ray(task)]}")
    scales = (*task.proposal.scales, replace(at[0], runs=count))
    return replace(task, proposal=replace(task.proposal, scales=scales))


def _ray(task: Task) -> list[ProxySize]:
    return [scale for scale in task.proposal.scales if scale.on_ray]


def _proposed(task: Task, runs: Runs, number: int, wish: Wish, law: str, folder: Path) -> NextBatch:
    """The batch of a round: read from its file if that was proposed after the same runs with the same options."""
    path = folder / f"round-{number}.json"
    asked = {"schema": SCHEMA, "runs": runs.hash(), "law": law, "batch": wish.batch, "method": wish.method}
    asked |= {"size": wish.size, "seed": wish.seed, "sources": task.sources.hash(), "budget": repr(task.budget)}
    asked |= {"targets": repr(task.targets), "constraints": repr(task.constraints)}
    kept = _read(path, asked)
    if kept is not None:
        return kept
    found = _next(task, runs, wish, law)
    shares = [f"w:{name}" for name in task.sources.names]
    rows = found.frame[shares].to_numpy(float)
    mixtures = tuple(Mixture.of(task.sources.names, w_S / w_S.sum()) for w_S in rows)
    regret = found.content.regret
    batch = NextBatch(float(found.frame["params"].iloc[0]), mixtures, found.content["spread"], regret["now"])
    made = {"asked": asked, "params": batch.params, "mixtures": [dict(mixture) for mixture in mixtures]}
    _write(path, made | {"spread": batch.spread, "regret": batch.regret, "expected": regret["after"]})
    return batch


def _next(task: Task, runs: Runs, wish: Wish, law: str) -> NextRuns:
    runs = runs.with_targets([target.name for target in task.targets])
    fitted = fit(runs, law, seed=wish.seed, goal=goal(task.sources, task.budget))
    project = Project(task.sources, task.targets, task.budget, Path(), Path(), None, task.constraints)
    return next_runs(fitted, project, wish=wish)


def _read(path: Path, asked: dict[str, str | int | None]) -> NextBatch | None:
    """The batch that the file stores for this question; None if the file is absent, cut short or of another."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):  # cut short when it was written: proposed again
        return None
    if not isinstance(content, dict) or content.get("asked") != asked:
        return None
    mixtures = tuple(Mixture(mixture, str(path)) for mixture in content["mixtures"])
    return NextBatch(content["params"], mixtures, content["spread"], content["regret"])


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    try:
        draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise MixlawError(f"{path}: cannot be written ({error.strerror}): name another --out") from None
