"""Held-out predictions of laws and other predictors, refitted on each training part."""

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np

from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.laplace import INTERVAL_PROBABILITY, moments, student_interval
from mixlaw.estimation.map_estimate import REFIT_STOPPING, ParameterPrior, estimate, parameter_prior, starts
from mixlaw.estimation.metrics import Predictions
from mixlaw.estimation.objective import predict
from mixlaw.estimation.observations import Observations
from mixlaw.estimation.splits import Split, positions
from mixlaw.laws import Law
from mixlaw.runs.run_table import Runs

HELD_OUT_STOPPING = lm.Stopping(steps=60, tolerance=1e-4)
"""Stopping rule of refits with priors: mean error on RegMix within .2% of that at a fit's tolerance, in a third of the
time."""
HELD_OUT_STOPPING_NO_PRIOR = lm.Stopping(steps=400, tolerance=1e-9)
"""Stopping rule of refits without priors, whose objective is flatter."""


@dataclass(frozen=True)
class _Batch(Observations):
    """Observations of several training parts stacked as one batch of targets."""

    known: dict[str, np.ndarray] = field(default_factory=dict)

    def constants(self, law: type[Law]) -> dict[str, np.ndarray]:
        del law
        return self.known


@dataclass(frozen=True)
class Refits:
    """A law fitted on each of F training parts for K targets: B = F K problems, ordered by part, then target.

    Attributes:
        law: the law. seen: all rows that it can be fitted on, of a `with_row_numbers` table.
        problems: problems for `lm.solve`, with weights and priors from the training rows only.
        constants: the law's constants, from the training rows.
        z_BxP, sigma_B, degrees_B: unconstrained parameters, residual scale, effective number of parameters.
    """

    law: type[Law]
    seen: Observations
    problems: lm.FitProblem
    constants: dict[str, np.ndarray]
    z_BxP: np.ndarray
    sigma_B: np.ndarray
    degrees_B: np.ndarray

    def points(self) -> np.ndarray:
        """Predicted losses of the rows in `seen`, (F, K, R), nats per token."""
        with jax.enable_x64(True):
            loss_BxR = np.asarray(predict(self.law, self.z_BxP, self.seen.rows, self.constants))
        return loss_BxR.reshape(-1, len(self.seen.log_loss_KxR), loss_BxR.shape[1])

    def bands(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predicted losses of the rows in `seen` and ends of 90% intervals (see `mixlaw.band`), (F, K, R) each."""
        with jax.enable_x64(True):
            log_BxR, sd_BxR = moments(
                self.law, self.problems, self.z_BxP, self.seen.rows, self.constants, self.degrees_B
            )
        low_BxR, high_BxR = student_interval(log_BxR, sd_BxR, self.problems.weight_R.sum(1) - self.degrees_B)
        shape = (-1, len(self.seen.log_loss_KxR), log_BxR.shape[1])
        return np.exp(log_BxR).reshape(shape), low_BxR.reshape(shape), high_BxR.reshape(shape)


def _prepare(
    law: type[Law], seen: Observations, train_FxR: np.ndarray
) -> tuple[list[Observations], _Batch, ParameterPrior]:
    """Observations of each training part, all parts as one batch, and the batch's prior (leading axis B)."""
    parts = [seen.only(train_R) for train_R in train_FxR]
    known = jax.tree.map(lambda *x: np.concatenate(x), *(part.constants(law) for part in parts))
    weight_BxR = np.concatenate([seen.weight_KxR * train_R for train_R in train_FxR])
    log_loss_BxR = np.tile(seen.log_loss_KxR, (len(parts), 1))
    batch = _Batch(seen.runs, seen.rows, log_loss_BxR, weight_BxR, (), known=known)
    moments_F = zip(*(parameter_prior(law, part) for part in parts), strict=True)
    return parts, batch, ParameterPrior(*map(np.concatenate, moments_F))


def refit(law: type[Law], seen: Observations, train_FxR: np.ndarray) -> Refits:
    """Fit a law on each training part, without any use of the other rows' losses.

    Fits start from the prior's mean, or from the law's own starts if it has no priors.

    Args:
        law: the law. seen: its observations, of a `with_row_numbers` table.
        train_FxR: training rows of that table.
    """
    train_FxR = train_FxR[:, positions(seen.runs)]
    with jax.enable_x64(True):
        parts, batch, prior = _prepare(law, seen, train_FxR)
        z_BxSxP, limits = prior.mean_KxP[:, None], HELD_OUT_STOPPING
        if not law.objective.priors:
            at, limits = np.split(prior.mean_KxP, len(parts)), HELD_OUT_STOPPING_NO_PRIOR
            rng = np.random.default_rng(0)  # not used: there are no random starts
            z_BxSxP = np.concatenate([starts(law, part, z, rng, 0) for part, z in zip(parts, at, strict=True)])
        solution, sigma_B, _ = estimate(law, batch, z_BxSxP, prior, limits)
    problems = prior.problem(*batch.data, sigma_B)
    return Refits(law, seen, problems, batch.known, np.asarray(solution.z_P), sigma_B, np.asarray(solution.degrees))


def refit_inside(outer: Refits, train_FxGxR: np.ndarray) -> Refits:
    """Fit on G inner parts of each training part, from the outer refit's parameters and with its residual scale.

    Nothing from outside the training part is used. Predicted losses are accurate, intervals are not: a choice between
    laws needs only the losses."""
    law, seen = outer.law, outer.seen
    inner = train_FxGxR.shape[1]
    train_BxR = train_FxGxR[:, :, positions(seen.runs)].reshape(len(train_FxGxR) * inner, -1)
    # From (F, K, ...) to (F, G, K, ...), flat again.
    targets = len(seen.log_loss_KxR)
    spread = lambda x: np.repeat(x.reshape(-1, 1, targets, *x.shape[1:]), inner, 1).reshape(-1, *x.shape[1:])  # noqa: E731
    sigma_B = spread(outer.sigma_B)
    with jax.enable_x64(True):
        _, batch, prior = _prepare(law, seen, train_BxR)
        scale_B = sigma_B if law.objective.priors else np.full(len(sigma_B), law.objective.sigma)
        problems = prior.problem(*batch.data, scale_B)
        solution = lm.solve(law, problems, spread(outer.z_BxP), seen.rows, batch.known, REFIT_STOPPING)
    return Refits(law, seen, problems, batch.known, np.asarray(solution.z_P), sigma_B, np.asarray(solution.degrees))


def gather(loss_FxKxR: np.ndarray, rows: np.ndarray, test_FxR: np.ndarray) -> np.ndarray:
    """Prediction of each row by the refit whose test part contains it, (K, R); nan if none does.

    Args:
        loss_FxKxR: predictions of each refit for the rows at `rows`.
        rows: row numbers in the table.
        test_FxR: test parts of the table.
    """
    found_KxR = np.full((loss_FxKxR.shape[1], test_FxR.shape[1]), np.nan)
    for loss_KxR, test_R in zip(loss_FxKxR, test_FxR[:, rows], strict=True):
        found_KxR[:, rows[test_R]] = loss_KxR[:, test_R]
    return found_KxR


def law_predictions(refits: Refits, split: Split) -> Predictions:
    """Held-out predictions of a law's refits, with Laplace intervals."""
    rows = positions(refits.seen.runs)
    return Predictions(*(gather(x, rows, split.test_FxR) for x in refits.bands()))


def point_predictions(
    predict: Callable[[int, np.ndarray], np.ndarray], runs: Runs, scored_KxR: np.ndarray, split: Split
) -> Predictions:
    """Held-out predictions of a predictor without intervals, refitted on every training part.

    Intervals are split-conformal (Vovk et al. 2005): the half-width on log-loss is the ceil((n + 1) 0.9)th smallest of
    the n absolute residuals of the scored rows in the inner folds; infinite if n < 9.

    Args:
        predict: function of a target's index and the mask of training rows; returns losses of all rows (R,).
        runs: the table.
        scored_KxR: mask of the rows to score.
        split: training and test parts.
    """
    loss_FxKxR, width_FxK = [], []
    for f, train_R in enumerate(split.train_FxR):
        loss_FxKxR.append([predict(k, train_R) for k in range(len(runs.targets))])
        inner = zip(split.inner_train_FxGxR[f], split.inner_test_FxGxR[f], strict=True)
        error_KxR = np.full(scored_KxR.shape, np.nan)
        for inner_train_R, inner_test_R in inner:
            for k, scored_R in enumerate(scored_KxR):
                at = inner_test_R & scored_R
                found_N = np.maximum(predict(k, inner_train_R)[at], 0.0)  # a line may fall below 0: an infinite error
                with np.errstate(divide="ignore"):
                    error_KxR[k, at] = np.abs(np.log(found_N / runs.loss_RxK[at, k]))
        width_FxK.append([_conformal(error_R[~np.isnan(error_R)]) for error_R in error_KxR])
    every = np.arange(len(runs))
    loss_FxKxR, factor_FxKx1 = np.array(loss_FxKxR), np.exp(np.array(width_FxK))[:, :, None]
    ends = (loss_FxKxR, loss_FxKxR / factor_FxKx1, loss_FxKxR * factor_FxKx1)
    return Predictions(*(gather(x, every, split.test_FxR) for x in ends))


def _conformal(error_N: np.ndarray) -> float:
    rank = int(np.ceil((len(error_N) + 1) * INTERVAL_PROBABILITY))
    return float(np.sort(error_N)[rank - 1]) if rank <= len(error_N) else np.inf
