"""Other people's solvers for the problems that a fit solves: SciPy's `least_squares` and Optimistix.

Each is given the objective of `mixlaw.fit` (Huber's loss of weighted residuals of log-loss, Gaussian priors), its
Jacobian from JAX and its starts. Where a solver takes plain least squares only, a residual r of weight w becomes
sign(r) sqrt(2 w huber(r)), whose half square is that loss; the residuals of the prior are L'(z - mean), with LL' its
precision.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.laws import Law, Row
from mixlaw.laws.base import constrain


class Call(NamedTuple):
    """B problems as `lm.solve` is given them: a law, its problems, starts, runs, constants, and when to end."""

    law: type[Law]
    problems: lm.FitProblem
    z_BxP: np.ndarray
    rows: Row
    constants: dict
    limits: lm.Stopping

    def take(self, index_B: np.ndarray) -> "Call":
        """Some of the problems."""
        problems, constants = jax.tree.map(lambda x: np.asarray(x)[index_B], (self.problems, self.constants))
        return self._replace(problems=problems, z_BxP=np.asarray(self.z_BxP)[index_B], constants=constants)


class Found(NamedTuple):
    """Where a solver ended (B, P), and whether it says that it converged (B,)."""

    z_BxP: np.ndarray
    converged_B: np.ndarray


def calls_of(work: Callable[[], Any]) -> list[Call]:
    """What `work` asks of the fit's solver, call by call."""
    calls: list[Call] = []
    solve = lm.solve

    def recorded(law: type[Law], problems: Any, z_BxP: Any, rows: Row, constants: dict, limits: Any = None) -> Any:
        ends = limits or lm.Stopping(law.objective.steps, law.objective.tolerance)
        calls.append(Call(law, jax.tree.map(np.asarray, problems), np.asarray(z_BxP), rows, constants, ends))
        return solve(law, problems, z_BxP, rows, constants, limits)

    with mock.patch.object(lm, "solve", recorded):
        work()
    return calls


def by_mixlaw(call: Call) -> Found:
    """The solver of `mixlaw.fit`, all problems as one batch."""
    with jax.enable_x64(True):
        found = lm.solve(call.law, call.problems, call.z_BxP, call.rows, call.constants, call.limits)
    return Found(found.z_P, found.converged)


def by_scipy(call: Call, robust: bool) -> Found:
    """SciPy's `least_squares`, one problem after another: `trf` with Huber's loss (`robust`), or MINPACK's `lm` on the
    transformed residuals. It ends by the relative fall of the objective, and the count, that the fit's solver ends by.
    """
    z_BxP, converged_B = np.empty_like(call.z_BxP), np.zeros(len(call.z_BxP), bool)
    for b in range(len(z_BxP)):
        one = call.take(np.array(b))
        own = _Residuals(one, plain=not robust)
        how = {"method": "trf", "loss": own.huber} if robust else {"method": "lm"}
        ends = {"ftol": call.limits.tolerance, "max_nfev": call.limits.steps}
        with jax.enable_x64(True):
            found = least_squares(own.value, one.z_BxP, own.jacobian, x_scale="jac", **how, **ends)
        z_BxP[b], converged_B[b] = found.x, found.status > 0
    return Found(z_BxP, converged_B)


def by_optimistix(call: Call, tolerance: float, lanes: int) -> Found:
    """Optimistix's `LevenbergMarquardt`, so many problems in one compiled call. It ends when steps and changes of
    residuals are small. Normal equations by Cholesky: its default, QR, took 1.2 times the CPU seconds here."""
    z_BxP, converged_B = np.empty_like(call.z_BxP), np.zeros(len(call.z_BxP), bool)
    for first in range(0, len(z_BxP), lanes):
        at = np.arange(first, first + lanes) % len(z_BxP)  # one size, compiled once
        part = call.take(at)
        with jax.enable_x64(True):
            solve = _optimistix(call.law, tolerance, call.limits.steps, lanes > 1)
            asked = (part.z_BxP, part.problems, _roots(part.problems), part.constants)
            asked = asked if lanes > 1 else jax.tree.map(lambda x: x[0], asked)
            found = solve(*asked, call.rows)
        z_BxP[at], converged_B[at] = found
    return Found(z_BxP, converged_B)


def objectives(call: Call, z_BxP: np.ndarray) -> np.ndarray:
    """The objective of each problem at its own parameters, (B,); inf where it is not finite."""
    with jax.enable_x64(True):
        value = _objectives(call.law, z_BxP, call.problems, _roots(call.problems), call.rows, call.constants)
    return np.nan_to_num(np.asarray(value), nan=np.inf)


def _roots(problems: lm.FitProblem) -> np.ndarray:
    """L' of every prior's precision, (B, P, P)."""
    return np.swapaxes(np.linalg.cholesky(problems.precision_PxP), -1, -2)


@partial(jax.jit, static_argnums=0)
def _log_losses(law: type[Law], z_P: Any, rows: Row, constants: dict) -> tuple[Any, Any]:
    """Log-losses (R,) and their Jacobian (R, P), by one reverse pass a run as in the fit itself."""

    def one(z: Any, row: Row) -> Any:
        return jnp.log(constrain(law, z, constants, row.w_S.shape[-1])(row))

    return jax.vmap(jax.value_and_grad(one), in_axes=(None, 0))(z_P, rows)


