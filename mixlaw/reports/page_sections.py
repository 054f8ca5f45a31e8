"""Contents of the page's sections, as plain values for the templates."""

from typing import Any

import numpy as np

from mixlaw.io.notes import DOUBT
from mixlaw.laws import by_name
from mixlaw.planning.plan import Plan
from mixlaw.reports.charts import MOST_POINTS, scatter
from mixlaw.reports.formats import known, nats, span
from mixlaw.reports.inputs import Material, agreement

BASELINES = {"proportional": "proportional", "uniform": "uniform", "best_run": "the best run"}


def baseline_name(key: str, baseline: dict[str, Any]) -> str:
    """Name of a baseline in the page."""
    run = f" ({baseline['run_id']})" if "run_id" in baseline else ""
    return f"{BASELINES.get(key, key)}{run}"


def headline(plan: dict[str, Any]) -> dict[str, Any]:
    """The verdict in a sentence, and the reasons to doubt it."""
    doubts = [note.reason for note in Plan.from_dict(plan).notes if note.code == DOUBT]
    fair = {key: b for key, b in plan["baselines"].items() if b is not None and b["feasible"]}
    if plan["verdict"] == "unknown" or not fair:
        return {"verdict": plan["verdict"], "sentence": "the runs do not support a verdict", "doubts": doubts}
    key = min(fair, key=lambda name: fair[name]["objective"])
    rival, gain = baseline_name(key, fair[key]), fair[key]["difference"]
    by = f"{nats(gain['mean'])} nats (90% interval {span(gain['low'], gain['high'])})"
    better = f"better than {rival}, the best baseline, by {by}"
    sentence = better if plan["verdict"] == "better" else f"a tie with {rival}, the best baseline: lower by {by}"
    return {"verdict": plan["verdict"], "sentence": sentence, "doubts": doubts}


def source_rows(plan: dict[str, Any], material: Material) -> list[dict[str, Any]]:
    """Every source, largest share first: shares with their intervals, tokens, epochs and caps."""
    fit, proportional = material.fit, (plan["baselines"]["proportional"] or {}).get("mixture", {})
    near = (plan.get("near_optimal") or {}).get("range", {})
    seen = {} if fit is None else dict(zip(fit.sources, fit.support.epochs_S.tolist(), strict=True))
    rows = []
    for at, (name, share) in enumerate(plan["mixture"].items()):
        cap = (plan["caps"] or {}).get(name) or {}
        epochs, tokens = (plan["epochs"] or {}).get(name), (plan["tokens_by_source"] or {}).get(name)
        low, high = plan["interval"][name]
        row = {"at": at, "name": name, "share": share, "low": low, "high": high, "tokens": tokens, "epochs": epochs}
        row |= {"proportional": proportional.get(name), "near": near.get(name), "binding": cap.get("binding")}
        row |= {"cap": cap.get("max_epochs"), "seen": seen.get(name), "max": cap.get("max")}
        row["available"] = tokens / epochs if tokens and epochs else None
        rows.append(row)
    return sorted(rows, key=lambda row: -row["share"])


