"""How many runs a plan needs, by how they are chosen: at random, by Thompson's sampling, by expected fall of regret.

    python analysis/benchmarks/next_runs.py --question pool [--first 3 --batch 1] [--repeats 20]    # 15 CPU minutes
    python analysis/benchmarks/next_runs.py --question held --repeats 5

RegMix's 512 runs of 1M parameters are a lookup oracle: a campaign starts with a few random ones, and each batch is
chosen among those not yet seen. Every strategy has the same law (effective-tokens), the same first runs in each repeat,
and the same ways to choose a plan. Regret is the measured loss of the mixture chosen, less the lowest there is, in the
mean over the repeats; needed is the number of runs from which on it stays at or below .005 nats (an adaptive campaign
is followed until it has stayed there for 16 runs). Random runs are judged after every run from the first to the 64th,
then every 8 and from 128 on every 32. Two questions:

pool: the plan is one of the 512 mixtures, by the law alone; by the lowest that was measured, or is predicted where
    nothing was (known); or the best run seen. Of each strategy the rule that needs the fewest runs counts, and all are
    printed. What is run next is what `mixlaw design --after --one-of` says, whose plan is the best seen.
held back: the plan is one of the 256 mixtures of RegMix's test runs, by the law alone; none of them is ever run. Its
    regret is that of 256 runs measured once, whose noise counts as truth, as it does in the pool.

Objectives: each of the 13 targets, and the mean of all. First runs and batch were chosen on `--set 60m` (the 256 runs
of 60M parameters as the pool) and `--set synthetic` (`analysis/NOTES.md`), none on the 512.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np
from aims import Aims
from published import folder

from mixlaw.designs.acquisition import Belief, thompson
from mixlaw.designs.pool import BEST_GUESSES, OPTIMISM, RANDOM_OTHERS, knowledge_gradient_of_pool, pool_belief
from mixlaw.estimation.cross_validation import Refits, refit, refit_inside
from mixlaw.estimation.laplace import features
from mixlaw.estimation.map_estimate import NOISE_RUNS
from mixlaw.estimation.observations import Observations, observe
from mixlaw.estimation.splits import with_row_numbers
from mixlaw.fitting.posterior import Posterior, residual_correlation
from mixlaw.laws import EffectiveTokens
from mixlaw.runs.run_table import Runs, read_runs

LAW = EffectiveTokens
FIRST, BATCH, ENOUGH = 3, 1, 0.005
"""Random runs at first, as few as a fit takes; runs at a time; nats."""
STAYS = 16
"""A campaign ends when its regret has stayed low for so many runs, and so need not be followed to the end."""


@dataclass(frozen=True)
class World:
    """Runs to look up, the first `pool` of them to be run, and an objective over their targets.

    `options`: positions of the mixtures that a plan is chosen among.
    """

    seen: Observations
    pool: int
    options: np.ndarray
    weight_K: np.ndarray

    @property
    def looked_up(self) -> bool:
        """Whether a plan is chosen among mixtures that may be run."""
        return bool(self.options[0] < self.pool)

    @property
    def truth_O(self) -> np.ndarray:
        """The options' measured objectives."""
        return (np.exp(self.seen.log_loss_KxR[:, self.options]).T) @ self.weight_K


@dataclass(frozen=True)
class Knowledge:
    """Of F campaigns: log-losses (F, K, R), features (F, K, R, P) and noise (F, K) of a law fitted on what was run."""

    log_FxKxR: np.ndarray
    feature_FxKxRxP: np.ndarray
    noise_FxK: np.ndarray


def learn(seen: Observations, ran_FxR: np.ndarray, before: Refits | None, points: bool) -> tuple[Refits, Knowledge]:
    """The law fitted on the runs of each campaign, from where the fit before stood and with its residual scale; if
    `points`, predictions without their covariance."""
    found = refit(LAW, seen, ran_FxR) if before is None else refit_inside(before, ran_FxR[:, None])
    K, R = seen.log_loss_KxR.shape
    if points:
        log_BxR, feature_BxRxP = np.log(found.points()).reshape(-1, R), np.empty((len(found.z_BxP), R, 0))
    else:
        with jax.enable_x64(True):
            known = found.problems, found.z_BxP, seen.rows, found.constants, found.degrees_B
            log_BxR, feature_BxRxP, _ = features(LAW, *known)
    shape, count_B = (len(ran_FxR), K), np.repeat(ran_FxR.sum(1), K)
    off_FxKxR = np.where(ran_FxR[:, None], log_BxR.reshape(*shape, R) - seen.log_loss_KxR, 0.0)
    free_B = np.maximum(count_B - found.degrees_B, 0.05 * count_B)
    square_B = np.square(off_FxKxR).sum(2).ravel() + NOISE_RUNS * LAW.objective.sigma**2
    found = replace(found, sigma_B=np.sqrt(square_B / (NOISE_RUNS + free_B)))
    known = Knowledge(log_BxR.reshape(*shape, R), feature_BxRxP.reshape(*shape, R, -1), found.sigma_B.reshape(shape))
    return found, known


