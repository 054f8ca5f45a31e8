"""Runs generated from every law: does the leaderboard put the true law first, and are its predictions recovered?

    python analysis/benchmarks/synthetic.py [--seeds 3] [--laws effective-tokens,chinchilla]

Prints, for each law, in how many of the seeds it is first, first or indistinguishable from the first (its error is not
larger by more than two standard errors of the paired differences of mixtures), its rank, and the error of its held-out
predictions against the noiseless truth, in units of the noise. Nothing but mixlaw is needed.
"""

import argparse

import jax
import numpy as np
import pandas as pd

from mixlaw.laws import LAWS, Law, Row, View, by_name
from mixlaw.laws.base import constrain, prior_moments
from mixlaw.runs.grouping import groups
from mixlaw.runs.run_table import Runs
from mixlaw.validation.comparison import compare
from mixlaw.validation.leaderboard import Leaderboard

SOURCES = ("web", "code", "books", "wiki")
TARGETS = ("code", "books")
NOISE = 0.005
"""Standard deviation of log-loss from run to run."""


def rows(law: type[Law], seed: int) -> Row:
    """Covariates of 60 runs: mixtures, and where the law reads them, three sizes, their tokens and unique tokens."""
    rng, mixed = np.random.default_rng([seed, 1]), "mixture" in law.needs
    w_RxS = np.tile(rng.dirichlet(np.ones(len(SOURCES)), 30), (2, 1)) if mixed else np.ones((60, 1))
    params_R = np.repeat([3e7, 1e8, 3e8], 20) if "params" in law.needs else np.full(60, 1e8)
    tokens_R = params_R * 20 * 2.0 ** (np.arange(60) % 3) if "tokens" in law.needs else np.full(60, 2e9)
    unique_RxS = np.full(w_RxS.shape, np.inf)
    if "unique" in law.needs:
        unique_RxS = tokens_R[:, None] * w_RxS.mean(0) / 2.0 ** rng.integers(0, 5, w_RxS.shape)
    return Row(w_RxS, params_R, tokens_R, unique_RxS)


def draw(law: type[Law], view: View, rng: np.random.Generator) -> Law:
    """A law whose parameters its prior finds plausible."""
    mean_P, covariance_PxP = prior_moments(law, view)
    step_P = 0.5 * rng.standard_normal(len(mean_P)) * np.sqrt(np.diag(covariance_PxP)).clip(max=1)
    return constrain(law, mean_P + step_P, law.constants(view), len(view.sources))


def generate(law: type[Law], seed: int) -> tuple[Runs, np.ndarray]:
    """Runs of a law with noise, and their noiseless losses (R, K) in nats per token."""
    at, rng = rows(law, seed), np.random.default_rng([seed, 2])
    sources = SOURCES if "mixture" in law.needs else SOURCES[:1]
    size, tokens = np.exp(np.log(at.params).mean()), np.exp(np.log(at.tokens).mean())
    columns: dict[str, object] = {"run_id": [f"r{i}" for i in range(60)], "params": at.params, "tokens": at.tokens}
    for s, source in enumerate(sources):
        columns[f"w:{source}"] = at.w_S[:, s]
        if "unique" in law.needs:
            columns[f"unique:{source}"] = at.unique_S[:, s]
    truth_RxK = np.empty((60, len(TARGETS)))
    with jax.enable_x64(True):
        for k, target in enumerate(TARGETS):
            view = View(sources, target, 2.0, 3.0, size, tokens, 60)
            truth_RxK[:, k] = jax.vmap(draw(law, view, rng))(at)
            columns[f"loss:{target}"] = truth_RxK[:, k] * np.exp(NOISE * rng.standard_normal(60))
    return Runs.from_frame(pd.DataFrame(columns), f"{law.name}-{seed}"), truth_RxK


def verdict(law: type[Law], runs: Runs, truth_RxK: np.ndarray, board: Leaderboard) -> tuple[int, bool, float]:
    """Rank of the true law (1 is first), whether it is first or indistinguishable from it, and the root mean square
    error of its held-out log-losses against the truth in units of the noise."""
    entries = [entry for entry in board.boards[0].entries if entry.kind in ("law", "reference")]
    rank = [entry.name for entry in entries].index(law.name)
    observed_KxR = board.boards[0].loss_KxR
    error_2xR = [np.abs(e.predicted.loss_KxR - observed_KxR).mean(0) for e in (entries[rank], entries[0])]
    group_R = groups(runs)
    worse_G = np.bincount(group_R, error_2xR[0] - error_2xR[1]) / np.bincount(group_R)
    alike = worse_G.mean() <= 2 * worse_G.std(ddof=1) / np.sqrt(len(worse_G))
    off_KxR = np.log(entries[rank].predicted.loss_KxR / truth_RxK.T)
    return rank + 1, rank == 0 or bool(alike), float(np.sqrt(np.mean(off_KxR**2)) / NOISE)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--laws", default=",".join(law.name for law in LAWS))
    options = parser.parse_args()
    print(f"60 runs, noise {NOISE:g} of log-loss, {options.seeds} seeds\n")
    print(f"{'true law':<24}{'first':>8}{'or alike':>10}{'ranks':>12}{'error / noise':>15}  ahead of it")
    for law in map(by_name, options.laws.split(",")):
        found, ahead = [], []
        for seed in range(options.seeds):
            runs, truth_RxK = generate(law, seed)
            board = compare(runs, seed=seed)
            found.append(verdict(law, runs, truth_RxK, board))
            ahead += [e.name for e in board.boards[0].entries[: found[-1][0] - 1] if e.kind != "auto"]
        rank, alike, error = zip(*found, strict=True)
        count = f"{rank.count(1)}/{len(rank)}", f"{sum(alike)}/{len(rank)}", " ".join(map(str, rank))
        print(
            f"{law.name:<24}{count[0]:>8}{count[1]:>10}{count[2]:>12}{np.mean(error):>15.2f}  "
            f"{', '.join(dict.fromkeys(ahead))}",
            flush=True,
        )


if __name__ == "__main__":
    main()
