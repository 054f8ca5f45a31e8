"""Observations: the rows of a run table that a law is fitted on, and their weights."""

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.estimation.goals import Goal, closeness, unbracketed
from mixlaw.laws import Law, Reference, Row, SourcePrior, View
from mixlaw.runs.run_table import Runs

EARLY_SHARE = 0.3
"""Checkpoints in this first share of a run are left out: they are above the curve (SlimPajama: .03–.37 nats)."""
MANY_CHECKPOINTS = 5
"""Smallest number of checkpoints of a run for which some are left out or weighted less."""


@dataclass(frozen=True)
class Observations:
    """The R rows that a law is fitted on.

    Attributes:
        runs: the rows of the run table.
        rows: their covariates.
        log_loss_KxR: log of each target's loss, 0 if not measured.
        weight_KxR: weights, 0 if a loss was not measured: a missing loss is a missing observation.
        notes: rows left out, with the reason, one line each.
        prior: given prior of the sources' values, or None.
    """

    runs: Runs
    rows: Row
    log_loss_KxR: np.ndarray
    weight_KxR: np.ndarray
    notes: tuple[str, ...]
    prior: SourcePrior | None = None

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Log-losses and weights, the first two fields of a `FitProblem`."""
        return self.log_loss_KxR, self.weight_KxR

    def constants(self, law: type[Law]) -> dict[str, np.ndarray]:
        """Values of a law's constants, each with a leading axis of the targets."""
        each = [law.constants(self.view(k)) for k in range(len(self.runs.targets))]
        return {name: np.stack([one[name] for one in each]) for name in each[0]}

    def only(self, rows_R: np.ndarray) -> "Observations":
        """Observations of the rows in a mask: priors and constants then depend on these rows only."""
        return Observations(
            self.runs.select(rows_R),
            Row(*(x[rows_R] for x in self.rows)),
            self.log_loss_KxR[:, rows_R],
            self.weight_KxR[:, rows_R],
            self.notes,
            self.prior,
        )

    def of_targets(self, names: list[str]) -> "Observations":
        """The same rows with only the named targets, in the order given."""
        if names == list(self.runs.targets):
            return self
        index_K = [self.runs.targets.index(name) for name in names]
        return replace(
            self,
            runs=self.runs.with_targets(names),
            log_loss_KxR=self.log_loss_KxR[index_K],
            weight_KxR=self.weight_KxR[index_K],
        )

    def view(self, target: int) -> View:
        """Summaries from which a law sets its priors for one target."""
        loss_R = self.runs.loss_RxK[:, target]
        used_R = self.weight_KxR[target] > 0
        return View(
            self.runs.sources,
            self.runs.targets[target],
            float(np.min(loss_R[used_R])),
            float(np.median(loss_R[used_R])),
            _geometric_mean(self.rows.params),
            _geometric_mean(self.rows.tokens),
            len(np.unique(self.runs.cluster_R[used_R])),
            self.prior and self.prior.of_target(self.runs.sources, self.runs.targets[target]),
        )


def _geometric_mean(x_R: np.ndarray) -> float:
    return float(np.exp(np.mean(np.log(x_R)))) if np.all(np.isfinite(x_R)) else 1.0


def reads(law: type[Law] | type[Reference], runs: Runs) -> frozenset[str]:
    """Covariates that a law or reference reads from a run table: those it needs, without a reference's optional ones
    that the table lacks."""
    if not issubclass(law, Reference):
        return law.needs
    absent = {c for c in law.optional if np.isnan(getattr(runs, f"{c}_R")).all()}
    return law.needs - absent


def covariates(law: type[Law] | type[Reference], runs: Runs) -> Row:
    """The covariates of a run table's rows.

    Raises:
        MixlawError: a column the law reads is missing or empty in some row.
    """
    for column, values_R in (("params", runs.params_R), ("tokens", runs.tokens_R)):
        bad_R = ~np.isfinite(values_R)
        if column in reads(law, runs) and bad_R.any():
            where = "has no" if bad_R.all() else f"run '{runs.run_id[bad_R][0]}' has an empty"
            raise MixlawError(
                f"{runs.name}: {where} '{column}', which the law {law.name} needs: fill the column "
                "(`predict` also takes --params and --tokens)"
            )
    return Row(runs.w_RxS, runs.params_R, runs.tokens_R, runs.unique_RxS)


