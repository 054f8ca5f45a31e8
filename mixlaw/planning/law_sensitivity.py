"""The claimed gain under laws that err to either side: a bracket around it.

Where the mixture enters a law decides how large differences between mixtures are at a larger scale: only through a
floor (optimal-mixtures) they come out too large, only through the tokens (joint-effective-tokens) too small. On
published runs the two lie on opposite sides of what was measured.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_runs import fit as estimate
from mixlaw.optimization.problem import Problem
from mixlaw.optimization.scale import Scale

SIDES = ("optimal-mixtures", "joint-effective-tokens")


def bracket(problem: Problem, scale: Scale, w_S: np.ndarray, notes: list[str], seed: int) -> dict[str, Any] | None:
    """Gain of the plan's mixture on proportional (or on uniform, where sizes are unknown) by law, nats per token.

    Returns:
        `against`, `gains` by law and its `low` and `high`; None where the table does not serve the other laws.
    """
    fit, other_S = problem.fit, problem.proportional_S
    against = "uniform" if other_S is None else "proportional"
    w_2xS = np.stack([w_S, np.full(len(w_S), 1.0 / len(w_S)) if other_S is None else other_S])
    gains = {fit.law.name: _gain(problem, fit, w_2xS, scale)}
    for name in SIDES:
        if name == fit.law.name or fit.runs is None:
            continue
        try:
            made = estimate(fit.runs, name, seed=seed, bootstrap=0)
        except MixlawError as error:
            notes.append(f"bracket: {name} is left out: {error}")
            continue
        index_K = [made.targets.index(target.name) for target in problem.targets]
        made = replace(made.take_targets(index_K), unique_S=fit.unique_S)
        order = [fit.sources.index(name) for name in made.sources]
        gains[name] = _gain(problem, made, w_2xS[:, order], scale)
    if len(gains) < 2:
        notes.append("bracket is null: it needs runs of several sizes and token counts, and the table at hand")
        return None
    return {"against": against, "gains": gains, "low": min(gains.values()), "high": max(gains.values())}


def _gain(problem: Problem, fit: Any, w_2xS: np.ndarray, scale: Scale) -> float:
    plan, other = problem.value(fit.losses(w_2xS, *scale.pair))
    return float(other - plan)
