"""Runs the notebooks of this folder and keeps them with their outputs: one command, a line for each.

    .venv/bin/python analysis/notebooks/run.py                # all
    .venv/bin/python analysis/notebooks/run.py --fast         # those that take seconds and need nothing published
    .venv/bin/python analysis/notebooks/run.py regmix peers   # these

`NAME.py` holds a notebook's cells, `NAME.ipynb` what they gave. `planning` is the template of `mixlaw report
--notebook` on `plan/`, the plan of `analysis/example` that README shows; `inputs.py` made it.
Those that read published runs look for them in MIXLAW_PUBLISHED as the benchmarks do, say so where they are not there,
and are left as they are. Outputs with warnings or with paths of this machine are refused.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from mixlaw.errors import MixlawError
from mixlaw.reports.notebook import NotebookSkippedError, cells, execute, plan_notebook, save

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FAST = ("planning", "transport", "peers")
ALL = (*FAST, "regmix", "repetition")
COMPILED = {
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / "build" / "notebooks"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
}
"""What laws were compiled to serves the next time: half of the seconds."""


def made(name: str):
    """A notebook, executed.

    Raises:
        NotebookSkippedError: it reads what is not there.
        MixlawError: a cell failed, or an output is not fit to be kept.
    """
    if name == "planning":
        notebook = plan_notebook(HERE / "plan", HERE)
    else:
        notebook = execute(cells((HERE / f"{name}.py").read_text(encoding="utf-8")), HERE)
    for at, cell in enumerate(notebook["cells"], 1):
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise MixlawError(f"{name}: cell {at} warns: {output['text'].strip().splitlines()[0]}")
            if str(ROOT) in str(output) or str(Path.home()) + "/" in str(output):
                raise MixlawError(f"{name}: cell {at} shows a path of this machine")
    return notebook


def main() -> int:
    """Run what was asked for; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; all by default")
    parser.add_argument("--fast", action="store_true", help="only those that take seconds and need nothing published")
    options = parser.parse_args()
    if unknown := set(options.names) - set(ALL):
        parser.error(f"there is no notebook {', '.join(sorted(unknown))}: name some of {', '.join(ALL)}")
    failed = 0
    os.environ.update({name: value for name, value in COMPILED.items() if name not in os.environ})
    for name in options.names or (FAST if options.fast else ALL):
        began = time.monotonic()
        print(f"{name} ... ", end="", flush=True)
        try:
            save(made(name), HERE / f"{name}.ipynb")
            print(f"{time.monotonic() - began:.0f} s")
        except NotebookSkippedError as reason:
            print(f"skipped: {reason}")
        except MixlawError as error:
            failed = 1
            print(f"FAILED: {error}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
