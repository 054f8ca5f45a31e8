"""Random planning problems, and independent solvers for them: SciPy's SLSQP and cvxpy's cones (Clarabel).

SciPy is given the law's own gradients. To cvxpy every law is written anew, from its equation.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from scipy.optimize import minimize

from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import EffectiveTokens, Law, LogLinear, MixtureIndex, Row, View
from mixlaw.laws.base import constrain, prior_moments
from mixlaw.mixtures.constraint_rows import Rows, row, stack
from mixlaw.optimization.optimum import tighten
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program

AT = 3e8, 6e9
"""N and D at which laws of scale are asked."""
CONVEX = (EffectiveTokens, LogLinear, MixtureIndex)
SHAPES = (3, 2), (5, 3), (8, 4)
"""Sources and targets: few shapes, since each is compiled for each law."""


def drawn(law: type[Law], rng: np.random.Generator, targets: int, sources: int) -> Fit:
    """A fit with parameters that the law's prior finds plausible, and nothing else."""
    names, z_KxP, known = tuple(f"s{s}" for s in range(sources)), [], []
    for k in range(targets):
        view = View(names, names[k % sources], 2.0, 3.0, 1e8, 1e10, 40)
        mean_P, covariance_PxP = prior_moments(law, view)
        sd_P = np.sqrt(np.diag(covariance_PxP)).clip(max=1.5)
        z_KxP.append(mean_P + sd_P * rng.standard_normal(len(mean_P)))
        known.append(law.constants(view))
    constants = {name: np.stack([one[name] for one in known]) for name in known[0]}
    none: Any = None
    empty = np.empty((0, targets, len(z_KxP[0])))
    labels = tuple(f"t{k}" for k in range(targets))
    return Fit(law, names, labels, np.stack(z_KxP), np.full(targets, 0.01), constants, empty, none, none, (), {})


def single(fit: Fit) -> Oracle:
    """The oracle of one problem."""
    return Oracle(fit, fit.z_KxP[None], np.array(AT[:1]), np.array(AT[1:]))