def observe(
    runs: Runs, law: type[Law] | type[Reference], goal: Goal | None = None, prior: SourcePrior | None = None
) -> Observations:
    """Rows and weights for fitting `law`: all scales if the law depends on N and D, else one scale's last checkpoints.

    Args:
        goal: the planned run. If the law reads unique tokens, runs are weighted by their closeness to it.
        prior: given prior of the sources' values, such as one from text.

    Raises:
        MixlawError: a column is missing; the law does not depend on N and the table has several sizes; fewer than 3
            runs measure a target; or the law reads the share of a target's own source, and no source has that name.

    >>> import pandas as pd
    >>> from mixlaw.laws import Linear
    >>> rows = {"w:web": [0.2, 0.5, 0.8], "w:code": [0.8, 0.5, 0.2], "loss:web": [1.0, 1.0, 1.0]}
    >>> observe(Runs.from_frame(pd.DataFrame(rows)), Linear).log_loss_KxR
    array([[0., 0., 0.]])
    """
    notes: list[str] = []
    orphans = [target for target in runs.targets if "own" in law.needs and target not in runs.sources]
    if orphans:
        raise MixlawError(
            f"{runs.name}: no source is called '{orphans[0]}', and the law {law.name} reads the share of each target's "
            "own source: leave out the columns of such targets, or choose another law"
        )
    if "params" not in law.needs:
        _check_one_size(runs, law)
    if "tokens" in reads(law, runs):
        runs, row_weight_R = _checkpoints(runs, law, notes)
    else:
        runs = _one_scale(runs, law, notes)
        row_weight_R = np.ones(len(runs.run_id))
    if goal is not None and "unique" in law.needs and law.objective.priors:  # published objectives: no weights
        row_weight_R = row_weight_R * closeness(runs, goal)
        notes += unbracketed(runs, goal)
    measured_KxR = np.isfinite(runs.loss_RxK.T)
    runs_K = [len(np.unique(runs.cluster_R[m])) for m in measured_KxR]
    for target, count in zip(runs.targets, runs_K, strict=True):
        if count < 3:
            raise MixlawError(
                f"{runs.name}: column 'loss:{target}' is measured in {count} usable runs: a fit needs at least 3"
            )
    log_loss_KxR = np.where(measured_KxR, np.log(np.where(measured_KxR, runs.loss_RxK.T, 1.0)), 0.0)
    weight_KxR = measured_KxR * row_weight_R
    return Observations(runs, covariates(law, runs), log_loss_KxR, weight_KxR, tuple(notes), prior)


def at_params(runs: Runs, scale: float) -> Runs:
    """The runs with this number of parameters.

    Raises:
        MixlawError: there are none.
    """
    chosen_R = np.isclose(runs.params_R, scale, rtol=1e-6)
    if not chosen_R.any():
        raise MixlawError(f"{runs.name}: no run has params {scale:g}: the scales are {_scales(runs)}")
    return runs.select(chosen_R)


def _scales(runs: Runs) -> str:
    return ", ".join(f"{n:g}" for n in runs.scales)


def _checkpoints(runs: Runs, law: type[Law] | type[Reference], notes: list[str]) -> tuple[Runs, np.ndarray]:
    covariates(law, runs)
    cluster_R = runs.cluster_R
    final_R = np.zeros(len(cluster_R))
    np.maximum.at(final_R, cluster_R, runs.tokens_R)  # per run; indexed by row below
    many_R = np.bincount(cluster_R)[cluster_R] >= MANY_CHECKPOINTS
    early_R = many_R & (runs.tokens_R <= 1.001 * EARLY_SHARE * final_R[cluster_R])
    lighter = law.objective.checkpoint_weight
    weight_R = np.where(many_R & ~runs.last_R, lighter, 1.0)
    light_R = ~early_R & (weight_R < 1)
    if early_R.any() or light_R.any():
        notes.append(
            f"{early_R.sum()} checkpoints in the first {EARLY_SHARE:.0%} of their run's tokens are left out, "
            f"{light_R.sum()} later ones before the last weighted {lighter:g} (runs of at least {MANY_CHECKPOINTS})"
        )
    return runs.select(~early_R), weight_R[~early_R]


def _near(tokens, end) -> np.ndarray:
    """True if token counts differ by no more than packing can make."""
    return np.abs(tokens - end) <= 0.02 * end


def _check_one_size(runs: Runs, law: type[Law] | type[Reference]) -> None:
    if len(runs.scales) > 1:
        raise MixlawError(
            f"{runs.name}: has {len(runs.scales)} scales (params {_scales(runs)}) and the law {law.name} does not "
            "depend on the scale: state one with --scale PARAMS, or choose mixture-index"
        )


def _one_scale(runs: Runs, law: type[Law] | type[Reference], notes: list[str]) -> Runs:
    rows, left_out = runs.last_R.copy(), 0
    ends_R = runs.tokens_R[runs.last_R]
    if np.isfinite(runs.tokens_R).all() and np.ptp(ends_R) > 0.1 * ends_R.max():
        # Runs may have different lengths: compare them at the token count where most of them end.
        end = ends_R[np.argmax(_near(ends_R[:, None], ends_R).sum(0))]
        near_R = _near(runs.tokens_R, end)
        rows = runs.select_last(near_R)
        left_out = len(np.unique(runs.cluster_R)) - len(np.unique(runs.cluster_R[rows]))
    if left_out:
        notes.append(
            f"{left_out} runs have no checkpoint at the token count where most runs end and are left out: "
            f"the law {law.name} does not depend on token counts"
        )
    elif rows.sum() < len(rows):
        notes.append(f"{len(rows) - rows.sum()} rows that are not a run's last checkpoint are left out")
    return runs.select(rows)


def check_losses_differ(runs: Runs) -> None:
    """Refuse a target whose loss is the same in all runs: a stuck evaluation, or a column that was copied down.

    Raises:
        MixlawError: naming the targets.

    >>> import pandas as pd
    >>> check_losses_differ(Runs.from_frame(pd.DataFrame({"w:a": [0.2, 0.5], "w:b": [0.8, 0.5], "loss:a": [2.0, 2.0]})))
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: runs: loss:a is the same in all runs: nothing to fit; correct or remove the column
    """
    same = []
    for target, loss_R in zip(runs.targets, runs.loss_RxK.T, strict=True):
        known = loss_R[np.isfinite(loss_R)]
        if len(known) > 1 and np.ptp(known) <= 1e-12 * known.max():
            same.append(f"loss:{target}")
    if same:
        what = f"{listed(same)} {'are' if len(same) > 1 else 'is'}"
        raise MixlawError(f"{runs.name}: {what} the same in all runs: nothing to fit; correct or remove the column")