def plans(world: World, known: Knowledge, ran_FxR: np.ndarray) -> dict[str, np.ndarray]:
    """Which option each campaign takes for its plan, (F,), by rule."""
    law_FxO = np.exp(known.log_FxKxR[:, :, world.options]).transpose(0, 2, 1) @ world.weight_K
    found = {"law": law_FxO.argmin(1)}
    if world.looked_up:
        ran_FxO = ran_FxR[:, world.options]
        found["known"] = np.where(ran_FxO, world.truth_O, law_FxO).argmin(1)
        found["best seen"] = np.where(ran_FxO, world.truth_O, np.inf).argmin(1)
    return found


def beliefs(world: World, known: Knowledge, f: int, ran_R: np.ndarray, rng: np.random.Generator) -> tuple:
    """What one campaign knows, of the options and candidates worth a look, and which runs those candidates are."""
    log_KxR, feature_KxRxP, noise_K = known.log_FxKxR[f], known.feature_FxKxRxP[f], known.noise_FxK[f]
    correlation_KxK = residual_correlation(np.where(ran_R, log_KxR - world.seen.log_loss_KxR, np.nan))
    at, value = world.options, lambda loss_OxK: (loss_OxK @ world.weight_K, np.tile(world.weight_K, (len(loss_OxK), 1)))
    if world.looked_up:
        measured_OxK = np.where(ran_R[at, None], np.exp(world.seen.log_loss_KxR[:, at].T), np.nan)
        return pool_belief(
            Posterior(log_KxR[:, at], feature_KxRxP[:, at], noise_K, correlation_KxK), measured_OxK, value, rng
        )
    loss_OxK = np.exp(log_KxR[:, at].T)
    option_KxOxP, value_O = feature_KxRxP[:, at] * loss_OxK.T[:, :, None], loss_OxK @ world.weight_K
    hoped_O = value_O - OPTIMISM * np.sqrt(world.weight_K**2 @ np.square(option_KxOxP).sum(2))
    keep_O = np.unique([*np.argsort(hoped_O, kind="stable")[:BEST_GUESSES], int(value_O.argmin())])
    run_C = rng.permutation(np.flatnonzero(~ran_R[: world.pool]))[: RANDOM_OTHERS + BEST_GUESSES]
    none_C, none_OxK = np.full(len(run_C), -1), np.zeros((len(keep_O), len(noise_K)))
    parts = (
        option_KxOxP[:, keep_O],
        feature_KxRxP[:, run_C],
        noise_K,
        correlation_KxK,
        none_C,
        none_OxK,
        loss_OxK[keep_O],
    )
    return Belief(value_O[keep_O], value(loss_OxK[keep_O])[1], *parts), run_C


