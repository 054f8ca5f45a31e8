"""The request of a plan, as its provenance records it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mixlaw.project.budget import Budget
from mixlaw.project.constraints import Constraints
from mixlaw.project.sources import Target


def question(budget: Budget | None, constraints: Constraints, targets: tuple[Target, ...]) -> dict[str, Any]:
    """The keys `budget`, `groups`, `near` and `ceilings` (of the targets) of a plan's provenance.

    >>> question(None, Constraints(), (Target("web", max_loss=2.5),))["ceilings"]
    {'web': 2.5}
    """
    near = constraints.near
    return {
        "budget": None if budget is None else asdict(budget),
        "groups": {group.name: asdict(group) for group in constraints.groups},
        "near": near
        and {
            "mixture": near.mixture if isinstance(near.mixture, str) else dict(near.mixture),
            **{key: getattr(near, key) for key in ("kl", "l1", "kl_price", "l1_price")},
        },
        "ceilings": {target.name: target.max_loss for target in targets},
    }