def _transform(np_: Any, r_R: Any, weight_R: Any, huber: float) -> tuple[Any, Any]:
    """Residuals whose half squares are the weighted Huber losses, and their derivatives in r, each (R,)."""
    size_R = np_.abs(r_R)
    root_R = np_.sqrt(np_.maximum(2.0 * huber * size_R - huber**2, huber**2))
    inside = size_R <= huber
    value_R = np_.where(inside, r_R, np_.sign(r_R) * root_R)
    return np_.sqrt(weight_R) * value_R, np_.sqrt(weight_R) * np_.where(inside, 1.0, huber / root_R)


class _Residuals:
    """Residuals and Jacobian of one problem as SciPy asks for them; both come from one compiled call at a point."""

    def __init__(self, one: Call, plain: bool) -> None:
        self.one, self.plain, self.root_PxP = one, plain, _roots(one.problems)
        self.at, self.kept = b"", (np.empty(0), np.empty(0))

    def both(self, z_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if z_P.tobytes() != self.at:
            one, problem = self.one, self.one.problems
            log_R, jac_RxP = (np.asarray(x) for x in _log_losses(one.law, z_P, one.rows, one.constants))
            used_R = problem.weight_R > 0
            r_R = np.where(used_R, log_R - problem.log_loss_R, 0.0) / problem.sigma
            jac_RxP = np.where(used_R[:, None], jac_RxP, 0.0) / problem.sigma
            if self.plain:
                r_R, slope_R = _transform(np, r_R, problem.weight_R, one.law.objective.huber)
                jac_RxP = slope_R[:, None] * jac_RxP
            prior_P = self.root_PxP @ (z_P - problem.mean_P)
            self.kept = np.concatenate([r_R, prior_P]), np.vstack([jac_RxP, self.root_PxP])
            self.at = z_P.tobytes()
        return self.kept

    def value(self, z_P: np.ndarray) -> np.ndarray:
        return self.both(z_P)[0]

    def jacobian(self, z_P: np.ndarray) -> np.ndarray:
        return self.both(z_P)[1]

    def huber(self, square_M: np.ndarray) -> np.ndarray:
        """SciPy's rho with its first two derivatives: weighted Huber of the runs, squares of the prior."""
        weight_R, delta = self.one.problems.weight_R, self.one.law.objective.huber
        R, rho_3xM = len(weight_R), np.stack([square_M, np.ones_like(square_M), np.zeros_like(square_M)])
        far_R, size_R = square_M[:R] > delta**2, np.sqrt(np.maximum(square_M[:R], delta**2))
        outside = np.stack([2.0 * delta * size_R - delta**2, delta / size_R, -0.5 * delta / size_R**3])
        rho_3xM[:, :R] = weight_R * np.where(far_R, outside, rho_3xM[:, :R])
        return rho_3xM


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _residuals(law: type[Law], z_P: Any, problem: Any, root_PxP: Any, rows: Row, known: dict) -> Any:
    """The transformed residuals of runs and prior, (R + P,)."""
    return _linearised(law, z_P, problem, root_PxP, rows, known)[0]


@_residuals.defjvp
def _(law: type[Law], primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """Only the parameters are varied; their Jacobian is that of `_log_losses`."""
    value_M, jac_MxP = _linearised(law, *primals)
    return value_M, jac_MxP @ tangents[0]


def _linearised(law: type[Law], z_P: Any, problem: Any, root_PxP: Any, rows: Row, known: dict) -> tuple[Any, Any]:
    log_R, jac_RxP = _log_losses(law, z_P, rows, known)
    r_R = jnp.where(problem.weight_R > 0, log_R - problem.log_loss_R, 0.0) / problem.sigma
    value_R, slope_R = _transform(jnp, r_R, problem.weight_R, law.objective.huber)
    value_M = jnp.concatenate([value_R, root_PxP @ (z_P - problem.mean_P)])
    return value_M, jnp.concatenate([(slope_R / problem.sigma)[:, None] * jac_RxP, root_PxP])


@partial(jax.jit, static_argnums=0)
def _objectives(law: type[Law], z_BxP: Any, problems: Any, root_BxPxP: Any, rows: Row, constants: dict) -> Any:
    def one(z_P: Any, problem: Any, root_PxP: Any, known: dict) -> Any:
        return 0.5 * jnp.sum(_residuals(law, z_P, problem, root_PxP, rows, known) ** 2)

    return jax.vmap(one)(z_BxP, problems, root_BxPxP, constants)


@cache
def _optimistix(law: type[Law], tolerance: float, steps: int, batched: bool) -> Callable:
    import lineax
    import optimistix

    cholesky = lineax.Normal(lineax.Cholesky())
    solver = optimistix.LevenbergMarquardt(rtol=tolerance, atol=tolerance, linear_solver=cholesky)

    def one(z_P: Any, problem: Any, root_PxP: Any, known: dict, rows: Row) -> tuple[Any, Any]:
        fixed = problem, root_PxP, rows, known
        asked = lambda z, args: _residuals(law, z, *args)  # noqa: E731
        found = optimistix.least_squares(asked, solver, z_P, fixed, max_steps=steps, throw=False)
        return found.value, found.result == optimistix.RESULTS.successful

    return jax.jit(jax.vmap(one, in_axes=(0, 0, 0, 0, None)) if batched else one)
