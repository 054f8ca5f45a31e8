"""Standard form of a `Program` for the interior-point method: variables, rows, slacks and barrier function.

Variables are x = (w, t, y, e): the shares, the largest of the rows that t bounds, the violation of each row, and
e_i >= |w_i - r_i| if the program has an L1 term. Every row is  R.L(w) + k KL(w|r) + Q.x <= limit.
"""

from typing import NamedTuple

import numpy as np

from mixlaw.optimization.program import Program

FINAL_BARRIER = 1e-13
"""Final barrier weight, as a share of the objective. It leaves a gap of about this size for each constraint."""
FINAL_BARRIER_CURVED = 1e-11
"""Final barrier weight if rows contain losses or a KL. Below it, rounding errors of their slacks would dominate their
multipliers."""


class Iterate(NamedTuple):
    """Iterates of the problems: x = (w, t, y, e), multipliers of bounds and rows, barrier weight."""

    x_BxN: np.ndarray
    low_BxN: np.ndarray
    high_BxN: np.ndarray
    z_BxM: np.ndarray
    barrier_B: np.ndarray


class StandardForm:
    """Positions of t, y and e among the variables, and all rows, those of |w_i - r_i| <= e_i last."""

    def __init__(self, program: Program) -> None:
        rows, (count, S) = program.rows, program.lower_BxS.shape
        self.program, self.S, self.M = program, S, len(rows.names)
        self.elastic_E = np.flatnonzero(np.isfinite(rows.price_M))
        tops, E, spread = int(rows.top_M.any()), len(self.elastic_E), S if program.uses_l1 else 0
        self.top, self.y, self.e = S, slice(S + tops, S + tops + E), slice(S + tops + E, S + tops + E + spread)
        self.tops, self.N = tops, S + tops + E + spread
        extra_MxX = np.zeros((self.M, self.N - S))
        extra_MxX[:, :tops] = -rows.top_M[:, None].astype(float)
        extra_MxX[self.elastic_E, tops + np.arange(E)] = -1.0
        extra_MxX[:, tops + E :] = rows.l1_M[:, None]
        Q_MxN = np.hstack([rows.linear_MxS, extra_MxX])
        limit_BxM = program.limit_BxM
        if spread:
            around_SxN = np.hstack([np.eye(S), np.zeros((S, tops + E)), -np.eye(S)])
            other_SxN = np.hstack([-np.eye(S), np.zeros((S, tops + E)), -np.eye(S)])
            Q_MxN = np.vstack([Q_MxN, around_SxN, other_SxN])
            far = np.concatenate([program.reference_S, -program.reference_S])  # type: ignore[list-item]
            limit_BxM = np.hstack([limit_BxM, np.broadcast_to(far, (count, 2 * S))])
        self.Q_MxN, self.limit_BxM = Q_MxN, limit_BxM
        pad = np.zeros((2 * spread, rows.loss_MxK.shape[1]))
        self.R_MxK, self.k_M = np.vstack([rows.loss_MxK, pad]), np.concatenate([rows.kl_M, np.zeros(2 * spread)])
        self.cost_X = np.concatenate([np.ones(tops), rows.price_M[self.elastic_E], np.full(spread, program.l1)])
        inf = np.full((count, self.N - S), np.inf)
        floor = -inf
        floor[:, tops : tops + E] = 0.0
        self.last = FINAL_BARRIER_CURVED if np.any(rows.loss_MxK) or np.any(rows.kl_M) else FINAL_BARRIER
        self.lower_BxN = np.hstack([program.lower_BxS, floor])
        self.upper_BxN = np.hstack([program.upper_BxS, inf])
        self.free_BxN = self.upper_BxN - self.lower_BxN > 1e-12

    def start(self, w_BxS: np.ndarray, losses_BxK: np.ndarray, share: float) -> Iterate:
        """A strictly feasible start, with multipliers on the central path at mu = `share` of the objective."""
        program, rows = self.program, self.program.rows
        x_BxN = np.zeros((len(w_BxS), self.N))
        x_BxN[:, : self.S] = w_BxS
        if program.uses_l1:
            x_BxN[:, self.e] = np.abs(w_BxS - program.reference_S) + 0.1 / self.S
        value_BxM = self.rows_without(x_BxN, losses_BxK)[:, : self.M] - program.limit_BxM
        size_B = np.abs(losses_BxK).max(1, initial=1e-3)
        if self.tops:
            x_BxN[:, self.top] = value_BxM[:, rows.top_M].max(1) + 0.1 * size_B
            value_BxM = value_BxM - rows.top_M * x_BxN[:, [self.top]]
        x_BxN[:, self.y] = np.maximum(value_BxM[:, self.elastic_E], 0.0) + 0.01
        barrier_B = share * size_B
        low_BxN, high_BxN = self.room(x_BxN, np.arange(len(w_BxS)))
        slack_BxM = self.limit_BxM - self.rows_without(x_BxN, losses_BxK)
        mu = barrier_B[:, None]
        return Iterate(x_BxN, mu / low_BxN, mu / high_BxN, mu / slack_BxM, barrier_B)

    def rows_without(self, x_BxN: np.ndarray, losses_BxK: np.ndarray) -> np.ndarray:
        """Left-hand sides of all rows."""
        kl_B = self.program.divergence(x_BxN[:, : self.S])
        return losses_BxK @ self.R_MxK.T + np.outer(kl_B, self.k_M) + x_BxN @ self.Q_MxN.T

    def room(self, x_BxN: np.ndarray, of_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances to the lower and upper bounds; inf for a fixed share."""
        fixed = ~self.free_BxN[of_B]
        return (
            np.where(fixed, np.inf, x_BxN - self.lower_BxN[of_B]),
            np.where(fixed, np.inf, self.upper_BxN[of_B] - x_BxN),
        )

    def lift(self, x_BxN: np.ndarray, losses_BxK: np.ndarray, barrier_B: np.ndarray, of_B: np.ndarray) -> np.ndarray:
        """Set t and y to the minimisers of the barrier function for the given w and e.

        A linear step violates a nonlinear row by its curvature and would have to be very short, so t and y are adapted
        to w instead. With b_m the excess of a row without t and y they minimise

            t + sum_m price_m y_m - mu sum_m (log y_m + log(y_m + top_m t - b_m)),   no y_m where price_m is inf
        """
        if not self.tops and not len(self.elastic_E):
            return x_BxN
        x_BxN, rows, mu_Bx1 = x_BxN.copy(), self.program.rows, barrier_B[:, None]
        x_BxN[:, self.S : self.y.stop] = 0.0
        b_BxM = (self.rows_without(x_BxN, losses_BxK) - self.limit_BxM[of_B])[:, : self.M]
        if self.tops:
            top_B = _largest_row(b_BxM[:, rows.top_M], rows.price_M[rows.top_M], mu_Bx1)
            x_BxN[:, self.top] = top_B
            b_BxM = b_BxM - rows.top_M * top_B[:, None]
        price_E = rows.price_M[self.elastic_E]
        x_BxN[:, self.y] = _violation(b_BxM[:, self.elastic_E], price_E, mu_Bx1)
        return x_BxN

    def objective(self, x_BxN: np.ndarray, losses_BxK: np.ndarray, of_B: np.ndarray) -> np.ndarray:
        """Value of the objective, without the barrier."""
        w_BxS, program = x_BxN[:, : self.S], self.program
        plain_B = losses_BxK @ program.weight_K + (program.cost_BxS[of_B] * w_BxS).sum(1)
        return plain_B + program.kl * program.divergence(w_BxS) + x_BxN[:, self.S :] @ self.cost_X

    def merit(self, x_BxN: np.ndarray, losses_BxK: np.ndarray, barrier_B: np.ndarray, of_B: np.ndarray) -> np.ndarray:
        """Barrier function: objective plus barrier; inf if a row or a bound is violated."""
        slack_BxM = self.limit_BxM[of_B] - self.rows_without(x_BxN, losses_BxK)
        room_Bx2N = np.hstack(self.room(x_BxN, of_B))
        inside_B = (slack_BxM > 0).all(1) & (room_Bx2N > 0).all(1) & np.isfinite(losses_BxK).all(1)
        logs_B = np.log(np.where(slack_BxM > 0, slack_BxM, 1.0)).sum(1)
        logs_B += np.log(np.where((room_Bx2N > 0) & np.isfinite(room_Bx2N), room_Bx2N, 1.0)).sum(1)
        value_B = self.objective(x_BxN, losses_BxK, of_B)
        return np.where(inside_B, value_B - barrier_B * logs_B, np.inf)


def _violation(b_BxE: np.ndarray, price_E: np.ndarray, mu_Bx1: np.ndarray) -> np.ndarray:
    """Solve price = mu/y + mu/(y - b) for y > max(b, 0): the larger root of price y^2 - (price b + 2 mu) y + mu b."""
    sum_BxE, root_BxE = price_E * b_BxE + 2.0 * mu_Bx1, np.hypot(price_E * b_BxE, 2.0 * mu_Bx1)
    product_BxE, down_BxE = 2.0 * mu_Bx1 * b_BxE, sum_BxE - root_BxE
    other_BxE = np.divide(product_BxE, down_BxE, out=np.zeros_like(b_BxE), where=sum_BxE < 0)
    return np.where(sum_BxE < 0, other_BxE, (sum_BxE + root_BxE) / (2.0 * price_E))


def _largest_row(b_BxT: np.ndarray, price_T: np.ndarray, mu_Bx1: np.ndarray) -> np.ndarray:
    """Solve 1 = sum of mu / slack for t, over the rows that t bounds, each with its optimal violation y.

    This is the root of an increasing function: Newton steps, replaced by bisection if they leave the bracket.
    """
    elastic_T, T = np.isfinite(price_T), len(price_T)
    price_T, most_B = np.where(elastic_T, price_T, 1.0), b_BxT.max(1)
    b_BxT = b_BxT - most_B[:, None]  # solve for t minus the largest row: rounding then hides no slack
    high_B = T * mu_Bx1[:, 0]
    # The multiplier of a strongly violated row tends to its penalty weight; without a penalty it has no limit.
    far_B = b_BxT.min(1) - high_B / (price_T.sum() - 1.0) if elastic_T.all() else b_BxT[:, ~elastic_T].max(1)
    low_B, t_B = far_B, np.minimum(far_B + mu_Bx1[:, 0], high_B)
    for _ in range(60):
        away_BxT = b_BxT - t_B[:, None]
        y_BxT = np.where(elastic_T, _violation(away_BxT, price_T, mu_Bx1), 0.0)
        pull_BxT = price_T - np.divide(mu_Bx1, y_BxT, out=np.zeros_like(y_BxT), where=y_BxT > 0)
        far_BxT = elastic_T & (away_BxT > 0)
        slack_BxT = np.where(far_BxT, mu_Bx1 / np.where(far_BxT, pull_BxT, 1.0), y_BxT - away_BxT)
        excess_B = 1.0 - (mu_Bx1 / slack_BxT).sum(1)
        if (np.abs(excess_B) < 1e-12).all():
            break
        high_B, low_B = np.where(excess_B >= 0, t_B, high_B), np.where(excess_B < 0, t_B, low_B)
        newton_B = t_B - excess_B / (mu_Bx1 / (slack_BxT**2 + y_BxT**2)).sum(1)
        t_B = np.where((newton_B > low_B) & (newton_B < high_B), newton_B, (low_B + high_B) / 2)
    return t_B + most_B
