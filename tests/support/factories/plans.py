"""Plans made up for tests of what is drawn and printed: no fit, no optimizer."""

from typing import Any

import numpy as np

from mixlaw.planning.plan import Plan

TARGETS = ("chat", "code")


def made_plan(names: list[str], law: str = "mixture-index", **changes: Any) -> Plan:
    """A plan with every key that `recommend` gives for these sources, at 5e8 parameters and 4e9 tokens.

    The first source is capped at 4 epochs, and held by it; the second's cap is far off.
    """
    rng = np.random.default_rng(len(names))
    w_S, proportional_S = np.sort(rng.dirichlet(np.full(len(names), 0.7)))[::-1], rng.dirichlet(np.ones(len(names)))

    def by_source(values: Any) -> dict[str, float]:
        return dict(zip(names, map(float, values), strict=True))

    band = {"mean": 2.1, "low": 2.05, "high": 2.2}
    difference = {"mean": 0.1, "low": 0.05, "high": 0.15}
    shared = {"objective": 2.2, "feasible": True, "difference": difference}
    mixtures = {"proportional": proportional_S, "uniform": np.full(len(names), 1 / len(names)), "best_run": w_S}
    baselines: dict[str, Any] = {name: {"mixture": by_source(w), **shared} for name, w in mixtures.items()}
    baselines["best_run"]["run_id"] = "r1"
    caps = {name: {"min": 0.0, "max": 1.0, "max_epochs": None, "binding": None} for name in names}
    for name, most in zip(names, (4.0, 500.0), strict=False):
        caps[name]["max_epochs"] = most
    path = [
        {"flops": 1.2e19 * x, "params": 5e8 * x**0.5, "tokens": 4e9 * x**0.5, "objective": 2.1}
        | {"mixture": by_source(w_S ** (1 + i / 9) / (w_S ** (1 + i / 9)).sum())}
        for i, x in enumerate((0.0625, 0.25, 1.0, 4.0, 16.0))
    ]
    content: dict[str, Any] = {
        "mixture": by_source(w_S),
        "interval": {n: [max(0.0, w - 0.03), min(1.0, w + 0.04)] for n, w in zip(names, w_S, strict=True)},
        "epochs": by_source([4.0, *(np.linspace(2.0, 0.1, len(names) - 1))]),
        "tokens_by_source": by_source(4e9 * w_S),
        **{"params": 5e8, "tokens": 4e9, "flops": 1.2e19, "schema": 1, "objective": "mean", "verdict": "better"},
        "law": {"name": law, "held_out": {"mae": 0.01, "baseline_mae": 0.05}},
        "predicted": {"loss": {target: dict(band) for target in TARGETS}, "objective": 2.1},
        "baselines": baselines,
        "certificate": {"gap": 1e-12},
        "caps": caps,
        "path": path,
        "provenance": {"targets": dict.fromkeys(TARGETS, 1.0), "seed": 0},
        "notes": ["robust is null: it was not asked for", "runs differ by 0.01 nats"],
    }
    return Plan.from_dict(content | changes)
