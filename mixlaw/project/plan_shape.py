"""Check of a plan.json: its parts are about the same sources and targets, and its request is one of a project."""

from collections.abc import Iterator, Mapping
from typing import Any

from mixlaw.errors import MixlawError
from mixlaw.io.shape import ShapeError, check_keys
from mixlaw.laws import by_name
from mixlaw.mixtures.simplex import SUM_TOLERANCE
from mixlaw.project.budget import Budget
from mixlaw.project.constraints import Group, Near
from mixlaw.project.sources import Source

FROM_RUNS = ("law", "predicted", "certificate", "interval", "baselines", "provenance")
"""Keys that a plan from runs has; in a plan without runs they are null."""

WRITTEN = ("params", "tokens", "flops")
"""Keys that every version writes for a plan from runs, null if they are not known."""


def check_parts(content: Mapping[str, Any]) -> None:
    """Raise ShapeError unless the parts of a plan, whose types were checked, fit together.

    >>> check_parts({"mixture": {"web": 0.5}})
    Traceback (most recent call last):
    mixlaw.io.shape.ShapeError: mixture sums to 0.5, not to 1
    """
    names = content["mixture"]
    for where, mixture in _mixtures(content):
        check_keys(mixture, names, where)
        if any(share < -SUM_TOLERANCE for share in mixture.values()):
            raise ShapeError(f"{where} has a negative share")
        if abs(sum(mixture.values()) - 1) > SUM_TOLERANCE:
            raise ShapeError(f"{where} sums to {sum(mixture.values()):.4g}, not to 1")
    for key in ("interval", "epochs", "tokens_by_source", "caps"):
        check_keys(content.get(key), names, key)
    check_keys((content.get("worth") or {}).get("sources"), names, "worth.sources")
    for where, ranges in (
        ("interval", content.get("interval")),
        ("near_optimal.range", (content.get("near_optimal") or {}).get("range")),
    ):
        check_keys(ranges, names, where)
        for name, span in (ranges or {}).items():
            if len(span) != 2:
                raise ShapeError(f"{where}.{name} holds {len(span)} numbers, not 2")
    for key in ("params", "tokens", "flops"):
        if content.get(key) is not None and content[key] <= 0:
            raise ShapeError(f"{key} is {content[key]:g}, not above 0")
    if content.get("law") is not None:
        _check_from_runs(content)
    _check_request(content.get("provenance") or {})


def _check_from_runs(content: Mapping[str, Any]) -> None:
    for key in FROM_RUNS:
        if content.get(key) is None:
            raise ShapeError(f"{key} is missing")
    for key in WRITTEN:
        if key not in content:
            raise ShapeError(f"{key} is missing")
    if content.get("path") and any(content[key] is None for key in ("params", "tokens", "flops")):
        raise ShapeError("path has budgets, and params, tokens or flops is null")
    try:
        by_name(content["law"]["name"])
    except MixlawError as error:
        raise ShapeError(f"law.name: {error}") from None
    losses = content["predicted"]["loss"]
    if not losses:
        raise ShapeError("predicted.loss is empty")
    weights = content["provenance"].get("targets")
    if weights is not None:
        check_keys(weights, losses, "provenance.targets")
        if any(weight < 0 for weight in weights.values()) or not sum(weights.values()) > 0:
            raise ShapeError("provenance.targets holds weights that are negative, or all 0")
    if content.get("check") is not None:
        check_keys(content["check"]["recommended"], losses, "check.recommended")
        check_keys(content["check"]["proportional"], losses, "check.proportional")


def _check_request(provenance: Mapping[str, Any]) -> None:
    """The recorded sources, budget, groups and near are those of a project."""
    where = "provenance"
    try:
        for name, source in (provenance.get("sources") or {}).items():
            where = f"provenance.sources.{name}"
            Source(**{"tokens": None, **_object(source, where), "name": name})
        for name, group in (provenance.get("groups") or {}).items():
            where = f"provenance.groups.{name}"
            Group(**{**_object(group, where), "name": name})
        if provenance.get("budget"):
            where = "provenance.budget"
            Budget(**provenance["budget"])
        if provenance.get("near"):
            where = "provenance.near"
            Near(**provenance["near"])
    except (MixlawError, TypeError) as error:
        raise ShapeError(f"{where}: {error}") from None


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ShapeError(f"{where} is no object")
    return value


def _mixtures(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Every mixture in a plan, with its place."""
    yield "mixture", content["mixture"]
    for name, baseline in (content.get("baselines") or {}).items():
        if baseline is not None:
            yield f"baselines.{name}.mixture", baseline["mixture"]
    for key in ("path", "near_optimal", "unconstrained"):
        part = content.get(key)
        if part is not None:
            points = part if key == "path" else part["mixtures"] if key == "near_optimal" else [part]
            yield from ((f"{key}.{i}.mixture", point["mixture"]) for i, point in enumerate(points))
