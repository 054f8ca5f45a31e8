"""Two more independent solvers for the planner's problems: SciPy's trust-constr and Ipopt, with exact Hessians.

Ipopt is asked through `cyipopt`. PyPI has that as source only, which needs Ipopt itself, so that no extra names it;
where it is missing, `IPOPT` is False.
"""

import importlib.util
from typing import Any

import numpy as np
from programs import Posed
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint, minimize

from mixlaw.fitting.fit_result import Fit
from mixlaw.optimization.program import Program

IPOPT = importlib.util.find_spec("cyipopt") is not None
STEPS = 500


def by_trust_constr(program: Program, fit: Fit, start_S: np.ndarray) -> np.ndarray:
    """SciPy's trust-constr (an interior point method, as ours) from a feasible mixture."""
    posed = Posed(program, fit, start_S)
    none_I = np.zeros(posed.inequalities)
    lower, upper = (np.array([end if one[i] is None else one[i] for one in posed.limits]) for i, end in _ENDS)
    held: list[Any] = [LinearConstraint(posed.whole, 1.0, 1.0)]
    if posed.inequalities:
        bent = lambda x, z_I: posed.hessian(x, 0.0, z_I)  # noqa: E731
        held.append(NonlinearConstraint(posed.rest, 0.0, np.inf, posed.slopes, bent))
    found = minimize(
        posed.objective,
        posed.begin,
        jac=True,
        hess=lambda x: posed.hessian(x, 1.0, none_I),
        method="trust-constr",
        bounds=Bounds(lower, upper),
        constraints=held,
        options={"gtol": 1e-9, "xtol": 1e-12, "barrier_tol": 1e-9, "maxiter": STEPS},
    )
    return found.x[: posed.S]


_ENDS = (0, -np.inf), (1, np.inf)


class _ForIpopt:
    """`Posed` under the names that cyipopt calls; the last row is the sum of the shares."""

    def __init__(self, posed: Posed) -> None:
        self.posed, self.size = posed, len(posed.begin)

    def objective(self, x: np.ndarray) -> float:
        return self.posed.objective(x)[0]

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self.posed.objective(x)[1]

    def constraints(self, x: np.ndarray) -> np.ndarray:
        return np.append(self.posed.rest(x), self.posed.whole @ x)

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.vstack([self.posed.slopes(x), self.posed.whole]).ravel()

    def hessianstructure(self) -> tuple[np.ndarray, np.ndarray]:
        return np.tril_indices(self.size)

    def hessian(self, x: np.ndarray, z_M: np.ndarray, factor: float) -> np.ndarray:
        return self.posed.hessian(x, factor, z_M[:-1])[np.tril_indices(self.size)]


def by_ipopt(program: Program, fit: Fit, start_S: np.ndarray) -> np.ndarray:
    """Ipopt with MUMPS from a feasible mixture."""
    import cyipopt

    posed = Posed(program, fit, start_S)
    lower, upper = (np.array([end if one[i] is None else one[i] for one in posed.limits]) for i, end in _ENDS)
    count = posed.inequalities
    least, most = np.append(np.zeros(count), 1.0), np.append(np.full(count, np.inf), 1.0)
    problem = cyipopt.Problem(len(lower), count + 1, _ForIpopt(posed), lower, upper, least, most)
    options = {"print_level": 0, "sb": "yes", "max_iter": STEPS, "tol": 1e-10, "bound_relax_factor": 0.0}
    for name, value in options.items():
        problem.add_option(name, value)
    return problem.solve(posed.begin)[0][: posed.S]
