"""Batched Levenberg–Marquardt: many fits of one law to the same runs, several at a time.

A batch may contain different targets, starts, bootstrap weights or folds of the same runs.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from mixlaw.estimation.objective import Evaluation, FitProblem, Jacobians, evaluate
from mixlaw.io.progress import part
from mixlaw.laws.base import Law, Row

FEW_LANES, MANY_LANES = 16, 256
"""Largest number of fits at a time, for small batches and for a bootstrap. Code is compiled once for each number."""
MAX_JACOBIAN_BYTES = 2**22
"""Largest size of all lanes' Jacobians, in bytes: 2,000 runs with 16 lanes took 2.3 times as long as with 4."""


class FitSolution(NamedTuple):
    """Result of one fit.

    Attributes:
        z_P: unconstrained parameters.
        objective: sum of weighted Huber losses plus half the prior's quadratic form.
        converged: True if the tolerance ended the fit, False if the number of steps did.
        residual_sum: weighted, robustified sum of squared residuals of log-loss.
        degrees: effective number of parameters, the trace of the hat matrix.
        count: number of steps.
    """

    z_P: Any
    objective: Any
    converged: Any
    residual_sum: Any
    degrees: Any
    count: Any


class Stopping(NamedTuple):
    """Stopping rule: largest number of steps, and smallest predicted decrease as a share of the objective."""

    steps: int
    tolerance: float


def solve(
    law: type[Law], problems: FitProblem, z_BxP: Any, rows: Row, constants: dict, limits: Stopping | None = None
) -> FitSolution:
    """Fit a batch of B problems from the starts z_BxP, each with its law constants; call inside a float64 context.

    JAX evaluates the objectives of the current fits and NumPy computes their steps. When a fit ends, the next one takes
    its lane. (A single compiled loop sometimes hung: XLA's CPU runtime can deadlock on linear algebra inside loops.)

    Returns:
        `FitSolution` with a leading axis of B, as NumPy arrays.
    """
    limits = limits or Stopping(law.objective.steps, law.objective.tolerance)
    z_BxP, (problems, constants) = np.asarray(z_BxP, float), jax.tree.map(np.asarray, (problems, constants))
    count, (runs, width) = len(z_BxP), (problems.log_loss_R.shape[1], z_BxP.shape[1])
    found = FitSolution(np.empty_like(z_BxP), *(np.empty(count, kind) for kind in (float, bool, float, float, int)))
    lanes = _lanes(count, runs * width)
    of_C, waiting = np.arange(lanes) % max(count, 1), list(range(count))[::-1]
    mine, known = jax.tree.map(lambda x: x[of_C], (problems, constants))
    none_CxRxP = np.zeros((lanes, runs, width))
    state, jacobians = _State.nowhere(lanes, width), Jacobians(none_CxRxP, none_CxRxP, np.zeros(lanes, bool))
    busy_C, ended_C = np.zeros(lanes, bool), np.ones(lanes, bool)
    while True:
        for c in np.flatnonzero(ended_C).tolist():
            busy_C[c] = bool(waiting)
            if waiting:
                of_C[c] = b = waiting.pop()
                state.begin(c, z_BxP[b])
                put = lambda x, y, b=b, c=c: x.__setitem__(c, y[b])  # noqa: E731
                jax.tree.map(put, (mine, known), (problems, constants))
        if not busy_C.any():
            return found
        there, jacobian_change_CxP, jacobians = evaluate(law, state.z_P + state.step_P, mine, rows, known, jacobians)
        with np.errstate(all="ignore"):  # `advance` rejects steps to values that are not finite
            went_C, done_C = state.advance(jax.tree.map(np.asarray, there), np.asarray(jacobian_change_CxP), limits)
        jacobians = jacobians._replace(went_C=went_C)
        ended_C = busy_C & (done_C | (state.count >= limits.steps))
        for c in np.flatnonzero(ended_C).tolist():
            result = state.result(c, done_C[c], mine.precision_PxP[c])
            for whole, value in zip(found, result, strict=True):
                whole[of_C[c]] = value
        if ended_C.any():
            part(count - len(waiting) - int((busy_C & ~ended_C).sum()), count, "fits")


