"""Choice of the next runs by expected regret reduction (knowledge gradient) or Thompson sampling.

The plan is one of O options (possible plans: mixtures at the planned budget); C candidates are runs that can be made.
The posterior of the losses is normal (`mixlaw.fitting.posterior`), so a run changes the expected loss of every option
by a known direction times a standard normal number. The expected decrease of the lowest expected objective is the
knowledge gradient (Frazier, Powell and Dayanik 2009). A batch is chosen greedily: each run by its gain after the runs
chosen before it, whose outcomes are sampled.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from mixlaw.estimation.laplace import learned

OUTCOME_DRAWS = 16
"""Number of sampled outcomes of the runs chosen so far, in pairs of opposite sign."""
REPORT_DRAWS = 2000
"""Number of sampled outcomes for the reported figures."""


@dataclass(frozen=True)
class Belief:
    """Normal posterior of the losses of O options and C candidate runs, for K targets.

    Attributes:
        value_O: expected objective of each option, nats per token.
        slope_OxK: derivative of each option's objective with respect to its losses.
        option_KxOxP: features (see `Posterior`) of the options' losses, nats.
        run_KxCxP: features of the candidates' log-losses.
        noise_K: standard deviation of a run's log-loss around that of its mixture.
        correlation_KxK: correlation of the residuals of targets.
        option_C: index of the option with the candidate's mixture, or -1.
        own_OxK: standard deviation (nats) of an option's deviation from the law, which a run of the option reveals.
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
        index_Q: indices of the candidates.
        before, after: expected regret of the plan chosen now and of the plan chosen after the batch, nats per token.
        after_Q: expected regret after the first 1, 2, ..., Q runs, nats per token.
    """

    index_Q: np.ndarray
    before: float
    after: float
    after_Q: np.ndarray


def update_directions(
    belief: Belief, option_KxOxP: np.ndarray, run_KxCxP: np.ndarray, option_C: np.ndarray
) -> np.ndarray:
    """Change of every option's expected objective by a run of each candidate, (C, O, K): the coefficients of K
    independent standard normal numbers.

    The loss of option o on target k changes by cov(o, run) / sd(run) times the standardised residual of the run.
    Residuals of different targets have the correlation `belief.correlation_KxK`.
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
    """E[max(0, s Z - gap)] over a standard normal Z, (C, O): expected improvement over the best option by an option
    whose expected objective is `gap` above it."""
    safe = np.maximum(spread_CxO, 1e-300)
    behind = np.minimum(gap_O / safe, 40.0)
    density = np.exp(-0.5 * behind**2) / np.sqrt(2 * np.pi)
    return safe * density - np.minimum(gap_O, 40.0 * safe) * ndtr(-behind)


def knowledge_gradient(belief: Belief, count: int, rng: np.random.Generator, first: int | None = None) -> np.ndarray:
    """Indices of the batch, (count,): each run has the largest expected decrease of the lowest expected objective.

    The outcomes of the runs chosen so far are sampled. For each sample, the expected improvement of any single option
    over the best one has a closed form and is a lower bound on the decrease; the largest of these bounds is used, and
    its mean over the samples. A candidate is repeated only when all others are used: under the law a repeat is as
    informative, but the law may be wrong.

    Args:
        first: index of a candidate to put first, whatever its score.
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
    """Standard deviation of a run's log-loss around the law, (K,): noise and the mixture's deviation from the law."""
    option = belief.option_C[candidate]
    own_K = belief.own_OxK[option] / belief.loss_OxK[option] if option >= 0 else 0.0
    return np.sqrt(belief.noise_K**2 + own_K**2)


def _pairs(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    half = rng.standard_normal((-(-count // 2), width))
    return np.concatenate([half, -half])[:count]


def _falls(value_DxO: np.ndarray, move_CxOxK: np.ndarray) -> np.ndarray:
    """Expected decrease of the lowest expected objective by each candidate, mean over the draws, (C,)."""
    total_C = np.zeros(len(move_CxOxK))
    star_D = np.argmin(value_DxO, axis=1)
    for star in np.unique(star_D):
        spread_CxO = np.sqrt(np.square(move_CxOxK - move_CxOxK[:, star : star + 1]).sum(2))
        for value_O in value_DxO[star_D == star]:
            total_C += expected_improvement(value_O - value_O[star], spread_CxO).max(1)
    return total_C / len(value_DxO)


def thompson(belief: Belief, count: int, rng: np.random.Generator, apart_OxC: np.ndarray | None = None) -> np.ndarray:
    """Indices of the batch, (count,): each run is of the option with the lowest objective in one sample of the
    posterior (Thompson 1933), among those not yet in the batch.

    Args:
        apart_OxC: distance of each candidate from each option. The candidate nearest to the best option is run. None:
            only options that are candidates are considered.
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
    """Samples of the options' objectives from the posterior, (count, O)."""
    root_KxK = np.linalg.cholesky(belief.correlation_KxK)
    off_DxPxK = rng.standard_normal((count, belief.option_KxOxP.shape[2], len(root_KxK))) @ root_KxK.T
    own_DxOxK = rng.standard_normal((count, *belief.own_OxK.shape)) @ root_KxK.T * belief.own_OxK
    value_DxO = np.tile(belief.value_O, (count, 1))
    for k, feature_OxP in enumerate(belief.option_KxOxP):
        value_DxO += (off_DxPxK[:, :, k] @ feature_OxP.T + own_DxOxK[:, :, k]) * belief.slope_OxK[:, k]
    return value_DxO


def report(belief: Belief, index_Q: np.ndarray, rng: np.random.Generator) -> Batch:
    """The batch with the expected regret of the best option now and after each of its runs."""
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
        # The expected regret decreases by the same amount as the lowest expected objective.
        after.append(max(before - float(belief.value_O[star] - mean_DxO.min(1).mean()), 0.0))
    return Batch(np.asarray(index_Q), before, after[-1] if after else before, np.array(after))
