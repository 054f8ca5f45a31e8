"""The parts of a plan that are read off its optimum: shares, amounts, caps, predictions, provenance."""

from dataclasses import asdict
from typing import Any

import numpy as np

from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.io.json import named
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import Problem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.verdict import epochs_of, losses_of
from mixlaw.project.request import question

AT_BOUND = 1e-4
"""A share this near to a bound is held by it."""


def certificate(problem: Problem, best: Optimum) -> dict[str, Any]:
    """The gap, by what it is proven, and whether the optimum is a vertex of what is feasible."""
    rows = problem.rows(np.array([1.0]))
    dual = problem.fit.law.convex and len(rows.names) > 0
    kind = "stationarity" if not problem.fit.law.convex else "lagrangian dual" if dual else "frank-wolfe"
    return {
        "gap": best.gap,
        "relative": best.gap / max(abs(best.objective), 1e-300),
        "kind": kind,
        "vertex": best.vertex,
        "degenerate": best.degenerate,
        "starts": best.starts,
        "agree": best.agree,
        "broken": best.broken,
    }


def intervals(names: tuple[str, ...], w_S: np.ndarray, w_BxS: np.ndarray) -> dict[str, list[float]]:
    found = {name: bootstrap_interval(w_B, w) for name, w, w_B in zip(names, w_S, w_BxS.T, strict=True)}
    return {name: [band["low"], band["high"]] for name, band in found.items()}


def predicted(problem: Problem, scale: Scale, best: Optimum) -> dict[str, Any]:
    point_K, replicas_BxK = losses_of(problem, scale, best.w_S)
    loss = {t.name: bootstrap_interval(r, p) for t, r, p in zip(problem.targets, replicas_BxK.T, point_K, strict=True)}
    return {"loss": loss, "objective": float(problem.value(point_K))}


def amounts(problem: Problem, scale: Scale, best: Optimum, notes: list[str]) -> dict[str, Any]:
    """Epochs and tokens by source, and warnings about repetition the runs have not seen."""
    names, epochs_S = problem.fit.sources, epochs_of(problem, scale, best.w_S)
    if scale.tokens is None:
        notes.append("tokens_by_source and epochs are null: the number of training tokens is not known")
    if problem.sources is None:
        notes.append("epochs and caps are null: without a project the sources' sizes are not known")
    if epochs_S is not None:
        for name, epochs, most in zip(names, epochs_S, problem.fit.support.epochs_S, strict=True):
            if epochs > 1.05 * max(most, 1.0):
                notes.append(f"{name} is used for {epochs:.1f} epochs, more than the {most:.1f} that the runs saw")
    known = epochs_S is not None and np.isfinite(epochs_S).all()
    if epochs_S is not None and not known:
        notes.append("epochs are null: the sources' tokens are not known")
    return {
        "epochs": named(names, epochs_S) if epochs_S is not None and known else None,
        "tokens_by_source": None if scale.tokens is None else named(names, best.w_S * scale.tokens),
    }


def caps(problem: Problem, scale: Scale, best: Optimum) -> dict[str, Any] | None:
    """By source: its bounds at this budget, the cap in epochs, and which bound holds the share."""
    if problem.sources is None:
        return None
    found, upper_S = {}, problem.upper_S(scale.tokens)
    for source, w, low, high in zip(problem.sources, best.w_S, problem.lower_S, upper_S, strict=True):
        binding = "min" if low > 0 and w - low < AT_BOUND else "max" if high < 1 and high - w < AT_BOUND else None
        if binding == "max" and source.max_epochs is not None and high < source.max - 1e-12:
            binding = "max_epochs"
        bounds = {"min": float(low), "max": float(high), "max_epochs": source.max_epochs, "binding": binding}
        found[source.name] = bounds
    return found


def provenance(problem: Problem, seed: int) -> dict[str, Any]:
    from mixlaw.version import __version__

    fit = problem.fit
    return {
        **{k: v for k, v in fit.provenance.items() if k != "seed"},
        "sources_hash": None if problem.sources is None else problem.sources.hash(),
        "sources": problem.sources and {s.name: asdict(s) for s in problem.sources},
        **question(problem.budget, problem.constraints, problem.targets),
        "seed": seed,
        "fit_seed": fit.provenance.get("seed"),
        "replicas": len(fit.replicas_BxKxP),
        "version": __version__,
        "targets": {t.name: t.weight for t in problem.targets},
    }