def random_problem(seed: int, shape: tuple[int, int] | None = None) -> tuple[Fit, Program, np.ndarray]:
    """A fit, a program that the mixture returned keeps, and that mixture.

    Args:
        shape: sources and targets; by default those of `SHAPES` in turn.

    Objectives are the mean or the worst target; bounds, groups, money, ceilings, KL and |w - r| come and go.
    """
    rng = np.random.default_rng(seed)
    S, K = shape or SHAPES[seed // len(CONVEX) % len(SHAPES)]
    fit = drawn(CONVEX[seed % len(CONVEX)], rng, K, S)
    w_S, r_S = rng.dirichlet(np.ones(S)), 0.9 * rng.dirichlet(np.ones(S)) + 0.1 / S
    oracle = single(fit)
    losses_K = oracle.losses(np.arange(1), w_S[None])[0]
    some = lambda p: rng.uniform() < p  # noqa: E731
    lower_S = np.where(rng.uniform(size=S) < 0.3, w_S * rng.uniform(size=S), 0.0)
    upper_S = np.where(rng.uniform(size=S) < 0.3, w_S + (1 - w_S) * rng.uniform(size=S), 1.0)
    rows: list[Rows] = []
    if some(0.4):
        in_S = (rng.uniform(size=S) < 0.5).astype(float)
        rows.append(row("group", float(in_S @ w_S + 0.1 * rng.uniform()), losses_K=K, linear_S=in_S))
    if some(0.3):
        cost_S = rng.uniform(size=S)
        rows.append(row("money", float(cost_S @ w_S * rng.uniform(1.0, 1.2)), losses_K=K, linear_S=cost_S))
    if some(0.25):
        limit = float(w_S @ np.log(np.maximum(w_S, 1e-300) / r_S)) * rng.uniform(1.01, 1.5)
        rows.append(row("kl", limit, losses_K=K, linear_S=S, kl=1.0))
    if some(0.25):
        rows.append(row("l1", float(np.abs(w_S - r_S).sum()) * rng.uniform(1.01, 1.5), losses_K=K, linear_S=S, l1=1.0))
    for k in range(K):
        if some(0.3):
            limit = float(losses_K[k]) * rng.uniform(1.0001, 1.02)
            rows.append(row("ceiling", limit, losses_K=np.eye(K)[k], linear_S=S))
    weight_K, worst = rng.dirichlet(np.ones(K)), K > 1 and some(0.35)
    if worst:
        rows += [row("worst", 0.0, losses_K=np.eye(K)[k], linear_S=S, price=np.inf) for k in range(K)]
    penalty = [0.1 * rng.uniform() if some(0.15) else 0.0 for _ in range(2)]
    bounds = tighten(lower_S[None], upper_S[None])
    return fit, Program(weight_K * (not worst), *bounds, stack(rows, K, S), None, *penalty, r_S), w_S


def value(program: Program, fit: Fit, w_S: np.ndarray) -> tuple[float, float]:
    """The objective of a mixture, t included, and the most by which it breaks a row, a bound or the sum."""
    losses_1xK = single(fit).losses(np.arange(1), w_S[None])
    excess_M, top_M = program.excess(w_S[None], losses_1xK)[0], program.rows.top_M
    top = excess_M[top_M].max() if top_M.any() else 0.0
    broken = max(excess_M[~top_M].max(initial=0.0), abs(w_S.sum() - 1.0))
    broken = max(broken, (program.lower_BxS[0] - w_S).max(), (w_S - program.upper_BxS[0]).max())
    return float(program.smooth(w_S[None], losses_1xK)[0] + top), float(broken)


def _gradients(fit: Fit) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Losses (K,) and their gradients (K, S) of one mixture, compiled, without Hessians: SLSQP has no use for them."""
    unique_S = np.full(len(fit.sources), np.inf)

    def ask(w_S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with jax.enable_x64(True):
            found = _slopes(fit.law, fit.constants, fit.z_KxP, Row(w_S, AT[0], AT[1], unique_S))
            losses_K, J_KxS = (np.asarray(x) for x in found)
        return losses_K, J_KxS

    return ask


@partial(jax.jit, static_argnums=0)
def _slopes(law: type[Law], known_K: dict, z_KxP: Any, row: Row) -> Any:
    def one(z_P: Any, known: dict, w_S: Any) -> Any:
        return constrain(law, z_P, known, w_S.shape[0])(row._replace(w_S=w_S))

    return jax.vmap(jax.value_and_grad(one, 2), in_axes=(0, 0, None))(z_KxP, known_K, row.w_S)


class Posed:
    """A program for solvers of smooth ones: x = (w, t, e), e_i >= |w_i - r_i|, with exact derivatives.

    Attributes:
        begin: a feasible x, from a feasible mixture.
        limits: (lower, upper) of each entry of x, None for none.
        whole: coefficients of the equality whole . x = 1.
        inequalities: their number; `rest` gives them, at least 0 where they are kept.
    """

    def __init__(self, program: Program, fit: Fit, start_S: np.ndarray) -> None:
        self.program, self.fit, self.S = program, fit, len(start_S)
        self.tops, self.spread = int(program.rows.top_M.any()), self.S * program.uses_l1
        top = single(fit).losses(np.arange(1), start_S[None]).max() if self.tops else 0.0
        self.r_S = np.ones(self.S) if program.reference_S is None else program.reference_S
        far_S = np.abs(start_S - self.r_S)[: self.spread]
        self.begin = np.concatenate([start_S, np.full(self.tops, top), far_S])
        free = [(None, None)] * (self.tops + self.spread)
        self.limits = [*zip(program.lower_BxS[0], program.upper_BxS[0], strict=True), *free]
        self.whole = np.concatenate([np.ones(self.S), np.zeros(len(free))])
        self.inequalities = len(program.rows.names) + 2 * self.spread
        self.gradients, self.last = _gradients(fit), {}

    def both(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        """Losses, their gradients, the divergence and its gradient; kept for the point asked for last."""
        w_S, key = np.maximum(x[: self.S], 1e-12), x[: self.S].tobytes()  # slopes at 0 are infinite
        if key not in self.last:
            ratio_S = np.log(w_S / self.r_S)
            self.last = {key: (*self.gradients(w_S), float(w_S @ ratio_S), ratio_S + 1.0)}
        return self.last[key]

    def objective(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and its gradient."""
        (losses_K, J_KxS, kl, dkl_S), program = self.both(x), self.program
        of_w_S = program.weight_K @ J_KxS + program.kl * dkl_S
        g = np.concatenate([of_w_S, np.ones(self.tops), np.full(self.spread, program.l1)])
        return float(program.weight_K @ losses_K + program.kl * kl + x[self.S :] @ g[self.S :]), g

    def rest(self, x: np.ndarray) -> np.ndarray:
        """What each row, and each e_i, has left."""
        (losses_K, _, kl, _), rows, S = self.both(x), self.program.rows, self.S
        e_S, t = x[S + self.tops :], x[S] if self.tops else 0.0
        left = rows.loss_MxK @ losses_K + rows.kl_M * kl + rows.l1_M * e_S.sum() + rows.linear_MxS @ x[:S]
        off_S = x[:S] - self.r_S
        far = [e_S - off_S, e_S + off_S] if self.spread else []
        return np.concatenate([self.program.limit_BxM[0] - left + rows.top_M * t, *far])

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """The Jacobian of `rest`."""
        (_, J_KxS, _, dkl_S), rows = self.both(x), self.program.rows
        first = -(rows.loss_MxK @ J_KxS + np.outer(rows.kl_M, dkl_S) + rows.linear_MxS)
        of_e = -np.outer(rows.l1_M, np.ones(self.spread))
        found = np.hstack([first, np.outer(rows.top_M, np.ones(self.tops)), of_e])
        if self.spread:
            one, zero = np.eye(self.S), np.zeros((self.S, self.tops))
            found = np.vstack([found, np.hstack([-one, zero, one]), np.hstack([one, zero, one])])
        return found

    def hessian(self, x: np.ndarray, factor: float, z_I: np.ndarray) -> np.ndarray:
        """Of factor times the objective plus z_I . rest."""
        rows, w_S, program = self.program.rows, np.maximum(x[: self.S], 1e-12), self.program
        z_M = z_I[: len(rows.names)]
        weight_K = factor * program.weight_K - z_M @ rows.loss_MxK
        found = np.zeros((len(x), len(x)))
        found[: self.S, : self.S] = single(self.fit).derivatives(np.arange(1), w_S[None], weight_K[None])[2][0]
        found[range(self.S), range(self.S)] += (factor * program.kl - z_M @ rows.kl_M) / w_S
        return found


def by_scipy(program: Program, fit: Fit, start_S: np.ndarray) -> np.ndarray:
    """SLSQP with exact gradients, from a feasible mixture."""
    posed = Posed(program, fit, start_S)
    held = [{"type": "eq", "fun": lambda x: posed.whole @ x - 1.0, "jac": lambda _: posed.whole}]
    if posed.inequalities:
        held.append({"type": "ineq", "fun": posed.rest, "jac": posed.slopes})
    options, given = {"ftol": 1e-14, "maxiter": 500}, {"bounds": posed.limits, "constraints": held}
    return minimize(posed.objective, posed.begin, jac=True, method="SLSQP", options=options, **given).x[: posed.S]


def by_cvxpy(program: Program, fit: Fit) -> np.ndarray | None:
    """Clarabel through cvxpy, every law written anew; None where it reports no optimum."""
    import cvxpy as cp

    rows, S = program.rows, program.lower_BxS.shape[1]
    w, t = cp.Variable(S, nonneg=True), cp.Variable()
    losses = [_losses(cp, fit, k, w) for k in range(len(program.weight_K))]
    kl, l1 = cp.sum(cp.kl_div(w, program.reference_S)), cp.norm1(w - program.reference_S)  # sums of both are 1
    goal = sum(v * loss for v, loss in zip(program.weight_K, losses, strict=True) if v > 0)
    goal = goal + program.kl * kl + program.l1 * l1 + (t if rows.top_M.any() else 0.0)
    held = [cp.sum(w) == 1.0, w >= program.lower_BxS[0], w <= program.upper_BxS[0]]
    for m, limit in enumerate(program.limit_BxM[0]):
        left = sum(c * loss for c, loss in zip(rows.loss_MxK[m], losses, strict=True) if c > 0)
        left = left + rows.kl_M[m] * kl + rows.l1_M[m] * l1 + rows.linear_MxS[m] @ w
        held.append(left - (t if rows.top_M[m] else 0.0) <= limit)
    problem = cp.Problem(cp.Minimize(goal), held)
    exact = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
    try:
        problem.solve(solver=cp.CLARABEL, **exact)
    except cp.error.SolverError:
        return None
    return None if w.value is None else np.asarray(w.value)


def _losses(cp: Any, fit: Fit, k: int, w: Any) -> Any:
    found = fit.parameters[fit.targets[k]]
    of = lambda name: np.array([found[name][source] for source in fit.sources])  # noqa: E731
    if fit.law is LogLinear:
        return found["E"] + cp.exp(found["c"] + of("t") @ w)
    power: Callable[[Any, float], Any] = lambda x, p: cp.power(x, p, approx=False)  # noqa: E731
    terms = [np.exp(theta) * power(w[i], a) for i, (theta, a) in enumerate(zip(of("theta"), of("a"), strict=True))]
    u = found["a0"] + sum(terms)
    if fit.law is EffectiveTokens:
        return found["E"] + power(u, -found["b"])
    n, d = AT[0] / fit.constants["N0"][k], AT[1] / fit.constants["D0"][k]
    size = found["A"] * n ** -found["alpha"] * power(u, -found["kN"])
    tokens = found["B"] * d ** -found["beta"] * power(u, -found["kD"])
    return found["E"] + found["F"] * power(u, -found["kF"]) + size + tokens
