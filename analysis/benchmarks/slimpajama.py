"""SlimPajama runs (7 sources, 8 targets, 122M to 937M): mixtures never run, at sizes and tokens never reached.

    python analysis/benchmarks/slimpajama.py [--halves 5] [--laws mixture-index ...]      # about five minutes

1. Sizes: fitted on runs up to 680M, judged on the last checkpoints of 937M. Half of the 40 mixtures of 937M, drawn at
   random, are judged and never trained on; the others and those that only small sizes have (40 in all) are trained on.
   `few`: of these, 20 at random.
2. Tokens: fitted on checkpoints 2 to 5 of every run of those mixtures (and, beside it, 3 to 6: the second lies above
   the curve), judged on the last checkpoints of the others, at all four sizes.
3. Claims: the optimum of each law at 937M and 35.3B tokens among shares of .02 to .42 (the runs'), mean over targets,
   and the gain over uniform and over the proportions of SlimPajama that each law claims for it.

Slope and rmse are of differences between mixtures (see `published.judge`); the means over the halves are printed, each
with its worst half behind it. Beside the laws: `log-linear + size` (the log-linear law at each size on last
checkpoints, then E + A N^-alpha through the three sizes: Ye et al.'s nested pipeline without its step law), `own
weight` (a line in the share of the source that carries the target's name; level from chinchilla), `mean` (chinchilla:
no mixture), and `carried` (the 680M losses of the very mixtures that are judged: a ceiling).
"""

import argparse
import warnings
from collections.abc import Callable

import numpy as np
from aims import Aims
from machine import print_machine, timed
from published import folder, judge
from scipy.optimize import nnls
from table import print_row

from mixlaw.fitting.fit_runs import fit
from mixlaw.optimization.problem import pose
from mixlaw.project.sources import Source, Sources
from mixlaw.runs.run_table import Runs, read_runs

DEFAULT, NESTED = "mixture-index", "log-linear + size"
LAWS = (DEFAULT, "joint-effective-tokens", "optimal-mixtures", "optimal-mixtures-joint")
LARGE, MEDIUM = 937e6, 680e6
HORIZON = 35.3e9
PROPORTIONS = {"arxiv": 0.046, "book": 0.042, "c4": 0.267, "github": 0.052, "commoncrawl": 0.522}
PROPORTIONS |= {"stackexchange": 0.033, "wikipedia": 0.038}
"""Token shares of SlimPajama-627B as its dataset card gives them."""

Predict = Callable[[Runs, Runs], np.ndarray]
"""From training runs and judged rows to predicted losses (M, K)."""


def by_law(law: str) -> Predict:
    """Fit a law of the library by its name."""

    def predict(train: Runs, test: Runs) -> np.ndarray:
        return fit(train, law).predict(test).iloc[:, 1:].to_numpy()

    return predict


def nested(train: Runs, test: Runs) -> np.ndarray:
    """The log-linear law at each size, then E + A N^-alpha through the sizes, per mixture and target."""
    sizes = train.scales
    at_NxMxK = np.stack([fit(train, "log-linear", scale=n).losses(test.w_RxS) for n in sizes])
    losses_MxK = np.empty(at_NxMxK.shape[1:])
    n, grid = sizes / sizes[-1], np.geomspace(0.05, 1.0, 40)
    for m, k in np.ndindex(losses_MxK.shape):
        solved = []
        for alpha in grid:
            x_Nx2 = np.stack([np.ones_like(n), n**-alpha], 1)
            (floor, scale), residual = nnls(x_Nx2, at_NxMxK[:, m, k])
            solved.append((residual, alpha, floor, scale))
        _, alpha, floor, scale = min(solved)
        losses_MxK[m, k] = floor + scale * (test.params_R[m] / sizes[-1]) ** -alpha
    return losses_MxK


def mean(train: Runs, test: Runs) -> np.ndarray:
    """No mixture: Chinchilla's law in size and tokens."""
    return by_law("chinchilla")(train, test)


