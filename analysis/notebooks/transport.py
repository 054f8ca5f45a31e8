"""Cells of transport.ipynb; `python analysis/notebooks/run.py transport` runs them."""

# %% [markdown]
# # What is a new source worth, of which there is only a sample?
# The text is the demo's, which every installation of Python and mixlaw holds: reference pages, docstrings, library
# code, package descriptions, tables. C headers are on offer as a sixth source, and no run has seen them. The targets
# are held-out reference pages (weight 4), Python and C (1 each): every fifth document of C is a target's, the others
# are the sample. On another installation the text, and so the figures, differ a little.

# %%
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import mixlaw
from mixlaw import appraisal, figures
from proxies.text.demo_text import demo_documents

documents, wanted = demo_documents(), {"reference": 4.0, "python": 1.0, "c": 1.0}
headers = documents.pop("c")
held, on_offer = headers[::5], [text for i, text in enumerate(headers) if i % 5]


def sampled(name, text):
    """Passages of the five known sources and of a new one, and of the targets, held apart from all of them."""
    return mixlaw.sample_texts(documents | {name: text}, {"reference": None, "python": None, "c": held})


texts = sampled("c", on_offer)
print(f"{texts.count} passages of each of {len(texts.sources)} sources")

# %% [markdown]
# ## Without any run: how far is each source from each target?
# Divergence of hashed n-grams from the source to the target, in nats; the lower, the more alike. It sees words and
# spelling, not whether text is true, new or hard.

# %%
counts = appraisal.Counts.of(texts)
alone = np.eye(len(counts.sources))
table = [[distance(w_S).value for w_S in alone] for distance in counts.distances()]
pd.DataFrame(table, index=list(counts.targets), columns=list(counts.sources)).rename_axis("target").round(2)

# %% [markdown]
# The mixture of all six whose n-grams are nearest to the targets' gives C a share; what that is worth in nats nothing
# says without runs.

# %%
runs = mixlaw.read_runs("without-c.csv")
sources = mixlaw.Sources([mixlaw.Source(n, tokens=float(runs.frame[f"unique:{n}"].max())) for n in runs.sources])
budget = mixlaw.Budget(params=float(runs.params_R.max()), tokens=float(runs.tokens_R.max()))
targets = tuple(mixlaw.Target(name, weight) for name, weight in wanted.items())
project = mixlaw.Project(sources, targets, budget)
offer = mixlaw.Source("c", tokens=float(sources.tokens_S.sum()))
blind = mixlaw.appraise(texts, project, offer)
low, high = blind.best_share_interval
print(f"share of C in the nearest mixture {blind.best_share:.2f} ({low:.2f} to {high:.2f})")
print("\n".join(f"- {note}" for note in blind.notes))

# %% [markdown]
# ## With runs of the other five
# Twelve proxies on mixtures of the five, none on C (`inputs.py` trained them). A law is fitted; what it says each
# source is worth to each target is set against how far that source's text is from the target's, and C is read off that
# line.

# %%
fit = mixlaw.fit(runs, "repeated-mixture", goal=mixlaw.goal(sources, budget), bootstrap=40)
priced = mixlaw.appraise(texts, project, offer, fit)
pd.DataFrame(
    {
        "best share": [priced.best_share, *priced.best_share_interval],
        "gain, nats": [priced.gain[key] for key in ("mean", "low", "high")],
        "worth, tokens": [priced.worth_tokens, *priced.worth_tokens_interval],
    },
    index=["mean", "low", "high"],
).T.map("{:.3g}".format)

# %% [markdown]
# The interval is wide: twelve runs, and a line through five sources. What its tokens gain is not in proportion to
# their number, so there is a curve: the gain of the first eighth, quarter, half and all of the tokens worth having.

# %%
curve = pd.DataFrame(priced.curve)
ax = Figure(figsize=(6, 3.4), layout="constrained").subplots()
ax.plot([0, *curve["share"]], [0, *curve["gain"]], "o-", color=figures.style.RECOMMENDED)
ax.set(xlabel="share of C in the mixture, the others at their best", ylabel="predicted gain, nats per token")
figures.show(figures.style.clean(ax))

# %% [markdown]
# ## Offers that should be worth little
# A check of the method by sources whose worth is known: more of the docstrings, and C with its words in random order.

# %%
rng = np.random.default_rng(0)
shuffled = [" ".join(rng.permutation(text.split())) for text in on_offer]
rows = {"c": priced}
for name, text in {"docstrings again": documents["docstrings"], "c, words shuffled": shuffled}.items():
    rows[name] = mixlaw.appraise(sampled(name, text), project, replace(offer, name=name), fit)
pd.DataFrame(
    {
        name: {"best share": one.best_share, "gain": one.gain["mean"], "low": one.gain["low"], "high": one.gain["high"]}
        | {"novelty": one.text["novelty"]}
        for name, one in rows.items()
    }
).T.round(3)

# %% [markdown]
# Novelty is 1 for text unlike any mixture of the known sources and near 0 for a copy of one; a copy is counted as
# more of what there is. Shuffled words keep most of their n-grams' worth: what n-grams do not see has no price here.
# Whether the price holds takes runs: `analysis/benchmarks/appraise.py` trains the appraised mixture and measures its
# gain.
