"""Nested pipeline of data mixing laws: a fit over steps, then over sizes, then over mixtures."""

from typing import NamedTuple

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.laws.base import MAP, Row, View, prior_moments
from mixlaw.laws.mixing.log_linear import LogLinear
from mixlaw.laws.references.base import DISTINCT_RATIO, Reference, drop_unused

EXPONENTS = np.geomspace(0.02, 3.0, 120)
"""Grid of exponents a in c + (x0/x)^a; the two other constants are a linear least-squares fit."""
FEWEST_POINTS = 3
"""Smallest number of points of a step or size law, which has three constants, and of mixtures of a mixing law."""


class StepSizeNested(Reference):
    """Three nested fits: over D for each mixture and N, then over N for each mixture, then over mixtures.

    Ye et al. (2403.16952): a step law c + (D0/D)^a extrapolates each run to the predicted D, a size law c + (N0/N)^a
    extrapolates each mixture to the predicted N, and the mixing law E + exp(c + t.w) is fitted on the results (with the
    priors of log-linear; the paper has none). The step law is left out if all rows have the same D, and the size law if
    they have the same N; predictions are then at the D or N of the runs. Rows with the same mixture and N are
    checkpoints of one run; a run or mixture with fewer than three points at a stage is dropped. As published, each
    power law has three free constants (none negative, a from .02 to 3), even for three points.

    >>> StepSizeNested.name, sorted(StepSizeNested.needs)
    ('step-size-nested', ['mixture', 'params', 'tokens'])
    """

    name = "step-size-nested"
    equation = "c + (D0/D)^a for each run, then c + (N0/N)^a for each mixture, then E + exp(c + sum_i t_i w_i)"
    source = "Ye et al., 2403.16952"
    needs = frozenset({"mixture", "params", "tokens"})
    optional = frozenset({"params", "tokens"})

    @classmethod
    def predict(cls, rows: Row, loss_R: np.ndarray, weight_R: np.ndarray, at: Row, seed: int) -> np.ndarray:
        del seed  # nothing is random
        rows, loss_R, weight_R = drop_unused(rows, loss_R, weight_R)
        runs = _step_laws(rows, loss_R, weight_R)
        N_M, D_M = (x if _several(y) else np.ones(len(at.w_S)) for x, y in zip(at[1:3], rows[1:3], strict=True))
        loss_M = np.empty(len(at.w_S))
        pairs_Px2, pair_M = np.unique(np.stack([N_M, D_M], 1), axis=0, return_inverse=True)
        for p, (N, D) in enumerate(pairs_Px2):
            here_M = pair_M.ravel() == p
            w_GxS, loss_G = _size_laws(runs, N, D, _several(rows.params))
            loss_M[here_M] = _mix(w_GxS, loss_G, at.w_S[here_M])
        return loss_M


class _Power(NamedTuple):
    """c + B (x/x0)^-a."""

    c: float
    B: float
    a: float
    x0: float

    def __call__(self, x: float) -> float:
        return self.c + self.B * (x / self.x0) ** -self.a


def _several(x_R: np.ndarray) -> bool:
    return bool(np.max(x_R) > DISTINCT_RATIO * np.min(x_R))  # not where they are nan: the table has none


def _power_law(x_P: np.ndarray, y_P: np.ndarray, weight_P: np.ndarray) -> _Power:
    """The non-negative constants with the least sum of squared relative errors."""
    x0, v_P = np.exp(np.log(x_P).mean()), weight_P / y_P**2
    t_GxP = (x_P / x0) ** -EXPONENTS[:, None]
    one, y, t_G, tt_G, ty_G = v_P.sum(), v_P @ y_P, t_GxP @ v_P, t_GxP**2 @ v_P, t_GxP @ (v_P * y_P)
    B_G = np.maximum((one * ty_G - t_G * y) / (one * tt_G - t_G**2), 0.0)
    c_G = (y - B_G * t_G) / one
    B_G, c_G = np.where(c_G < 0, ty_G / tt_G, B_G), np.maximum(c_G, 0.0)
    best = np.argmin((y_P - c_G[:, None] - B_G[:, None] * t_GxP) ** 2 @ v_P)
    return _Power(float(c_G[best]), float(B_G[best]), float(EXPONENTS[best]), float(x0))


