"""Compare predictions with measured losses: for each target, the objective and each baseline, the interval and whether
it contains the measured value."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from mixlaw.auditing.run_matching import Forecast, MatchedRuns
from mixlaw.auditing.score_sections import DifferenceScore, Interval, Score
from mixlaw.auditing.scored_plan import ScoredPlan
from mixlaw.typing import Array

HALF_WIDTH_90 = 1.645
"""95% quantile of the standard normal: mean ± 1.645 sd is a 90% interval."""
NORMAL_QUANTILES = norm.ppf((np.arange(101) + 0.5) / 101)
"""Equal-probability quantiles of the standard normal, used in place of random noise."""


def check_target(plan: ScoredPlan, own: MatchedRuns, trained: Forecast | None, k: int) -> Score:
    """Planned interval, interval predicted for the mixture as trained, and measured loss of target k.

    Args:
        own: the plan's runs.
        trained: the fit's forecast of them, None without a fit.

    >>> import numpy as np, pandas as pd
    >>> from mixlaw.auditing.run_matching import Forecast, match_runs
    >>> from mixlaw.runs.run_table import Runs
    >>> class Shares:
    ...     def to_dict(self):
    ...         bands = {"web": {"mean": 2.0, "low": 1.9, "high": 2.1}}
    ...         return {"mixture": {"web": 1.0}, "verdict": "unknown",
    ...                 "predicted": {"loss": bands, "objective": 2.0}, "provenance": {"targets": {"web": 1.0}}}
    >>> plan = ScoredPlan.of(Shares())
    >>> table = pd.DataFrame({"run_id": ["real"], "w:web": [1.0], "loss:web": [2.2]})
    >>> own = match_runs(plan, Runs.from_frame(table, "real.csv"), None)["plan"]
    >>> check_target(plan, own, Forecast(np.array([2.15]), np.array([[2.15]]), np.array([0.05])), 0).held
    Held(planned=False, as_trained=True)
    """
    planned, band = list(plan.loss.values())[k], None
    if trained is not None:
        noisy = np.add.outer(trained.replicas_BxK[:, k], trained.noise_K[k] * NORMAL_QUANTILES)
        band = Interval.of(noisy, trained.point_K[k])
    return Score.of(planned, band, float(own.measured_K[k]), same_size=own.has_size_of(plan))


def check_objective(plan: ScoredPlan, own: MatchedRuns, trained: Forecast | None, planned: Forecast | None) -> Score:
    """The same for the objective.

    A plan stores no interval of the objective, so it is computed from the fit's forecast of the plan (`planned`) if
    that is given.
    """
    stated = Interval(plan.objective)
    if planned is not None:
        found = Interval.of(plan.objective_of(planned.replicas_BxK), plan.objective)
        stated = Interval(plan.objective, found.low, found.high)
    band = None
    if trained is not None:
        noisy_BxQxK = trained.replicas_BxK[:, None, :] + np.multiply.outer(NORMAL_QUANTILES, trained.noise_K)
        band = Interval.of(plan.objective_of(noisy_BxQxK), float(plan.objective_of(trained.point_K)))
    measured = float(plan.objective_of(own.measured_K))
    return Score.of(stated, band, measured, same_size=own.has_size_of(plan))


def check_difference(
    plan: ScoredPlan, pair: tuple[MatchedRuns, MatchedRuns], forecasts: tuple[Forecast | None, Forecast | None]
) -> DifferenceScore:
    """The same for the difference in objective: other runs minus the plan's runs.

    Args:
        pair: the other runs, then the plan's.
        forecasts: of these two, None without a fit.
    """
    (other, own), (of_other, of_own) = pair, forecasts
    measured = float(plan.objective_of(other.measured_K) - plan.objective_of(own.measured_K))
    baseline = plan.baselines.get(other.name)
    band = noise = None
    if of_other is not None and of_own is not None:
        gap = float(plan.objective_of(of_other.point_K) - plan.objective_of(of_own.point_K))
        noise = math.hypot(*(float(_objective_noise(plan, forecast)) for forecast in (of_other, of_own)))
        gap_B = plan.objective_of(of_other.replicas_BxK) - plan.objective_of(of_own.replicas_BxK)
        band = Interval.of(np.add.outer(gap_B, noise * NORMAL_QUANTILES), gap)
    same_size = own.has_size_of(plan) and other.has_size_of(plan)
    score = Score.of(None if baseline is None else baseline.difference, band, measured, same_size=same_size)
    beyond = None if noise is None or math.isnan(measured) else bool(abs(measured) > HALF_WIDTH_90 * noise)
    return DifferenceScore(**vars(score), run_ids=tuple(other.ids), noise=noise, beyond_noise=beyond)


def _objective_noise(plan: ScoredPlan, forecast: Forecast) -> Array:
    """Standard deviation of the objective due to the noise of runs, to first order."""
    return plan.objective_of(forecast.point_K + forecast.noise_K) - plan.objective_of(forecast.point_K)
