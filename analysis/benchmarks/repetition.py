"""Repetition Mismatch runs: does the share that a law chooses from 30M and 124M runs hold at 345M and 32 epochs?

    python analysis/benchmarks/repetition.py [--laws repeated-mixture joint-effective-tokens]      # about two minutes

Two sets of two sources, an abundant web and a scarce source (Wikipedia, PubMed), whose loss is the only target. Fitted
on runs of 30M and 124M parameters: `all` of them, those whose scarce source was `matched` (subsampled so that it would
repeat as at the longest horizon, D/U = 32), or `unmatched`. Judged on the five observed shares at 345M and the longest
horizon with all of the scarce source.

Columns: `best` the law's best share on a grid of .05 (the grid of the runs; not only the five observed), `finest` on a
grid of .005, `error` of `best` from the best observed share, `regret` the observed loss at the best of the five shares
under the law above the lowest of the five, `outside` whether `best` is none of the five (then its true regret is not
known). Because neighbours on that grid differ by no more than .006 nats, the same between the grid's points: `s.error`
and `s.regret` of `finest` on a cubic spline through the five (its regret is nan outside them). `mae` of the five
losses, `slope` of observed on predicted differences among them.

Beside the laws named: `saturating` and `penalty only` (repeated-mixture without its penalty and without its
saturation), `no repetition` (repeated-mixture without either), and `carried`, the best observed share of the 124M runs
at the same horizon (of the longest matched runs where only matched ones are given): no law at all.
"""

import argparse

import numpy as np
import pandas as pd
from aims import Aims
from machine import print_machine, timed
from published import folder, judge
from scipy.interpolate import CubicSpline
from table import print_row

from mixlaw.errors import MixlawError
from mixlaw.estimation.goals import Goal
from mixlaw.fitting.fit_runs import fit
from mixlaw.laws import Law, RepeatedMixture, View, by_name
from mixlaw.laws.base import Normal
from mixlaw.runs.run_table import Runs

SETS = ("wikipedia", "pubmed")
PROXIES, JUDGED = (30e6, 124e6), 345e6
LAWS = ("repeated-mixture", "joint-effective-tokens", "mixture-index")
GRID, FINE = np.arange(0.05, 0.951, 0.05), np.arange(0.005, 0.9951, 0.005)
COLUMNS = ("best", "finest", "error", "regret", "outside", "s.error", "s.regret", "mae", "slope", "seconds")
AIMS = {"all": (0.05, 0.02), "matched": (0.03, 0.005)}
"""Largest error of the best share and largest regret, by the runs fitted on."""
CARRIED = "carried from 124M"
ENDLESS = Normal(25.0, 1e-3)


class Saturating(RepeatedMixture):
    """RepeatedMixture with P = 0: repeated tokens are worth less, and do no harm."""

    name = "saturating"

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return super().prior(view) | {"P": Normal(np.full(len(view.sources), -40.0), 1e-3)}


class PenaltyOnly(RepeatedMixture):
    """RepeatedMixture with tau without end: repeated tokens count in full, and overfitting is added."""

    name = "penalty only"

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return super().prior(view) | {"tau": ENDLESS}


class NoRepetition(Saturating):
    """RepeatedMixture with neither: every token is as good as new."""

    name = "no repetition"

    @classmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        return super().prior(view) | {"tau": ENDLESS}


def read(scarce: str) -> Runs:
    """The runs of one set, with its own two sources and one target."""
    frame = pd.read_csv(folder("repetition_mismatch") / "runs.csv")
    frame = frame[frame["set"] == f"two_source_{scarce}"]
    kept = ["run_id", "params", "tokens", "w:fineweb", f"w:{scarce}", f"unique:{scarce}", f"loss:{scarce}"]
    return Runs.from_frame(frame[[*kept, "matched", "is_target_horizon"]].reset_index(drop=True), scarce)


def fitted_rows(runs: Runs) -> dict[str, np.ndarray]:
    """Masks of the proxies of each kind."""
    proxy_R = np.isin(runs.params_R, PROXIES)
    matched_R = runs.frame["matched"].to_numpy() == 1
    return {"all": proxy_R, "matched": proxy_R & matched_R, "unmatched": proxy_R & ~matched_R}


def fit_law(train: Runs, law: type[Law], planned: Runs):
    """A law fitted for the planned runs, by whose N, D and U it weighs its runs."""
    unique = dict(zip(planned.sources, planned.unique_RxS[0].tolist(), strict=True))
    return fit(train, law, goal=Goal(unique, float(planned.tokens_R[0]), float(planned.params_R[0])))