def own_weight(train: Runs, test: Runs) -> np.ndarray:
    """A line in the target's own share, fitted on last checkpoints of the largest size, on the level of `mean`."""
    losses_MxK = mean(train, test).copy()
    large = train.select(train.last_R & (train.params_R == train.scales[-1]))
    for k, target in enumerate(train.targets):
        seen_R = np.isfinite(large.loss_RxK[:, k])
        if target in train.sources and seen_R.sum() > 2:
            s = train.sources.index(target)
            slope, _ = np.polyfit(large.w_RxS[seen_R, s], large.loss_RxK[seen_R, k], 1)
            losses_MxK[:, k] += slope * (test.w_RxS[:, s] - large.w_RxS[seen_R, s].mean())
    return losses_MxK


def carried(runs: Runs) -> Predict:
    """The observed 680M losses of the judged mixtures themselves."""
    mixtures, medium = mixture_of(runs), runs.last_R & (runs.params_R == MEDIUM)

    def predict(_train: Runs, test: Runs) -> np.ndarray:
        rows = [np.flatnonzero(medium & (mixtures == m))[0] for m in mixture_of(test)]
        return runs.loss_RxK[rows]

    return predict


def mixture_of(runs: Runs) -> np.ndarray:
    """The name of each row's mixture."""
    return runs.frame["mixture"].to_numpy(str)


def checkpoint_of(runs: Runs) -> np.ndarray:
    """Each row's number within its run, from 1, by tokens."""
    return runs.frame.groupby("run_id")["tokens"].rank().to_numpy(int)


