"""Mathematical program of a plan: B problems that differ only in parameters, bounds, limits and linear terms.

    minimise    v.L(w) + c.w + a KL(w|r) + b |w - r|_1 + t + sum_m price_m y_m
    subject to  R_m.L(w) + k_m KL(w|r) + l_m |w - r|_1 + A_m.w - top_m t - y_m <= h_m,   y_m >= 0,
                sum_i w_i = 1,   lower_i <= w_i <= upper_i

over w, t (the largest of the rows with top_m = 1, if there are any) and y_m (the violation of row m). Ceilings, the
largest loss, groups, money, a distance from a reference mixture and regrets are all rows of this form. price_m is a
penalty weight. If it exceeds the row's multiplier, y_m is 0 whenever the row can be satisfied (an exact penalty). So
every program has an interior point to start from, and y_m > 0 at the optimum shows that it is infeasible.
"""

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.mixtures.constraint_rows import Rows


@dataclass(frozen=True)
class Program:
    """B mathematical programs with common rows, in the notation of the module's docstring.

    Attributes:
        weight_K: v.
        lower_BxS, upper_BxS: bounds of the shares, satisfied by some mixture.
        rows: the rows, with limits (M,) or (B, M).
        linear_BxS: c, None for zeros.
        kl, l1: a and b.
        reference_S: r, above 0 if the program has a KL term.
        proportions_SxJ: T of fixed within-group proportions, w = T v (`fixed_proportions.py`); None if there are none.
    """

    weight_K: np.ndarray
    lower_BxS: np.ndarray
    upper_BxS: np.ndarray
    rows: Rows
    linear_BxS: np.ndarray | None = None
    kl: float = 0.0
    l1: float = 0.0
    reference_S: np.ndarray | None = None
    proportions_SxJ: np.ndarray | None = None

    @property
    def limit_BxM(self) -> np.ndarray:
        """Limits h of each problem."""
        return np.broadcast_to(self.rows.limit_M, (len(self.lower_BxS), len(self.rows.names)))

    @property
    def cost_BxS(self) -> np.ndarray:
        """c of each problem, zeros if it was not given."""
        return np.zeros(self.lower_BxS.shape) if self.linear_BxS is None else self.linear_BxS

    @property
    def uses_l1(self) -> bool:
        """True if the objective or a row has a term in |w - r|_1."""
        return self.l1 > 0 or bool(np.any(self.rows.l1_M > 0))

    @property
    def uses_kl(self) -> bool:
        """True if the objective or a row has a term in KL(w|r)."""
        return self.kl > 0 or bool(np.any(self.rows.kl_M > 0))

    def with_penalty(self, factor: float) -> "Program":
        """The same program with penalty weights multiplied by `factor`."""
        return replace(self, rows=self.rows._replace(price_M=self.rows.price_M * factor))

    def take(self, index_B: np.ndarray) -> "Program":
        """The problems at these indices."""
        limit = self.rows.limit_M[index_B] if self.rows.limit_M.ndim > 1 else self.rows.limit_M
        linear = None if self.linear_BxS is None else self.linear_BxS[index_B]
        rows, bounds = self.rows._replace(limit_M=limit), (self.lower_BxS[index_B], self.upper_BxS[index_B])
        return replace(self, lower_BxS=bounds[0], upper_BxS=bounds[1], rows=rows, linear_BxS=linear)

    def divergence(self, w_BxS: np.ndarray) -> np.ndarray:
        """KL(w|r) in nats (B,), 0 if the program has no KL term."""
        if not self.uses_kl:
            return np.zeros(len(w_BxS))
        assert self.reference_S is not None
        safe_BxS = np.where(w_BxS > 0, w_BxS, 1.0)
        return np.where(w_BxS > 0, w_BxS * np.log(safe_BxS / self.reference_S), 0.0).sum(1)

    def distance(self, w_BxS: np.ndarray) -> np.ndarray:
        """|w - r|_1 (B,), 0 if the program has no L1 term."""
        return np.abs(w_BxS - self.reference_S).sum(1) if self.uses_l1 else np.zeros(len(w_BxS))

    def excess(self, w_BxS: np.ndarray, losses_BxK: np.ndarray) -> np.ndarray:
        """Left-hand minus right-hand side of the rows without t and y, (B, M)."""
        rows = self.rows
        convex_BxM = losses_BxK @ rows.loss_MxK.T + np.outer(self.divergence(w_BxS), rows.kl_M)
        return convex_BxM + np.outer(self.distance(w_BxS), rows.l1_M) + w_BxS @ rows.linear_MxS.T - self.limit_BxM

    def smooth(self, w_BxS: np.ndarray, losses_BxK: np.ndarray) -> np.ndarray:
        """The objective without t and the penalties, (B,)."""
        plain_B = losses_BxK @ self.weight_K + (self.cost_BxS * w_BxS).sum(1)
        return plain_B + self.kl * self.divergence(w_BxS) + self.l1 * self.distance(w_BxS)
