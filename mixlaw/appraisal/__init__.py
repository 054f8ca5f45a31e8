"""The value of sources estimated from samples of their text: of a new source, in a plan without runs, in a fit's prior.

appraise  appraise: what a source is worth of which only a sample was seen, by runs of the other sources or by
          distance
by_runs   The price of a new source by runs of the others: its theta read off its text, then the plan with it and
          without
extend    A fit with one more source, of which no run knows anything
nearest   A plan without any run: the mixture whose text is nearest to the targets', labelled as such
nearness  How near mixtures of sampled sources are to the targets: counted once, drawn anew for an interval, several
          distances side by side
novelty   How far a source's text is from any mixture of the others': a copy of what is there adds tokens and nothing
          else
offers    The plan with a new source offered in some amount: as a source of its own, or as more of one it reads like
texts     Equal samples of the text of every source and of the targets: all that is known of a source before any run
theta     From distances to what a law says of a source: a covariate, a prior before any run, a prediction from other
          sources
unseen    A source of which no run knows: its parameters, as those of the runs' sources lead one to expect
"""

from mixlaw.appraisal.appraisal_sections import Appraisal
from mixlaw.appraisal.appraise import appraise
from mixlaw.appraisal.nearest import nearest_plan
from mixlaw.appraisal.nearness import DISTANCES, Counts
from mixlaw.appraisal.texts import Texts, sample_texts
from mixlaw.appraisal.theta import covariate, source_prior

__all__ = [
    "DISTANCES",
    "Appraisal",
    "Counts",
    "Texts",
    "appraise",
    "covariate",
    "nearest_plan",
    "sample_texts",
    "source_prior",
]
