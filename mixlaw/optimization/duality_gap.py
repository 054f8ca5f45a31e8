"""Lagrangian dual gap: how far a solution can be from the optimum. Without rows it is the Frank–Wolfe gap.

For any dual feasible multipliers the Lagrangian is a convex function F of the mixture within its bounds and sum. So
F(w) + min_v grad F(w).(v - w) is a lower bound on the objective of every feasible mixture (Jaggi 2013); a sort finds
the minimum over v. The multipliers are the solver's, projected to be dual feasible. The bound is valid for any of them.
"""

import numpy as np

from mixlaw.mixtures.simplex import minimise_linear
from mixlaw.optimization.fixed_proportions import ReducedOracle
from mixlaw.optimization.interior_point import PrimalDual
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program


def certify(
    program: Program, oracle: Oracle | ReducedOracle, found: PrimalDual
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objective (including t and penalties), gap and largest constraint violation of B solutions, each (B,).

    If the law is convex, the gap bounds how much any feasible mixture can improve the objective. If it is not, the gap
    only measures how nearly stationary the solution is.
    """
    rows, w_BxS, count = program.rows, found.w_BxS, len(found.w_BxS)
    z_BxM = _dual(program, found.z_BxM)
    every, weight_BxK = np.arange(count), program.weight_K + z_BxM @ rows.loss_MxK
    losses_BxK, slope_BxKxS, _ = oracle.derivatives(every, w_BxS, weight_BxK)
    excess_BxM = program.excess(w_BxS, losses_BxK)
    objective_B = program.smooth(w_BxS, losses_BxK) + _penalties(program, excess_BxM, found.top_B)
    pull_BxS, price_B = np.zeros(w_BxS.shape), program.l1 + z_BxM @ rows.l1_M
    if program.uses_l1:
        pull_BxS = np.clip(found.pull_BxS, -price_B[:, None], price_B[:, None])
    slope_BxS = (weight_BxK[:, None, :] @ slope_BxKxS)[:, 0] + program.cost_BxS + z_BxM @ rows.linear_MxS + pull_BxS
    kl_B = program.kl + z_BxM @ rows.kl_M
    if program.uses_kl:
        inside_BxS = np.maximum(w_BxS, 1e-300)
        slope_BxS += kl_B[:, None] * (np.log(inside_BxS / program.reference_S) + 1.0)
    lagrangian_B = (losses_BxK * weight_BxK).sum(1) + (program.cost_BxS * w_BxS).sum(1)
    lagrangian_B += kl_B * program.divergence(w_BxS) - (z_BxM * program.limit_BxM).sum(1)
    lagrangian_B += (z_BxM * (w_BxS @ rows.linear_MxS.T)).sum(1)
    if program.uses_l1:
        lagrangian_B += (pull_BxS * (w_BxS - program.reference_S)).sum(1)
    least_BxS = minimise_linear(slope_BxS, program.lower_BxS, program.upper_BxS)
    bound_B = lagrangian_B - (slope_BxS * (w_BxS - least_BxS)).sum(1)
    violation_BxM = np.where(rows.top_M, 0.0, np.maximum(excess_BxM, 0.0))
    return objective_B, np.maximum(objective_B - bound_B, 0.0), violation_BxM.max(1, initial=0.0)


def _dual(program: Program, z_BxM: np.ndarray) -> np.ndarray:
    """Dual feasible multipliers: between 0 and each row's penalty weight, summing to 1 over the rows that t bounds."""
    rows = program.rows
    z_BxM = np.clip(np.nan_to_num(z_BxM, nan=0.0), 0.0, rows.price_M)
    if rows.top_M.any():
        part_BxT, most_T = z_BxM[:, rows.top_M], rows.price_M[rows.top_M]
        for _ in range(50):  # the part above a row's penalty weight is given to the other rows
            part_BxT = np.minimum(part_BxT / np.maximum(part_BxT.sum(1, keepdims=True), 1e-300), most_T)
        short_Bx1 = 1.0 - part_BxT.sum(1, keepdims=True)
        room_BxT = np.where(np.isfinite(most_T), most_T - part_BxT, 1.0)
        z_BxM[:, rows.top_M] = part_BxT + short_Bx1 * room_BxT / np.maximum(room_BxT.sum(1, keepdims=True), 1e-300)
    return z_BxM


def _penalties(program: Program, excess_BxM: np.ndarray, top_B: np.ndarray) -> np.ndarray:
    """Contribution of t and of the penalties to the objective, (B,), at the solution's t or the smallest feasible t."""
    rows, found_B = program.rows, np.zeros(len(excess_BxM))
    if rows.top_M.any():
        needed = rows.top_M & ~np.isfinite(rows.price_M)
        top_B = excess_BxM[:, needed].max(1) if needed.any() else top_B
        found_B += top_B
        excess_BxM = excess_BxM - rows.top_M * top_B[:, None]
    price_M = np.where(np.isfinite(rows.price_M), rows.price_M, 0.0)
    return found_B + np.maximum(excess_BxM, 0.0) @ price_M
