"""Loss laws, one per file. To add a law, add a line to `LAWS`: `mixlaw laws` and the contract tests then include it.
References (comparison models) are added to `REFERENCES` in the same way.

base          The base class of laws: a frozen pytree of parameters with a formula, priors and starting points
joint         Laws of loss in the mixture together with parameters, tokens or repetition
lazy_jax      JAX, imported when a formula is first evaluated
mixing        Laws of loss in the mixture, at one size
references    Regressors that laws are compared with
scaling       Laws of loss in parameters and tokens
source_prior  Prior of each source's value for each target, for `fit(..., prior=...)`
"""

from mixlaw.errors import MixlawError, nearest
from mixlaw.laws.base import Law, Row, View
from mixlaw.laws.joint.capacity_competition import CapacityCompetition
from mixlaw.laws.joint.dcpt import DCPT
from mixlaw.laws.joint.info_law import InfoLaw
from mixlaw.laws.joint.joint_effective_tokens import JointEffectiveTokens
from mixlaw.laws.joint.mixture_index import MixtureIndex, MixtureIndexOneK, MixtureIndexShape, ThreeIndices
from mixlaw.laws.joint.optimal_mixtures import OptimalMixtures, OptimalMixturesJoint
from mixlaw.laws.joint.quality_decay import QualityDecay
from mixlaw.laws.joint.repeated_mixture import RepeatedMixture
from mixlaw.laws.mixing.auto_scale import AutoScale
from mixlaw.laws.mixing.bi_mix import BiMix
from mixlaw.laws.mixing.effective_tokens import EffectiveTokens
from mixlaw.laws.mixing.linear import Linear
from mixlaw.laws.mixing.log_linear import LogLinear
from mixlaw.laws.references.base import Reference, parametric
from mixlaw.laws.references.boosted_trees import BoostedTrees
from mixlaw.laws.references.gaussian_process import GaussianProcess
from mixlaw.laws.references.step_size_nested import StepSizeNested
from mixlaw.laws.scaling.chinchilla import Chinchilla
from mixlaw.laws.scaling.data_constrained import DataConstrained
from mixlaw.laws.scaling.kaplan import Kaplan
from mixlaw.laws.scaling.overfit_penalty import OverfitPenalty
from mixlaw.laws.source_prior import SourcePrior

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
"""Regressors that laws are compared with. They cannot make plans."""

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
    """The law or reference of this command-line name, such as 'effective-tokens'.

    Raises:
        MixlawError: if no law has that name.

    >>> by_name("effective-tokens").equation
    'E + u^-b, u = a0 + sum_i exp(theta_i) w_i^a_i'
    """
    for law in (*LAWS, *REFERENCES):
        if law.name == name:
            return law
    known = ["auto", *(law.name for law in (*LAWS, *REFERENCES))]
    raise MixlawError(f"law '{name}' is not known: {nearest(name, known)} (`mixlaw laws` lists them all)")
