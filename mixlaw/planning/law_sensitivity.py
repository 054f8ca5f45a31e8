"""Sensitivity of the claimed gain to the law: a bracket from laws that overstate and understate it.

Where the mixture enters a law decides how large differences between mixtures are at a larger scale: only through a
floor (optimal-mixtures) they come out too large, only through the tokens (joint-effective-tokens) too small. On
published runs the two lie on opposite sides of what was measured.
"""

from dataclasses import replace

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.fit_runs import fit as estimate
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.notes import Note, null
from mixlaw.planning.plan_types import Bracket

OPPOSITE_BIAS_LAWS = ("optimal-mixtures", "joint-effective-tokens")


def bracket(problem: MixtureProblem, scale: Scale, w_S: np.ndarray, notes: list[str], seed: int) -> Bracket | None:
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
        notes.append(null(("bracket",), "it needs runs of several sizes and token counts, and the table at hand"))
        return None
    return Bracket(against, gains, low=min(gains.values()), high=max(gains.values()))


def _gain(problem: MixtureProblem, fit: Fit, w_2xS: np.ndarray, scale: Scale) -> float:
    plan, other = problem.value(fit.losses(w_2xS, *scale.pair))
    return float(other - plan)
