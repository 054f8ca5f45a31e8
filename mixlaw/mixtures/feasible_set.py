"""Convex set of mixtures: membership, projection, vertices, sampling.

Bounds and rows are linear, and the distance from a reference is convex. Therefore an infeasible mixture can be moved
along the line to an interior mixture until it is feasible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import around, minimise_linear, project, sample
from mixlaw.typing import Array

CONSTRAINT_TOLERANCE = 1e-9
"""Constraint violations up to this size are treated as rounding."""
RANDOM_VERTICES = 32
"""Number of random vertices averaged with the vertices of every source to give an interior mixture."""
BISECTIONS = 50


@dataclass(frozen=True)
class FeasibleSet:
    """The mixtures that satisfy bounds, M linear rows A w <= b, and limits on the distance from a reference.

    Attributes:
        lower_S, upper_S: bounds of the shares.
        A_MxS, b_M: linear rows of groups and money.
        reference_S: reference mixture r; None if no distance is limited.
        kl, l1: limits on KL(w|r) in nats and on |w - r|_1; inf: no limit.
    """

    lower_S: Array
    upper_S: Array
    A_MxS: Array
    b_M: Array
    reference_S: Array | None = None
    kl: float = np.inf
    l1: float = np.inf

    @property
    def boxed(self) -> bool:
        """True if the set has bounds only."""
        return not len(self.b_M) and np.isinf(self.kl) and np.isinf(self.l1)

    def excess(self, w_NxS: Array) -> Array:
        """Largest violation of a row or a distance by each mixture, (N,), negative if there is none. Bounds are
        ignored."""
        broken = [np.full(len(w_NxS), -np.inf), *(w_NxS @ self.A_MxS.T - self.b_M).T]
        if self.reference_S is not None:
            if np.isfinite(self.kl):
                broken.append(self.divergence(w_NxS) - self.kl)
            broken.append(np.abs(w_NxS - self.reference_S).sum(1) - self.l1)
        return np.max(broken, axis=0)

    def divergence(self, w_NxS: Array) -> Array:
        """KL(w|r) of each mixture from the reference, nats, (N,)."""
        safe_NxS = np.where(w_NxS > 0, w_NxS, 1.0)
        return np.where(w_NxS > 0, w_NxS * np.log(safe_NxS / self.reference_S), 0.0).sum(1)

    def contains(self, w_NxS: Array) -> NDArray[np.bool_]:
        """Mask of the mixtures in the set, (N,)."""
        box_N = ((w_NxS >= self.lower_S - CONSTRAINT_TOLERANCE) & (w_NxS <= self.upper_S + CONSTRAINT_TOLERANCE)).all(1)
        return box_N & (self.excess(w_NxS) <= CONSTRAINT_TOLERANCE)

    def shrink_into(self, w_NxS: Array) -> Array:
        """The mixtures moved towards the centre as far as needed to be in the set, (N, S). They must satisfy the
        bounds."""
        if self.boxed:
            return w_NxS
        low_N, high_N = np.zeros(len(w_NxS)), np.ones(len(w_NxS))
        low_N[self.excess(w_NxS) <= 0] = 1.0
        for _ in range(BISECTIONS):
            middle_N = (low_N + high_N) / 2
            kept_N = self.excess(self.centre_S + middle_N[:, None] * (w_NxS - self.centre_S)) <= 0
            low_N, high_N = np.where(kept_N, middle_N, low_N), np.where(kept_N, high_N, middle_N)
        return self.centre_S + low_N[:, None] * (w_NxS - self.centre_S)

    def draw(self, rng: np.random.Generator, count: int, around_S: Array | None = None, spread: float = 3.0) -> Array:
        """`count` mixtures of the set, (count, S): Dirichlet samples around `around_S`, by default around uniform."""
        return self.shrink_into(around(rng, count, self.lower_S, self.upper_S, around_S, spread))

    def sample(self, rng: np.random.Generator, count: int) -> Array:
        """`count` mixtures of the set that reach its vertices, edges and interior, (count, S)."""
        return self.shrink_into(sample(rng, count, self.lower_S, self.upper_S))

    def minimisers(self, cost_NxS: Array) -> Array:
        """The mixture with the lowest cost for each row of costs, (N, S). If the KL is limited, it is a point on the
        boundary, and not the exact minimiser."""
        if self.boxed:
            return minimise_linear(cost_NxS, self.lower_S, self.upper_S)
        return self.shrink_into(self._linear_minimisers(cost_NxS))

    @cached_property
    def vertices(self) -> Array:
        """The mixture with the largest share of each source, (S, S)."""
        return self.minimisers(-np.eye(len(self.lower_S)))

    def nearest(self, w_S: Array) -> Array:
        """Euclidean projection of a mixture on the set, (S,)."""
        if self.boxed:
            return project(w_S, self.lower_S, self.upper_S)
        if self.contains(w_S[None])[0]:
            return w_S
        return self._least(lambda v_S: (float(np.square(v_S - w_S).sum()), 2 * (v_S - w_S)))

    @cached_property
    def centre_S(self) -> Array:
        """An interior mixture of the set.

        Raises:
            MixlawError: no mixture within bounds and rows satisfies the limit on the KL.
        """
        S, rng = len(self.lower_S), np.random.default_rng(0)
        cost_NxS = np.concatenate([np.eye(S), -np.eye(S), rng.standard_normal((RANDOM_VERTICES, S))])
        middle_S = self._linear_minimisers(cost_NxS).mean(0)
        if np.isinf(self.kl):
            return middle_S
        near_S = self._nearest_by_kl(middle_S)
        least = self.excess(near_S[None])[0] + self.kl
        if least > self.kl + CONSTRAINT_TOLERANCE:
            raise MixlawError(
                f"near kl {self.kl:g}: the nearest mixture within the other constraints has a KL of {least:.4g}: "
                "raise kl or relax them"
            )
        line_TxS = near_S + np.linspace(0, 1, 101)[:, None] * (middle_S - near_S)
        last = np.flatnonzero(self.excess(line_TxS) <= 0)
        return near_S + 0.005 * (last[-1] if len(last) else 0) * (middle_S - near_S)

    def _nearest_by_kl(self, start_S: Array) -> Array:
        r_S = self.reference_S
        assert r_S is not None
        plain = FeasibleSet(self.lower_S, self.upper_S, self.A_MxS, self.b_M, r_S, np.inf, self.l1)
        if plain.contains(r_S[None])[0]:
            return r_S

        def from_reference(w_S: Array) -> tuple[float, Array]:
            safe_S = np.maximum(w_S, 1e-12)
            logs_S = np.log(safe_S / r_S)
            return float(safe_S @ logs_S), logs_S + 1.0

        return plain._least(from_reference, start_S)

    def _least(self, objective: Callable[[Array], tuple[float, Array]], start_S: Array | None = None) -> Array:
        """Minimiser of a smooth convex function with gradient over the set, by SLSQP; rounding errors are corrected."""
        from scipy.optimize import minimize

        S, kl = len(self.lower_S), bool(np.isfinite(self.kl))
        spread = S if self.reference_S is not None and np.isfinite(self.l1) else 0
        A_MxN, b_M = self._rows(spread)
        rules: Any = [{"type": "eq", "fun": lambda x: x[:S].sum() - 1.0}]
        rules += [{"type": "ineq", "fun": lambda x: b_M - A_MxN @ x, "jac": lambda _: -A_MxN}] * bool(len(b_M))
        rules += [{"type": "ineq", "fun": lambda x: self.kl - self.divergence(np.maximum(x[None, :S], 0.0))[0]}] * kl

        def padded(x: Array) -> tuple[float, Array]:
            value, slope_S = objective(x[:S])
            return value, np.concatenate([slope_S, np.zeros(spread)])

        start_S = self.centre_S if start_S is None else start_S
        away_S = np.zeros(0)
        if spread and self.reference_S is not None:
            away_S = np.abs(start_S - self.reference_S)
        sides = [*zip(self.lower_S, np.minimum(self.upper_S, 1.0), strict=True), *[(0.0, 2.0)] * spread]
        options: Any = {"maxiter": 500, "ftol": 1e-12}
        first = np.concatenate([start_S, away_S])
        found = minimize(padded, first, jac=True, bounds=sides, constraints=rules, method="SLSQP", options=options)
        w_S = project(found.x[:S], self.lower_S, self.upper_S)
        return w_S if self.excess(w_S[None])[0] <= CONSTRAINT_TOLERANCE else _on_line(self, start_S, w_S)

    def _rows(self, spread: int) -> tuple[Array, Array]:
        """The linear rows over w and, if |w - r| is limited, over e >= |w - r|."""
        if not spread:
            return self.A_MxS, self.b_M
        assert self.reference_S is not None
        S, one = len(self.lower_S), np.eye(len(self.lower_S))
        far = np.vstack([np.hstack([one, -one]), np.hstack([-one, -one])])
        total = np.concatenate([np.zeros(S), np.ones(S)])[None]
        A_MxN = np.vstack([np.hstack([self.A_MxS, np.zeros((len(self.b_M), S))]), far, total])
        return A_MxN, np.concatenate([self.b_M, self.reference_S, -self.reference_S, [self.l1]])

    def _linear_minimisers(self, cost_NxS: Array) -> Array:
        """Minimisers of each row of costs within bounds, rows and the limit on |w - r| (HiGHS), (N, S)."""
        from scipy.optimize import linprog

        S = len(self.lower_S)
        spread = S if self.reference_S is not None and np.isfinite(self.l1) else 0
        A_MxN, b_M = self._rows(spread)
        sides = [*zip(self.lower_S, np.minimum(self.upper_S, 1.0), strict=True), *[(0.0, 2.0)] * spread]
        sum_1xN = np.concatenate([np.ones(S), np.zeros(spread)])[None]
        found = []
        for cost_S in cost_NxS:
            cost_N = np.concatenate([cost_S, np.zeros(spread)])
            # Slack for caps whose sum is 1 up to rounding.
            solved = linprog(cost_N, A_MxN, b_M + 1e-12, sum_1xN, np.ones(1), sides)
            if solved.status != 0 or solved.x is None:
                raise FloatingPointError(f"the linear program of the constraints ended with: {solved.message}")
            found.append(project(solved.x[:S], self.lower_S, self.upper_S))
        return np.stack(found)


def _on_line(where: FeasibleSet, start_S: Array, w_S: Array) -> Array:
    line_TxS = start_S + np.linspace(0, 1, 10_001)[:, None] * (w_S - start_S)
    kept = np.flatnonzero(where.excess(line_TxS) <= CONSTRAINT_TOLERANCE)
    return line_TxS[kept[-1]] if len(kept) else start_S
