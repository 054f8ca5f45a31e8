"""The set of mixtures that satisfy a project's constraints that need no fit: bounds, groups, money, distances."""

from __future__ import annotations

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.mixtures.constraint_rows import Rows, row, stack
from mixlaw.mixtures.feasible_set import FeasibleSet
from mixlaw.mixtures.infeasibility import Bound, refuse
from mixlaw.mixtures.simplex import check_bounds
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Sources
from mixlaw.typing import Array


def feasible(
    sources: Sources, constraints: Constraints | None = None, tokens: float | None = None, money: float | None = None
) -> FeasibleSet:
    """The set of mixtures that satisfy bounds and constraints in runs of `tokens` tokens.

    If `tokens` is None, caps in epochs and money are left out.

    Raises:
        MixlawError: no mixture satisfies the constraints; the message names the sources, or an irreducible set of
            constraints.
    """
    held = constraints or Constraints()
    held.check(sources.names)
    lower_S, upper_S = sources.min_S, sources.upper_S(tokens)
    check_bounds(sources.names, lower_S, upper_S)
    rows = [*_grouped(sources, held), *_paid(sources, tokens, money)]
    near = held.near
    reference_S, limits = None, [np.inf, np.inf]
    if near is not None and (near.kl is not None or near.l1 is not None):
        sized = np.isfinite(sources.tokens_S).all()
        reference_S = near.reference(sources.names, sources.proportional() if sized else None)
        limits = [np.inf if x is None else x for x in (near.kl, near.l1)]
    A_MxS = np.array([A_S for _, A_S, _ in rows]).reshape(len(rows), len(sources))
    found = FeasibleSet(lower_S, upper_S, A_MxS, np.array([limit for *_, limit in rows], float), reference_S, *limits)
    names = [name for name, *_ in rows]
    _refuse(sources, names, found, held)
    return found


def _grouped(sources: Sources, constraints: Constraints) -> list[tuple[str, Array, float]]:
    """Names, coefficients and limits of the groups' bounds."""
    rows = []
    for group in constraints.groups:
        in_S = np.array([float(name in group.sources) for name in sources.names])
        if group.max < 1:
            rows.append((f"group {group.name} max {group.max:g}", in_S, group.max))
        if group.min > 0:
            rows.append((f"group {group.name} min {group.min:g}", -in_S, -group.min))
    return rows


def _paid(sources: Sources, tokens: float | None, money: float | None) -> list[tuple[str, Array, float]]:
    """Name, coefficients and limit of the money, in units of the most expensive token."""
    if money is None or tokens is None:
        return []
    unpriced = [source.name for source in sources if source.cost is None]
    if unpriced:
        raise MixlawError(f"budget: money is limited and {listed(unpriced)} has no cost: state the cost a token")
    cost_S = np.array([source.cost for source in sources], float)
    unit = cost_S.max() or 1.0
    return [(f"money {money:g}", cost_S / unit, money / unit / tokens)]


def kept_rows(names: tuple[str, ...], constraints: Constraints, targets: int = 0) -> list[Rows]:
    """Fixed proportions as linear rows w_i <= q_i (sum of the group), for programs with one variable per source.

    Args:
        names: names of the sources, in the order of the shares.
        targets: number of losses of the program; their coefficients in these rows are 0.
    """
    rows = []
    for group in constraints.groups:
        in_S = np.array([float(name in group.sources) for name in names])
        for name, share in group.kept.items():
            own_S = np.array([float(name == other) for other in names])
            what = f"group {group.name} keep {name}"
            rows.append(row(what, 0.0, losses_K=targets, linear_S=own_S - share * in_S))
    return rows


def _refuse(sources: Sources, names: list[str], found: FeasibleSet, constraints: Constraints) -> None:
    """Raise if the linear constraints are infeasible, or if they are infeasible together with the bound on the KL."""
    kept = kept_rows(sources.names, constraints)  # checked for conflicts, but not imposed on a design
    if found.boxed and not kept:
        return
    S, bounds = len(sources), []
    for i, source in enumerate(sources):
        if found.lower_S[i] > 0:
            bounds.append(Bound(f"source {source.name} min {source.min:g}", i, False, source.min))
        if found.upper_S[i] < 1:
            capped = source.max_epochs is not None and found.upper_S[i] < source.max - 1e-12
            what = f"max_epochs {source.max_epochs:g}" if capped else f"max {source.max:g}"
            bounds.append(Bound(f"source {source.name} {what}", i, True, float(found.upper_S[i])))
    pairs = zip(names, found.A_MxS, found.b_M, strict=True)
    rows = [row(name, float(b), linear_S=A_S) for name, A_S, b in pairs]
    if np.isfinite(found.l1):
        rows.append(row(f"near l1 {found.l1:g}", found.l1, linear_S=S, l1=1.0))
    rows += kept
    if rows:
        refuse(S, bounds, stack(rows, 0, S), found.reference_S)
    if not found.boxed:
        _ = found.centre_S
