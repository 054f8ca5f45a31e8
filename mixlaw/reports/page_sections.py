"""Contents of the page's sections other than tables: verdict, facts, scatter plots, provenance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixlaw.io.notes import DOUBT, with_code
from mixlaw.laws import by_name
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_types import Baseline, HeldOutError, Prediction
from mixlaw.reports.charts import MOST_POINTS, Scatter, scatter
from mixlaw.reports.formats import nats, span
from mixlaw.reports.inputs import Predicted, ReportInputs

BASELINES = {"proportional": "proportional", "uniform": "uniform", "best_run": "the best run"}


def baseline_name(key: str, baseline: Baseline) -> str:
    """Name of a baseline in the page."""
    run = "" if baseline.run_id is None else f" ({baseline.run_id})"
    return f"{BASELINES.get(key, key)}{run}"


@dataclass(frozen=True)
class Headline:
    """The verdict, the verdict in a sentence, and the reasons to doubt it."""

    verdict: str
    sentence: str
    doubts: list[str]


def headline(plan: Plan) -> Headline:
    """The verdict compared with the best feasible baseline."""
    doubts = [note.reason for note in with_code(plan.notes, DOUBT)]
    best = plan.best_baseline
    if plan.verdict == "unknown" or best is None or best[1].difference is None:
        return Headline(plan.verdict, "the runs do not support a verdict", doubts)
    rival, gain = baseline_name(*best), best[1].difference
    by = f"{nats(gain.mean)} nats (90% interval {span(gain.low, gain.high)})"
    better = f"better than {rival}, the best baseline, by {by}"
    tie = f"a tie with {rival}, the best baseline: lower by {by}"
    return Headline(plan.verdict, better if plan.verdict == "better" else tie, doubts)


@dataclass(frozen=True)
class Agreement:
    """How well predicted losses agree with observed ones.

    Attributes:
        mae: mean absolute error, nats per token.
        bias: mean of predicted minus observed, nats per token.
        rank: rank correlation; nan if losses do not differ or there are fewer than 3.
        runs: number of runs.
    """

    mae: float
    bias: float
    rank: float
    runs: int


def agreement(predicted_R: np.ndarray, observed_R: np.ndarray) -> Agreement:
    """Error, bias and rank correlation of predicted losses."""
    from scipy.stats import rankdata

    ranks = (rankdata(predicted_R), rankdata(observed_R))
    varied = len(observed_R) > 2 and all(np.ptp(r) > 0 for r in ranks)
    return Agreement(
        mae=float(np.abs(predicted_R - observed_R).mean()),
        bias=float((predicted_R - observed_R).mean()),
        rank=float(np.corrcoef(*ranks)[0, 1]) if varied else float("nan"),
        runs=len(observed_R),
    )


@dataclass(frozen=True)
class HeldOutPlot:
    """Losses of one target predicted by refits without the mixture, compared with the observed losses."""

    name: str
    error: Agreement
    drawn: Scatter


def held_out_plots(inputs: ReportInputs) -> list[HeldOutPlot]:
    """One plot for each target with held-out predictions."""
    held = inputs.held_out
    if held is None:
        return []
    plots, most = [], max(1, MOST_POINTS // len(held.runs.targets))
    for k, target in enumerate(held.runs.targets):
        predicted_R, observed_R = held.predicted_KxR[k], held.runs.loss_RxK[:, k]
        able_R = held.scored_KxR[k] & np.isfinite(predicted_R) & np.isfinite(observed_R)
        if able_R.any():
            pair = predicted_R[able_R], observed_R[able_R]
            plots.append(HeldOutPlot(target, agreement(*pair), scatter(*pair, most)))
    return plots


@dataclass(frozen=True)
class Facts:
    """Properties of the law, its held-out error, and the optimality gap.

    Attributes:
        equation, source, convex: of the law.
        held: its held-out error. trusted: True if that is below the error of the runs' mean.
        gap, kind: of the certificate.
        knows_scale: True if the law depends on N or D. at_scale: True if it does and the plan states N.
        mean: how the objective combines the targets, in words.
    """

    equation: str
    source: str
    convex: bool
    held: HeldOutError | None
    trusted: bool
    gap: float
    kind: str | None
    knows_scale: bool
    at_scale: bool
    mean: str


def facts(plan: Plan, predicted: Predicted) -> Facts:
    """Properties of the law, its held-out error, and the optimality gap."""
    held, law = predicted.law.held_out, by_name(predicted.law.name)
    scale_known = bool({"params", "tokens"} & law.needs)
    return Facts(
        equation=law.equation,
        source=law.source,
        convex=law.convex,
        held=held,
        trusted=held is not None and held.mae < held.baseline_mae,
        gap=predicted.certificate.gap,
        kind=predicted.certificate.kind,
        knows_scale=scale_known,
        at_scale=scale_known and plan.params is not None,
        mean="the largest loss of" if plan.objective == "worst" else "the weighted mean of",
    )


def provenance_rows(inputs: ReportInputs) -> list[tuple[str, str]]:
    """Provenance: tables, hashes, seeds, versions."""
    plan = inputs.plan
    rows = [
        (key.replace("_", " "), str(value))
        for key, value in plan.provenance.items()
        if value is not None and not isinstance(value, (Mapping, list))
    ]
    for name, group in (plan.provenance.groups or {}).items():
        rows.append((f"group {name}", f"{', '.join(group['sources'])}: {group['min']:g} to {group['max']:g}"))
    rows.append(("schema of the plan", str(plan.schema)))
    rows += [(f"sha256 of {name}", digest) for name, digest in inputs.files.items()]
    return rows


def summary(plan: Plan, predicted: Prediction) -> str:
    """The plan in one line, for the page's description."""
    return f"verdict {plan.verdict}, predicted {nats(predicted.objective)} nats per token"