def next_regret(belief: Belief, run_C: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The batch with the largest expected fall of the regret; of a pool the plan first."""
    return run_C[knowledge_gradient_of_pool(belief, min(count, len(run_C)), rng)]


def next_thompson(belief: Belief, run_C: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Thompson's batch, of the options that may be run."""
    return run_C[thompson(belief, min(count, int((belief.option_C >= 0).sum())), rng)]


def at_random(worlds: dict[str, World], order_FxR: np.ndarray, counts: list[int]) -> dict:
    """Regrets by objective and rule, (N, F), of runs in these orders. The worlds have the same runs and targets."""
    seen = next(iter(worlds.values())).seen
    ran_FxR = np.zeros((len(order_FxR), seen.log_loss_KxR.shape[1]), bool)
    found: dict[str, dict[str, list]] = {name: {} for name in worlds}
    fits = None
    for count in counts:
        np.put_along_axis(ran_FxR, order_FxR[:, :count], True, 1)
        fits, known = learn(seen, ran_FxR, fits, points=True)
        for name, world in worlds.items():
            for rule, plan_F in plans(world, known, ran_FxR).items():
                found[name].setdefault(rule, []).append(world.truth_O[plan_F] - world.truth_O.min())
    return {name: {rule: np.array(rows) for rule, rows in rules.items()} for name, rules in found.items()}


def campaign(world: World, strategy: Callable, order_FxR: np.ndarray, counts: list[int]) -> dict:
    """Regrets by rule, (N, F), at the first N of the counts, of a strategy from the starts of these orders, in
    batches that lead from one count to the next. It ends once the regret has stayed low for STAYS runs."""
    ran_FxR = np.zeros((len(order_FxR), world.seen.log_loss_KxR.shape[1]), bool)
    np.put_along_axis(ran_FxR, order_FxR[:, : counts[0]], True, 1)
    rngs, regret, fits = [np.random.default_rng([1, f]) for f in range(len(order_FxR))], {}, None
    for n, count in enumerate(counts):
        fits, known = learn(world.seen, ran_FxR, fits, points=False)
        for rule, plan_F in plans(world, known, ran_FxR).items():
            regret.setdefault(rule, []).append(world.truth_O[plan_F] - world.truth_O.min())
        if n + 1 == len(counts):
            break
        low = needed(np.array(regret["known" if world.looked_up else "law"]), counts)
        if count - low >= STAYS:
            break
        for f in range(len(order_FxR)):
            belief, run_C = beliefs(world, known, f, ran_FxR[f], rngs[f])
            ran_FxR[f, strategy(belief, run_C, counts[n + 1] - count, rngs[f])] = True
    return {rule: np.array(rows) for rule, rows in regret.items()}


def needed(regret_NxF: np.ndarray, counts: list[int]) -> float:
    """The number of runs from which on the mean regret stays low enough, inf where it does not."""
    low_N = regret_NxF.mean(1) <= ENOUGH
    counts = counts[: len(low_N)]
    if not low_N[-1]:
        return np.inf
    return float(counts[len(low_N) - int(np.argmin(low_N[::-1]))] if not low_N.all() else counts[0])


def synthetic(seed: int = 1, pool: int = 256) -> Runs:
    """Runs of laws of another form than the fitted one, with mixtures like RegMix's, deviations and noise."""
    rng = np.random.default_rng(seed)
    S, K, R = 12, 4, 2 * pool
    w_RxS = np.stack([rng.dirichlet(rng.uniform(0.1, 2.0) * np.ones(S)) for _ in range(R)])
    import pandas as pd

    frame = pd.DataFrame(w_RxS, columns=[f"w:s{s}" for s in range(S)])
    frame.insert(0, "run_id", [f"r{r}" for r in range(R)])
    directions = rng.standard_normal((S, 6))
    for k in range(K):
        gain_S = np.exp(rng.standard_normal(S))
        smooth_R = np.sin(w_RxS @ directions * 2 + rng.uniform(0, 6, 6)).mean(1)
        loss_R = 2.0 + 1.2 * (0.05 + w_RxS**0.6 @ gain_S) ** -0.4 + 0.03 * smooth_R
        frame[f"loss:s{k}"] = loss_R * np.exp(0.004 * rng.standard_normal(R))
    return Runs.from_frame(frame)


def worlds(kind: str) -> tuple[Runs, int]:
    """A table and how many of its first runs are the pool."""
    if kind == "synthetic":
        return synthetic(), 256
    if kind == "60m":
        return read_runs(folder("regmix") / "runs_60m_test.csv"), 256
    train, test = (read_runs(folder("regmix") / f"runs_1m_{part}.csv") for part in ("train", "test"))
    import pandas as pd

    both = pd.concat([train.frame, test.with_targets(train.targets).frame], ignore_index=True)
    both["run_id"] = np.arange(len(both)).astype(str)
    return Runs.from_frame(both), len(train)


STRATEGIES = {"thompson": next_thompson, "regret": next_regret}


def random_counts(pool: int) -> list[int]:
    """Where random campaigns are looked at: after every run at first, later less often."""
    return sorted({*range(1, min(64, pool) + 1), *range(72, min(128, pool) + 1, 8), *range(160, pool + 1, 32)})


def world_of(runs: Runs, pool: int, weight: dict[str, float], held: bool) -> World:
    """The targets with a weight, and what a plan is chosen among."""
    options = np.arange(pool, len(runs)) if held else np.arange(pool)
    runs = runs if held else runs.select(np.arange(len(runs)) < pool)
    weight_K = np.array(list(weight.values())) / sum(weight.values())
    return World(observe(with_row_numbers(runs.with_targets(list(weight))), LAW), pool, options, weight_K)


def summary(regret: dict, counts: list[int], rules: list[str]) -> tuple[float, str]:
    """Runs needed by the best of some rules, and the regret at a few counts."""
    best = min(rules, key=lambda rule: (needed(regret[rule], counts), regret[rule].mean()))
    at = [counts.index(n) for n in (3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512) if n in counts]
    told = ", ".join(f"{counts[i]}: {regret[best][i].mean():.4f}" for i in at if i < len(regret[best]))
    return needed(regret[best], counts), f"{told} ({best})"


def question(held: bool, runs: Runs, pool: int, objectives: dict, asked: argparse.Namespace, aims: Aims) -> None:
    """One question for every objective: a line each of runs needed, and lines of regrets."""
    name_of = "held back" if held else "pool"
    print(f"\n{name_of}: runs needed, and mean regret by number of runs (rule)")
    order_FxR = np.stack([np.random.default_rng([9, f]).permutation(pool) for f in range(asked.repeats)])
    counts, few = random_counts(pool), list(range(asked.first, min(asked.most, pool) + 1, asked.batch))
    every = list(dict.fromkeys(target for weight in objectives.values() for target in weight))
    whole = {name: {t: weight.get(t, 0.0) for t in every} for name, weight in objectives.items()}
    random = at_random({n: world_of(runs, pool, weight, held) for n, weight in whole.items()}, order_FxR, counts)
    ratios = {}
    for name, weight in objectives.items():
        world = world_of(runs, pool, weight, held)
        need, told, by_rule = {}, {}, {"random": {rule: needed(x, counts) for rule, x in random[name].items()}}
        need["random"], told["random"] = summary(random[name], counts, list(random[name]))
        for strategy in ("regret",) if held else asked.strategies:
            regret = campaign(world, STRATEGIES[strategy], order_FxR, few)
            need[strategy], told[strategy] = summary(regret, few, list(regret))
            by_rule[strategy] = {rule: needed(x, few) for rule, x in regret.items()}
        # Where random runs never suffice, the share of all of them is told, which is kinder to them.
        ratios[name] = need[list(need)[-1]] / min(need["random"], pool)
        cells = "  ".join(f"{strategy} {count:.0f}" for strategy, count in need.items())
        print(f"{name:<18}{cells}  ratio {ratios[name]:.2f}")
        for strategy, line in told.items():
            rules = ", ".join(f"{rule} {count:.0f}" for rule, count in by_rule[strategy].items())
            print(f"    {strategy:<10}{line}; needed by {rules}", flush=True)
    if "mean" in ratios:
        aims.at_most(f"{name_of}, mean of the targets: needed by regret / at random", ratios["mean"], 0.5)
    single = [ratio for name, ratio in ratios.items() if name != "mean"]
    if single:
        share = float(np.mean([ratio <= 0.5 for ratio in single]))
        aims.at_least(f"{name_of}: share of {len(single)} targets with at most half", share, 1.0)


def main() -> None:
    """Print runs needed by objective, question and strategy, and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="1m", choices=("1m", "60m", "synthetic"), help="the judged set is 1m")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--first", type=int, default=FIRST, help="random runs that every campaign begins with")
    parser.add_argument("--batch", type=int, default=BATCH, help="runs chosen at a time")
    parser.add_argument("--most", type=int, default=128, help="runs of an adaptive campaign at most")
    parser.add_argument("--only", nargs="+", help="some objectives: targets, or mean")
    parser.add_argument("--question", default="both", choices=("both", "pool", "held"))
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=STRATEGIES, help="of the pool")
    asked = parser.parse_args()
    runs, pool = worlds(asked.set)
    objectives = {"mean": dict.fromkeys(runs.targets, 1.0)} | {t: {t: 1.0} for t in runs.targets}
    objectives = {name: objectives[name] for name in asked.only or objectives}
    aims, began = Aims(), time.process_time()
    print(f"{asked.repeats} repeats, {pool} runs to choose from, set {asked.set}")
    for held in {"both": (False, True), "pool": (False,), "held": (True,)}[asked.question]:
        if not held or pool < len(runs):
            question(held, runs, pool, objectives, asked, aims)
    aims.print()
    print(f"{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
