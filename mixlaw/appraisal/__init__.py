"""The value of sources estimated from samples of their text: of a new source, in a plan without runs, in a fit's prior.

appraisal_sections  Appraisal and its sections: the JSON object of `mixlaw appraise`
appraise            appraise: the value of a new source, with runs of the other sources or by text distance alone
by_runs             The value of a new source from runs of the others: the optimal plans with and without it
extend              A fit with one more source, whose parameters are given
nearest             A plan without runs: the mixture whose text is nearest to the targets' text
nearness            Distances of mixtures from the targets' text, and the nearest mixture with a bootstrap interval
novelty             How far a source's text is from any mixture of the other sources
offers              The optimal plan with a new source: as a source of its own, or as more tokens of a similar one
texts               Samples of equal size of the text of every source, and of the targets
theta               Regression of a law's parameter theta on a text covariate: prior of a fit, prediction for a source
unseen              The law parameters of a source that no run contains, predicted from those of the runs' sources
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
