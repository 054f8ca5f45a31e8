"""Shadow prices of caps and constraints, the gain from more tokens of a source, and the cost of all constraints."""

from dataclasses import replace

import numpy as np

from mixlaw.io.notes import Note
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.plan_types import ShadowPrices, SourcePrice, Unconstrained
from mixlaw.planning.verdict import epochs_of
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Sources

MAX_DOUBLED = 12
"""Number of sources whose tokens are doubled and the plan solved again, those with the highest price first."""
SMALLEST_PRICE = 1e-9
"""Shadow prices below this (nats) are reported as 0."""
NOTED_GAIN = 1e-5
"""Gain of twice a source's tokens (nats) above which there is a note."""


def shadow_prices(problem: MixtureProblem, scale: Scale, best: Optimum, notes: list[Note]) -> ShadowPrices:
    """Shadow prices at the optimum of the fit.

    Returns:
        `sources`: by source `per_share`, nats per token of training by which the objective falls per unit of its
        largest share (below 0 if its smallest share is active); for a cap in epochs `per_token`, the same per unique
        token (0 if the cap is not active), and `doubled`, the gain from twice its tokens, solved again at the plan's N
        and D near the same reference.
        `constraints`: nats per unit of the limit of each active group, money (its currency), distance and ceiling.
    """
    cap_S, rows = best.cap_S, problem.rows(np.array([scale.tokens_or_nan]))
    assert cap_S is not None
    assert best.price_M is not None
    epoch_S = _per_token(problem, scale)
    doubled = _doubled(problem, scale, best, np.maximum(cap_S, 0.0) * epoch_S)
    found = {}
    for i, name in enumerate(problem.fit.sources):
        price = float(cap_S[i]) if abs(cap_S[i]) > SMALLEST_PRICE else 0.0
        per_token = max(price, 0.0) * float(epoch_S[i]) if epoch_S[i] > 0 else None
        found[name] = SourcePrice(price, per_token, doubled.get(name))
        if doubled.get(name, 0.0) > NOTED_GAIN and problem.sources is not None:
            tokens = problem.sources[i].tokens
            text = f"{tokens:.3g} more tokens of {name} would be worth {doubled[name]:.2g} nats"
            notes.append(Note("worth", ("worth",), text))
    prices = zip(rows.names, best.price_M, rows.top_M, strict=True)
    of_rows = {name: float(z) for name, z, top in prices if not top and z > SMALLEST_PRICE}
    if problem.money_row in of_rows:  # its row is in units of the most expensive token
        of_rows[problem.money_row] /= problem.money_unit * scale.tokens_or_nan
    return ShadowPrices(found, of_rows)


def _per_token(problem: MixtureProblem, scale: Scale) -> np.ndarray:
    """Increase of each source's largest share per unique token (S,); 0 if epochs do not cap it."""
    found_S = np.zeros(len(problem.fit.sources))
    if problem.sources is not None and scale.tokens is not None:
        for i, (source, upper) in enumerate(zip(problem.sources, problem.upper_S(scale.tokens), strict=True)):
            if source.max_epochs is not None and upper < source.max:
                found_S[i] = source.max_epochs / scale.tokens
    return found_S


def _doubled(problem: MixtureProblem, scale: Scale, best: Optimum, price_S: np.ndarray) -> dict[str, float]:
    """Gain from twice the tokens of a source, for sources that epochs cap, or that repeat under a law of repetition.

    The reference mixture that the plan stays near is kept fixed: more tokens would move a proportional one.
    """
    epochs_S = epochs_of(problem, scale, best.w_S)
    if problem.sources is None or epochs_S is None:
        return {}
    repeats_S = (np.nan_to_num(epochs_S) > 1.0) & ("unique" in problem.fit.law.needs)
    order = [i for i in np.argsort(-price_S, kind="stable") if price_S[i] > 0 or repeats_S[i]][:MAX_DOUBLED]
    found, fixed = {}, _with_fixed_reference(problem)
    for i in order:
        more = [replace(s, tokens=2 * s.tokens) if j == i and s.tokens else s for j, s in enumerate(problem.sources)]
        sources = Sources(more)
        fit = replace(problem.fit, unique_S=np.nan_to_num(sources.tokens_S, nan=np.inf))
        other = replace(fixed, sources=sources, fit=fit)
        gained = best.objective - other.solve(fit.z_KxP[None], scale.pair, near_S=best.w_S)[0].objective
        found[problem.fit.sources[i]] = float(gained) if abs(gained) > SMALLEST_PRICE else 0.0
    return found


def _with_fixed_reference(problem: MixtureProblem) -> MixtureProblem:
    """The problem with its reference mixture fixed as numbers."""
    near, reference_S = problem.constraints.near, problem.reference_S
    if near is None or reference_S is None:
        return problem
    fixed = replace(near, mixture=dict(zip(problem.fit.sources, reference_S.tolist(), strict=True)))
    return replace(problem, constraints=replace(problem.constraints, near=fixed))


def unconstrained(problem: MixtureProblem, scale: Scale, best: Optimum) -> Unconstrained:
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
    return Unconstrained(mixture, value, cost=plan - value)
