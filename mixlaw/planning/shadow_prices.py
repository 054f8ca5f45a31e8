"""What a constraint costs: shadow prices of caps and rows, and what more tokens of a source would be worth."""

from dataclasses import replace
from typing import Any

import numpy as np

from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import Problem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.verdict import epochs_of
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Sources

MOST = 12
"""Sources whose doubled tokens are planned anew, those with the highest price first."""
NOTHING = 1e-9
"""Nats: a price below it is none."""
TOLD = 1e-5
"""Nats: what more tokens are worth is a note from here."""


def worth(problem: Problem, scale: Scale, best: Optimum, notes: list[str]) -> dict[str, Any]:
    """Shadow prices at the optimum of the fit.

    Returns:
        `sources`: by source `per_share`, what a unit of its largest share is worth (nats per token of training, below
        0 for a smallest share that holds it), and for a cap in epochs `per_token`, the same for one more of its unique
        tokens (0 where the cap does not hold it), and `doubled`, what twice its tokens would be worth, planned anew at
        the plan's N and D, near to the same reference;
        `constraints`: nats per unit of the limit of each group, of money (its currency), of distances and ceilings that
        hold.
    """
    cap_S, rows = best.cap_S, problem.rows(np.array([scale.tokens_or_nan]))
    assert cap_S is not None
    assert best.price_M is not None
    epoch_S = _per_token(problem, scale)
    doubled = _doubled(problem, scale, best, np.maximum(cap_S, 0.0) * epoch_S)
    found = {}
    for i, name in enumerate(problem.fit.sources):
        price = float(cap_S[i]) if abs(cap_S[i]) > NOTHING else 0.0
        per_token = max(price, 0.0) * float(epoch_S[i]) if epoch_S[i] > 0 else None
        found[name] = {"per_share": price, "per_token": per_token, "doubled": doubled.get(name)}
        if doubled.get(name, 0.0) > TOLD and problem.sources is not None:
            tokens = problem.sources[i].tokens
            notes.append(f"{tokens:.3g} more tokens of {name} would be worth {doubled[name]:.2g} nats")
    prices = zip(rows.names, best.price_M, rows.top_M, strict=True)
    rows_worth = {name: float(z) for name, z, top in prices if not top and z > NOTHING}
    for name in [name for name in rows_worth if name.startswith("money ")]:  # its row is in units of the dearest token
        rows_worth[name] /= problem.money_unit * scale.tokens_or_nan
    return {"sources": found, "constraints": rows_worth}


def _per_token(problem: Problem, scale: Scale) -> np.ndarray:
    """By how much one more unique token raises each source's largest share, (S,): 0 where its epochs do not cap it."""
    found_S = np.zeros(len(problem.fit.sources))
    if problem.sources is not None and scale.tokens is not None:
        for i, (source, upper) in enumerate(zip(problem.sources, problem.upper_S(scale.tokens), strict=True)):
            if source.max_epochs is not None and upper < source.max:
                found_S[i] = source.max_epochs / scale.tokens
    return found_S


def _doubled(problem: Problem, scale: Scale, best: Optimum, price_S: np.ndarray) -> dict[str, float]:
    """What twice the tokens of a source are worth, for those that epochs cap or whose repetition the law knows.

    What the plan is to stay near is held as it is: more tokens of a source would move the proportional mixture too.
    """
    epochs_S = epochs_of(problem, scale, best.w_S)
    if problem.sources is None or epochs_S is None:
        return {}
    repeats_S = (np.nan_to_num(epochs_S) > 1.0) & ("unique" in problem.fit.law.needs)
    order = [i for i in np.argsort(-price_S, kind="stable") if price_S[i] > 0 or repeats_S[i]][:MOST]
    found, held = {}, _held(problem)
    for i in order:
        more = [replace(s, tokens=2 * s.tokens) if j == i and s.tokens else s for j, s in enumerate(problem.sources)]
        sources = Sources(more)
        fit = replace(problem.fit, unique_S=np.nan_to_num(sources.tokens_S, nan=np.inf))
        other = replace(held, sources=sources, fit=fit)
        gained = best.objective - other.solve(fit.z_KxP[None], scale.pair, near_S=best.w_S)[0].objective
        found[problem.fit.sources[i]] = float(gained) if abs(gained) > NOTHING else 0.0
    return found


def _held(problem: Problem) -> Problem:
    """The problem with the mixture that it is to stay near written out."""
    near, reference_S = problem.constraints.near, problem.reference_S
    if near is None or reference_S is None:
        return problem
    fixed = replace(near, mixture=dict(zip(problem.fit.sources, reference_S.tolist(), strict=True)))
    return replace(problem, constraints=replace(problem.constraints, near=fixed))


def unconstrained(problem: Problem, scale: Scale, best: Optimum) -> dict[str, Any]:
    """The optimum at the plan's N and D without bounds, groups, money, distance or ceilings, and what they cost."""
    sources = problem.sources and Sources(
        replace(s, min=0.0, max=1.0, share=None, max_epochs=None) for s in problem.sources
    )
    budget = problem.budget and replace(problem.budget, money=None)
    targets = tuple(replace(target, max_loss=None) for target in problem.targets)
    constraints = Constraints(problem.constraints.objective)
    free = replace(problem, sources=sources, budget=budget, targets=targets, constraints=constraints)
    w_S = best.w_S if free == problem else free.solve(problem.fit.z_KxP[None], scale.pair)[0].w_S
    value, plan = (float(problem.value(problem.fit.losses(w[None], *scale.pair)[0])) for w in (w_S, best.w_S))
    mixture = dict(zip(problem.fit.sources, w_S.tolist(), strict=True))
    return {"mixture": mixture, "objective": value, "cost": plan - value}
