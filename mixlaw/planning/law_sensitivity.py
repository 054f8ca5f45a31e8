"""Sensitivity of the claimed gain to the law: a bracket from laws that overstate and understate it.

The term of a law that contains the mixture determines the size of differences between mixtures at a larger scale. If it
is the floor only (optimal-mixtures), they are overestimated; if it is the token term only (joint-effective-tokens),
they are underestimated. On published runs the measured differences are between the two.
"""

from dataclasses import replace

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.fit_runs import fit as estimate
from mixlaw.io.notes import Note, null
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.plan_types import Bracket

OPPOSITE_BIAS_LAWS = ("optimal-mixtures", "joint-effective-tokens")


def bracket(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, notes: list[Note], seed: int) -> Bracket | None:
    """Gain of the plan's mixture on proportional (on uniform, if sizes are unknown) by law, nats per token.

    Returns:
        `against`, `gains` by law and its `low` and `high`; None if the table cannot fit another law.
    """
    fit, other_S = problem.fit, problem.proportional_S
    against = "uniform" if other_S is None else "proportional"
    w_2xS = np.stack([w_S, np.full(len(w_S), 1.0 / len(w_S)) if other_S is None else other_S])
    gains = {fit.law.name: _gain(problem, fit, w_2xS, scale)}
    for name in OPPOSITE_BIAS_LAWS:
        if name == fit.law.name or fit.runs is None:
            continue
        try:
            made = estimate(fit.runs, name, seed=seed, bootstrap=0)
        except MixlawError as error:
            notes.append(Note("left-out", ("bracket",), f"bracket: {name} is left out: {error}"))
            continue
        index_K = [made.targets.index(target.name) for target in problem.targets]
        made = replace(made.take_targets(index_K), unique_S=fit.unique_S)
        order = [fit.sources.index(name) for name in made.sources]
        gains[name] = _gain(problem, made, w_2xS[:, order], scale)
    if len(gains) < 2:
        notes.append(null(("bracket",), "it needs the run table, with runs of several sizes and token counts"))
        return None
    return Bracket(against, gains, low=min(gains.values()), high=max(gains.values()))


def _gain(problem: MixtureProblem, fit: Fit, w_2xS: np.ndarray, scale: Scale) -> float:
    plan, other = problem.value(fit.losses(w_2xS, *scale.pair))
    return float(other - plan)
