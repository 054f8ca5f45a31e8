"""Inputs for pages of any size without a fit: a law with made-up parameters and a plan that agrees with it."""

import dataclasses
import json

import numpy as np
import pandas as pd

from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.estimation.splits import over_mixtures
from mixlaw.fitting.bootstrap import bootstrap_interval
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.support import Support
from mixlaw.laws import MixtureIndex
from mixlaw.laws.base import View, prior_moments
from mixlaw.reports import ReportInputs
from mixlaw.runs.run_table import Runs
from mixlaw.validation.held_out import HeldOutLosses

PARAMS, TOKENS = 1e9, 2e10
LONG = ("a-source-with-a-rather-long-name-that-somebody-gave-it", "x" * 48, "web")


def names(kind, count):
    """Names, the first ones long."""
    return tuple(f"{LONG[i]}-{kind}" if i < min(3, count - 1) else f"{kind}-{i:02d}" for i in range(count))


def fit_of(sources, targets, replicas=200, law=MixtureIndex, seed=0):
    """A fit whose parameters are the law's prior means and some noise."""
    rng, S, K = np.random.default_rng(seed), len(sources), len(targets)
    z_KxP, known = [], {}
    for target in targets:
        view = View(sources, target, 2.0, 2.6, PARAMS / 4, TOKENS / 4, 200)
        mean_P, _ = prior_moments(law, view)
        z_KxP.append(mean_P + 0.3 * rng.standard_normal(len(mean_P)))
        for name, value in law.constants(view).items():
            known.setdefault(name, []).append(value)
    z_KxP = np.array(z_KxP)
    none_K = np.full(K, np.nan)
    return Fit(
        law=law,
        sources=sources,
        targets=targets,
        z_KxP=z_KxP,
        sigma_K=np.full(K, 0.004),
        constants={name: np.array(values, float) for name, values in known.items()},
        replicas_BxKxP=z_KxP + 0.05 * rng.standard_normal((replicas, *z_KxP.shape)),
        support=Support((2.5e8, 1e9), (5e9, 2e10), (20.0, 20.0), np.zeros(S), np.full(S, 0.6), np.full(S, 2.0), 200),
        diagnostics=Diagnostics(none_K == 0, none_K, none_K, none_K, none_K, none_K),
        notes=(),
        provenance={"runs": "runs.csv", "runs_hash": "0", "tokenizer": None, "seed": seed},
        unique_S=np.geomspace(1e8, 1e11, S),
    )


def compared(fit, w_S, other_S):
    """Another mixture beside the plan's, as a plan has it."""
    losses = [fit.losses(np.array([w, w]), PARAMS, TOKENS, replicas=True)[:, 0].mean(1) for w in (w_S, other_S)]
    points = [fit.losses(w[None], PARAMS, TOKENS)[0].mean() for w in (w_S, other_S)]
    difference = bootstrap_interval(losses[1] - losses[0], points[1] - points[0])
    return {"mixture": named(fit, other_S), "objective": points[1], "feasible": True, "difference": difference}


def named(fit, values):
    return dict(zip(fit.sources, np.asarray(values, float).tolist(), strict=True))


