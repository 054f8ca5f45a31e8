"""The next runs where the plan is one of given mixtures: each may be run, and a run shows what its mixture is worth.

A pool is looked up, not modelled alone: what a run is off from the law by counts as its mixture's own, not as noise.
The lowest of many predictions is likelier too low than the law's own account has it, so a mixture that is predicted to
be the best is run first, and the plan is the best of those that were run.
"""

from collections.abc import Callable

import numpy as np

from mixlaw.designs.acquisition import Belief, by_regret
from mixlaw.fitting.posterior import Posterior

TOP, OTHERS = 48, 48
"""Options and candidates that a lookahead looks at: the best by an optimistic guess, and others at random."""
OPTIMISM = 2.0
"""Standard deviations below its expected objective at which a mixture is hoped to be."""
EXACT = 1e-9
"""Noise of a log-loss that is looked up: none."""

Valued = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From losses (O, K) to objectives (O,) and their slopes in the losses (O, K), nats per token."""


def known_losses(known: Posterior, measured_MxK: np.ndarray) -> np.ndarray:
    """What is known of M mixtures (M, K), nats per token: measured, or predicted where nothing was (nan)."""
    return np.where(np.isfinite(measured_MxK), measured_MxK, np.exp(known.log_KxN.T))


def plan_of(known: Posterior, measured_MxK: np.ndarray, valued: Valued) -> int:
    """The mixture to take for the plan: the lowest measured objective, the lowest predicted one where none was."""
    value_M, slope_MxK = valued(known_losses(known, measured_MxK))
    ran_M = (np.isfinite(measured_MxK) | (slope_MxK == 0)).all(1)
    return int(np.argmin(np.where(ran_M, value_M, np.inf) if ran_M.any() else value_M))


def pool_belief(
    known: Posterior, measured_MxK: np.ndarray, valued: Valued, rng: np.random.Generator
) -> tuple[Belief, np.ndarray]:
    """What is known of the mixtures worth a look, and which of the pool the candidates are, (C,).

    Options are the mixtures that are best with their uncertainty for them, and the one that is best without. Candidates
    are those of the options that were not measured, and others at random.

    Args:
        known: the law's posterior of all M mixtures at the size of a run.
        measured_MxK: measured losses, nats per token; nan where a mixture was not run.
        valued: the objective.
        rng: draws the other candidates.
    """
    ran_MxK = np.isfinite(measured_MxK)
    loss_MxK = known_losses(known, measured_MxK)
    value_M, slope_MxK = valued(loss_MxK)
    option_KxMxP = np.where(ran_MxK.T[:, :, None], 0.0, known.feature_KxNxP) * loss_MxK.T[:, :, None]
    own_MxK = np.where(ran_MxK, 0.0, loss_MxK * known.noise_K)
    spread_M = np.sqrt((slope_MxK**2 * (np.square(option_KxMxP).sum(2).T + own_MxK**2)).sum(1))
    hoped_M = value_M - OPTIMISM * spread_M
    keep_O = np.unique([*np.argsort(hoped_M, kind="stable")[:TOP], int(value_M.argmin())])
    left_M = (~ran_MxK & (slope_MxK != 0)).any(1)
    worth = keep_O[left_M[keep_O]]
    rest = np.setdiff1d(np.flatnonzero(left_M), worth)
    run_C = np.concatenate([worth, rng.permutation(rest)[: OTHERS + TOP - len(worth)]])
    place_M = np.full(len(value_M), -1)
    place_M[keep_O] = np.arange(len(keep_O))
    parts = option_KxMxP[:, keep_O], known.feature_KxNxP[:, run_C], np.full(len(known.noise_K), EXACT)
    told = known.alike_KxK, place_M[run_C], own_MxK[keep_O], loss_MxK[keep_O]
    return Belief(value_M[keep_O], slope_MxK[keep_O], *parts, *told), run_C


def next_by_regret(belief: Belief, count: int, rng: np.random.Generator) -> np.ndarray:
    """The batch, (count,): the best option if it was not run, and what lowers the expected regret most."""
    best = np.flatnonzero(belief.option_C == int(belief.value_O.argmin()))
    return by_regret(belief, count, rng, int(best[0]) if len(best) else None)
