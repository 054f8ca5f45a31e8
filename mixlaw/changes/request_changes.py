"""Differences between a project and the request that a plan records: budget, objective, groups, near, ceilings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mixlaw.changes.reuse import REUSED
from mixlaw.errors import listed, short
from mixlaw.project.budget import Budget
from mixlaw.project.constraints import Constraints
from mixlaw.project.request import question
from mixlaw.project.sources import Target

SAME_NUMBER = 1e-9
"""Relative difference up to which two numbers count as equal."""
Finding = tuple[str, tuple[str, ...], str]
"""Kind, names and text of a `Stale`."""


def asked_otherwise(
    content: Mapping[str, Any], budget: Budget | None, constraints: Constraints, targets: tuple[Target, ...]
) -> Iterator[Finding]:
    """Differences between the project and the plan's request, and a finding on keys that the plan does not record.

    Args:
        content: content of a plan.json.
        budget: budget of the project; None: not compared.
        targets: targets of the project; if empty, ceilings are not compared.
    """
    before = content.get("provenance") or {}
    now = json.loads(json.dumps(question(budget, constraints, targets)))
    unrecorded = [key for key in ("groups", "near") if key not in before]
    if budget is not None:
        unrecorded += [] if "budget" in before else ["budget (its money, sizes and tokens served)"]
        yield from _budget(before.get("budget", _seen(content)), now["budget"], "budget" in before)
    if "objective" not in content:
        unrecorded.append("objective")
    elif content["objective"] != constraints.objective:
        line = f"the project minimises {_AIMS[constraints.objective]}, the plan {_AIMS.get(content['objective'])}"
        yield "objective", (), line
    if "groups" in before:
        yield from _groups(json.loads(json.dumps(before["groups"])), now["groups"])
    if "near" in before and json.loads(json.dumps(before["near"])) != now["near"]:
        yield "near", (), f"{_near(before['near'])} in the plan, {_near(now['near'])} in the project"
    if targets and "ceilings" in before:
        yield from _ceilings(before["ceilings"], now["ceilings"])
    elif targets:
        unrecorded.append("max_loss of targets")
    if unrecorded:
        line = f"cannot tell whether these changed, the plan does not record them: {listed(unrecorded)}"
        yield "unrecorded", (), line


_AIMS = {"mean": "the targets' weighted mean", "worst": "the worst target"}


def _seen(content: Mapping[str, Any]) -> Mapping[str, float | None]:
    """The budget of a plan that does not record it: compute, N and D, which the planner may have chosen."""
    return {"flops": content.get("flops"), "params": content.get("params"), "tokens": content.get("tokens")}


def _budget(before: Mapping[str, Any] | None, now: Mapping[str, Any], recorded: bool) -> Iterator[Finding]:
    if before is None:
        yield "budget", (), "the project states a budget, the plan had none"
        return
    keys = tuple(now) if recorded else tuple(key for key in ("flops", "params", "tokens") if now[key] is not None)
    changed = [key for key in keys if not _same(before.get(key), now[key])]
    if changed:
        parts = [f"{key} {_told(before.get(key))} in the plan, {_told(now[key])} in the project" for key in changed]
        yield "budget", (), f"{'; '.join(parts)}: the plan is for another budget"


def _groups(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    """Groups that were added, removed or changed, except the one that `--reuse` adds."""
    before = {name: group for name, group in before.items() if name in now or name != REUSED}
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        yield "groups", tuple(changed), f"{listed(changed)} were added, removed or changed: the plan may violate them"


def _ceilings(before: Mapping[str, float | None], now: Mapping[str, float | None]) -> Iterator[Finding]:
    changed = [name for name in now if name in before and not _same(before[name], now[name])]
    if changed:
        parts = [f"{name} {_told(before[name])} in the plan, {_told(now[name])} in the project" for name in changed]
        yield "ceilings", tuple(changed), f"max_loss: {'; '.join(parts)}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return abs(one - other) <= SAME_NUMBER * max(abs(one), abs(other))
    return (one or None) == (other or None)


def _told(value: Any) -> str:
    """A number or a list of numbers as text; "none" if there is none."""
    if isinstance(value, (list, tuple)):
        return listed(short(float(x)) for x in value) or "none"
    return "none" if value is None else f"{value:.6g}"


def _near(near: Mapping[str, Any] | None) -> str:
    if near is None:
        return "none"
    mixture = near["mixture"] if isinstance(near["mixture"], str) else "a mixture"
    return " ".join([mixture, *(f"{key} {near[key]:g}" for key in near if key != "mixture" and near[key] is not None)])
