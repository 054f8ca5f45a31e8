"""How many runs a plan needs, by how they are chosen: at random, by Thompson's sampling, by expected fall of regret.

    python analysis/benchmarks/next_runs.py [--repeats 20]      # about 15 CPU minutes

RegMix's 512 runs of 1M parameters are a lookup oracle: a campaign starts with 16 random ones, and each batch of 8 is
chosen among those not yet seen. Every strategy has the same law (effective-tokens), the same first runs in each repeat,
and the same way to choose a plan. Regret is the measured loss of the mixture chosen, less the lowest there is, in the
mean over the repeats; needed is the number of runs from which on it stays at or below .005 nats (an adaptive campaign
is followed until it has stayed there for four batches). Two questions:

pool: the plan is one of the 512 mixtures: the lowest of what was measured, or is predicted where nothing was. Random
    runs may also choose by the law alone, or the best run seen: the rule that needs the fewest counts for them.
held back: the plan is one of the 256 mixtures of RegMix's test runs, by the law alone; none of them is ever run. Its
    regret is that of 256 runs measured once, whose noise counts as truth, as it does in the pool.

Objectives: each of the 13 targets, and the mean of all. Settings were chosen before the judged set was seen, after one
small run of `--set synthetic`; none on the 512. `--set 60m` takes the 256 runs of 60M parameters as the pool.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np
from aims import Aims
from published import folder

from mixlaw.estimate import NOISE_RUNS
from mixlaw.folds import numbered
from mixlaw.laws import EffectiveTokens
from mixlaw.lookahead import Belief, by_regret, by_thompson
from mixlaw.observations import Observations, observe
from mixlaw.posterior import alike, features
from mixlaw.refits import Refits, refit, refit_inside
from mixlaw.runs import Runs, read_runs

LAW = EffectiveTokens
FIRST, BATCH, ENOUGH = 16, 8, 0.005
STAYS = 4
"""A campaign ends when its regret has stayed low for so many counts, and so need not be followed to the end."""
TOP, OTHERS = 48, 48
"""Options and candidates that a lookahead looks at: the best by an optimistic guess, and others at random."""
OPTIMISM = 2.0
"""Standard deviations below its expected objective at which an option is hoped to be."""


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


def believed(world: World, known: Knowledge, f: int, ran_R: np.ndarray, rng: np.random.Generator) -> tuple:
    """What one campaign knows, of the options and candidates worth a look, and which runs those candidates are."""
    log_KxR, feature_KxRxP, noise_K = known.log_FxKxR[f], known.feature_FxKxRxP[f], known.noise_FxK[f]
    at = world.options
    loss_KxO, feature_KxOxP = np.exp(log_KxR[:, at]), feature_KxRxP[:, at]
    own_OxK = np.zeros(loss_KxO.T.shape)
    if world.looked_up:  # a lookup has no noise: what a run is off by is its mixture's own, and known once it was made
        ran_O = ran_R[at]
        loss_KxO = np.where(ran_O, np.exp(world.seen.log_loss_KxR[:, at]), loss_KxO)
        feature_KxOxP = np.where(ran_O[None, :, None], 0.0, feature_KxOxP)
        own_OxK = np.where(ran_O[:, None], 0.0, (loss_KxO * noise_K[:, None]).T)
        noise_K = np.full_like(noise_K, 1e-9)
    option_KxOxP, value_O = feature_KxOxP * loss_KxO[:, :, None], world.weight_K @ loss_KxO
    variance_KxO = np.square(option_KxOxP).sum(2) + own_OxK.T**2
    hoped_O = value_O - OPTIMISM * np.sqrt(world.weight_K**2 @ variance_KxO)
    keep_O = np.unique([*np.argsort(hoped_O, kind="stable")[:TOP], int(value_O.argmin())])
    left = np.flatnonzero(~ran_R[: world.pool])
    worth = np.intersect1d(at[keep_O], left) if world.looked_up else left[:0]
    rest = np.setdiff1d(left, worth)
    run_C = np.concatenate([worth, rng.permutation(rest)[: OTHERS + TOP - len(worth)]])
    place = {int(o): i for i, o in enumerate(at[keep_O])}
    option_C = np.array([place.get(int(r), -1) if world.looked_up else -1 for r in run_C])
    off_KxR = np.where(ran_R, log_KxR - world.seen.log_loss_KxR, np.nan)
    slope_OxK = np.tile(world.weight_K, (len(keep_O), 1))
    parts = option_KxOxP[:, keep_O], feature_KxRxP[:, run_C], noise_K, alike(off_KxR)
    return Belief(value_O[keep_O], slope_OxK, *parts, option_C, own_OxK[keep_O], loss_KxO[:, keep_O].T), run_C


def next_regret(belief: Belief, run_C: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The batch with the largest expected fall of the regret."""
    return run_C[by_regret(belief, min(BATCH, len(run_C)), rng)]


