"""A plan with what its own run and the proportional run measured at the budget."""

import numpy as np

from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.planning.plan import Plan


def with_check(plan: Plan, measured: dict[str, dict[str, float]]) -> Plan:
    """The plan with what its own run and the proportional one came to at the budget.

    Args:
        plan: a plan with its fit and a proportional baseline.
        measured: losses by target of both runs, {"recommended": {target: loss}, "proportional": {...}}.

    The intervals are of single runs: beside the bootstrap they hold the noise of one run (each target's) or of two (the
    difference's), taken as fully correlated over targets, which is the wide side.
    """
    content, weights, fit = plan.to_dict(), plan.provenance["targets"], plan.fit
    assert fit is not None, "a plan that `recommend` made has its fit"
    weight_K = np.array(list(weights.values())) / sum(weights.values())
    mixtures = (content["mixture"], content["baselines"]["proportional"]["mixture"])
    w_2xS = np.array([[mixture[name] for name in fit.sources] for mixture in mixtures])
    at = [np.nan if content[key] is None else content[key] for key in ("params", "tokens")]
    point_2xK, replicas_Bx2xK = fit.losses(w_2xS, *at), fit.losses(w_2xS, *at, replicas=True)
    point_2, replicas_Bx2, noise_K = point_2xK @ weight_K, replicas_Bx2xK @ weight_K, fit.sigma_K * point_2xK[0]
    draws_B = np.random.default_rng(content["provenance"]["seed"]).standard_normal(len(replicas_Bx2))
    noise = np.sqrt(2.0) * float(weight_K @ noise_K)
    band = bootstrap_interval(replicas_Bx2[:, 1] - replicas_Bx2[:, 0] + noise * draws_B, point_2[1] - point_2[0])
    single_BxK = replicas_Bx2xK[:, 0] + noise_K * draws_B[:, None]
    of_target = {
        name: bootstrap_interval(one_B, point)
        for name, one_B, point in zip(fit.targets, single_BxK.T, point_2xK[0], strict=True)
    }
    objective = {
        run: sum(w * losses[t] for t, w in weights.items()) / sum(weights.values()) for run, losses in measured.items()
    }
    difference = {"predicted": band["mean"], "low": band["low"], "high": band["high"]}
    difference["measured"] = objective["proportional"] - objective["recommended"]
    return Plan(content | {"check": {**measured, "interval": of_target, "difference": difference}}, fit)
