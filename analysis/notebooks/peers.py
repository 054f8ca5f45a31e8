"""Cells of peers.ipynb; `python analysis/notebooks/run.py peers` runs them."""

# %% [markdown]
# # Our numbers beside those of others
# Every benchmark in `analysis/benchmarks` holds its figures to aims, which are this project's own, and writes them to
# `results/NAME.json`: command, machine, date, each figure with its aim and, where a peer was run on the same data, the
# peer's figure. A peer is another's method, written from its description or taken from its package, or a plain one
# where there is none. This notebook reads these files and measures nothing. Seconds, and ratios of seconds, depend on
# the machine and on what else ran on it: `load` is the number of processes that wanted its cores, `sgemm_gflops` what
# was left of its speed. Some commands run a smaller form of the benchmark than its default.

# %%
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mixlaw.figures import show, style

pd.set_option("display.max_colwidth", None, "display.width", 200, "display.max_rows", None)
pd.set_option("display.float_format", "{:.4g}".format)
folder = Path("../benchmarks")
results = [json.loads(path.read_text()) for path in sorted((folder / "results").glob("*.json"))]
aims = pd.DataFrame([{"benchmark": result["benchmark"]} | one for result in results for one in result["aims"]])
aims["peer's figure"] = [peer["figure"] if isinstance(peer, dict) else np.nan for peer in aims["peer"]]
aims["peer"] = [peer["name"] if isinstance(peer, dict) else "" for peer in aims["peer"]]
able = {path.stem for path in folder.glob("*.py") if "aims.print()" in path.read_text()}
missing = sorted(able - {result["benchmark"] for result in results})
print(f"{aims['holds'].sum()} of {len(aims)} aims hold, in {len(results)} benchmarks")
print(f"without a result file: {', '.join(missing) or 'none'}")

# %%
about = pd.DataFrame([result | result["machine"] for result in results]).set_index("benchmark").drop(columns="aims")
counts = aims.groupby("benchmark")["holds"].agg(aims="size", hold="sum")
about.join(counts)[["aims", "hold", "date", "sgemm_gflops", "cores", "load", "command"]]

# %% [markdown]
# ## Aims that do not hold

# %%
aims[~aims["holds"]].set_index(["benchmark", "what"])[["figure", "aim"]]

# %% [markdown]
# ## Ours over the peer's
# Where a figure is to be small and a peer's stands beside it: errors, regrets, seconds, or their ratio itself, for
# which the peer's figure is 1. 1 is equal, left of it is better for us, grey marks are aims.

# %%
small = aims[aims["aim"].str.startswith("<=") & (aims["peer's figure"] > 0)]
ratios, bounds = (x / small["peer's figure"] for x in (small["figure"], small["aim"].str[3:].astype(float)))
names = small["benchmark"] + ": " + small["what"] + " (" + small["peer"] + ")"
ax = Figure(figsize=(10, style.rows_height(len(ratios))), layout="constrained").subplots()
rows = np.arange(len(small))
ax.plot(bounds, rows, "|", color=style.MUTED, markersize=10)
ax.scatter(ratios.clip(lower=1e-3), rows, color=np.where(ratios <= 1, style.RECOMMENDED, style.ALARM))
ax.axvline(1, color=style.MUTED, linestyle="--", linewidth=1)
ax.set(xscale="log", xlabel="ours / the peer's, at least .001; grey marks: aims")
ax.set_yticks(rows, names, fontsize="small")
ax.invert_yaxis()
show(style.clean(ax), dpi=60)

# %% [markdown]
# Rank correlations and slopes, which are not to be small, beside those of peers:

# %%
large = aims[~aims["aim"].str.startswith("<=") & (aims["peer"] != "")]
large.set_index(["benchmark", "what"])[["figure", "peer's figure", "peer", "aim", "holds"]]

# %% [markdown]
# ## All aims

# %%
aims.set_index(["benchmark", "what"])[["figure", "aim", "holds"]]
