"""Cells of repetition.ipynb; `python analysis/notebooks/run.py repetition` runs them."""

# %% [markdown]
# # When is one more epoch worth it?
# Two sets of published runs: single sources seen again and again (Muennighoff et al., arXiv:2305.16264, data of its
# repository) and a scarce source mixed with an abundant one (Zhou et al., arXiv:2606.07597, read off its notebook's
# figures and tables). Nobody of this project made them. Losses are nats per token.

# %%
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

import mixlaw
from mixlaw import figures

published = Path(os.environ.get("MIXLAW_PUBLISHED", "../../../shared/published"))
if not (published / "data_constrained").is_dir() or not (published / "repetition_mismatch").is_dir():
    raise SystemExit(
        "the published runs of data_constrained and repetition_mismatch are not here: set MIXLAW_PUBLISHED"
    )

# %% [markdown]
# ## What was measured, without any law
# Pairs of runs of one size on equally many tokens, one of which saw every token once: what repetition cost.

# %%
table = pd.read_csv(published / "data_constrained" / "runs.csv")
table["D"] = table["tokens"].round(-7)
once = table[table["epochs"] < 1.02].groupby(["params", "D"])["loss"].mean().rename("once")
pairs = table[table["epochs"] >= 1.02].join(once, on=["params", "D"], how="inner")
pairs["cost"] = pairs["loss"] - pairs["once"]
bands = pd.cut(
    pairs["epochs"], [1, 2.5, 4.5, 8.5, 16.5, 40, np.inf], labels=["2", "3-4", "5-8", "9-16", "17-40", "more"]
)
pairs.groupby(bands, observed=True)["cost"].describe()[["count", "25%", "50%", "75%", "max"]].round(3)

# %% [markdown]
# ## What a law makes of it
# The same 235 runs under three laws: `chinchilla` knows no repetition, `data-constrained` is the one of the runs' own
# paper (repeated tokens lose their worth), `repeated-mixture` adds harm that grows with passes and with size. Fitted
# on the cheapest four fifths of the runs, judged on the most expensive fifth.

# %%
named = table.rename(columns={"run": "run_id", "unique_tokens": "unique:c4", "loss": "loss:c4"}).assign(**{"w:c4": 1.0})
columns = ["run_id", "params", "tokens", "w:c4", "unique:c4", "loss:c4"]
runs = mixlaw.Runs.from_frame(named.sort_values("flops", kind="stable")[columns].reset_index(drop=True), "runs.csv")
cheap_R = np.arange(len(runs)) < 0.8 * len(runs)
judged, errors, fits = runs.select(~cheap_R), {}, {}
for law in ("chinchilla", "data-constrained", "repeated-mixture"):
    fits[law] = mixlaw.fit(runs.select(cheap_R), law)
    off = fits[law].predict(judged)["loss:c4"].to_numpy() - judged.loss_RxK[:, 0]
    again = judged.epochs_RxS[:, 0] > 1.02
    errors[law] = {"mean error": np.abs(off).mean(), "of repeated runs": np.abs(off[again]).mean(), "bias": off.mean()}
mean = runs.loss_RxK[cheap_R, 0].mean()
errors["mean of the runs"] = {"mean error": np.abs(mean - judged.loss_RxK[:, 0]).mean()}
pd.DataFrame(errors).T.round(3)

# %% [markdown]
# The figure follows one source of 4B tokens at 2.8B parameters, pass after pass: what was measured, and two laws.
# Hollow points were judged, the others were among the runs fitted. Neither law meets their level, and
# `repeated-mixture` turns up where the measured losses still fall: it carries over the harm that is seen in sources of
# 100M tokens.

# %%
from matplotlib.figure import Figure

PARAMS, UNIQUE = 2.81e9, 4e9
seen = table[(table["params"] == PARAMS) & (table["unique_tokens"] == UNIQUE)]
epochs = np.geomspace(1, 40, 80)
w_Mx1 = np.ones((len(epochs), 1))
ax = Figure(figsize=(7, 4), layout="constrained").subplots()
for law, color in (("data-constrained", figures.style.PROPORTIONAL), ("repeated-mixture", figures.style.RECOMMENDED)):
    at = fits[law].losses(w_Mx1, PARAMS, epochs * UNIQUE, unique=np.array([UNIQUE]))[:, 0]
    ax.plot(epochs, at, color=color, label=law)
