"""Sections of a plan computed from its optimum: shares, amounts, caps, predictions, provenance."""

from dataclasses import asdict

import numpy as np

from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.io.json import named
from mixlaw.io.notes import Note, null
from mixlaw.optimization.optimum import Optimum
from mixlaw.optimization.problem import MixtureProblem
from mixlaw.optimization.scale import Scale
from mixlaw.planning.plan_types import Cap, Certificate, Prediction, Provenance
from mixlaw.planning.verdict import band, epochs_of, losses_of
from mixlaw.project.request import question

AT_BOUND = 1e-4
"""A share nearer than this to a bound is reported as being at it."""


def certificate(problem: MixtureProblem, best: Optimum) -> Certificate:
    """The optimality gap, how it was computed, and whether the optimum is a vertex of the feasible set."""
    rows = problem.rows(np.array([1.0]))
    dual = problem.fit.law.convex and len(rows.names) > 0
    kind = "stationarity" if not problem.fit.law.convex else "lagrangian dual" if dual else "frank-wolfe"
    return Certificate(
        gap=best.gap,
        relative=best.gap / max(abs(best.objective), 1e-300),
        kind=kind,
        vertex=best.vertex,
        degenerate=best.degenerate,
        starts=best.starts,
        agree=best.agree,
        broken=best.violation,
    )


def intervals(names: tuple[str, ...], w_S: np.ndarray, w_BxS: np.ndarray) -> dict[str, list[float]]:
    """90% interval [low, high] of each share over the optima of the refits.

    >>> intervals(("web",), np.array([1.0]), np.ones((10, 1)))
    {'web': [1.0, 1.0]}
    """
    found = {name: bootstrap_interval(w_B, w) for name, w, w_B in zip(names, w_S, w_BxS.T, strict=True)}
    return {name: [band["low"], band["high"]] for name, band in found.items()}


def predicted(problem: MixtureProblem, scale: Scale, best: Optimum) -> Prediction:
    """Predicted loss of each target with its 90% interval, and the objective."""
    point_K, replicas_BxK = losses_of(problem, scale, best.w_S)
    loss = {t.name: band(r, p) for t, r, p in zip(problem.targets, replicas_BxK.T, point_K, strict=True)}
    return Prediction(loss, float(problem.value(point_K)))


def epochs_by_source(
    problem: MixtureProblem, scale: Scale, best: Optimum, notes: list[Note]
) -> dict[str, float] | None:
    """Epochs of each source, None if sizes or D are not known; notes say why, and warn of unseen repetition."""
    names, epochs_S = problem.fit.sources, epochs_of(problem, scale, best.w_S)
    if problem.sources is None:
        notes.append(null(("epochs", "caps"), "without a project the sources' sizes are not known"))
    if epochs_S is None:
        return None
    for name, epochs, most in zip(names, epochs_S, problem.fit.support.epochs_S, strict=True):
        if epochs > 1.05 * max(most, 1.0):
            text = f"{name} is used for {epochs:.1f} epochs, more than the {most:.1f} that the runs saw"
            notes.append(Note("repetition", ("epochs",), text))
    if not np.isfinite(epochs_S).all():
        notes.append(null(("epochs",), "the sources' tokens are not known", "are"))
        return None
    return named(names, epochs_S)


def tokens_by_source(
    problem: MixtureProblem, scale: Scale, best: Optimum, notes: list[Note]
) -> dict[str, float] | None:
    """Training tokens from each source, None if D is not known."""
    if scale.tokens is None:
        notes.append(null(("tokens_by_source", "epochs"), "the number of training tokens is not known"))
        return None
    return named(problem.fit.sources, best.w_S * scale.tokens)


def compute(problem: MixtureProblem, notes: list[Note]) -> float | None:
    """FLOP of the budget, None if there is none."""
    if problem.budget is None:
        notes.append(null(("flops",), "no budget was given"))
        return None
    return problem.budget.compute


def caps(problem: MixtureProblem, scale: Scale, best: Optimum) -> dict[str, Cap] | None:
    """By source: bounds at this budget, cap in epochs, and the bound that the share is at; None without a project."""
    if problem.sources is None:
        return None
    found, upper_S = {}, problem.upper_S(scale.tokens)
    for source, w, low, high in zip(problem.sources, best.w_S, problem.lower_S, upper_S, strict=True):
        binding = "min" if low > 0 and w - low < AT_BOUND else "max" if high < 1 and high - w < AT_BOUND else None
        if binding == "max" and source.max_epochs is not None and high < source.max - 1e-12:
            binding = "max_epochs"
        found[source.name] = Cap(float(low), float(high), source.max_epochs, binding)
    return found


def provenance(problem: MixtureProblem, seed: int) -> Provenance:
    """Table, hashes and seeds of the fit, the request, and the version."""
    from mixlaw.version import __version__

    fit = problem.fit
    record = {
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
    return Provenance.from_dict(record)