def plan_of(fit, seed=0):
    """A plan's JSON object for a mixture that nobody optimised but for the best of 500."""
    rng, S = np.random.default_rng(seed), len(fit.sources)
    tried_MxS = rng.dirichlet(np.full(S, 0.8), 500)
    w_S = tried_MxS[np.argmin(fit.losses(tried_MxS, PARAMS, TOKENS).mean(1))]
    proportional_S = fit.unique_S / fit.unique_S.sum()
    point_K = fit.losses(w_S[None], PARAMS, TOKENS)[0]
    each_BxK = fit.losses(w_S[None], PARAMS, TOKENS, replicas=True)[:, 0]
    others = {
        name: compared(fit, w_S, other_S)
        for name, other_S in (("proportional", proportional_S), ("uniform", np.full(S, 1 / S)))
    }
    others["uniform"]["feasible"] = False
    others["best_run"] = compared(fit, w_S, rng.dirichlet(np.ones(S))) | {"run_id": "proxy-7"}
    near = [compared(fit, w_S, 0.9 * w_S + 0.1 * rng.dirichlet(np.ones(S))) | {"moved": 0.1} for _ in range(3)]
    sources = {
        name: {"name": name, "tokens": float(u), "min": 0.0, "max": 0.7, "max_epochs": 4.0 if i % 3 == 0 else None}
        for i, (name, u) in enumerate(zip(fit.sources, fit.unique_S, strict=True))
    }
    group = {"name": "few", "sources": list(fit.sources[:2]), "min": 0.0, "max": 0.5}
    path = [
        {
            "flops": 6 * PARAMS * TOKENS * m,
            "params": PARAMS * m**0.5,
            "tokens": TOKENS * m**0.5,
            "mixture": named(fit, w_S),
        }
        | {"objective": float(fit.losses(w_S[None], PARAMS * m**0.5, TOKENS * m**0.5).mean()) - 0.004}
        for m in 4.0 ** np.arange(-2, 3)
    ]
    return {
        "mixture": named(fit, w_S),
        "interval": {n: [0.8 * w, min(1.0, 1.2 * w)] for n, w in named(fit, w_S).items()},
        "epochs": named(fit, w_S * TOKENS / fit.unique_S),
        "tokens_by_source": named(fit, w_S * TOKENS),
        "params": PARAMS,
        "tokens": TOKENS,
        "flops": 6 * PARAMS * TOKENS,
        "law": {"name": fit.law.name, "held_out": {"mae": 0.012, "spearman": 0.97, "baseline_mae": 0.08, "folds": 5}},
        "predicted": {
            "loss": {t: bootstrap_interval(each_BxK[:, k], point_K[k]) for k, t in enumerate(fit.targets)},
            "objective": float(point_K.mean()),
        },
        "baselines": others,
        "verdict": "better",
        "certificate": {"gap": 2e-12, "kind": "frank-wolfe"},
        "caps": {
            n: {"min": 0.0, "max": 0.7, "max_epochs": s["max_epochs"], "binding": None} for n, s in sources.items()
        },
        "provenance": {"runs": "runs.csv", "seed": 0, "version": "0.1.0", "sources": sources}
        | {"targets": dict.fromkeys(fit.targets, 1.0), "groups": {"few": group}},
        "schema": 1,
        "objective": "mean",
        "near_optimal": {
            "regret": 0.002,
            "range": {n: [0.7 * w, min(1.0, 1.3 * w)] for n, w in named(fit, w_S).items()},
            "mixtures": near,
        },
        "speed_up": {"mean": 2.4, "low": 1.8, "high": None, "against": "proportional", "by": "parameters and tokens"},
        "path": path,
        "bracket": {
            "against": "proportional",
            "gains": {"mixture-index": 0.01, "optimal-mixtures": 0.03},
            "low": 0.01,
            "high": 0.03,
        },
        "distance": {"params": 1.0, "tokens": 1.0, "mixture": 0.2, "mixture_of_runs": 0.1, "epochs": None}
        | {"beyond_shares": {}},
        "robust": None,
        "worth": {
            "sources": {n: {"per_share": 0.02, "per_token": 1e-12, "doubled": 0.003} for n in fit.sources[:12]},
            "constraints": {"group technical max 0.3": 0.01},
        },
        "unconstrained": {"mixture": named(fit, np.full(S, 1 / S)), "objective": 2.0, "cost": 0.001},
        "notes": ["the runs leave where their priors put them: eta", "robust is null: it was not asked for"],
    }


def runs_of(fit, count, seed=0):
    """Runs whose losses are the law's and some noise."""
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.full(len(fit.sources), 0.5), count)
    loss_RxK = fit.losses(w_RxS, PARAMS, TOKENS) * np.exp(0.004 * rng.standard_normal((count, len(fit.targets))))
    columns = {"run_id": [f"r{i}" for i in range(count)], "params": PARAMS, "tokens": TOKENS}
    columns |= {f"w:{name}": w_R for name, w_R in zip(fit.sources, w_RxS.T, strict=True)}
    columns |= {f"loss:{name}": loss_R for name, loss_R in zip(fit.targets, loss_RxK.T, strict=True)}
    return Runs.from_frame(pd.DataFrame(columns))