def _lanes(count: int, entries: int) -> int:
    """Number of fits at a time out of `count`, given the number of entries of one Jacobian."""
    room = 1 << max(MAX_JACOBIAN_BYTES // (8 * entries), 1).bit_length() - 1
    return min(room, FEW_LANES if count <= 4 * FEW_LANES else MANY_LANES)


class _State:
    """State of C fits: parameters, next step and its predicted decrease, damping; arrays are changed in place."""

    def __init__(self, z_P: np.ndarray, at_z: Evaluation) -> None:
        lanes, width = z_P.shape
        self.z_P, self.at_z = z_P, at_z
        self.step_P, self.promised = np.zeros((lanes, width)), np.zeros(lanes)
        self.damping, self.factor = np.zeros(lanes), np.zeros(lanes)
        self.secant_PxP, self.use_secant = np.zeros((lanes, width, width)), np.zeros(lanes, bool)
        self.count = np.zeros(lanes, int)

    @classmethod
    def nowhere(cls, lanes: int, width: int) -> "_State":
        """State of C empty lanes."""
        zeros = [np.zeros((lanes, *shape)) for shape in ((), (width,), (width, width), ())]
        return cls(np.zeros((lanes, width)), Evaluation(*zeros))

    def begin(self, c: int, z_P: np.ndarray) -> None:
        """Put a fit into lane c. Its objective is infinite, so the first step, of length 0, accepts the start."""
        for x in (self.step_P, self.promised, self.secant_PxP, self.use_secant, self.count):
            x[c] = 0
        self.z_P[c], self.damping[c], self.factor[c] = z_P, 1e-2, 2.0
        self.at_z.objective[c], self.at_z.g_P[c], self.at_z.H_PxP[c] = np.inf, 0.0, np.eye(len(z_P))

    def advance(
        self, there: Evaluation, jacobian_change_CxP: np.ndarray, limits: Stopping
    ) -> tuple[np.ndarray, np.ndarray]:
        """Accept each step that lowers the objective, update the damping (Nielsen 1999), and compute the next step.

        Returns:
            Mask (C,) of the accepted steps.
            Mask (C,) of the fits that have ended: predicted decrease below the tolerance, or damping at its limit.
        """
        at_z = self.at_z
        begun_C = np.isfinite(at_z.objective)
        better_C = (there.objective <= at_z.objective) & np.isfinite(there.H_PxP).all((1, 2))
        gain_C = (at_z.objective - there.objective) / np.maximum(self.promised, 1e-300)
        shrink_C = np.where(np.isfinite(gain_C), np.clip(1.0 - (2.0 * gain_C - 1.0) ** 3, 1.0 / 3.0, 2.0), 1.0)
        small_C = (self.promised <= limits.tolerance * there.objective + 1e-22) & (self.damping <= 1e-2)
        self._update_secant(there, jacobian_change_CxP, better_C & begun_C)
        self.use_secant &= better_C | ~begun_C  # after a rejected step, use plain Gauss–Newton
        self.z_P[better_C] += self.step_P[better_C]
        for old, new in zip(at_z, there, strict=True):
            old[better_C] = new[better_C]
        self.damping = np.clip(self.damping * np.where(better_C, shrink_C, self.factor), 1e-15, 1e20)
        self.factor = np.where(better_C, 2.0, np.minimum(self.factor * 2.0, 1e6))
        self.count += 1
        self._propose_step()
        return better_C, (small_C & begun_C) | (self.damping >= 1e12)

    def _update_secant(self, there: Evaluation, jacobian_change_CxP: np.ndarray, use_C: np.ndarray) -> None:
        """Update the secant estimate of the Hessian's second-order part, and decide whether the next step uses it.

        In directions that the data hardly determine, the law's own curvature exceeds J'J and Gauss–Newton converges
        slowly. This is the structured secant update of NL2SOL (Dennis, Gay and Welsch 1981) with its sizing.
        """
        c = np.flatnonzero(use_C)
        s, y = self.step_P[c], there.g_P[c] - self.at_z.g_P[c]
        change, secant = jacobian_change_CxP[c], self.secant_PxP[c]
        dot = lambda a, b: np.einsum("cp,cp->c", a, b)  # noqa: E731
        along = dot(s, np.einsum("cpq,cq->cp", secant, s))
        sized = secant * np.minimum(1.0, np.abs(dot(s, change)) / np.maximum(np.abs(along), 1e-300))[:, None, None]
        miss, curve = change - np.einsum("cpq,cq->cp", sized, s), dot(y, s)
        cross = miss[:, :, None] * y[:, None, :] / curve[:, None, None]
        square = y[:, :, None] * y[:, None, :] * (dot(miss, s) / curve**2)[:, None, None]
        update = cross + cross.transpose(0, 2, 1) - square
        sound = (curve > 1e-12 * np.sqrt(dot(y, y) * dot(s, s))) & np.isfinite(update).all((1, 2))
        plain = dot(self.at_z.g_P[c], s) + 0.5 * dot(s, np.einsum("cpq,cq->cp", self.at_z.H_PxP[c], s))
        surplus = there.objective[c] - self.at_z.objective[c] - plain
        foretold = (np.abs(surplus - 0.5 * along) < np.abs(surplus)) | ~secant.any((1, 2))
        self.secant_PxP[c] = np.where(sound[:, None, None], sized + update, secant)
        self.use_secant[c] = sound & foretold

    def _propose_step(self) -> None:
        """Compute the damped step of each fit (Marquardt's scaling) and its predicted decrease of the objective."""
        g, H = self.at_z.g_P, self.at_z.H_PxP
        diagonal = np.einsum("cpp->cp", H)
        scale = diagonal + 1e-12 * diagonal.max(1, keepdims=True) + 1e-30
        damped = H + np.eye(g.shape[1]) * (self.damping[:, None] * scale)[:, None, :]
        step = _step(damped, g)
        c = np.flatnonzero(self.use_secant)
        if len(c):
            bold = _step(damped[c] + self.secant_PxP[c], g[c])
            down = np.isfinite(bold).all(1) & (np.einsum("cp,cp->c", bold, g[c]) < 0.0)
            step[c[down]] = bold[down]
            self.use_secant[c] = down
        model = H + np.where(self.use_secant[:, None, None], self.secant_PxP, 0.0)
        fall = np.einsum("cp,cpq,cq->c", step, model, step, optimize=True)
        self.step_P, self.promised = step, -np.einsum("cp,cp->c", g, step) - 0.5 * fall

    def result(self, c: int, done: bool, precision_PxP: np.ndarray) -> FitSolution:
        """Result of the fit in lane c."""
        H_PxP, width = self.at_z.H_PxP[c], self.z_P.shape[1]
        tiny_PxP = 1e-10 * np.diag(np.diag(H_PxP)) + 1e-12 * np.eye(width)
        degrees = width - np.trace(np.linalg.solve(H_PxP + tiny_PxP, precision_PxP + tiny_PxP))
        return FitSolution(self.z_P[c], self.at_z.objective[c], done, self.at_z.squares[c], degrees, self.count[c])


def _step(matrix_CxPxP: np.ndarray, g_CxP: np.ndarray) -> np.ndarray:
    """-matrix⁻¹ g, with entries limited to 4 (a factor exp(4) in a parameter per step); nan if singular."""
    try:
        d_CxP = -np.linalg.solve(matrix_CxPxP, g_CxP[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        if len(matrix_CxPxP) == 1:
            return np.full_like(g_CxP, np.nan)
        return np.concatenate([_step(m[None], g[None]) for m, g in zip(matrix_CxPxP, g_CxP, strict=True)])
    return d_CxP * np.minimum(1.0, 4.0 / np.maximum(np.abs(d_CxP).max(1, keepdims=True), 1e-300))
