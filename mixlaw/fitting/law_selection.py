"""Law selection (`--law auto`): the default law of a table, unless another has a clearly lower held-out error."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation.cross_validation import gather, refit
from mixlaw.estimation.goals import Goal
from mixlaw.estimation.goals import repeated as repeats
from mixlaw.estimation.metrics import fold_errors
from mixlaw.estimation.observations import Observations, at_params, observe
from mixlaw.estimation.splits import FOLDS, Split, measurable_targets, over_mixtures, positions, with_row_numbers
from mixlaw.io.progress import stage
from mixlaw.laws import (
    LAWS,
    Chinchilla,
    DataConstrained,
    EffectiveTokens,
    InfoLaw,
    Law,
    Linear,
    LogLinear,
    MixtureIndex,
    OptimalMixtures,
    OverfitPenalty,
    RepeatedMixture,
)
from mixlaw.runs.grouping import groups
from mixlaw.runs.run_table import Runs

SMALLEST_GAIN = 0.01
"""Smallest gain over the default law at which another law is selected, as a share of the default's error."""
SMALLEST_GAIN_ERRORS = 1.0
"""Smallest gain over the default law at which another law is selected, in standard errors of the gain."""


class Choice(NamedTuple):
    """A selected law, with notes on the reason."""

    law: type[Law]
    notes: list[str]


def default(runs: Runs, goal: Goal | None = None) -> Choice:
    """Default law for a table, with notes on why other laws are skipped without a comparison.

    Args:
        runs: a run table.
        goal: the planned run. If it repeats a source, a law of repetition is needed even if no run repeats one.

    Raises:
        MixlawError: no law can be fitted to the table.
    """
    again, planned = repeated(runs), goal is not None and goal.repeats
    sized = bool(np.isfinite(runs.params_R).all() and np.isfinite(runs.tokens_R).all())
    if len(runs.sources) == 1:
        points = np.unique(np.stack([runs.params_R, runs.tokens_R], 1), axis=0)
        if not sized or len(points) < 5:
            raise MixlawError(f"{runs.name}: one source and fewer than 5 sizes and token counts: nothing to fit")
        law = OverfitPenalty if again or planned else Chinchilla
        notes = [f"law {law.name}: there is one source{_why(again, planned)}, so the laws of mixtures are skipped"]
    elif len(runs.scales) > 1:
        if not sized:
            raise MixlawError(
                f"{runs.name}: holds {len(runs.scales)} scales and an empty 'params' or 'tokens': fill the column, or "
                "state one scale with --scale PARAMS"
            )
        law = RepeatedMixture if again or planned else MixtureIndex
        others = ", ".join(other.name for other in LAWS if not {"mixture", "params"} <= other.needs)
        why = f"the runs have {len(runs.scales)} sizes{_why(again, planned)}"
        notes = [f"law {law.name}: {why}, so {others} are skipped"]
    else:
        law, notes = _at_one_size(again, planned, sized)
    if planned and not again and "unique" in law.needs:
        notes.append("no run repeats a source: what repetition costs rests on priors alone")
    return Choice(law, notes)


def _at_one_size(again: bool, planned: bool, sized: bool) -> tuple[type[Law], list[str]]:
    if again and sized:
        note = "the runs have one size and repeat a source, so the laws that do not model repetition are skipped"
        return RepeatedMixture, [f"law repeated-mixture: {note}"]
    several = "the laws that need several (mixture-index, chinchilla) are skipped"
    notes = [f"law effective-tokens: the runs have one size, so {several}"]
    if again or planned:
        mend = "fill 'params' and 'tokens'" if again else "run several sizes, with sources that repeat as planned"
        notes.append(f"what repetition costs is ignored: {mend}")
    return EffectiveTokens, notes


def _why(again: bool, planned: bool) -> str:
    return " and repeat a source" if again else " and the plan may repeat a source" if planned else ""


def candidates(runs: Runs, goal: Goal | None = None) -> tuple[type[Law], ...]:
    """The default law and its possible replacements.

    They are convex in the mixture, so that a plan can be certified; different in form; and few, so that the choice
    takes seconds. A law of repetition may only be replaced by another one, and only if some run repeats a source:
    otherwise the runs cannot distinguish them.

    Raises:
        MixlawError: no law can be fitted to the table.
    """
    law, again = default(runs, goal).law, repeated(runs)
    if "unique" in law.needs:
        rivals = () if not again else (DataConstrained,) if len(runs.sources) == 1 else (InfoLaw,)
    elif len(runs.sources) == 1:
        rivals = ()
    elif len(runs.scales) > 1:
        rivals = (OptimalMixtures,)
    else:
        rivals = (LogLinear, Linear)
    return (law, *rivals)


def repeated(runs: Runs) -> bool:
    """True if some run trains on a source for more than one epoch."""
    return bool(repeats(runs).any())


