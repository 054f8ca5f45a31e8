"""Data for the page's computations: the law's steps, parameters and replicas, sources, caps, initial mixtures."""

import base64
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.exporters import recorded_sources
from mixlaw.fitting.fit_result import Fit
from mixlaw.laws import parametric
from mixlaw.planning.verdict import FAR_SCALE_FACTOR, FAR_SHARE
from mixlaw.reports.budget_curve import weights
from mixlaw.reports.expression_graph import tape
from mixlaw.reports.intervals import pack


def numbers(plan: dict[str, Any], fit: Fit) -> dict[str, Any]:
    """The data that `engine.js` and `page.js` read, as JSON types.

    Raises:
        MixlawError: the law's formula has an operation that the page cannot run.
    """
    replicas = pack(fit)
    steps = tape(parametric(fit.law), len(fit.sources))
    return {
        "sources": list(fit.sources),
        "targets": list(fit.targets),
        "weights": weights(plan).tolist(),
        "objective": plan.get("objective", "mean"),
        "unique": [_number(x) for x in np.broadcast_to(fit.unique_S, len(fit.sources)).tolist()],
        "fit": {
            "tape": steps,
            "known": {name: values.tolist() for name, values in fit.constants.items()},
            "z": _packed(fit.z_KxP, "<f8"),
            "step": _packed(replicas.step_KxP, "<f4"),
            "replicas": _packed(replicas.count_RxKxP, "<i2"),
            "whole": replicas.whole,
        },
        "plan": {
            "w": [plan["mixture"][name] for name in fit.sources],
            "params": plan["params"],
            "tokens": plan["tokens"],
        },
        "scale": _scale(plan, fit),
        "limits": _limits(plan, fit),
        "starts": starts(plan),
    }


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")


def _number(x: float | None) -> float | None:
    return float(x) if x is not None and np.isfinite(x) else None


def _scale(plan: dict[str, Any], fit: Fit) -> dict[str, Any]:
    """N and D as functions of the compute, which of them the law needs, and the runs' range."""
    path, power = plan.get("path") or [], 0.5 if "params" in fit.law.needs else 0.0
    if len(path) > 1:
        grown = {key: np.log(path[-1][key] / path[0][key]) for key in ("params", "tokens")}
        power = float(grown["params"] / (grown["params"] + grown["tokens"]))
    support = fit.support
    return {
        "power": power,
        "reads": {"params": "params" in fit.law.needs, "tokens": bool({"tokens", "unique"} & fit.law.needs)},
        "params": [_number(x) for x in support.params],
        "tokens": [_number(x) for x in support.tokens],
        "far": FAR_SCALE_FACTOR,
        "far_share": FAR_SHARE,
    }


def _limits(plan: dict[str, Any], fit: Fit) -> list[dict[str, Any]]:
    """By source: its tokens, bounds and cap, and the runs' range."""
    try:
        sources = recorded_sources(plan, at=plan["tokens"])
    except MixlawError:  # an older plan, which lacks the sources' tokens
        sources = None
    found = []
    for i, name in enumerate(fit.sources):
        source = None if sources is None else sources[name]
        tokens = None if source is None else source.tokens
        found.append(
            {
                "tokens": _number(tokens),
                "min": 0.0 if source is None else source.min,
                "max": 1.0 if source is None else source.max,
                "max_epochs": None if source is None else source.max_epochs,
                "least": _number(fit.support.least_S[i]),
                "most": _number(fit.support.most_S[i]),
                "epochs": _number(max(fit.support.epochs_S[i], 1.0)),
            }
        )
    return found


def starts(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Initial mixtures by name, the plan's first; shares in the plan's order of sources."""
    found = [("the plan", plan["mixture"])]
    words = {"proportional": "proportional", "uniform": "uniform", "best_run": "the best run"}
    found += [(words.get(name, name), other["mixture"]) for name, other in plan["baselines"].items() if other]
    near = plan.get("near_optimal") or {"mixtures": []}
    found += [(f"alternative {i}", other["mixture"]) for i, other in enumerate(near["mixtures"], start=1)]
    if plan.get("unconstrained"):
        found.append(("without constraints", plan["unconstrained"]["mixture"]))
    return [{"name": name, "w": [mixture[source] for source in plan["mixture"]]} for name, mixture in found]
