"""Cells of regmix.ipynb; `python analysis/notebooks/run.py regmix` runs them."""

# %% [markdown]
# # RegMix, from runs to a plan
# 512 runs of 1M parameters on random mixtures of 17 sources, and 256 other mixtures run both at 1M and at 60M (Liu et
# al., arXiv:2407.01492, MIT licence). Nobody of this project made them. The question is whether few small runs say
# which mixture is best. Losses are nats per token.

# %%
import os
from pathlib import Path

import numpy as np
import pandas as pd

import mixlaw
from mixlaw import figures

published = Path(os.environ.get("MIXLAW_PUBLISHED", "../../../shared/published")) / "regmix"
if not published.is_dir():
    raise SystemExit("the published runs of regmix are not here: set MIXLAW_PUBLISHED")
train = mixlaw.read_runs(published / "runs_1m_train.csv")
tests = {
    size: mixlaw.read_runs(published / f"runs_{size}_test.csv").with_targets(train.targets) for size in ("1m", "60m")
}
few = train.select(np.sort(np.random.default_rng(0).choice(len(train), 128, replace=False)))
print(f"{len(few)} of {len(train)} runs, {len(train.sources)} sources, {len(train.targets)} targets")

# %% [markdown]
# The authors' own two files become such a table by `mixlaw import regmix`.
#
# ## Fit, and a first look at mixtures never run

# %%
fit = mixlaw.fit(few, "effective-tokens", bootstrap=60)
low_MxK, high_MxK = mixlaw.band(fit, tests["1m"].w_RxS, level=0.9)
k = fit.targets.index("pile_cc")
predicted = fit.losses(tests["1m"].w_RxS)
observed = tests["1m"].loss_RxK
held = ((observed >= low_MxK) & (observed <= high_MxK)).mean()
print(f"90% intervals hold {held:.1%} of the 256 x 13 losses")
ax = figures.predicted_actual(predicted[:, k], observed[:, k], low_MxK[:, k], high_MxK[:, k])
ax.set_title("pile_cc at 1M, 256 mixtures never run\n" + ax.get_title(loc="left"), loc="left")
figures.show(ax)

# %% [markdown]
# ## Against trivial baselines and another law, on mixtures held out of the 128
# Mean absolute error. `compare` refits every law without each fold of mixtures.

# %%
board = mixlaw.compare(few, ["effective-tokens", "log-linear"]).boards[0]
figures.show(figures.board_dots(board))

# %% [markdown]
# ## Do the rankings carry over to a model 60 times as large?
# Spearman's correlation on the 256 mixtures: the law from 128 runs of 1M, the share of the target's own source, and
# the measured 1M losses of the very mixtures, which is as good as small runs can be.


# %%
def ranks(score_MxK, size):
    """Spearman's correlation by target of scores with the losses measured at a size."""
    losses = pd.DataFrame(tests[size].loss_RxK, columns=train.targets)
    return pd.DataFrame(score_MxK, columns=train.targets).corrwith(losses, method="spearman")


own = np.stack([-tests["1m"].w_RxS[:, train.sources.index(target)] for target in train.targets], 1)
found = pd.DataFrame({"law, 1M": ranks(predicted, "1m"), "law, 60M": ranks(predicted, "60m")})
found["own share, 60M"], found["measured at 1M, 60M"] = ranks(own, "60m"), ranks(observed, "60m")
pd.concat([found, found.mean().rename("mean").to_frame().T]).round(3)

# %% [markdown]
# ## A plan
# For the mean of the 13 targets at 25B tokens of training, of sources that hold 100B together in the published
# proportions (their true size is not published), none seen more than 15 times, as the authors have it. Runs of one size
# say nothing of size: the mixture is the best at the runs' scale.

# %%
sizes = pd.read_csv(published / "source_token_fractions.csv").set_index("source")["token_fraction"]
sources = mixlaw.Sources([mixlaw.Source(name, tokens=1e11 * sizes[name], max_epochs=15) for name in train.sources])
budget = mixlaw.Budget(params=1e9, tokens=25e9)
plan = mixlaw.recommend(fit, sources, budget)
print(plan.summary())
figures.show(figures.plan_figure(plan))

# %% [markdown]
# ## What the law's choice would have cost at 60M
# Of the 256 mixtures, the one that the law puts first by its 1M runs, measured at 60M: nats above the best of the 256,
# for `pile_cc` alone and for the mean of the targets, beside other ways to choose. For one target, taking the most of
# its own source is a strong rule. The recommended mixture itself was never run.

# %%
large = tests["60m"].loss_RxK
loss = {"pile_cc": large[:, k], "mean of the targets": large.mean(1)}
told = {"pile_cc": (predicted[:, k], observed[:, k], own[:, k])}
told["mean of the targets"] = (predicted.mean(1), observed.mean(1), own.mean(1))
table = {
    name: [*(y[x.argmin()] - y.min() for x in told[name]), y.mean() - y.min(), np.median(y) - y.min()]
    for name, y in loss.items()
}
ways = ["first by the law", "first by its own 1M loss", "most of the targets' own sources", "any, mean", "any, median"]
pd.DataFrame(table, index=ways).round(4)

# %% [markdown]
# ## Which runs next?
# By expected fall of regret, from the same 128 runs and for the same plan.

# %%
more = mixlaw.next_runs(fit, mixlaw.Project(sources, (), budget), wish=mixlaw.Wish(batch=4))
print("expected regret in nats:", {name: round(more.content["regret"][name], 4) for name in ("now", "after")})
shares = more.frame.set_index("run_id").filter(like="w:")
shares.loc[:, shares.max() > 0.02].T.round(3)

# %% [markdown]
# How much this choice of runs saves against random ones is measured in `analysis/benchmarks/next_runs.py`: much where
# the plan is one of the mixtures that may be run, little where it is a mixture that is never run.
