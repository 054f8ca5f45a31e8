"""Cells of the planning notebook, in the percent format; `mixlaw report FOLDER --notebook` fills in the constants."""

# %% [markdown]
# # The plan, and how far to believe it
# From a folder that `mixlaw recommend --out` wrote. To see another plan, change `FOLDER` and run all cells, or run
# `mixlaw report FOLDER --notebook`. Losses are nats per token; intervals are 90%, over bootstrap refits of the law.

# %%
FOLDER = "plan"
LEADERBOARD = None  # of `mixlaw compare --out`; by default the folder's own
HELD_OUT = True  # refit the law without each fold of mixtures, which takes as long as planning did

# %%
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import mixlaw
from mixlaw import figures
from mixlaw.reports import gather

found = gather(FOLDER, leaderboard=LEADERBOARD, held_out=HELD_OUT)
plan = mixlaw.read_plan(f"{FOLDER}/plan.json")


def drawn(figure, *given):
    """A figure for a cell's end, or the reason why this plan has none."""
    try:
        return figures.show(figure(*given))
    except mixlaw.MixlawError as reason:
        return print(f"No figure: {reason}")


print(plan.summary())

# %% [markdown]
# ## Shares and epochs
# `low` and `high` are the shares' 90% interval. A wide interval says that the runs leave the share open, which often
# costs little: see the mixtures that are nearly as good, below.

# %%
plan.frame().dropna(axis="columns", how="all").round(3)

# %%
drawn(figures.plan_figure, plan)

# %% [markdown]
# ## Is it better than a simple mixture?
# The difference is the baseline's objective less the plan's, mixtures fixed, paired over the refits: where its interval
# holds 0, plan and baseline are not told apart.

# %%
pd.DataFrame(
    {
        name: {"predicted": other["objective"], **(other["difference"] or {}), "keeps the bounds": other["feasible"]}
        for name, other in plan.baselines.items()
        if other is not None
    }
).T.rename(columns={"mean": "worse by"})

# %% [markdown]
# ## Does the law predict mixtures that it has not seen?
# Each run's loss by a refit without its mixture. Points off the dashed line are errors to expect of the plan too, and a
# plan beyond the runs' sizes is further from them than any point here.


# %%
def scatters(held):
    """One target beside the other, the first three."""
    targets = held.runs.targets[:3]
    page = Figure(figsize=(4.2 * len(targets), 4.4), layout="constrained")
    for target, ax in zip(targets, page.subplots(1, len(targets), squeeze=False)[0], strict=True):
        figures.held_out_actual(held, target, ax)
    return page


drawn(scatters, found.held_out) if found.held_out else print(found.why("held_out", "No run was held out."))

# %% [markdown]
# ## Other budgets, other mixtures
# How the best mixture moves with compute, and what lies around the plan at its own budget.

# %%
drawn(figures.budget_path, plan)


# %%
def around(fit, plan):
    """Of three sources the whole triangle, of more the shares of the two largest."""
    largest = sorted(plan.mixture, key=plan.mixture.get, reverse=True)[:2]
    three = len(plan.mixture) == 3
    return figures.ternary_contour(fit, plan) if three else figures.loss_surface(fit, plan, *largest)


drawn(around, found.fit, plan) if found.fit else print(found.why("fit", "There is no fit beside the plan."))

# %% [markdown]
# ## What else would do, and what more text would be worth
# `least` and `most`: the shares that mixtures within the stated regret reach. `doubled`: nats that twice a source's
# tokens would gain.

# %%
near, prices = plan.near_optimal, {} if plan.worth is None else plan.worth.sources
table = pd.DataFrame({"plan": plan.mixture})
if near is not None:
    table[["least", "most"]] = np.array([near["range"][name] for name in table.index])
    print(f"regret of least and most: {near['regret']:g} nats")
table["doubled"] = pd.Series({name: one["doubled"] for name, one in prices.items()}, dtype=float)
table.sort_values("plan", ascending=False).round(4)

# %% [markdown]
# ## The laws beside each other
# On mixtures held out, means over the targets, beside trivial baselines: mean absolute error in nats; slope of observed
# on predicted differences between mixtures (1 is right); rank correlation; share of losses inside 90% intervals.

# %%
board = found.leaderboard["boards"][0]["entries"] if found.leaderboard else []
table = pd.DataFrame([{"law": one["name"]} | one["mean"] for one in board]).set_index("law") if board else None
shown = ["mae", "slope", "spearman", "coverage"]
print("No leaderboard in the folder; --compare makes it.") if table is None else table[shown].round(4)

# %% [markdown]
# ## What to know

# %%
print("\n".join(f"- {note}" for note in plan.remarks))