_Runs = dict[tuple[float, ...], dict[float, _Power]]
"""Loss as a function of D, by mixture and by N (1 if the table has one N or none)."""


def _step_laws(rows: Row, loss_R: np.ndarray, weight_R: np.ndarray) -> _Runs:
    """The step law of each mixture and N with enough checkpoints; a constant if all rows have the same D."""
    steps, found = _several(rows.tokens), {}
    size_R = rows.params if _several(rows.params) else np.ones(len(loss_R))
    keys = np.unique(np.hstack([np.round(rows.w_S, 6), size_R[:, None]]), axis=0, return_inverse=True)[1].ravel()
    for key in np.unique(keys):
        of = keys == key
        if not steps:
            law = _Power(float(np.average(loss_R[of], weights=weight_R[of])), 0.0, 1.0, 1.0)
        elif len(np.unique(rows.tokens[of])) >= FEWEST_POINTS:
            law = _power_law(rows.tokens[of], loss_R[of], weight_R[of])
        else:
            continue
        found.setdefault(tuple(rows.w_S[of][0]), {})[float(size_R[of][0])] = law
    if len(found) < FEWEST_POINTS:
        stage = "the step law has no three checkpoints" if steps else "there is no row"
        _refuse(f"{stage} of one mixture and N for at least {FEWEST_POINTS} mixtures (for {len(found)})")
    return found


def _size_laws(runs: _Runs, N: float, D: float, sizes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures (G, S) and their losses (G,), extrapolated to N and D."""
    mixtures, losses = [], []
    for w_S, by_size in runs.items():
        N_P = np.array(list(by_size))
        loss_P = np.array([law(D) for law in by_size.values()])
        if sizes and len(N_P) < FEWEST_POINTS:
            continue
        mixtures.append(w_S)
        losses.append(_power_law(N_P, loss_P, np.ones(len(N_P)))(N) if sizes else loss_P[0])
    if len(losses) < FEWEST_POINTS:
        _refuse(f"the size law has three sizes for {len(losses)} mixtures, and needs them for at least {FEWEST_POINTS}")
    return np.array(mixtures), np.array(losses)


def _refuse(reason: str) -> None:
    raise MixlawError(f"law step-size-nested: {reason}: add such runs, or choose another law")


def _mix(w_GxS: np.ndarray, loss_G: np.ndarray, at_MxS: np.ndarray) -> np.ndarray:
    """Losses (M,) of the log-linear law fitted on G mixtures: maximum a posteriori, without a target's own source."""
    from scipy.optimize import least_squares

    names = tuple(map(str, range(w_GxS.shape[1])))
    view = View(names, "", float(loss_G.min()), float(np.median(loss_G)), 1.0, 1.0, len(loss_G))
    mean_P, covariance_PxP = prior_moments(LogLinear, view)
    whiten_PxP = np.linalg.cholesky(np.linalg.inv(covariance_PxP)).T

    def parts(z_P: np.ndarray, w_RxS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.exp(z_P[0]), np.exp(np.minimum(z_P[1] + w_RxS @ z_P[2:], 50.0))  # trial steps may be large

    def residuals(z_P: np.ndarray) -> np.ndarray:
        floor, above_G = parts(z_P, w_GxS)
        misfit_G = (np.log(floor + above_G) - np.log(loss_G)) / MAP.sigma
        return np.concatenate([misfit_G, whiten_PxP @ (z_P - mean_P)])

    def slopes(z_P: np.ndarray) -> np.ndarray:
        floor, above_G = parts(z_P, w_GxS)
        share_G = above_G / (floor + above_G)
        jac_GxP = np.column_stack([1 - share_G, share_G, share_G[:, None] * w_GxS]) / MAP.sigma
        return np.vstack([jac_GxP, whiten_PxP])

    found = least_squares(residuals, mean_P, slopes, x_scale="jac")
    if not found.success:
        _refuse("the mixing law's solver has not converged")
    floor, above_M = parts(found.x, at_MxS)
    return floor + above_M
