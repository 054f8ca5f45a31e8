"""Sources in fixed proportions to each other, replaced by one variable per group.

A program in the shares w becomes one in v with w = T v. A column of T contains the fixed proportions of a group, or a
1 for a source outside all groups. v sums to 1 too, convexity and certificates carry over, and nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program


def matrix(names: tuple[str, ...], kept: list[dict[str, float]]) -> np.ndarray | None:
    """T (S, J) for groups with fixed proportions {source: share in the group}; None if there are no groups."""
    if not kept:
        return None
    tied = {name for group in kept for name in group}
    columns = [[group.get(name, 0.0) for name in names] for group in kept]
    columns += [[float(name == other) for name in names] for other in names if other not in tied]
    return np.array(columns).T


def bounds(proportions_SxJ: np.ndarray, lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds of v, (B, J) each, equivalent to those of w."""
    used_SxJ = proportions_SxJ > 0
    unit_SxJ = np.where(used_SxJ, proportions_SxJ, 1.0)
    lower_BxSxJ = np.where(used_SxJ, lower_BxS[:, :, None] / unit_SxJ, 0.0)
    upper_BxSxJ = np.where(used_SxJ, upper_BxS[:, :, None] / unit_SxJ, 1.0)
    return lower_BxSxJ.max(1), np.minimum(upper_BxSxJ.min(1), 1.0)


def room(proportions_SxJ: np.ndarray, lower_BxS: np.ndarray, upper_BxS: np.ndarray) -> np.ndarray:
    """Mask (B,) of the problems in which some mixture with these proportions satisfies the bounds."""
    lower_BxJ, upper_BxJ = bounds(proportions_SxJ, lower_BxS, upper_BxS)
    within_B = (lower_BxJ <= upper_BxJ + 1e-9).all(1)
    return within_B & (lower_BxJ.sum(1) <= 1.0 + 1e-9) & (upper_BxJ.sum(1) >= 1.0 - 1e-9)


def reduced(program: Program) -> Program:
    """The program in v. It must have no term in |w - r|_1, which is not a distance of v.

    The KL keeps its form: KL(w|r) = sum_j v_j ln(v_j / r'_j) with ln r'_j = sum_i T_ij ln(r_i / T_ij).
    """
    T = program.proportions_SxJ
    assert T is not None, "only a program with ties is reduced"
    lower_BxJ, upper_BxJ = bounds(T, program.lower_BxS, program.upper_BxS)
    r_J = None
    if program.reference_S is not None:
        ratio_SxJ = np.where(T > 0, program.reference_S[:, None] / np.where(T > 0, T, 1.0), 1.0)
        r_J = np.exp((T * np.log(np.maximum(ratio_SxJ, 1e-300))).sum(0))
    return replace(
        program,
        lower_BxS=lower_BxJ,
        upper_BxS=np.maximum(upper_BxJ, lower_BxJ),
        rows=program.rows._replace(linear_MxS=program.rows.linear_MxS @ T),
        linear_BxS=None if program.linear_BxS is None else program.linear_BxS @ T,
        reference_S=r_J,
        proportions_SxJ=None,
    )


def gathered(proportions_SxJ: np.ndarray, w_BxS: np.ndarray) -> np.ndarray:
    """v (B, J) of mixtures: sums of the shares in each group, for any proportions within the groups."""
    member_SxJ = (proportions_SxJ > 0).astype(float)
    return w_BxS @ member_SxJ


def caps(proportions_SxJ: np.ndarray, cap_J: np.ndarray, lower_S: np.ndarray, upper_S: np.ndarray) -> np.ndarray:
    """Multipliers of the sources' bounds (S,), nats per unit of share, from those of the bounds of v.

    A group's multiplier is given to the source whose bound limits the group first.
    """
    found_S = np.zeros(len(proportions_SxJ))
    for j, price in enumerate(cap_J):
        members = np.flatnonzero(proportions_SxJ[:, j] > 0)
        limit = (
            upper_S[members] / proportions_SxJ[members, j]
            if price > 0
            else -lower_S[members] / proportions_SxJ[members, j]
        )
        holds = members[np.argmin(limit)]
        found_S[holds] = price / proportions_SxJ[holds, j]
    return found_S


@dataclass(frozen=True)
class ReducedOracle:
    """Oracle in v: gradients (B, K, J) and Hessians (B, J, J) by the chain rule."""

    oracle: Oracle
    proportions_SxJ: np.ndarray

    @property
    def convex(self) -> bool:
        """True if every loss is convex in the mixture."""
        return self.oracle.convex

    @property
    def fit(self):
        """The fit of the inner oracle."""
        return self.oracle.fit

    def take(self, index_B: np.ndarray) -> ReducedOracle:
        """The problems at these indices."""
        return ReducedOracle(self.oracle.take(index_B), self.proportions_SxJ)

    def losses(self, of_B: np.ndarray, v_BxJ: np.ndarray) -> np.ndarray:
        """Losses (B', K), nats per token."""
        return self.oracle.losses(of_B, v_BxJ @ self.proportions_SxJ.T)

    def derivatives(
        self, of_B: np.ndarray, v_BxJ: np.ndarray, weight_BxK: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Losses, their gradients, and the Hessian of their weighted sum."""
        T = self.proportions_SxJ
        losses_BxK, slope_BxKxS, curve_BxSxS = self.oracle.derivatives(of_B, v_BxJ @ T.T, weight_BxK)
        return losses_BxK, slope_BxKxS @ T, T.T @ curve_BxSxS @ T
