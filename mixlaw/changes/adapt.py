"""adapt: a run table rewritten for changed sources, with notes on which losses are exact and which approximated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mixlaw.changes.columns import carried
from mixlaw.changes.spec import Changes, Parts, proportions
from mixlaw.errors import MixlawError, listed
from mixlaw.fitting.fit_result import Fit
from mixlaw.runs.measurement import check_comparable, of_provenance
from mixlaw.runs.run_table import Runs

EXACT_SHARE = 1e-6
"""Largest share of a run's tokens that may differ for its proportions to count as unchanged."""
SMALL_SHARE = 0.01
"""Largest share of a dropped source with which a run is kept without a fit, its other shares scaled up."""
UNEVEN_EPOCHS = 1.1
"""Ratio of the epochs of merged parts above which a note is added."""


@dataclass(frozen=True)
class _Move:
    """The mixtures of old sources that the new mixtures are equal to; they may differ from those that were run.

    Attributes:
        w_RxS: shares of the old sources.
        what: the changed sources, for notes.
    """

    w_RxS: np.ndarray
    what: str

    def moved_R(self, runs: Runs) -> np.ndarray:
        """Share of each row's tokens that differs from the mixture that was run, (R,)."""
        return 0.5 * np.abs(self.w_RxS - runs.w_RxS).sum(1)


def adapt(runs: Runs, changes: Changes, *, tokens: Mapping[str, float] | None = None, fit: Fit | None = None) -> Runs:
    """Rewrite a run table for changed sources; its notes say which losses are exact.

    Renames are exact. A split is exact for runs that sampled the whole source, but the effects of its parts cannot be
    separated. A merge is exact for runs with the parts' proportions. The losses of other runs are corrected by `fit`, a
    law fitted to the old table: the log-loss changes by the predicted difference between the run's mixture and the one
    with the same share in the parts' proportions. Without a fit they stay as measured. Runs with a dropped source
    are corrected likewise; without a fit, those with more than 1% of it are left out. An added source has no share
    in any run. Sources that grew need no change.

    Args:
        tokens: of the old sources, for the proportions of merged sources that `changes` do not state; without them the
            mean proportions of the runs are used.
        fit: of the same sources and targets, for corrections.

    Raises:
        MixlawError: the table lacks a source, the fit has other sources, or no run is left.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"run_id": ["a"], "w:web": [0.6], "w:code": [0.4], "loss:web": [2.0]})
    >>> adapt(Runs.from_frame(table, "runs.csv"), Changes(rename={"code": "github"})).sources
    ('web', 'github')
    """
    changes.check(runs.sources, runs.name)
    changes, notes = _settled(runs, changes, tokens or {})
    move = _move(runs, changes)
    kept_R, log_RxK, more = _corrections(runs, changes, move, fit)
    if not kept_R.any():
        raise MixlawError(f"{runs.name}: every run used {listed(changes.drop)}; give --fit to correct for that")
    frame = carried(runs, changes, move.w_RxS, log_RxK)
    frame = frame[kept_R].reset_index(drop=True)
    found = Runs.from_frame(frame, runs.name)
    notes += [*more, *_epochs(runs, changes), *_told(changes)]
    return replace(found, notes=tuple(dict.fromkeys((*runs.notes, *notes, *found.notes))))


def _settled(runs: Runs, changes: Changes, tokens: Mapping[str, float]) -> tuple[Changes, list[str]]:
    """The changes with the proportions of merged sources, and notes on their origin."""
    merge: dict[str, Parts] = {}
    notes = []
    for name, parts in changes.merge.items():
        if None not in parts.values():
            merge[name], origin = parts, "as stated"
        elif all(part in tokens for part in parts):
            merge[name], origin = {part: float(tokens[part]) for part in parts}, "by their tokens"
        else:
            mean = {part: float(runs.w_RxS[:, runs.sources.index(part)].sum()) for part in parts}
            if not sum(mean.values()) > 0:
                raise MixlawError(f"merge {name}: no run uses {listed(parts)}; state the tokens of each")
            merge[name], origin = mean, "the mean of the runs"
        shares = proportions(merge[name], f"merge {name}")
        stated = ", ".join(f"{part} {100 * share:.3g}%" for part, share in shares.items())
        notes.append(f"{name} is the merged source: {stated} ({origin})")
    return changes.settled(merge), notes


def _move(runs: Runs, changes: Changes) -> _Move:
    """The mixtures of old sources that the new mixtures are equal to."""
    w_RxS = runs.w_RxS.copy()
    for name, parts in changes.merge.items():
        at = [runs.sources.index(part) for part in parts]
        share_P = np.array(list(proportions(parts, f"merge {name}").values()))
        w_RxS[:, at] = w_RxS[:, at].sum(1, keepdims=True) * share_P
    if changes.drop:
        w_RxS[:, [runs.sources.index(name) for name in changes.drop]] = 0.0
        total_Rx1 = w_RxS.sum(1, keepdims=True)
        w_RxS = np.divide(w_RxS, total_Rx1, out=w_RxS, where=total_Rx1 > 0)
    return _Move(w_RxS, listed([*changes.merge, *changes.drop]))


