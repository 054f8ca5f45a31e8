"""What sources are worth by samples of their text: a new one priced, a plan without runs, a prior for fits.

texts        equal samples of sources and targets      nearness     distances of mixtures, draws, several side by side
theta        what a law says of a source, from text    novelty      how far a source is from a copy of the others
extend       a fit with one more source                offers       the plan with it, as its own or as more of another
appraise, by_runs   the price of a new source          nearest      the plan without any run
"""

from mixlaw.appraisal.appraise import Appraisal, appraise
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
