"""Mixtures of online methods beside proportional, uniform and a plan's, each trained at a proxy's size: three seeds.

    .venv/bin/python analysis/benchmarks/online.py                                # about ten minutes of 2 cores
    .venv/bin/python analysis/benchmarks/online.py --plan mixlaw-demo/plan.json   # with the mixture of a plan besides

On the demo's text, at the size of its largest proxies, on their matched subsets. A seed moves the first weights and
the order of text, of the online run and of the run that judges its mixture. The loss is the weighted mean of the
targets' on held-out text that steered no mixture but the plan's (whose proxies were measured on it) and that the
online methods never see. Runs are kept under --out: what is finished is not run again.
"""

import argparse
import json
import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import print_machine, timed

from proxies.data.mixture import Mixture
from proxies.online.run_online import METHODS, method_named
from proxies.online.task import online_question, online_result
from proxies.sweep.run_sweep import cores
from proxies.tasks.proxy_sizes import ProxySize
from proxies.tasks.task import Task, demo_task, measure


def asked(at_budget: bool) -> tuple[Task, ProxySize]:
    """The demo's task, whose target is the scale that everything is trained at."""
    task = demo_task(0)
    largest = max((scale for scale in task.proposal.scales if scale.on_ray), key=lambda scale: scale.params)
    scale = task.proposal.target if at_budget else largest
    assert scale is not None
    return replace(task, proposal=replace(task.proposal, target=scale)), scale


def online_run(job: tuple[str, int, bool, Path]) -> tuple[Mixture, float, float]:
    """(mixture found, cost besides training as a share of it, seconds) of a method with a seed, in its own process."""
    name, seed, at_budget, out = job
    task, scale = asked(at_budget)
    method = method_named(name)
    question = online_question(task, method, seed=seed, scale=scale)
    path = out / f"online-{name}-{scale.params}-{seed}.json"
    content, seconds = timed(lambda: online_result(path, question, method))
    return Mixture(content["mixture"]), content["overhead"], seconds


def online(at_budget: bool, seeds: int, out: Path) -> dict[str, list[Mixture]]:
    """The mixture that each method finds with each seed; a process a core, one thread each."""
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    jobs = [(name, seed, at_budget, out) for name in reversed(METHODS) for seed in range(seeds)]
    with ProcessPoolExecutor(cores(), mp_context=multiprocessing.get_context("spawn")) as team:
        ended = list(team.map(online_run, jobs))
    found: dict[str, list[Mixture]] = {name: [] for name in METHODS}
    for (name, seed, *_), (mixture, overhead, seconds) in zip(jobs, ended, strict=True):
        found[name].append(mixture)
        if seed == 0:
            print(f"{name}: costs {overhead:.0%} of a run's training besides; {seconds:.0f} s", flush=True)
    return found


def judged(task: Task, found: Mapping[str, list[Mixture]], out: Path) -> dict[str, np.ndarray]:
    """loss_SEEDSxT of every mixture, the weighted mean in the last column."""
    weight_T = np.array([target.weight for target in task.targets])
    losses: dict[str, list[list[float]]] = {name: [] for name in found}
    for seed in range(max(map(len, found.values()))):
        measured = measure(task, {name: m[seed] for name, m in found.items()}, out / "store", seed)
        for name, by_target in measured.items():
            loss_T = np.array([by_target[target.name] for target in task.targets])
            losses[name].append([*loss_T, weight_T @ loss_T / weight_T.sum()])
    return {name: np.array(rows) for name, rows in losses.items()}


def show(task: Task, found: Mapping[str, list[Mixture]], losses: Mapping[str, np.ndarray]) -> None:
    """A row a mixture: mean shares, mean losses, and the deviation between seeds."""
    sources, targets = task.corpus.sources, [target.name for target in task.targets]
    print("| mixture | " + " | ".join([*sources, *(f"loss of {t}" for t in targets), "weighted", "± seeds"]) + " |")
    print("|---|" + "---|" * (len(sources) + len(targets) + 2))
    for name, mixtures in found.items():
        w_S = np.mean([[mixture[source] for source in sources] for mixture in mixtures], axis=0)
        spread = np.std(losses[name][:, -1], ddof=1) if len(losses[name]) > 1 else np.nan
        cells = [*(f"{w:.1%}" for w in w_S), *(f"{loss:.4f}" for loss in losses[name].mean(axis=0)), f"{spread:.4f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for name in METHODS:
        deviation_S = np.std([[m[source] for source in sources] for m in found[name]], axis=0)
        print(f"{name}: shares differ between seeds by up to {deviation_S.max():.1%} (standard deviation)")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, help="plan.json of the demo")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-budget", action="store_true", help="at the demo's budget: about ten times as long")
    parser.add_argument("--out", type=Path, default=Path("mixlaw-out/online"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print_machine()
    task, scale = asked(options.at_budget)
    print(f"{scale.params:,} parameters, {scale.tokens:,} tokens, {scale.fraction:.0%} of the text\n")
    share = dict(zip(task.sources.names, task.sources.proportional().tolist(), strict=True))
    fixed = {"proportional": Mixture(share), "uniform": Mixture(dict.fromkeys(share, 1 / len(share)))}
    if options.plan:
        fixed["plan"] = Mixture(json.loads(options.plan.read_text(encoding="utf-8"))["mixture"])
    found = {name: [mixture] * options.seeds for name, mixture in fixed.items()}
    found |= online(options.at_budget, options.seeds, options.out)
    print()
    show(task, found, judged(task, found, options.out))


if __name__ == "__main__":
    main()