fresh = fits["repeated-mixture"].losses(w_Mx1, PARAMS, epochs * UNIQUE, unique=np.array([np.inf]))[:, 0]
ax.plot(epochs, fresh, color=figures.style.MUTED, linestyle="--", label="repeated-mixture, all tokens new")
fitted = np.isin(seen["run"], runs.run_id[cheap_R])
ax.scatter(seen["epochs"], seen["loss"], s=20, color=np.where(fitted, "black", "white"), edgecolors="black", zorder=3)
ax.set(xscale="log", xlabel="epochs of 4B tokens, 2.8B parameters", ylabel="loss, nats per token")
ax.set_xticks([1, 2, 4, 8, 16, 40], ["1", "2", "4", "8", "16", "40"])
ax.legend(frameon=False)
figures.show(figures.style.clean(ax))

# %% [markdown]
# ## A scarce source in a mixture
# Wikipedia's 117M tokens beside a web that never repeats; the loss is on Wikipedia. Runs of 30M and 124M parameters
# whose Wikipedia was cut down so that it repeats as it will (`matched`) are fitted; five runs of 345M parameters at
# 3.7B tokens judge. `mixture-index` knows no repetition.

# %%
mixed = pd.read_csv(published / "repetition_mismatch" / "runs.csv")
mixed = mixed[mixed["set"] == "two_source_wikipedia"].reset_index(drop=True)
kept = ["run_id", "params", "tokens", "w:fineweb", "w:wikipedia", "unique:wikipedia", "loss:wikipedia"]
every = mixlaw.Runs.from_frame(mixed[kept], "wikipedia")
truth = every.select((mixed["params"] == 345e6) & (mixed["is_target_horizon"] == 1))
proxies = every.select((mixed["params"] < 345e6) & (mixed["matched"] == 1))
D, U = truth.tokens_R[0], truth.unique_RxS[0]
sources = mixlaw.Sources([mixlaw.Source("fineweb", tokens=1e12), mixlaw.Source("wikipedia", tokens=U[1])])
goal = mixlaw.goal(sources, mixlaw.Budget(params=345e6, tokens=D))
laws = {law: mixlaw.fit(proxies, law, goal=goal) for law in ("repeated-mixture", "mixture-index")}

# %%
share = np.linspace(0.01, 0.4, 79)
w_MxS = np.stack([1 - share, share], 1)
ax = Figure(figsize=(7, 4), layout="constrained").subplots()
curves = {law: fit.losses(w_MxS, 345e6, D, unique=U)[:, 0] for law, fit in laws.items()}
for (law, loss), color in zip(curves.items(), (figures.style.RECOMMENDED, figures.style.PROPORTIONAL), strict=True):
    ax.plot(share * D / U[1], loss, color=color, label=f"{law}, from runs of 30M and 124M")
ax.plot(truth.epochs_RxS[:, 1], truth.loss_RxK[:, 0], "o", color="black", label="measured at 345M")
ax.set(xlabel="epochs of Wikipedia in 3.7B tokens", ylabel="loss on Wikipedia, nats per token", ylim=(2.9, 3.4))
ax.legend(frameon=False)
figures.show(figures.style.clean(ax))

# %% [markdown]
# One more epoch at each point: by how much the loss moved between neighbouring runs, and what the law says.

# %%
order = np.argsort(truth.w_RxS[:, 1])
passes, loss = truth.epochs_RxS[order, 1], truth.loss_RxK[order, 0]
said = laws["repeated-mixture"].losses(truth.w_RxS[order], 345e6, D, unique=U)[:, 0]
each = np.diff(passes)
pd.DataFrame(
    {
        "epochs": [f"{a:.1f} to {b:.1f}" for a, b in pairwise(passes)],
        "measured, nats an epoch": np.diff(loss) / each,
        "by the law": np.diff(said) / each,
    }
).round(4)

# %%
best = {"measured, of five shares": (truth.w_RxS[order, 1][np.argmin(loss)], 0.0)}
for law, curve in curves.items():
    at = share[np.argmin(curve)]
    best[law] = (at, np.interp(at, truth.w_RxS[order, 1], loss) - loss.min())
pd.DataFrame(best, index=["best share of Wikipedia", "measured loss there above the best"]).T.round(3)

# %% [markdown]
# What this does not show: other kinds of text, sizes above 345M for mixtures and 9B for single sources, and more than
# one seed a mixture. Neighbouring shares differ by about what the figures could be read to, so a best share is good
# to a step of the grid. The second table interpolates the measured losses linearly.
