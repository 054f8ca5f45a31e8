"""A plan with the losses that its own run and the proportional run had at the budget."""

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_types import Band, Check, CheckedDifference
from mixlaw.planning.verdict import band


def with_check(plan: Plan, measured: dict[str, dict[str, float]]) -> Plan:
    """The plan with the measured losses of its own run and of the proportional run at the budget.

    Args:
        plan: a plan with its fit and a proportional baseline.
        measured: losses by target of both runs, {"recommended": {target: loss}, "proportional": {...}}, nats per token.

    The intervals are of single runs: they add to the bootstrap the noise of one run (for a target) or of two (for the
    difference), taken as fully correlated over targets, which makes them wider.

    Raises:
        MixlawError: the plan has no fit or no proportional baseline.

    >>> with_check(Plan({"web": 1.0}), {})
    Traceback (most recent call last):
    mixlaw.errors.MixlawError: with_check needs a plan that `recommend` made, with a proportional baseline
    """
    fit, proportional = plan.fit, plan.baselines.get("proportional")
    if fit is None or proportional is None:
        raise MixlawError("with_check needs a plan that `recommend` made, with a proportional baseline")
    weights = plan.provenance.targets
    weight_K = np.array(list(weights.values())) / sum(weights.values())
    w_2xS = np.array([[mixture[name] for name in fit.sources] for mixture in (plan.mixture, proportional.mixture)])
    at = [np.nan if value is None else value for value in (plan.params, plan.tokens)]
    point_2xK, replicas_Bx2xK = fit.losses(w_2xS, *at), fit.losses(w_2xS, *at, replicas=True)
    point_2, replicas_Bx2, noise_K = point_2xK @ weight_K, replicas_Bx2xK @ weight_K, fit.sigma_K * point_2xK[0]
    draws_B = np.random.default_rng(plan.provenance.seed).standard_normal(len(replicas_Bx2))
    noise = np.sqrt(2.0) * float(weight_K @ noise_K)
    gain = band(replicas_Bx2[:, 1] - replicas_Bx2[:, 0] + noise * draws_B, point_2[1] - point_2[0])
    single_BxK = replicas_Bx2xK[:, 0] + noise_K * draws_B[:, None]
    of_target: dict[str, Band] = {
        name: band(one_B, point) for name, one_B, point in zip(fit.targets, single_BxK.T, point_2xK[0], strict=True)
    }
    objective = {
        run: sum(w * losses[t] for t, w in weights.items()) / sum(weights.values()) for run, losses in measured.items()
    }
    difference = CheckedDifference(
        gain.mean, gain.low, gain.high, measured=objective["proportional"] - objective["recommended"]
    )
    check = Check.from_dict({**measured, "interval": of_target, "difference": difference})
    return plan.with_values({"check": check})
