"""The whole way on real text: is the recommended mixture good at 23 times the compute of a proxy on the way to it?

    .venv/bin/python analysis/benchmarks/end_to_end.py          # 36 minutes on two busy cores; it resumes

The demo's text (`recommend --demo`), with smaller proxies and a larger budget: 32 proxies of 33k to 50k parameters, a
budget of 195k parameters and 3.57M tokens. The plan is made from the proxies alone. Then the budget is trained for
the plan's mixture, proportional, uniform and DGA's (Dynamic Gradient Alignment, found at the largest proxies' size,
its cost printed) with three seeds each, and for 20 random mixtures (uniform on the simplex) with one. The loss is the
weighted mean over the targets' held-out text, nats per token. Regret: above the lowest loss of all, which is itself
one noisy run if a random mixture holds it.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from aims import Aims
from machine import print_machine, timed
from scipy.stats import spearmanr
from table import print_row

from mixlaw import fit, recommend
from mixlaw.estimation.goals import goal
from mixlaw.planning.plan import Plan
from mixlaw.project.sources import Budget
from mixlaw.runs.run_table import Runs
from proxies.data.mixture import Mixture
from proxies.online.run_online import method_named
from proxies.online.task import online_question, online_result
from proxies.sweep.run_sweep import sweep
from proxies.tasks.proxy_sizes import demo_scales
from proxies.tasks.task import Task, demo_task, measure, proxy_specs

SEEDS, RANDOM = 3, 20


def asked() -> Task:
    """The demo's task at the larger budget."""
    proposal = demo_scales(80, 3_569_920, (28, 32, 36))
    target = proposal.target
    assert target is not None
    return replace(
        demo_task(0), proposal=proposal, budget=Budget(params=float(target.params), tokens=float(target.tokens))
    )


def planned(task: Task, out: Path) -> Plan:
    """The plan from the proxies."""
    table = sweep(proxy_specs(task, 0), task.corpus, out / "store").table
    fitted = fit(Runs.from_frame(table, "proxies"), "auto", goal=goal(task.sources, task.budget))
    plan = recommend(fitted, task.sources, task.budget, targets=task.targets)
    plan.save(out / "plan.json")
    return plan


def weighted(task: Task, loss: dict[str, float]) -> float:
    """The objective, nats per token."""
    weight = {target.name: target.weight for target in task.targets}
    return sum(weight[name] * value for name, value in loss.items()) / sum(weight.values())


def trained(task: Task, named: dict[str, dict[str, float]], seed: int, out: Path) -> dict[str, float]:
    """The objective of every mixture, trained at the budget."""
    mixtures = {name: Mixture(mixture) for name, mixture in named.items()}
    return {name: weighted(task, loss) for name, loss in measure(task, mixtures, out / "store", seed).items()}


def print_plan(task: Task, plan: Plan) -> None:
    """What was done, for how much, and what is predicted."""
    target, largest = task.proposal.target, max(scale.flops for scale in task.proposal.scales)
    assert target is not None
    print(
        f"{task.proposal.runs} proxy runs, {task.proposal.flops:.3g} FLOP in all, the largest {largest:.3g}; a run at"
    )
    print(f"the budget {target.flops:.3g} FLOP, {target.flops / largest:.1f} times the largest proxy run's")
    print(f"verdict {plan.verdict}; law {plan.law['name']}, held-out error {plan.law['held_out']['mae']:.4f} nats")
    worse = plan.baselines["proportional"]["difference"]
    print(f"predicted: proportional worse by {worse['mean']:.3f} ({worse['low']:.3f} to {worse['high']:.3f}) nats\n")


def main() -> None:
    """Print the plan, the table and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("mixlaw-out/end-to-end"))
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    print_machine()
    task = asked()
    names = task.sources.names
    plan, seconds = timed(lambda: planned(task, out))
    print(f"plan after {seconds:.0f} s")
    print_plan(task, plan)
    method = method_named("dga")
    dga = online_result(out / "online-dga.json", online_question(task, method), method)
    named = {
        "plan": dict(plan.mixture),
        "proportional": dict(plan.baselines["proportional"]["mixture"]),
        "uniform": dict.fromkeys(names, 1 / len(names)),
        "DGA": dga["mixture"],
    }
    print(f"DGA's updates cost {dga['overhead']:.0%} of its run\n")
    w_MxS = np.random.default_rng(20).dirichlet(np.ones(len(names)), RANDOM)
    random = {f"random-{m:02d}": dict(zip(names, map(float, w_S), strict=True)) for m, w_S in enumerate(w_MxS)}
    loss = {name: [] for name in (*named, *random)}
    for seed in range(SEEDS):
        for name, value in trained(task, named | (random if seed == 0 else {}), seed, out).items():
            loss[name].append(value)
    mean = {name: float(np.mean(values)) for name, values in loss.items()}
    (out / "losses.json").write_text(json.dumps({"loss": loss, "mixture": named | random}, indent=1))
    best_random = min(random, key=lambda name: mean[name])
    lowest = min(mean.values())
    print_row("mixture (nats per token)", ("loss", "sd", "regret", *names), 26)
    for name in (*named, best_random):
        shares = [f"{(named | random)[name][source]:.1%}" for source in names]
        sd = float(np.std(loss[name], ddof=1)) if len(loss[name]) > 1 else np.nan
        print_row(
            f"best of {RANDOM} random" if name in random else name, (mean[name], sd, mean[name] - lowest, *shares), 26
        )
    others = sorted(mean[name] for name in random)
    print(f"\nrandom mixtures: median {np.median(others):.4f}, worst {others[-1]:.4f}, of a seed each")
    difference, predicted = mean["proportional"] - mean["plan"], plan.baselines["proportional"]["difference"]
    print(f"proportional worse than the plan by {difference:.4f}, predicted {predicted['mean']:.4f}")
    aims = Aims()
    aims.at_most("regret of the plan, nats", mean["plan"] - lowest, 0.02)
    for name in ("proportional", "uniform", "DGA", best_random):
        aims.at_most(f"plan - {'best random' if name in random else name}, nats", mean["plan"] - mean[name], 0.0)
    aims.between("proportional - plan in its interval", difference, predicted["low"], predicted["high"])
    predicted_M = predicted_losses(plan, task, named | random)
    aims.at_least(
        "Spearman of predicted and measured, 24 mixtures",
        float(spearmanr(predicted_M, [mean[name] for name in loss]).statistic),
        0.9,
    )
    aims.print()


def predicted_losses(plan: Plan, task: Task, mixtures: dict[str, dict[str, float]]) -> list[float]:
    """The law's objective of every mixture at the budget."""
    columns = [{f"w:{source}": share for source, share in mixture.items()} for mixture in mixtures.values()]
    table = plan.fit.predict(pd.DataFrame(columns), params=task.budget.params, tokens=task.budget.tokens)
    losses = [{t.name: float(row[f"loss:{t.name}"]) for t in task.targets} for row in table.to_dict("records")]
    return [weighted(task, loss) for loss in losses]


if __name__ == "__main__":
    main()