def widest(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> float:
    """The largest number under these keys, for the common scale of the bars; 1 if none is above 0."""
    return max((float(row[key]) for row in rows for key in keys if known(row.get(key))), default=0.0) or 1.0


def epochs_scale(rows: list[dict[str, Any]]) -> float:
    """Epochs at the right end of the bars. Caps far above the epochs are only written: they would squeeze the bars."""
    most = max(widest(rows, ("epochs",)), 1.0)
    near = [row["cap"] for row in rows if row["cap"] is not None and row["cap"] <= max(1.5, 2 * most)]
    return 1.05 * max([most, *near])


def target_rows(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every target in the plan's order, with its weight and predicted loss."""
    weights, check = plan["provenance"]["targets"], plan.get("check") or {}
    return [
        {"name": name, "weight": weights[name], **band}
        | {run: check[run][name] for run in ("recommended", "proportional") if run in check}
        for name, band in plan["predicted"]["loss"].items()
    ]


def held_out_plots(material: Material) -> list[dict[str, Any]]:
    """Scatter plot for each target of losses predicted by refits without the mixture, with error and bias."""
    held = material.held_out
    if held is None:
        return []
    plots, most = [], max(1, MOST_POINTS // len(held.runs.targets))
    for k, target in enumerate(held.runs.targets):
        predicted_R, observed_R = held.predicted_KxR[k], held.runs.loss_RxK[:, k]
        able_R = held.scored_KxR[k] & np.isfinite(predicted_R) & np.isfinite(observed_R)
        if able_R.any():
            pair = predicted_R[able_R], observed_R[able_R]
            plots.append({"name": target} | agreement(*pair) | scatter(*pair, most))
    return plots


def sensitivity_rows(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Sources with a shadow price or a gain from more tokens, the largest effect first."""
    rows = [{"name": name} | prices for name, prices in ((plan.get("worth") or {}).get("sources") or {}).items()]
    rows = [row for row in rows if row["per_share"] or row["doubled"]]
    return sorted(rows, key=lambda row: -max(row["doubled"] or 0.0, abs(row["per_share"] or 0.0) * 0.01))


def alternatives(plan: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Near-optimal mixtures: ranges of shares, and some alternatives, sources in the order of the plan's rows."""
    near = plan.get("near_optimal")
    if not near:
        return None
    names = [row["name"] for row in rows]
    ranges = [
        {"name": n, "share": plan["mixture"][n], "low": near["range"][n][0], "high": near["range"][n][1]} for n in names
    ]
    return {
        "regret": near["regret"],
        "ranges": ranges,
        "scale": widest(ranges, ("high",)),
        "mixtures": near["mixtures"],
    }


def path_table(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Shares of the optimum at each budget of the path; the sources that change most come first."""
    path = plan.get("path") or []
    if len(path) < 2:
        return []
    rows = [{"name": name, "shares": [point["mixture"][name] for point in path]} for name in plan["mixture"]]
    return sorted(rows, key=lambda row: min(row["shares"]) - max(row["shares"]))


def facts(plan: dict[str, Any]) -> dict[str, Any]:
    """Properties of the law, its held-out error, and the optimality gap."""
    held, law = plan["law"]["held_out"], by_name(plan["law"]["name"])
    certificate = plan["certificate"]
    scale_known = bool({"params", "tokens"} & law.needs)
    return {
        "equation": law.equation,
        "source": law.source,
        "convex": law.convex,
        "held": held,
        "trusted": held is not None and held["mae"] < held["baseline_mae"],
        "gap": certificate["gap"],
        "kind": certificate.get("kind"),
        "knows_scale": scale_known,
        "at_scale": scale_known and plan["params"] is not None,
        "mean": "the largest loss of" if plan.get("objective") == "worst" else "the weighted mean of",
    }


def provenance_rows(plan: dict[str, Any], material: Material) -> list[tuple[str, str]]:
    """Provenance: tables, hashes, seeds, versions."""
    rows = [
        (key.replace("_", " "), str(value))
        for key, value in plan["provenance"].items()
        if value is not None and not isinstance(value, (dict, list))
    ]
    for name, group in (plan["provenance"].get("groups") or {}).items():
        rows.append((f"group {name}", f"{', '.join(group['sources'])}: {group['min']:g} to {group['max']:g}"))
    rows.append(("schema of the plan", str(plan["schema"])))
    rows += [(f"sha256 of {name}", digest) for name, digest in (material.files or {}).items()]
    return rows


def boards(material: Material, law: str) -> list[dict[str, Any]]:
    """The leaderboard's tables, with the plan's law marked."""
    titles = {"mixtures": "Mixtures held out"}
    found = []
    for board in (material.leaderboard or {}).get("boards", ()):
        entries = [e | {"own": e["name"] == law} for e in board["entries"]]
        scale = widest([e["mean"] for e in entries if known(e["mean"]["mae"])], ("mae",))
        title = titles.get(board["judged"], "Fitted on smaller sizes, judged at the largest, on mixtures held out")
        found.append({"title": title, "targets": len(board["targets"]), "entries": entries, "scale": scale})
    return found


def summary(plan: dict[str, Any]) -> str:
    """The plan in one line, for the page's description."""
    return f"verdict {plan['verdict']}, predicted {nats(plan['predicted']['objective'])} nats per token"
