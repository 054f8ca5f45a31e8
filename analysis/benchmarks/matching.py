"""Repetition matching: where proxies put the best share of a scarce source, with matched subsets and without.

    .venv/bin/python analysis/benchmarks/matching.py [--seeds 2]      # 17 minutes of 2 cores

The demo's text, two sources: its scarcest, `reference` (221k tokens), and `python`; the target is held-out text of
both, weighing alike. At the budget (195k parameters, 3.4M tokens) a share of .9 reads `reference` 14 times. Every
share is run at the budget, and at two proxy sizes with each source cut down so that its epochs stay (matched) and with
all text (unmatched). A parabola through the three lowest losses gives the best share, a spline through the budget's
runs the regret of taking it. Baselines: the proportional share and half. No law is fitted.
"""

import argparse
from pathlib import Path

import numpy as np
from aims import Aims
from machine import print_machine
from scipy.interpolate import CubicSpline
from table import print_row

from proxies.data.batches import matched_unique
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.sweep.run_sweep import sweep
from proxies.tasks.proxy_sizes import BATCH_SEQUENCES, ProxySize, demo_scales
from proxies.text.demo_text import demo_documents
from proxies.training.train import RunSpec

SCARCE, PLENTY = "reference", "python"
SHARES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)


def specs(scale: ProxySize, corpus, matched: bool, name: str, seeds: int) -> list[RunSpec]:
    """One run a share and seed."""
    fraction = scale.fraction if matched else 1.0
    unique = matched_unique(corpus, fraction)
    return [
        RunSpec(
            f"{name}-{share:g}-{seed}",
            Mixture({SCARCE: share, PLENTY: 1 - share}),
            scale.config,
            scale.tokens,
            unique=unique,
            seed=seed,
            batch=BATCH_SEQUENCES,
        )
        for share in SHARES
        for seed in range(seeds)
    ]


def best_share(loss_M: np.ndarray) -> float:
    """The lowest point of the parabola through the lowest loss and its neighbours."""
    at = int(np.clip(np.argmin(loss_M), 1, len(SHARES) - 2))
    curve = np.polynomial.Polynomial.fit(SHARES[at - 1 : at + 2], loss_M[at - 1 : at + 2], 2).convert()
    lowest = -curve.coef[1] / (2 * curve.coef[2]) if curve.coef[2] > 0 else SHARES[int(np.argmin(loss_M))]
    return float(np.clip(lowest, SHARES[0], SHARES[-1]))


def main() -> None:
    """Print the losses by share, the best shares and what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("mixlaw-out/matching"))
    options = parser.parse_args()
    print_machine()
    documents = {name: text for name, text in demo_documents().items() if name in (SCARCE, PLENTY)}
    corpus, proposal = build_corpus(documents, 0), demo_scales()
    budget = proposal.target
    assert budget is not None
    settings = [("budget", budget, True)]
    for scale in proposal.scales[:2]:
        settings += [(f"{kind} {scale.params:,}", scale, kind == "matched") for kind in ("matched", "unmatched")]
    runs = [spec for name, scale, matched in settings for spec in specs(scale, corpus, matched, name, options.seeds)]
    table = sweep(runs, corpus, options.out / "store").table.set_index("run_id")
    loss_R = table[[f"loss:{name}" for name in (SCARCE, PLENTY)]].mean(axis=1)
    print_row("share of " + SCARCE, SHARES, 22)
    curves = {}
    for name, *_ in settings:
        rows = [loss_R[[f"{name}-{share:g}-{seed}" for seed in range(options.seeds)]].mean() for share in SHARES]
        curves[name] = np.array(rows)
        print_row(name, curves[name], 22)
    truth = CubicSpline(SHARES, curves["budget"])
    fine = np.linspace(SHARES[0], SHARES[-1], 1000)
    lowest = float(truth(fine).min())
    found = {name: best_share(curve) for name, curve in curves.items()}
    found |= {"proportional": corpus.tokens[SCARCE] / sum(corpus.tokens.values()), "half": 0.5}
    print()
    print_row("", ("best share", "regret"), 22)
    for name, share in found.items():
        print_row(name, (share, float(truth(np.clip(share, SHARES[0], SHARES[-1]))) - lowest), 22)
    regret = {name: float(truth(np.clip(share, SHARES[0], SHARES[-1]))) - lowest for name, share in found.items()}
    aims = Aims()
    for name, *_ in settings[1:]:
        if name.startswith("matched"):
            aims.at_most(f"{name}: regret / unmatched's", regret[name] / regret["un" + name], 1.0)
    aims.print()


if __name__ == "__main__":
    main()