def board_of(fit):
    """A leaderboard's JSON object."""
    mean = {
        "mae": 0.02,
        "bias": -0.001,
        "slope": 0.97,
        "spearman": 0.9,
        "regret_1": 0.004,
        "regret_5": 0.0,
        "coverage": 0.9,
    }
    entries = [
        {
            "name": name,
            "kind": kind,
            "mean": mean | {"mae": 0.01 * (i + 1)},
            "by_target": dict.fromkeys(fit.targets, mean),
            "seconds": 3.0,
            "picks": None,
        }
        for i, (name, kind) in enumerate((("mixture-index", "law"), ("auto", "auto"), ("mean of the runs", "baseline")))
    ]
    entries[2]["mean"] |= {"slope": None, "spearman": None}
    board = {"judged": "mixtures", "targets": list(fit.targets), "entries": entries}
    known = {
        "schema": 1,
        "kind": "leaderboard",
        "boards": [board],
        "skipped": {"kaplan": "does not depend on the mixture"},
    }
    return known | {"notes": ["a note"], "provenance": {}}


def material_of(sources, targets, replicas=200, count=60, law=MixtureIndex):
    """All that a page can show, for so many sources and targets."""
    fit = fit_of(names("source", sources), names("target", targets), replicas, law)
    runs = runs_of(fit, count)
    split = over_mixtures(runs, 0)
    assert split is not None
    guess_KxR = runs.loss_RxK.T * np.exp(0.01 * np.random.default_rng(1).standard_normal((targets, count)))
    held = HeldOutLosses(runs, guess_KxR, np.ones((targets, count), bool), guess_KxR, split)
    return ReportInputs("plan", plan_of(fit), fit, held, board_of(fit), {}, {"plan.json": "0" * 16})


PAYLOADS = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "</script><script>window.pwned=1</script><!--",
    "'-window.pwned=1-' {{7*7}} {% raw %} ${pwned} \u2028 &lt;b&gt;",
)
KNOWN = {"law", "objective", "schema"}
"""Keys whose values are ours: the law must be one that there is."""


def poisoned(value, payload, inside=False):
    """A tree with a payload at the end of every text, and of every name that is a key."""
    if isinstance(value, dict):
        return {
            (f"{k}{payload}" if inside else k): v
            if k in KNOWN
            else poisoned(v, payload, k in ("mixture", "constraints", "skipped"))
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [poisoned(v, payload) for v in value]
    return f"{value}{payload}" if isinstance(value, str) else value


def poison(payload, sources=3, targets=2):
    """Inputs in which every text that can come from a user or a file holds the payload."""
    made = material_of(sources, targets)
    plan = json.loads(json.dumps(made.plan.to_dict()))
    for old in (*made.fit.sources, *made.fit.targets):  # names, wherever they are keys or texts
        plan = json.loads(json.dumps(plan).replace(json.dumps(old)[1:-1], json.dumps(f"{old}{payload}")[1:-1]))
    plan["notes"] = [f"{note}{payload}" for note in plan["notes"]] + [f"verdict unknown: {payload}"]
    plan["verdict"] += payload
    plan["baselines"]["best_run"]["run_id"] += payload
    plan["baselines"][f"other{payload}"] = plan["baselines"]["uniform"]
    plan["worth"]["constraints"] = {f"{k}{payload}": v for k, v in plan["worth"]["constraints"].items()}
    plan["certificate"]["kind"] += payload
    for key in ("runs", "version"):
        plan["provenance"][key] += payload
    plan["provenance"] |= {f"key{payload}": payload, "tokenizer": payload}
    for cap in plan["caps"].values():
        cap["binding"] = payload
    fit = dataclasses.replace(
        made.fit,
        sources=tuple(f"{name}{payload}" for name in made.fit.sources),
        targets=tuple(f"{name}{payload}" for name in made.fit.targets),
    )
    held = dataclasses.replace(made.held_out, runs=dataclasses.replace(made.held_out.runs, targets=fit.targets))
    board = poisoned(board_of(fit), payload)
    files = {f"plan.json{payload}": payload}
    return dataclasses.replace(made, name=payload, plan=plan, fit=fit, held_out=held, leaderboard=board, files=files)
