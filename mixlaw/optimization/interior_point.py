"""Primal-dual interior-point method for batches of `Program`s, in NumPy.

Each iteration takes a Newton step on the logarithmic barrier function with the primal-dual Hessian (z/s in place of
mu/s^2) and a line search on the barrier function, and keeps multipliers near mu/s. This is Wächter and Biegler (2006)
without equality residuals, because every iterate is feasible. For a law that is not convex, the eigenvalues of the
scaled system are made positive.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mixlaw.optimization.fixed_proportions import ReducedOracle
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program
from mixlaw.optimization.standard_form import Iterate, StandardForm

INITIAL_BARRIER = 1e-2
"""Initial barrier weight mu, as a share of the objective."""
MAX_STEPS = 250
MAX_HALVINGS = 40
BARRIER_TOLERANCE = 0.1
"""Stop at one barrier weight when the predicted decrease of the barrier function is below this multiple of the
weight."""
SMALLEST_SLACK = 1e-16
"""Smallest slack of a row, as a share of its limit. Losses with derivatives come from another compiled function than
losses alone, so a slack of one unit in the last place in one of them may be 0 in the other."""
MULTIPLIER_FACTOR = 1e10
"""Largest factor by which multipliers may differ from mu/s (Wächter and Biegler's kappa_Sigma)."""


@dataclass(frozen=True)
class PrimalDual:
    """Primal and dual solution of each problem.

    Attributes:
        w_BxS: mixtures within their bounds.
        z_BxM: multipliers of the program's rows, at least 0.
        pull_BxS: subgradient of the L1 distance |w - r|_1 times its weight; 0 if the program has no L1 term.
        top_B: the variable t of `Program` (the largest loss if the objective is "worst").
        low_BxS, high_BxS: multipliers of the lower and upper bounds, at least 0.
    """

    w_BxS: np.ndarray
    z_BxM: np.ndarray
    pull_BxS: np.ndarray
    top_B: np.ndarray
    low_BxS: np.ndarray
    high_BxS: np.ndarray


class _System(NamedTuple):
    """Newton system at a point: gradient, Hessian, Jacobian of the rows, slacks, and distances to the bounds."""

    g_BxN: np.ndarray
    H_BxNxN: np.ndarray
    J_BxMxN: np.ndarray
    slack_BxM: np.ndarray
    low_BxN: np.ndarray
    high_BxN: np.ndarray
    losses_BxK: np.ndarray


def _slack(form: StandardForm, x_BxN: np.ndarray, losses_BxK: np.ndarray, of_B: np.ndarray) -> np.ndarray:
    """Slack of each row (B, M): limit minus left-hand side, at least `SMALLEST_SLACK` of the limit."""
    limit_BxM = form.limit_BxM[of_B]
    least_BxM = SMALLEST_SLACK * np.maximum(np.abs(limit_BxM), 1.0)
    return np.maximum(limit_BxM - form.rows_without(x_BxN, losses_BxK), least_BxM)


def _system(form: StandardForm, oracle: Oracle | ReducedOracle, at: Iterate, of_B: np.ndarray) -> _System:
    program, S, rows = form.program, form.S, form.R_MxK
    w_BxS, mu_Bx1 = at.x_BxN[:, :S], at.barrier_B[:, None]
    losses_BxK, slope_BxKxS, curve_BxSxS = oracle.derivatives(of_B, w_BxS, program.weight_K + at.z_BxM @ rows)
    J_BxMxN = np.broadcast_to(form.Q_MxN, (len(of_B), *form.Q_MxN.shape)).copy()
    J_BxMxN[:, :, :S] += rows @ slope_BxKxS
    g_BxN = np.hstack([program.weight_K @ slope_BxKxS, np.broadcast_to(form.cost_X, (len(of_B), form.N - S))])
    g_BxN[:, :S] += program.cost_BxS[of_B]
    H_BxNxN = np.zeros((len(of_B), form.N, form.N))
    H_BxNxN[:, :S, :S] = curve_BxSxS
    if program.uses_kl:
        logs_BxS = np.log(w_BxS / program.reference_S) + 1.0
        g_BxN[:, :S] += program.kl * logs_BxS
        J_BxMxN[:, :, :S] += form.k_M[:, None] * logs_BxS[:, None, :]
        H_BxNxN[:, range(S), range(S)] += (program.kl + at.z_BxM @ form.k_M)[:, None] / w_BxS
    slack_BxM = _slack(form, at.x_BxN, losses_BxK, of_B)
    low_BxN, high_BxN = form.room(at.x_BxN, of_B)
    if len(form.Q_MxN):
        g_BxN += ((mu_Bx1 / slack_BxM)[:, None, :] @ J_BxMxN)[:, 0]
        H_BxNxN += J_BxMxN.transpose(0, 2, 1) @ ((at.z_BxM / slack_BxM)[:, :, None] * J_BxMxN)
    g_BxN += mu_Bx1 / high_BxN - mu_Bx1 / low_BxN
    H_BxNxN[:, range(form.N), range(form.N)] += at.low_BxN / low_BxN + at.high_BxN / high_BxN
    return _System(g_BxN, H_BxNxN, J_BxMxN, slack_BxM, low_BxN, high_BxN, losses_BxK)


def _direction(form: StandardForm, system: _System, of_B: np.ndarray, convex: bool) -> tuple[np.ndarray, np.ndarray]:
    """Newton step with sum(w) fixed, and its predicted decrease of the barrier function."""
    free_BxN, S = form.free_BxN[of_B], form.S
    # Variables are scaled by the curvature, so that a share of 1e-12 is as well conditioned as one of .5.
    curve_BxN = np.einsum("bnn->bn", system.H_BxNxN)
    scale_BxN = np.where(free_BxN, 1.0 / np.sqrt(np.maximum(np.abs(curve_BxN), 1e-300)), 0.0)
    H_BxNxN = system.H_BxNxN * scale_BxN[:, :, None] * scale_BxN[:, None, :]
    H_BxNxN[:, range(form.N), range(form.N)] += ~free_BxN + 1e-14
    g_BxN = np.where(free_BxN, system.g_BxN, 0.0)
    # With sum(w) fixed, a constant added to the gradient has no effect. Subtracting the entry of the share that is
    # farthest from its bounds avoids cancellation of large numbers if the objective is (nearly) linear.
    most_B = np.argmax(scale_BxN[:, :S], axis=1)
    g_BxN[:, :S] -= np.where(free_BxN[:, :S], g_BxN[np.arange(len(g_BxN)), most_B][:, None], 0.0)
    ones_BxN = np.zeros_like(g_BxN)
    ones_BxN[:, :S] = free_BxN[:, :S]
    both_BxNx2 = np.stack([g_BxN * scale_BxN, ones_BxN * scale_BxN], 2)
    if convex:
        solved_BxNx2 = np.linalg.solve(H_BxNxN, both_BxNx2)
    else:
        value_BxN, basis_BxNxN = np.linalg.eigh(H_BxNxN)
        size_BxN = np.maximum(np.abs(value_BxN), 1e-10)
        solved_BxNx2 = basis_BxNxN @ (basis_BxNxN.transpose(0, 2, 1) @ both_BxNx2 / size_BxN[:, :, None])
    towards_BxN, along_BxN = (solved_BxNx2[:, :, i] * scale_BxN for i in (0, 1))
    total_B = (along_BxN * ones_BxN).sum(1)
    share_B = np.divide((towards_BxN * ones_BxN).sum(1), total_B, out=np.zeros_like(total_B), where=total_B > 0)
    d_BxN = share_B[:, None] * along_BxN - towards_BxN
    return d_BxN, -(g_BxN * d_BxN).sum(1)


def _longest(x: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Longest step, at most 1, that leaves every positive number (B, ...) at least .5% of its value."""
    ratio = np.divide(-d, x, out=np.zeros_like(d), where=np.isfinite(x) & (d < 0))
    return np.minimum(1.0, 0.995 / np.maximum(ratio.max(1, initial=0.0), 0.995))


def _search(
    form: StandardForm,
    oracle: Oracle | ReducedOracle,
    at: Iterate,
    system: _System,
    step: tuple[np.ndarray, np.ndarray],
    of_B: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backtracking line search: new variables, their losses, and a mask (B,) of the problems with an accepted step."""
    d_BxN, promise_B = step
    linear_B = _longest(system.low_BxN, d_BxN)
    length_B = np.minimum(linear_B, _longest(system.high_BxN, -d_BxN))
    before_B = form.merit(at.x_BxN, system.losses_BxK, at.barrier_B, of_B)
    x_BxN, losses_BxK = at.x_BxN.copy(), system.losses_BxK.copy()
    open_B = np.isfinite(promise_B) & (promise_B > 0)
    moved_B, rounding_B = np.zeros_like(open_B), 1e-15 * np.abs(before_B)
    for _ in range(MAX_HALVINGS):
        tried = np.flatnonzero(open_B)
        if not len(tried):
            break
        trial_BxN = at.x_BxN[tried] + length_B[tried, None] * d_BxN[tried]
        found_BxK = oracle.losses(of_B[tried], trial_BxN[:, : form.S])
        trial_BxN = form.lift(trial_BxN, found_BxK, at.barrier_B[tried], of_B[tried])
        after_B = form.merit(trial_BxN, found_BxK, at.barrier_B[tried], of_B[tried])
        enough_B = after_B <= before_B[tried] - 1e-4 * length_B[tried] * promise_B[tried] + rounding_B[tried]
        x_BxN[tried[enough_B]], moved_B[tried[enough_B]] = trial_BxN[enough_B], True
        losses_BxK[tried[enough_B]] = found_BxK[enough_B]
        open_B[tried[enough_B]] = False
        length_B[tried[~enough_B]] *= 0.5
    return x_BxN, losses_BxK, moved_B


def _multipliers(
    z: np.ndarray, slack: np.ndarray, change: np.ndarray, after: np.ndarray, barrier_Bx1: np.ndarray
) -> np.ndarray:
    """Multipliers (B, J) after a Newton step that at full length changes slacks by `change`; kept near mu / slack."""
    finite = np.isfinite(slack)
    near = np.where(finite, slack, 1.0)
    dz = np.where(finite, barrier_Bx1 / near - z - z / near * change, 0.0)
    new = z + _longest(np.where(finite, z, np.inf), dz)[:, None] * dz
    return np.clip(new, barrier_Bx1 / (MULTIPLIER_FACTOR * after), MULTIPLIER_FACTOR * barrier_Bx1 / after)


def _advance(
    form: StandardForm, oracle: Oracle | ReducedOracle, at: Iterate, of_B: np.ndarray
) -> tuple[Iterate, np.ndarray]:
    """One iteration of each problem: the new iterates, and a mask (B,) of the problems that have converged."""
    system = _system(form, oracle, at, of_B)
    d_BxN, promise_B = _direction(form, system, of_B, oracle.convex)
    x_BxN, losses_BxK, moved_B = _search(form, oracle, at, system, (d_BxN, promise_B), of_B)
    mu_Bx1, size_B = at.barrier_B[:, None], np.abs(system.losses_BxK).max(1, initial=1e-3)
    slack_BxM = _slack(form, x_BxN, losses_BxK, of_B)
    rooms = form.room(x_BxN, of_B)
    change_BxM = -(system.J_BxMxN @ d_BxN[:, :, None])[:, :, 0]
    z_BxM = _multipliers(at.z_BxM, system.slack_BxM, change_BxM, slack_BxM, mu_Bx1)
    low_BxN = _multipliers(at.low_BxN, system.low_BxN, d_BxN, rooms[0], mu_Bx1)
    high_BxN = _multipliers(at.high_BxN, system.high_BxN, -d_BxN, rooms[1], mu_Bx1)
    solved_B = ~moved_B | (promise_B < BARRIER_TOLERANCE * at.barrier_B)
    last_B, share_B = form.last * size_B, at.barrier_B / size_B
    done_B = solved_B & (at.barrier_B <= last_B * 1.0001)
    lower_B = np.maximum(size_B * np.minimum(0.1 * share_B, share_B**1.5), last_B)
    barrier_B = np.where(solved_B, np.minimum(lower_B, at.barrier_B), at.barrier_B)
    return Iterate(x_BxN, low_BxN, high_BxN, z_BxM, barrier_B), done_B


def solve(
    program: Program,
    oracle: Oracle | ReducedOracle,
    start_BxS: np.ndarray,
    share: float = INITIAL_BARRIER,
    last: float = 0.0,
) -> PrimalDual:
    """Solve B problems from mixtures strictly inside their bounds.

    Args:
        share: initial barrier weight, as a share of the objective; choose a smaller one for a start near the optimum.
        last: final barrier weight, as a share of the objective; overrides the default if it is larger.
    """
    form, count = StandardForm(program), len(start_BxS)
    form.last = max(form.last, last)
    every = np.arange(count)
    point = form.start(start_BxS, oracle.losses(every, start_BxS), share)
    open_B = np.ones(count, bool)
    for _ in range(MAX_STEPS):
        of_B = np.flatnonzero(open_B)
        if not len(of_B):
            break
        new, done_B = _advance(form, oracle, Iterate(*(part[of_B] for part in point)), of_B)
        for whole, part in zip(point, new, strict=True):
            whole[of_B] = part
        open_B[of_B[done_B]] = False
    S, M = form.S, form.M
    pull_BxS = point.z_BxM[:, M : M + S] - point.z_BxM[:, M + S :] if program.uses_l1 else np.zeros((count, S))
    top_B = point.x_BxN[:, form.top] if form.tops else np.zeros(count)
    bounds = point.low_BxN[:, :S], point.high_BxN[:, :S]
    return PrimalDual(point.x_BxN[:, :S], point.z_BxM[:, :M], pull_BxS, top_B, *bounds)
