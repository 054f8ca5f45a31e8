"""Trains the runs that notebooks read where nothing published is needed: `plan/`, and `without-c.csv`.

    .venv/bin/python analysis/notebooks/inputs.py          # some minutes on two cores; finished runs are kept

`plan/`: what README's `mixlaw recommend analysis/example/mixlaw.yaml --seconds 60` writes, but its figures, and a
leaderboard of some laws. `without-c.csv`: the runs of `analysis/benchmarks/appraise.py --left-out c`, twelve proxies on
five of the demo's sources, none on C.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLAN, OUT = HERE / "plan", ROOT / "mixlaw-out"
LAWS = "repeated-mixture,info-law,mixture-index,joint-effective-tokens"


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that laws read, with losses to a millionth of a nat."""
    kept = frame.filter(regex="^(run_id|params|tokens|seed|tokenizer|w:.*|loss:.*|unique:.*)$")
    return kept.round({name: 6 for name in kept.columns if name.startswith("loss:")})


def mixlaw(*words: str) -> None:
    """A verb of the command line, from the repository's folder."""
    subprocess.run([sys.executable, "-c", "from mixlaw.cli.app import main; main()", *words], check=True, cwd=ROOT)


def main() -> None:
    """Write the table and the plan's folder."""
    sys.path.insert(0, str(ROOT / "analysis" / "benchmarks"))
    from appraise import bench

    rounded(bench(OUT / "appraise").runs("c").frame).to_csv(HERE / "without-c.csv", index=False)
    mixlaw("recommend", "analysis/example/mixlaw.yaml", "--out", str(OUT / "example"), "--seconds", "60")
    mixlaw("compare", str(OUT / "example" / "runs.csv"), "--laws", LAWS, "--out", str(OUT / "example"))
    PLAN.mkdir(exist_ok=True)
    for name in ("plan.json", "fit.json", "runs.csv", "leaderboard.json"):
        shutil.copyfile(OUT / "example" / name, PLAN / name)


if __name__ == "__main__":
    main()
