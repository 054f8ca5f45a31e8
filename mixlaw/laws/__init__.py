"""The laws, one a file. A new law is one more line in `LAWS`; `mixlaw laws` and the contract tests pick it up. So is a
reference in `REFERENCES`."""

from mixlaw.errors import MixlawError, nearest
from mixlaw.laws.auto_scale import AutoScale
from mixlaw.laws.base import Law, Row, View
from mixlaw.laws.bi_mix import BiMix
from mixlaw.laws.boosted_trees import BoostedTrees
from mixlaw.laws.capacity_competition import CapacityCompetition
from mixlaw.laws.chinchilla import Chinchilla
from mixlaw.laws.data_constrained import DataConstrained
from mixlaw.laws.dcpt import DCPT
from mixlaw.laws.effective_tokens import EffectiveTokens
from mixlaw.laws.gaussian_process import GaussianProcess
from mixlaw.laws.info_law import InfoLaw
from mixlaw.laws.joint_effective_tokens import JointEffectiveTokens
from mixlaw.laws.kaplan import Kaplan
from mixlaw.laws.linear import Linear
from mixlaw.laws.log_linear import LogLinear
from mixlaw.laws.mixture_index import MixtureIndex
from mixlaw.laws.mixture_index_one_k import MixtureIndexOneK
from mixlaw.laws.mixture_index_shape import MixtureIndexShape
from mixlaw.laws.optimal_mixtures import OptimalMixtures
from mixlaw.laws.optimal_mixtures_joint import OptimalMixturesJoint
from mixlaw.laws.overfit_penalty import OverfitPenalty
from mixlaw.laws.quality_decay import QualityDecay
from mixlaw.laws.reference import Reference, parametric
from mixlaw.laws.repeated_mixture import RepeatedMixture
from mixlaw.laws.source_prior import SourcePrior
from mixlaw.laws.step_size_nested import StepSizeNested
from mixlaw.laws.three_indices import ThreeIndices

LAWS: tuple[type[Law], ...] = (
    EffectiveTokens,
    MixtureIndex,
    MixtureIndexOneK,
    MixtureIndexShape,
    ThreeIndices,
    LogLinear,
    Chinchilla,
    RepeatedMixture,
    OverfitPenalty,
    DataConstrained,
    JointEffectiveTokens,
    OptimalMixtures,
    OptimalMixturesJoint,
    BiMix,
    DCPT,
    Linear,
    Kaplan,
    CapacityCompetition,
    AutoScale,
    InfoLaw,
    QualityDecay,
)

REFERENCES: tuple[type[Reference], ...] = (StepSizeNested, BoostedTrees, GaussianProcess)
"""What laws are judged against: nothing is planned with them."""

__all__ = [
    "DCPT",
    "LAWS",
    "REFERENCES",
    "AutoScale",
    "BiMix",
    "BoostedTrees",
    "CapacityCompetition",
    "Chinchilla",
    "DataConstrained",
    "EffectiveTokens",
    "GaussianProcess",
    "InfoLaw",
    "JointEffectiveTokens",
    "Kaplan",
    "Law",
    "Linear",
    "LogLinear",
    "MixtureIndex",
    "MixtureIndexOneK",
    "MixtureIndexShape",
    "OptimalMixtures",
    "OptimalMixturesJoint",
    "OverfitPenalty",
    "QualityDecay",
    "Reference",
    "RepeatedMixture",
    "Row",
    "SourcePrior",
    "StepSizeNested",
    "ThreeIndices",
    "View",
    "by_name",
    "parametric",
]


def by_name(name: str) -> type[Law] | type[Reference]:
    """The law or reference called so on the command line, such as 'effective-tokens'.

    Raises:
        MixlawError: none has that name.
    """
    for law in (*LAWS, *REFERENCES):
        if law.name == name:
            return law
    known = ["auto", *(law.name for law in (*LAWS, *REFERENCES))]
    raise MixlawError(f"law '{name}' is not known: {nearest(name, known)} (`mixlaw laws` lists them all)")
