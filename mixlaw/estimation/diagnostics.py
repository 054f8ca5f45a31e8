"""Diagnostics of a fit: seed noise, undetermined parameters, parameters at bounds, failure of the optimiser."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.estimation import levenberg_marquardt as lm
from mixlaw.estimation.objective import FitProblem, information
from mixlaw.estimation.observations import Observations
from mixlaw.laws import Law
from mixlaw.laws.base import constrain, fitted_fields, parameter_slices
from mixlaw.runs.grouping import SAME_SCALE, group_points
from mixlaw.runs.run_table import Runs

UNDETERMINED_RATIO = 0.95
"""Ratio of posterior to prior standard deviation above which a parameter is reported as undetermined by the runs."""
UNDETERMINED_SD = 1.0
"""Standard deviation in log space above which a parameter without prior is undetermined: a factor of three."""
NEGLIGIBLE_VARIANCE = 1e-6
"""Share of the variance of log-loss below which residuals count as 0."""
PACKING_DIFFERENCE = 0.003
"""Largest difference of shares that packing makes between runs of one mixture; designs rarely have closer mixtures."""
BOUND_DISTANCE = 0.01
"""Distance from a bound, as a share of the parameter's range, within which a parameter is at the bound."""


def seed_noise(seen: Observations) -> tuple[np.ndarray, int]:
    """Pooled standard deviation of log-loss between runs that differ only in their seed.

    Last checkpoints are compared: shares must agree within `PACKING_DIFFERENCE`, and N, D and unique tokens within
    `SAME_SCALE`, because packing changes both.

    Returns:
        Standard deviation (K,), nan if no run repeats another.
        Number of runs that repeat another.
    """
    last = np.flatnonzero(seen.runs.last_R)
    group_N = group_points(_design(seen.runs.select(last)))
    squares_K, free_K = np.zeros(len(seen.log_loss_KxR)), np.zeros(len(seen.log_loss_KxR))
    repeats = 0
    for group in np.flatnonzero(np.bincount(group_N) > 1):
        rows = last[group_N == group]
        repeats += len(rows) - 1
        for k, weight_R in enumerate(seen.weight_KxR[:, rows]):
            log_loss = seen.log_loss_KxR[k, rows][weight_R > 0]
            if len(log_loss) > 1:
                squares_K[k] += np.sum((log_loss - log_loss.mean()) ** 2)
                free_K[k] += len(log_loss) - 1
    return np.sqrt(np.divide(squares_K, free_K, out=np.full(len(free_K), np.nan), where=free_K > 0)), repeats


def _design(runs: Runs) -> np.ndarray:
    """Design of the runs (R, 2 S + 2): shares and log counts, in units of the differences that packing makes."""
    counts_RxC = np.column_stack([runs.params_R, runs.tokens_R, runs.unique_RxS])
    known_RxC = np.isfinite(counts_RxC)  # an empty or infinite count matches no finite one
    log_RxC = np.where(known_RxC, np.log(np.where(known_RxC, counts_RxC, 1.0)), -1e3)
    return np.column_stack([runs.w_RxS / PACKING_DIFFERENCE, log_RxC / SAME_SCALE])


def spread(law: type[Law], problems: FitProblem, solution: lm.FitSolution, rows: Any, constants: dict) -> np.ndarray:
    """Standard deviations (K, P) of the unconstrained parameters by Laplace approximation; call inside a float64
    context."""
    found = []
    for k, z_P in enumerate(solution.z_P):
        problem, known = jax.tree.map(lambda x, k=k: np.asarray(x)[k], (problems, constants))
        *_, H_PxP, _ = information(law, problem, z_P, rows, known, solution.degrees[k])
        scale_P = np.sqrt(np.maximum(np.diag(np.asarray(H_PxP)), 1e-300))
        value_P, vector_PxP = np.linalg.eigh(np.asarray(H_PxP) / np.outer(scale_P, scale_P))
        found.append(np.sqrt((vector_PxP**2 / np.maximum(value_P, 1e-14)).sum(1)) / scale_P)
    return np.stack(found)


def undetermined(law: type[Law], spread_KxP: np.ndarray, prior_KxP: np.ndarray, sources: tuple[str, ...]) -> list[str]:
    """A note on the parameters that the runs do not determine for any target."""
    limit_KxP = UNDETERMINED_RATIO * prior_KxP if law.objective.priors else np.full_like(spread_KxP, UNDETERMINED_SD)
    flat_P = np.all(spread_KxP > limit_KxP, axis=0)
    named = _named(law, flat_P, sources)
    if not named:
        return []
    why = "leave where their priors put them" if law.objective.priors else "do not determine (a flat valley)"
    return [f"the runs {why}: {', '.join(named)}; do not read these values"]


