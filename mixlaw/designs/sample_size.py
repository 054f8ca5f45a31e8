"""Number of further runs until the verdict is likely to be "better".

The difference d between the best baseline and the plan is approximated as normal, with mean m and standard deviation s0
of the bootstrap. After j runs like those of the proposed batch the standard deviation is s_j, which follows from the
fit's curvature without the outcomes; the new mean is normal around m with variance s0² - s_j². The verdict is *better*
if the 90% interval lies above 0, which has probability Phi((m - 1.645 s_j) / sqrt(s0² - s_j²)). The result is the
smallest j with a probability of at least one half. This assumes that the law is correct and that plan and best baseline
stay the same.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from mixlaw.designs.batch_report import Until
from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.fitting.posterior import Posterior, posterior
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.verdict import baselines, extrapolations, losses_of, verdict

VERDICT_PROBABILITY = 0.5
"""Probability of the verdict "better" at which it counts as likely."""
Z_95 = float(norm.ppf(0.95))
MAX_RUNS_FACTOR = 20
"""Largest reported number of further runs, as a multiple of the existing ones: for more, no law is exact enough."""


def until_verdict(
    problem: MixtureProblem, scale: Scale, best: Optimum, runs: Posterior, distrust: Sequence[str] = ()
) -> Until:
    """Number of further runs like those of the batch until the verdict is likely to be "better".

    Args:
        problem: the planning problem, with the bootstrap's replicas.
        scale, best: N and D of the planned run, and its optimum.
        runs: posterior of the batch at the size of its runs; the result is a multiple of its number of runs.
        distrust: reasons why the fit supports no verdict; empty if there are none.
    """
    batch = runs.log_KxN.shape[1]
    found = {name: b for name, b in baselines(problem, scale, best.w_S, []).items() if b is not None and b["feasible"]}
    doubts = [*extrapolations(problem, scale, best.w_S), *distrust]
    if not found:
        return Until("unknown", None, None, None, None, "no baseline keeps the constraints: nothing to compare with")
    rival = min(found, key=lambda name: found[name]["objective"])
    difference = found[rival]["difference"]
    if doubts:
        reason = f"{doubts[0]}: runs like these do not change that"
        return Until("unknown", rival, difference, None, None, reason)
    now = verdict(found)
    if now == "better":
        return Until(now, rival, difference, 0, None, "the verdict is already other than tie")
    rival_S = np.array([found[rival]["mixture"][name] for name in problem.fit.sources])
    spread = _spread(problem, scale, best.w_S, rival_S)
    mean, few = difference["mean"], len(np.unique(problem.fit.runs.run_id)) if problem.fit.runs is not None else 0
    if mean <= 1e-6 or spread <= 1e-9:
        reason = f"the plan and {rival} have equal predictions: no number of runs tells them apart"
        return Until(now, rival, difference, None, None, reason)
    eventually = float(norm.cdf(mean / spread))
    count_N = batch * np.unique(np.round(np.geomspace(1, max(MAX_RUNS_FACTOR * few / batch, 1.0), 200)).astype(int))
    left_N = spread * _shrinkage(problem, scale, (best.w_S, rival_S), runs, count_N / batch)
    chance_N = norm.cdf((mean - Z_95 * left_N) / np.sqrt(np.maximum(spread**2 - left_N**2, 1e-300)))
    likely = np.flatnonzero(chance_N >= VERDICT_PROBABILITY)
    if not len(likely):
        reason = (
            f"{rival} is predicted {mean:.4f} ± {spread:.4f} nats worse; {count_N[-1]} more runs like these would "
            f"leave ± {left_N[-1]:.4f}, too much to tell them apart"
        )
        return Until(now, rival, difference, None, eventually, reason)
    count, left = int(count_N[likely[0]]), left_N[likely[0]]
    reason = (
        f"{rival} is predicted {mean:.4f} ± {spread:.4f} nats worse; {count} more runs like these leave ± {left:.4f}, "
        f"and then better is more likely than tie; with any number it is {eventually:.0%} likely"
    )
    return Until(now, rival, difference, count, eventually, reason)


def _spread(problem: MixtureProblem, scale: Scale, plan_S: np.ndarray, rival_S: np.ndarray) -> float:
    """Standard deviation of the difference over the bootstrap, from its 90% interval."""
    (_, plan_BxK), (_, rival_BxK) = (losses_of(problem, scale, w) for w in (plan_S, rival_S))
    difference_B = problem.value(rival_BxK) - problem.value(plan_BxK)
    band = bootstrap_interval(difference_B, float(np.median(difference_B)))
    return (band["high"] - band["low"]) / (2 * Z_95)


def _shrinkage(
    problem: MixtureProblem, scale: Scale, pair: tuple[np.ndarray, np.ndarray], runs: Posterior, times_N: np.ndarray
) -> np.ndarray:
    """Standard deviation of the difference after running the batch `times_N` times, relative to now, (N,)."""
    both = posterior(problem.fit, np.stack(pair), *scale.pair)
    loss_Kx2 = np.exp(both.log_KxN)
    slope_K = problem.weight_K
    if problem.worst:
        slope_K = np.eye(len(slope_K))[np.argmax(np.where(slope_K > 0, loss_Kx2[:, 0], -np.inf))]
    start, left_N = 0.0, np.zeros(len(times_N))
    for k, weight in enumerate(slope_K):
        step_P = weight * (both.feature_KxNxP[k].T @ (loss_Kx2[k] * [-1.0, 1.0]))
        value_P, vector_PxP = np.linalg.eigh(runs.feature_KxNxP[k].T @ runs.feature_KxNxP[k] / runs.noise_K[k] ** 2)
        along_P = np.square(step_P @ vector_PxP)
        start += along_P.sum()
        left_N += (along_P / (1.0 + times_N[:, None] * np.maximum(value_P, 0.0))).sum(1)
    return np.sqrt(left_N / max(start, 1e-300))