def _corrections(
    runs: Runs, changes: Changes, move: _Move, fit: Fit | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Mask of the rows that stay (R,), changes of their log-losses (R, K), and notes."""
    moved_R, none_RxK = move.moved_R(runs), np.zeros(runs.loss_RxK.shape)
    gone_R = runs.w_RxS[:, [runs.sources.index(name) for name in changes.drop]].sum(1)
    empty_R = ~(move.w_RxS.sum(1) > 0)  # nothing is left of their text
    off_R = (moved_R > EXACT_SHARE) & ~empty_R
    count = f"{off_R.sum()} of {len(runs)} rows"
    notes = []
    if empty_R.any():
        notes.append(f"{empty_R.sum()} rows used nothing but {listed(changes.drop)} and are left out")
    if not off_R.any():
        exact = [f"{move.what}: exact, every run kept the proportions"] * bool(changes.merge)
        return ~empty_R, none_RxK, notes + exact
    words = f"{move.what}: {count} had other proportions, up to {moved_R[off_R].max():.1%} of their tokens"
    if fit is None:
        out_R = gone_R > SMALL_SHARE
        if out_R.any():
            notes.append(
                f"{(out_R & ~empty_R).sum()} rows used over {SMALL_SHARE:.0%} of {listed(changes.drop)}: left out"
            )
        still_R = off_R & ~out_R
        if still_R.any():
            words = f"{move.what}: {still_R.sum()} of {len(runs)} rows had other proportions, up to "
            words += f"{moved_R[still_R].max():.1%} of their tokens"
            notes.append(f"{words}; approximated, their losses stay as measured: give a fit to correct them")
        return ~empty_R & ~out_R, none_RxK, notes
    log_RxK = _predicted_change(runs, move, fit, off_R)
    nats_RxK = np.abs(np.expm1(log_RxK[off_R]) * runs.loss_RxK[off_R])
    size = f"by {np.nanmean(nats_RxK):.2g} nats on average, {np.nanmax(nats_RxK):.2g} at most"
    notes.append(f"{words}; approximated, losses corrected by the law {fit.law.name} {size}")
    return ~empty_R, log_RxK, notes


def _predicted_change(runs: Runs, move: _Move, fit: Fit, rows_R: np.ndarray) -> np.ndarray:
    """Predicted change of the log-losses (R, K) from the mixtures that were run to those of the new table."""
    check_comparable(runs.measurement, of_provenance(fit.provenance, "the fit"))
    if set(fit.sources) != set(runs.sources) or not set(runs.targets) <= set(fit.targets):
        raise MixlawError(f"{runs.name}: the fit is of other sources or targets; give the fit of this table")
    order, index_K = [runs.sources.index(s) for s in fit.sources], [fit.targets.index(t) for t in runs.targets]
    unique = runs.unique_RxS[rows_R][:, order] if runs.states_unique else None
    at = runs.params_R[rows_R], runs.tokens_R[rows_R]
    before, after = (fit.losses(w[rows_R][:, order], *at, unique=unique) for w in (runs.w_RxS, move.w_RxS))
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise MixlawError(
            f"{runs.name}: the law {fit.law.name} needs params and tokens to correct losses: fill them in"
        )
    log_RxK = np.zeros(runs.loss_RxK.shape)
    log_RxK[rows_R] = np.log(after / before)[:, index_K]
    return log_RxK


def _epochs(runs: Runs, changes: Changes) -> list[str]:
    """Notes on merged sources whose parts were repeated unequally, which the merged epochs do not show."""
    notes = []
    for name, parts in changes.merge.items():
        at = [runs.sources.index(part) for part in parts]
        epochs_RxP = np.nan_to_num(runs.epochs_RxS[:, at])
        repeats_R = epochs_RxP.max(1) > 1.0
        uneven_R = repeats_R & (epochs_RxP.max(1) > UNEVEN_EPOCHS * np.maximum(epochs_RxP.min(1), 1e-300))
        if uneven_R.any():
            notes.append(f"{name}: in {uneven_R.sum()} rows its parts were repeated unequally; only their mean is kept")
    return notes


def _told(changes: Changes) -> list[str]:
    """Notes on effects that the table cannot show."""
    notes = [f"{name}: no run has seen it; its share rests on the law's priors until some have" for name in changes.add]
    for name, parts in changes.split.items():
        notes.append(f"{listed(parts)}: parts of {name}, in fixed proportions: their effects cannot be separated")
    return notes
