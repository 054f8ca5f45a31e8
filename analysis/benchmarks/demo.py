"""How often the demo's prediction holds: `recommend --demo` for several seeds, predicted beside measured.

    .venv/bin/python analysis/benchmarks/demo.py --seeds 5          # about four minutes a seed on two idle cores

A seed moves all that is random: the design, which text is held out and which is subsampled, the runs' order of text
and first weights. Runs are kept under --out: what is finished is not run again, and then no time is printed.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from machine import print_machine


def main() -> None:
    """Print a table of seeds and how many measured differences lie in their interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("mixlaw-out/demo"))
    options = parser.parse_args()
    print_machine()
    print(
        "| seed | verdict | predicted difference (90%) | measured | inside | held-out error / mean of runs | seconds |"
    )
    print("|---|---|---|---|---|---|---|")
    better = inside = 0
    for seed in range(options.seeds):
        out = options.out / f"seed-{seed}"
        fresh, began = not (out / "runs.csv").exists(), time.perf_counter()
        command = [
            Path(sys.executable).with_name("mixlaw"),
            "recommend",
            "--demo",
            "--seed",
            str(seed),
            "--out",
            str(out),
        ]
        subprocess.run(command, check=True, capture_output=True)
        seconds = f"{time.perf_counter() - began:.0f}" if fresh else "–"
        plan = json.loads((out / "plan.json").read_text())
        d, held = plan["check"]["difference"], plan["law"]["held_out"]
        within = d["low"] <= d["measured"] <= d["high"]
        better += plan["verdict"] == "better"
        inside += within and plan["verdict"] == "better"
        fitted = f"{held['mae']:.3f} / {held['baseline_mae']:.3f}"
        print(
            f"| {seed} | {plan['verdict']} | {d['predicted']:.3f} ({d['low']:.3f} to {d['high']:.3f}) | "
            f"{d['measured']:.3f} | {'yes' if within else 'no'} | {fitted} | {seconds} |",
            flush=True,
        )
    print(
        f"\nverdict better: {better} of {options.seeds}; measured difference inside the interval in {inside} of those"
    )


if __name__ == "__main__":
    main()