def halves(runs: Runs, count: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each half: names of the judged mixtures, of the trained ones, and of 20 of these."""
    mixtures = mixture_of(runs)
    every, large = np.unique(mixtures), np.unique(mixtures[runs.params_R == LARGE])
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        judged = rng.choice(large, len(large) // 2, replace=False)
        trained = np.setdiff1d(every, judged)
        found.append((judged, trained, rng.choice(trained, 20, replace=False)))
    return found


def score(predict: Predict, pairs: list[tuple[Runs, Runs]]) -> tuple[np.ndarray, float]:
    """Slope, rmse and mae of each half, (H, 3), and the median seconds of one."""
    rows, seconds = [], []
    for train, test in pairs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            losses_MxK, spent = timed(lambda train=train, test=test: predict(train, test))
        rows.append(judge(losses_MxK, test.loss_RxK, test.params_R))
        seconds.append(spent)
    return np.array(rows), float(np.median(seconds))


def print_scores(title: str, methods: dict[str, Predict], pairs: list[tuple[Runs, Runs]]) -> dict[str, np.ndarray]:
    """A table of methods; the means over the halves by method."""
    train, test = pairs[0]
    print(f"{title}: {len(train)} rows of {len(np.unique(train.run_id))} runs; judged on {len(test)} rows")
    print_row("", ("slope", "worst", "rmse", "worst", "mae", "worst", "seconds"))
    found = {}
    for name, predict in methods.items():
        each_Hx3, seconds = score(predict, pairs)
        found[name] = each_Hx3.mean(0)
        slope, rmse, mae = found[name]
        farthest = each_Hx3[np.argmax(np.abs(np.nan_to_num(each_Hx3[:, 0], nan=1.0) - 1)), 0]
        print_row(name, (slope, farthest, rmse, each_Hx3[:, 1].max(), mae, each_Hx3[:, 2].max(), seconds))
    print()
    return found


def print_claims(runs: Runs, laws: list[str]) -> None:
    """The optimum of each law, and its gain over uniform and over the proportions as every law sees it."""
    fits = {law: fit(runs, law) for law in laws}
    count, targets = len(runs.sources), len(runs.targets)
    weight_K = np.full(targets, 1 / targets)
    sources = Sources(Source(name, None, min=0.02, max=0.42) for name in runs.sources)
    best = {law: pose(f, sources).solve(f.z_KxP[None], (LARGE, HORIZON))[0] for law, f in fits.items()}
    plain = np.array([PROPORTIONS[s] for s in runs.sources])
    print(f"claims at 937M, 35.3B tokens: fitted on all runs up to 937M; sources {', '.join(runs.sources)}")
    for law, optimum in best.items():
        print(f"{law:<26}optimum {' '.join(f'{w:.3f}' for w in optimum.w_S)}   gap {optimum.gap:.1e}")
    for name, w_S in (("uniform", np.full(count, 1 / count)), ("SlimPajama's proportions", plain / plain.sum())):
        print(f"\ngain over {name}, nats, of the optimum of (column) under the law of (row)")
        print(f"{'':<26}" + "".join(f"{law[:24]:>26}" for law in laws))
        for law, f in fits.items():
            value = lambda w, f=f: float(f.losses(w[None], LARGE, HORIZON)[0] @ weight_K)  # noqa: E731
            print(f"{law:<26}" + "".join(f"{value(w_S) - value(best[other].w_S):>26.4f}" for other in laws))
        own = [
            float((f.losses(w_S[None], LARGE, HORIZON)[0] @ weight_K) - best[law].objective) for law, f in fits.items()
        ]
        print(f"bracket of claimed gains: {min(own):.4f} to {max(own):.4f}; {laws[0]} {own[0]:.4f}")


def main() -> None:
    """Print the three tables and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", type=int, default=5, help="random halves of the mixtures")
    parser.add_argument("--laws", nargs="+", default=LAWS, help="laws of the library; the first is held to the aims")
    options = parser.parse_args()
    print_machine()
    runs = read_runs(folder("slimpajama") / "runs.csv")
    laws = list(options.laws)
    methods = {law: by_law(law) for law in laws}
    methods |= {NESTED: nested, "own weight": own_weight, "mean (chinchilla)": mean}
    mixtures, last_R = mixture_of(runs), runs.last_R
    split = halves(runs, options.halves)
    small_R, large_R = runs.params_R <= MEDIUM, last_R & (runs.params_R == LARGE)

    def pick(rows_R: np.ndarray, names: np.ndarray) -> Runs:
        return runs.select(rows_R & np.isin(mixtures, names))

    aims = Aims()
    pairs = [(pick(small_R, trained), pick(large_R, judged)) for judged, trained, _ in split]
    scores = print_scores("1. up to 680M -> 937M", {**methods, "carried": carried(runs)}, pairs)
    found, peer = scores[laws[0]], [(NESTED, float(x)) for x in scores[NESTED]]
    aims.between(f"{laws[0]}: slope at 937M", found[0], 0.93, 1.07, peer[0])
    aims.at_most("rmse of differences at 937M", found[1], 0.010, peer[1])
    aims.at_most("MAE at 937M", found[2], 0.015, peer[2])
    pairs = [(pick(small_R, few), pick(large_R, judged)) for judged, _, few in split]
    scores = print_scores("1. few: from 20 mixtures", methods, pairs)
    peer = (NESTED, float(scores[NESTED][1]))
    aims.at_most("rmse of differences from 20 mixtures", scores[laws[0]][1], 0.012, peer)
    number_R = checkpoint_of(runs)
    of_tokens = {name: method for name, method in methods.items() if name != NESTED}
    for first, end in ((2, 5), (3, 6)):
        early_R = (number_R >= first) & (number_R <= end)
        pairs = [(pick(early_R, trained), pick(last_R, judged)) for judged, trained, _ in split]
        found = print_scores(f"2. checkpoints {first} to {end} -> last", of_tokens, pairs)[laws[0]]
        aims.between(f"slope at the last checkpoint from {first} to {end}", found[0], 0.9, 1.1)
    print_claims(runs, laws)
    aims.print()


if __name__ == "__main__":
    main()