def choose(runs: Runs, scale: float | None = None, seed: int = 0, goal: Goal | None = None) -> Choice:
    """Choose the law for `auto`: cross-validation over mixtures among `candidates`, by the rule of `pick`.

    Args:
        runs: a run table.
        scale: use only runs with this number of parameters.
        seed: seed of the folds.
        goal: the planned run.

    Raises:
        MixlawError: no law can be fitted to the table.
    """
    if scale is not None:
        runs = at_params(runs, scale)
    law, notes = default(runs, goal)
    laws, runs = candidates(runs, goal), with_row_numbers(runs)
    if len(laws) == 1:
        return Choice(law, notes)
    split = over_mixtures(runs, seed)
    usable_R = usable_rows(runs, laws)
    targets = [] if split is None else measurable_targets(runs, split, usable_R)
    if split is None or not targets:
        return Choice(law, [*notes, f"law {law.name}: the default, since {_too_few(runs, usable_R)}"])
    runs = runs.with_targets(targets)
    error_LxF = held_out_errors(laws, runs, split)
    best = pick(error_LxF)
    return Choice(laws[best], [*notes, _reason(laws, error_LxF, best)])


def _too_few(runs: Runs, usable_R: np.ndarray) -> str:
    """Reason why laws cannot be compared: too few rows that all candidates can be fitted on, and the rows left out."""
    used = runs.select(usable_R)
    count, what = len(np.unique(groups(used))), "mixtures" if len(runs.sources) > 1 else "runs"
    said = f"{count} {what} are too few to compare laws on held-out ones"
    if count >= 2 * FOLDS:
        said = f"no target is measured in enough of {count} {what} to compare laws on held-out ones"
    left = len(np.unique(runs.run_id)) - len(np.unique(used.run_id))
    if left:  # the only reason why `observe` leaves out a run
        said += (
            f"; {left} runs without a checkpoint at the token count where most runs end do not count, because not "
            "every candidate depends on token counts"
        )
    return said


def held_out_errors(laws: tuple[type[Law], ...], runs: Runs, split: Split) -> np.ndarray:
    """Mean absolute error (L, F) of every law on each fold of a `with_row_numbers` table, nats per token."""
    seen = [observe(runs, law) for law in laws]
    scored_KxR = scored_rows(runs, _rows_of_all(len(runs), seen))
    found = []
    for i, (law, s) in enumerate(zip(laws, seen, strict=True), start=1):
        stage(f"choosing the law: {law.name} on held-out mixtures ({i} of {len(laws)})")
        found.append(gather(refit(law, s, split.train_FxR).points(), positions(s.runs), split.test_FxR))
    return np.stack([fold_errors(loss_KxR, runs.loss_RxK.T, scored_KxR, split.test_FxR) for loss_KxR in found])


def usable_rows(runs: Runs, laws: Sequence[type[Law]]) -> np.ndarray:
    """Mask (R,) of the rows of a `with_row_numbers` table that all of these laws can be fitted on."""
    return _rows_of_all(len(runs), [observe(runs, law) for law in laws])


def _rows_of_all(count: int, seen: list[Observations]) -> np.ndarray:
    return np.all([np.isin(np.arange(count), positions(one.runs)) for one in seen], axis=0)


def scored_rows(runs: Runs, usable_R: np.ndarray) -> np.ndarray:
    """Mask (K, R) of the rows to score: the last checkpoint with a loss of each run, among the usable rows."""
    return np.stack([runs.select_last(usable_R & np.isfinite(loss_R)) for loss_R in runs.loss_RxK.T])


def pick(error_LxF: np.ndarray) -> int:
    """Index of the law to take, out of L laws with the default first.

    This is the law with the lowest mean error over the folds, if its gain over the default exceeds both
    `SMALLEST_GAIN_ERRORS` standard errors of the F paired differences (the one-standard-error rule, Breiman et al.
    1984) and one percent of the default's error; otherwise it is the default. Folds without scored rows are ignored.
    Any other error that is not finite counts as infinite.
    """
    error_LxF = _judging(error_LxF)
    mean_L = np.where(np.isfinite(error_LxF).all(1), error_LxF.mean(1), np.inf)
    best = int(np.argmin(mean_L))
    if not np.isfinite(mean_L[0]) or error_LxF.shape[1] < 2:
        return best if error_LxF.shape[1] > 1 else 0
    gain, error = _gain(error_LxF, best)
    least = SMALLEST_GAIN * mean_L[0]
    return best if best and gain > max(SMALLEST_GAIN_ERRORS * error, least) else 0


def _judging(error_LxF: np.ndarray) -> np.ndarray:
    return error_LxF[:, ~np.isnan(error_LxF).all(0)]


def _gain(error_LxF: np.ndarray, other: int) -> tuple[float, float]:
    """Gain of another law over the default (difference of mean errors), and its standard error."""
    difference_F = error_LxF[0] - error_LxF[other]
    return float(difference_F.mean()), float(difference_F.std(ddof=1) / np.sqrt(len(difference_F)))


def _reason(laws: tuple[type[Law], ...], error_LxF: np.ndarray, best: int) -> str:
    """Note on why law `best` was taken, with the errors of all laws."""
    error_LxF = _judging(error_LxF)
    errors = ", ".join(f"{law.name} {error:.4f}" for law, error in zip(laws, error_LxF.mean(1), strict=True))
    lowest = int(np.argmin(np.nan_to_num(error_LxF.mean(1), nan=np.inf)))
    said = f"law {laws[best].name}: held-out error in nats over {FOLDS} folds of mixtures: {errors}"
    if lowest == 0:
        return f"{said}; the default {laws[0].name} has the lowest"
    gain, error = _gain(error_LxF, lowest)
    verdict = "more" if best else "not more"
    return (
        f"{said}; {laws[lowest].name} is lower than the default {laws[0].name} by {gain:.4f}, {verdict} than its "
        f"standard error {error:.4f} and one percent"
    )