def score(losses, scarce: int, truth: Runs) -> dict[str, float | str]:
    """The columns of the table for predictions `losses(w_MxS)` -> (M,)."""
    seen_M, observed_M = truth.w_RxS[:, scarce], truth.loss_RxK[:, 0]

    def at(share_M: np.ndarray) -> np.ndarray:
        w_MxS = np.empty((len(share_M), 2))
        w_MxS[:, scarce], w_MxS[:, 1 - scarce] = share_M, 1 - share_M
        return losses(w_MxS)

    best, finest = GRID[np.argmin(at(GRID))], FINE[np.argmin(at(FINE))]
    predicted_M = losses(truth.w_RxS)
    between = on_spline(seen_M, observed_M, finest)
    found = judge(predicted_M[:, None], observed_M[:, None])
    return {
        "best": best,
        "finest": finest,
        "error": abs(best - seen_M[np.argmin(observed_M)]),
        "regret": observed_M[np.argmin(predicted_M)] - observed_M.min(),
        "outside": "no" if np.any(np.isclose(seen_M, best)) else "yes",
        "s.error": between[0],
        "s.regret": between[1],
        "mae": found.mae,
        "slope": found.slope,
    }


def on_spline(seen_M: np.ndarray, observed_M: np.ndarray, share: float) -> tuple[float, float]:
    """Error of a share from the best on a cubic spline through the observed ones, and its regret."""
    order = np.argsort(seen_M)
    curve = CubicSpline(seen_M[order], observed_M[order], extrapolate=False)
    fine_M = curve(FINE)
    return abs(share - FINE[np.nanargmin(fine_M)]), float(curve(share) - np.nanmin(fine_M))


def carry(train: Runs, scarce: int, truth: Runs) -> dict[str, float | str]:
    """The best observed share of the longest 124M runs."""
    at = train.params_R == PROXIES[1]
    at &= train.tokens_R >= 0.999 * train.tokens_R[at].max()
    best = train.w_RxS[at, scarce][np.argmin(train.loss_RxK[at, 0])]
    seen_M, observed_M = truth.w_RxS[:, scarce], truth.loss_RxK[:, 0]
    near = np.argmin(np.abs(seen_M - best))
    row = {"best": best, "finest": np.nan, "error": abs(best - seen_M[np.argmin(observed_M)])}
    row |= {"regret": observed_M[near] - observed_M.min()}
    row |= {"outside": "no" if np.isclose(seen_M[near], best) else "yes"}
    return row | dict(zip(("s.error", "s.regret"), on_spline(seen_M, observed_M, best), strict=True))


def print_kind(kind: str, train: Runs, truth: Runs, laws: list[type[Law]], aims: Aims) -> None:
    """Table of one set and one kind of fitted runs; the first law's figures go to the aims."""
    name = truth.targets[0]
    scarce, planned, unique = truth.sources.index(name), (truth.params_R[0], truth.tokens_R[0]), truth.unique_RxS[0]
    print(f"\n{name}, fitted on {kind}: {len(train)} runs")
    print_row("", COLUMNS)
    plain = carry(train, scarce, truth)
    for law in [*laws, Saturating, PenaltyOnly, NoRepetition]:
        try:
            fitted, seconds = timed(lambda law=law: fit_law(train, law, truth))
        except MixlawError as error:
            print(f"{law.name:<26}{error}")
            continue
        losses = lambda w, f=fitted: f.losses(w, *planned, unique=unique)[:, 0]  # noqa: E731
        row = score(losses, scarce, truth)
        print_row(law.name, (*row.values(), seconds))
        if law is laws[0] and kind in AIMS:
            for at, error, regret in (
                ("on the grid", "error", "regret"),
                ("between its points", "s.error", "s.regret"),
            ):
                what, most = f"{name}, {kind}:", AIMS[kind]
                aims.at_most(f"{what} error of the best share {at}", row[error], most[0], (CARRIED, plain[error]))
                aims.at_most(f"{what} regret {at}", row[regret], most[1], (CARRIED, plain[regret]))
    print_row(CARRIED, plain.values())


def main() -> None:
    """Print a table for each set and kind of runs, and the aims of the first law."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laws", nargs="+", default=LAWS, help="laws of the library; the first is held to the aims")
    options = parser.parse_args()
    print_machine()
    laws, aims = [by_name(name) for name in options.laws], Aims()
    for name in SETS:
        runs = read(name)
        truth = runs.select((runs.frame["is_target_horizon"] == 1).to_numpy() & (runs.params_R == JUDGED))
        pairs = zip(truth.w_RxS[:, runs.sources.index(name)], truth.loss_RxK[:, 0], strict=True)
        print(f"{name} at 345M, {truth.tokens_R[0]:.3g} tokens: " + ", ".join(f"{w:.2f} {y:.4f}" for w, y in pairs))
        for kind, rows_R in fitted_rows(runs).items():
            print_kind(kind, runs.select(rows_R), truth, laws, aims)
        print()
    aims.print()


if __name__ == "__main__":
    main()
