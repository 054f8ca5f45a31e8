"""Which runs to make next: by what they are expected to take off the plan's regret, or by Thompson's sampling.

A plan is chosen among O options, mixtures at the planned budget; C candidates are runs that can be made. What is known
of the losses is normal (`mixlaw.fitting.posterior`), so that a run moves the expected loss of every option by a known
direction times a standard normal number. The expected fall of the least expected objective is the knowledge gradient
(Frazier, Powell and Dayanik 2009); a batch is filled greedily, each run by what it adds to those before it, of which
the outcomes are drawn.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from mixlaw.estimation.laplace import learned

OUTCOME_DRAWS = 16
"""Outcomes of the runs chosen so far, in pairs of opposite sign."""
REPORT_DRAWS = 2000
"""Outcomes behind the figures that are reported."""


@dataclass(frozen=True)
class Belief:
    """What is known of O options and of C candidate runs, for K targets.

    Attributes:
        value_O: expected objective of each option, nats per token.
        slope_OxK: how the objective of an option moves with its losses, from `MixtureProblem`.
        option_KxOxP: features of the options' losses, nats.
        run_KxCxP: features of the candidates' log-losses.
        noise_K: standard deviation of a run's log-loss around its mixture's.
        correlation_KxK: correlation between targets of what a run is off by.
        option_C: the option that has the candidate's mixture, -1 where there is none.
        own_OxK: standard deviation, in nats, of what sets an option's loss off from the law and a run of it shows.
        loss_OxK: expected losses of the options, nats per token.
    """

    value_O: np.ndarray
    slope_OxK: np.ndarray
    option_KxOxP: np.ndarray
    run_KxCxP: np.ndarray
    noise_K: np.ndarray
    correlation_KxK: np.ndarray
    option_C: np.ndarray
    own_OxK: np.ndarray
    loss_OxK: np.ndarray


@dataclass(frozen=True)
class Batch:
    """A batch of Q candidates, in the order of choice.

    Attributes:
        index_Q: which.
        before, after: expected regret of the plan chosen now, and of the one chosen after the batch, nats per token.
        after_Q: the same after the first, the first two, ... of them.
    """

    index_Q: np.ndarray
    before: float
    after: float
    after_Q: np.ndarray


def update_directions(
    belief: Belief, option_KxOxP: np.ndarray, run_KxCxP: np.ndarray, option_C: np.ndarray
) -> np.ndarray:
    """How a run of each candidate moves the objective of every option, (C, O, K), per K standard normal numbers.

    Target k's loss of option o moves by cov(o, run) / sd(run) times what the run is off by in its own unit; those of
    the targets are `alike`.
    """
    K, C = len(belief.noise_K), run_KxCxP.shape[1]
    moved_CxOxK = np.empty((C, len(belief.value_O), K))
    own_CxK = np.where((option_C >= 0)[:, None], belief.own_OxK[option_C], 0.0)
    loss_CxK = np.where((option_C >= 0)[:, None], belief.loss_OxK[option_C], 1.0)
    for k in range(K):
        covariance_CxO = run_KxCxP[k] @ option_KxOxP[k].T
        at = np.flatnonzero(option_C >= 0)
        covariance_CxO[at, option_C[at]] += own_CxK[at, k] ** 2 / loss_CxK[at, k]
        variance_C = np.square(run_KxCxP[k]).sum(1) + belief.noise_K[k] ** 2 + (own_CxK[:, k] / loss_CxK[:, k]) ** 2
        moved_CxOxK[:, :, k] = covariance_CxO / np.sqrt(variance_C)[:, None] * belief.slope_OxK[:, k]
    return moved_CxOxK if K == 1 else moved_CxOxK @ np.linalg.cholesky(belief.correlation_KxK)


def expected_improvement(gap_O: np.ndarray, spread_CxO: np.ndarray) -> np.ndarray:
    """E[max(0, s Z - gap)] over a standard normal Z: what can be won where an option is behind by so much (C, O)."""
    safe = np.maximum(spread_CxO, 1e-300)
    behind = np.minimum(gap_O / safe, 40.0)
    density = np.exp(-0.5 * behind**2) / np.sqrt(2 * np.pi)
    return safe * density - np.minimum(gap_O, 40.0 * safe) * ndtr(-behind)


def knowledge_gradient(belief: Belief, count: int, rng: np.random.Generator, first: int | None = None) -> np.ndarray:
    """The batch, (count,): each run has the largest expected fall of the least expected objective.

    With the outcomes of the runs before it drawn, the fall by one more is at least that from the best option to any one
    other, which has a closed form; its largest over the options is taken, and the mean over the draws. No candidate is
    taken twice while there are others: by the law a repeat says as much as its like, but the law may be wrong.

    Args:
        first: a candidate that is the batch's first whatever it is worth.
    """
    option_KxOxP, run_KxCxP = belief.option_KxOxP, belief.run_KxCxP
    value_DxO, chosen = np.tile(belief.value_O, (1 if count == 1 else OUTCOME_DRAWS, 1)), []
    left_C = np.ones(run_KxCxP.shape[1], bool)
    for step in range(count):
        move_CxOxK = update_directions(belief, option_KxOxP, run_KxCxP, belief.option_C)
        if step == 0 and first is not None:
            best = first
        else:
            best = int(np.argmax(np.where(left_C, _falls(value_DxO if step else value_DxO[:1], move_CxOxK), -1.0)))
        chosen.append(best)
        left_C[best] = False
        if step + 1 < count:
            draws_DxK = _pairs(rng, len(value_DxO), len(belief.noise_K))
            value_DxO = value_DxO + draws_DxK @ move_CxOxK[best].T
            run_KxP = run_KxCxP[:, best]
            noise_K = _noise(belief, best)
            option_KxOxP, run_KxCxP = (learned(x, run_KxP, noise_K) for x in (option_KxOxP, run_KxCxP))
    return np.array(chosen)


def _noise(belief: Belief, candidate: int) -> np.ndarray:
    """What hides the law's part in a run's log-loss: noise, and what is the mixture's own."""
    option = belief.option_C[candidate]
    own_K = belief.own_OxK[option] / belief.loss_OxK[option] if option >= 0 else 0.0
    return np.sqrt(belief.noise_K**2 + own_K**2)