def two_sizes(law: type[Law], seen: Observations) -> list[str]:
    """A note if a law that depends on size was fitted to two sizes: they cannot determine the three unknowns floor,
    coefficient and exponent, so the level of losses at other sizes is not determined."""
    if "params" not in law.needs or len(seen.runs.scales) != 2:
        return []
    level = "rests on the priors" if law.objective.priors else "is not determined"
    known = "differences between mixtures are better known; " if "mixture" in law.needs else ""
    return [
        f"the runs have two sizes: the level of losses at other sizes {level}; {known}run three sizes for the level"
    ]


def at_bounds(law: type[Law], z_KxP: np.ndarray, constants: dict, sources: tuple[str, ...]) -> list[str]:
    """A note on parameters that are at a bound of their range for some target."""
    slices, at_P = parameter_slices(law, len(sources)), np.zeros(z_KxP.shape[1], bool)
    for k, z_P in enumerate(z_KxP):
        fitted = constrain(law, z_P, {name: x[k] for name, x in constants.items()}, len(sources))
        for f in fitted_fields(law):
            low, high = f.metadata["space"].constrain(np.array([-40.0, 40.0]))
            if np.isfinite([low, high]).all() and high - low < 1e6:
                place = (np.asarray(getattr(fitted, f.name)) - low) / (high - low)
                at_P[slices[f.name]] |= np.atleast_1d((place < BOUND_DISTANCE) | (place > 1.0 - BOUND_DISTANCE))
    named = _named(law, at_P, sources)
    return [f"at a bound of their range for some target: {', '.join(named)}"] if named else []


def _named(law: type[Law], chosen_P: np.ndarray, sources: tuple[str, ...]) -> list[str]:
    """Names of the parameters in a mask, with the names or number of sources for parameters that differ by source."""
    found, slices = [], parameter_slices(law, len(sources))
    for f in fitted_fields(law):
        name, chosen = f.name, chosen_P[slices[f.name]]
        if not f.metadata["per_source"]:
            found += [name] * bool(chosen[0])
        elif chosen.all():
            found.append(f"{name} of every source")
        elif chosen.any():
            which = [s for s, is_chosen in zip(sources, chosen, strict=True) if is_chosen]
            found.append(f"{name} of {', '.join(which)}" if len(which) <= 3 else f"{name} of {len(which)} sources")
    return found


def check_trust(law: type[Law], seen: Observations, solution: lm.FitSolution, agree_K: np.ndarray, starts: int) -> None:
    """Raise if the optimiser failed.

    Raises:
        MixlawError: for some target the objective is not finite, or the solver did not converge and no two starts
            agree. The message lists the likely causes.
    """
    finite_K = np.isfinite(solution.objective)
    variance_K = np.array([np.var(y_R[w_R > 0]) * w_R.sum() for y_R, w_R in zip(*seen.data, strict=True)])
    # If residuals are (nearly) 0, the objective is rounding error: convergence and agreement mean nothing.
    open_K = np.asarray(solution.residual_sum) > NEGLIGIBLE_VARIANCE * variance_K
    lost_K = ~np.asarray(solution.converged) & (agree_K < 1.5 / starts) & (starts > 1) & open_K
    bad = np.flatnonzero(~finite_K | lost_K)
    if not len(bad):
        return
    k, runs = int(bad[0]), seen.runs
    used_R = seen.weight_KxR[k] > 0
    log_loss_R = seen.log_loss_KxR[k][used_R]
    far = int(np.argmax(np.abs(log_loss_R - np.median(log_loss_R))))
    count, width = len(np.unique(runs.cluster_R[used_R])), solution.z_P.shape[1]
    what = "did not end, and its starts do not agree" if finite_K[k] else "has no finite objective"
    raise MixlawError(
        f"{runs.name}: the fit of {law.name} on target {runs.targets[k]} {what}. Likely causes: (1) {count} runs for "
        f"{width} parameters: add runs, or choose a law of fewer; (2) a loss that is wrong: run "
        f"'{runs.run_id[used_R][far]}' has {np.exp(log_loss_R[far]):.4g} where the median is "
        f"{np.exp(np.median(log_loss_R)):.4g} nats per token; (3) runs that hardly differ in what the law reads "
        f"({', '.join(sorted(law.needs))}); (4) a law that is wrong for them: see `mixlaw compare`"
    )


@dataclass(frozen=True)
class Diagnostics:
    """Diagnostics of a fit, per target (K,).

    Attributes:
        converged: True if the solver reached its tolerance.
        starts_agree: share of the starts that reached the best objective.
        degrees: effective number of parameters.
        objective: value of the objective at the optimum.
        seed_noise: standard deviation of log-loss between runs that differ only in seed, nan if there are none.
        repeats: number of runs that repeat another.
    """

    converged_K: np.ndarray
    starts_agree_K: np.ndarray
    degrees_K: np.ndarray
    objective_K: np.ndarray
    seed_noise_K: np.ndarray
    repeats_K: np.ndarray
