"""Held-out error of a law on its own runs, and the best run among them."""

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.estimation.baseline_predictors import MEAN_OF_RUNS
from mixlaw.estimation.cross_validation import gather, refit
from mixlaw.estimation.metrics import Predictions, score
from mixlaw.estimation.observations import Observations
from mixlaw.estimation.splits import FOLDS, Split, left_out, measurable_targets, over_mixtures, with_row_numbers
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.law_selection import scored_rows
from mixlaw.io.notes import Note, null
from mixlaw.io.progress import stage
from mixlaw.laws import Law, parametric
from mixlaw.runs.grouping import groups, scales
from mixlaw.runs.run_table import Runs

DISTRUSTED_RATIO = 1.5
"""Ratio of held-out error to that of the runs' mean above which a law is distrusted. If mixtures have no effect, a
correct fit is worse than the mean too, because it has more parameters: by up to 1.2 in simulations."""
NEGLIGIBLE_ERROR = 1e-4
"""Error (nats per token) below which a law is not distrusted, whatever the ratio."""


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated error of a law, over the runs' targets.

    Attributes:
        mae: mean absolute error, nats per token.
        spearman: mean over targets of the rank correlation within a scale.
        baseline_mae: error of predicting the mean of the training runs at the same scale (if none: see
            `training_rows_at_scale`).
        folds: number of folds. A mixture, with all its checkpoints, is in one fold.
        notes: notes for the plan.
        distrust: reasons not to trust the fit; empty if there are none.
        doubt: reasons not to trust predicted differences between mixtures; empty if there are none.
    """

    mae: float
    spearman: float
    baseline_mae: float
    folds: int
    notes: tuple[Note, ...] = ()
    distrust: tuple[str, ...] = ()
    doubt: tuple[str, ...] = ()


def held_out(fit: Fit, seed: int = 0) -> HeldOut:
    """Cross-validate a fit over mixtures: the error to expect on a new mixture.

    If the law predicts new mixtures far worse than the mean of the runs, the fit is not trusted at all. If it is no
    better than the mean, it cannot support a claim that one mixture is better, but it can support a tie.
    """
    found = held_out_losses(fit, seed)
    if isinstance(found, str):
        return HeldOut(np.nan, np.nan, np.nan, 0, notes=(null(("law.held_out",), found),))
    judged = _judge(parametric(fit.law), found)
    left_out = [Note("left-out", ("law.held_out",), f"law.held_out: {note}") for note in found.notes]
    return replace(judged, notes=(*left_out, *judged.notes))


@dataclass(frozen=True)
class HeldOutLosses:
    """Held-out predictions of a law on its own runs.

    Attributes:
        runs: the R rows that the law can be fitted on, with the K targets that can be scored.
        predicted_KxR: losses predicted by refits without the row's mixture, nats per token.
        scored_KxR: mask of the rows to score: last checkpoints with a loss.
        plain_KxR: losses predicted by the mean of the training runs at the same scale, nats per token.
        split: training and test parts. notes: targets left out.
    """

    runs: Runs
    predicted_KxR: np.ndarray
    scored_KxR: np.ndarray
    plain_KxR: np.ndarray
    split: Split
    notes: tuple[str, ...] = ()


def held_out_losses(fit: Fit, seed: int = 0) -> HeldOutLosses | str:
    """Refit without each fold of mixtures and predict that fold. Returns the reason if nothing can be held out."""
    if fit.data is None:
        return "the fit came without its runs"
    # Rows that the law cannot be fitted on are neither counted as mixtures nor scored.
    every = fit.data.observations
    runs = every.runs
    split = over_mixtures(runs, seed)
    if split is None:
        return f"{len(np.unique(groups(runs)))} mixtures are too few to hold any out"
    targets = measurable_targets(runs, split)
    if not targets:
        return "no target is measured in enough runs to hold any out"
    notes = left_out([t for t in runs.targets if t not in targets], "measured in too few runs to hold any out")
    seen = every.of_targets(targets)
    seen = replace(seen, runs=with_row_numbers(seen.runs))
    return _predicted(parametric(fit.law), seen, split, tuple(notes))


def _predicted(law: type[Law], seen: Observations, split: Split, notes: tuple[str, ...]) -> HeldOutLosses:
    """Predictions for the test parts of the rows that the law can be fitted on."""
    runs, every = seen.runs, np.arange(len(seen.runs))
    stage(f"judging {law.name} on held-out mixtures")
    points_KxR = gather(refit(law, seen, split.train_FxR).points(), every, split.test_FxR)
    scored_KxR = scored_rows(runs, np.ones(len(runs), bool))
    mean = lambda k, train_R: MEAN_OF_RUNS.predict(runs, k, train_R & scored_KxR[k])  # noqa: E731
    plain_FxKxR = np.array([[mean(k, train_R) for k in range(len(points_KxR))] for train_R in split.train_FxR])
    return HeldOutLosses(runs, points_KxR, scored_KxR, gather(plain_FxKxR, every, split.test_FxR), split, notes)


def _judge(law: type[Law], held: HeldOutLosses) -> HeldOut:
    """Error of a law on the scored rows, compared with that of the mean."""
    runs, loss_KxR = held.runs, held.runs.loss_RxK.T
    found, plain = (
        score(Predictions(x_KxR, x_KxR, x_KxR), loss_KxR, held.scored_KxR, scales(runs), held.split.fold_R)
        for x_KxR in (held.predicted_KxR, held.plain_KxR)
    )
    return _verdict(law, runs.targets, found, plain["mae"])


def _verdict(law: type[Law], targets: tuple[str, ...], found: dict[str, np.ndarray], baseline_K: np.ndarray) -> HeldOut:
    error_K, rank_K = found["mae"], found["spearman"]
    mae, baseline_mae = float(np.mean(error_K)), float(np.mean(baseline_K))
    notes, distrust, doubt = (), (), ()
    if mae > 0.5 * baseline_mae > 0 and "mixture" in law.needs:
        text = f"the law's error on held-out mixtures is {mae / baseline_mae:.0%} of that of the runs' mean"
        notes = (Note("held-out", ("law.held_out",), text),)
    if "mixture" in law.needs:
        errors = zip(targets, error_K, baseline_K, strict=True)
        bad = [t for t, e, b in errors if not np.isfinite(e) or e > DISTRUSTED_RATIO * b + NEGLIGIBLE_ERROR]
        if bad:
            distrust = (f"the law predicts unseen mixtures far worse than the runs' mean on {', '.join(bad[:3])}",)
        if mae >= baseline_mae:
            doubt = ("the law predicts unseen mixtures no better than the runs' mean",)
    rank = float(np.mean(rank_K)) if np.isfinite(rank_K).all() else np.nan
    return HeldOut(mae, rank, baseline_mae, FOLDS, notes, distrust, doubt)