def _pairs(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    half = rng.standard_normal((-(-count // 2), width))
    return np.concatenate([half, -half])[:count]


def _falls(value_DxO: np.ndarray, move_CxOxK: np.ndarray) -> np.ndarray:
    """The mean over the draws of the expected fall by each candidate, (C,)."""
    total_C = np.zeros(len(move_CxOxK))
    star_D = np.argmin(value_DxO, axis=1)
    for star in np.unique(star_D):
        spread_CxO = np.sqrt(np.square(move_CxOxK - move_CxOxK[:, star : star + 1]).sum(2))
        for value_O in value_DxO[star_D == star]:
            total_C += expected_improvement(value_O - value_O[star], spread_CxO).max(1)
    return total_C / len(value_DxO)


def thompson(belief: Belief, count: int, rng: np.random.Generator, apart_OxC: np.ndarray | None = None) -> np.ndarray:
    """The batch, (count,): each run is of the option that is best in a draw from what is known (Thompson 1933), of
    those not yet in the batch.

    Args:
        apart_OxC: how far candidates are from options; the nearest one stands for an option that cannot be run. None:
            only options that are candidates are looked at.
    """
    able = np.flatnonzero(belief.option_C >= 0)
    chosen: list[int] = []
    for value_O in sample_objectives(belief, count, rng):
        if apart_OxC is None:
            left = np.setdiff1d(able, chosen)
            chosen.append(int(left[np.argmin(value_O[belief.option_C[left]])]))
        else:
            apart_C = apart_OxC[np.argmin(value_O)].copy()
            apart_C[chosen] = np.inf
            chosen.append(int(np.argmin(apart_C)))
    return np.array(chosen)


def sample_objectives(belief: Belief, count: int, rng: np.random.Generator) -> np.ndarray:
    """The options' objectives in draws from what is known, (count, O)."""
    root_KxK = np.linalg.cholesky(belief.correlation_KxK)
    off_DxPxK = rng.standard_normal((count, belief.option_KxOxP.shape[2], len(root_KxK))) @ root_KxK.T
    own_DxOxK = rng.standard_normal((count, *belief.own_OxK.shape)) @ root_KxK.T * belief.own_OxK
    value_DxO = np.tile(belief.value_O, (count, 1))
    for k, feature_OxP in enumerate(belief.option_KxOxP):
        value_DxO += (off_DxPxK[:, :, k] @ feature_OxP.T + own_DxOxK[:, :, k]) * belief.slope_OxK[:, k]
    return value_DxO


def report(belief: Belief, index_Q: np.ndarray, rng: np.random.Generator) -> Batch:
    """The expected regret of the best option now, and after each run of a batch."""
    value_DxO = sample_objectives(belief, REPORT_DRAWS, rng)
    star = int(np.argmin(belief.value_O))
    before = float((value_DxO[:, star] - value_DxO.min(1)).mean())
    mean_DxO, option_KxOxP, run_KxCxP = (
        np.tile(belief.value_O, (REPORT_DRAWS, 1)),
        belief.option_KxOxP,
        belief.run_KxCxP,
    )
    after = []
    for c in index_Q:
        move_OxK = update_directions(belief, option_KxOxP, run_KxCxP[:, [c]], belief.option_C[[c]])[0]
        mean_DxO = mean_DxO + _pairs(rng, REPORT_DRAWS, move_OxK.shape[1]) @ move_OxK.T
        noise_K, run_KxP = _noise(belief, c), run_KxCxP[:, c]
        option_KxOxP, run_KxCxP = (learned(x, run_KxP, noise_K) for x in (option_KxOxP, run_KxCxP))
        # The regret falls by as much as the least expected objective does.
        after.append(max(before - float(belief.value_O[star] - mean_DxO.min(1).mean()), 0.0))
    return Batch(np.asarray(index_Q), before, after[-1] if after else before, np.array(after))