def next_thompson(belief: Belief, run_C: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Thompson's batch, of the options that may be run."""
    return run_C[by_thompson(belief, min(BATCH, int((belief.option_C >= 0).sum())), rng)]


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
    """Regrets by rule, (N, F), at the first N of the counts, of a strategy from the starts of these orders. It ends
    once the regret has stayed low for STAYS counts."""
    ran_FxR = np.zeros((len(order_FxR), world.seen.log_loss_KxR.shape[1]), bool)
    np.put_along_axis(ran_FxR, order_FxR[:, :FIRST], True, 1)
    rngs, regret, fits = [np.random.default_rng([1, f]) for f in range(len(order_FxR))], {}, None
    for count in counts:
        fits, known = learn(world.seen, ran_FxR, fits, points=False)
        for rule, plan_F in plans(world, known, ran_FxR).items():
            regret.setdefault(rule, []).append(world.truth_O[plan_F] - world.truth_O.min())
        rows = np.array(regret["known" if world.looked_up else "law"])
        if count == counts[-1] or (len(rows) >= STAYS and (rows[-STAYS:].mean(1) <= ENOUGH).all()):
            break
        for f in range(len(order_FxR)):
            belief, run_C = believed(world, known, f, ran_FxR[f], rngs[f])
            ran_FxR[f, strategy(belief, run_C, rngs[f])] = True
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


def random_counts(most: int, pool: int) -> list[int]:
    """Where random campaigns are looked at: every batch at first, later every 32 runs."""
    return [*range(FIRST, min(most, pool) + 1, BATCH), *range(min(most, pool) + 32, pool + 1, 32)]


def world_of(runs: Runs, pool: int, weight: dict[str, float], held: bool) -> World:
    """The targets with a weight, and what a plan is chosen among."""
    options = np.arange(pool, len(runs)) if held else np.arange(pool)
    weight_K = np.array(list(weight.values())) / sum(weight.values())
    return World(observe(numbered(runs.with_targets(list(weight))), LAW), pool, options, weight_K)


def summary(regret: dict, counts: list[int], rules: list[str]) -> tuple[float, str]:
    """Runs needed by the best of some rules, and the regret at a few counts."""
    best = min(rules, key=lambda rule: (needed(regret[rule], counts), regret[rule].mean()))
    at = [counts.index(n) for n in (16, 24, 32, 48, 64, 96, 128, 256, 512) if n in counts]
    told = ", ".join(f"{counts[i]}: {regret[best][i].mean():.4f}" for i in at if i < len(regret[best]))
    return needed(regret[best], counts), f"{told} ({best})"


def question(held: bool, runs: Runs, pool: int, objectives: dict, asked: argparse.Namespace, aims: Aims) -> None:
    """One question for every objective: a line each of runs needed, and lines of regrets."""
    name_of = "held back" if held else "pool"
    print(f"\n{name_of}: runs needed, and mean regret by number of runs (rule)")
    order_FxR = np.stack([np.random.default_rng([9, f]).permutation(pool) for f in range(asked.repeats)])
    counts, few = random_counts(64, pool), list(range(FIRST, min(asked.most, pool) + 1, BATCH))
    every = list(dict.fromkeys(target for weight in objectives.values() for target in weight))
    whole = {name: {t: weight.get(t, 0.0) for t in every} for name, weight in objectives.items()}
    random = at_random({n: world_of(runs, pool, weight, held) for n, weight in whole.items()}, order_FxR, counts)
    ratios = {}
    for name, weight in objectives.items():
        world = world_of(runs, pool, weight, held)
        need, told = {}, {}
        need["random"], told["random"] = summary(random[name], counts, list(random[name]))
        for strategy, chooses in (("regret", next_regret),) if held else STRATEGIES.items():
            regret = campaign(world, chooses, order_FxR, few)
            need[strategy], told[strategy] = summary(regret, few, ["law" if held else "known"])
        # Where random runs never suffice, the share of all of them is told, which is kinder to them.
        ratios[name] = need["regret"] / min(need["random"], pool)
        cells = "  ".join(f"{strategy} {count:.0f}" for strategy, count in need.items())
        print(f"{name:<18}{cells}  ratio {ratios[name]:.2f}")
        for strategy, line in told.items():
            print(f"    {strategy:<10}{line}", flush=True)
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
    parser.add_argument("--most", type=int, default=128, help="runs of an adaptive campaign at most")
    parser.add_argument("--only", nargs="+", help="some objectives: targets, or mean")
    parser.add_argument("--question", default="both", choices=("both", "pool", "held"))
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
