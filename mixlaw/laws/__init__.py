"""The laws, one a file. A new law is one more line in `LAWS`; `mixlaw laws` and the contract tests pick it up."""

from mixlaw.errors import MixlawError
from mixlaw.laws.auto_scale import AutoScale
from mixlaw.laws.base import Law, Row, View
from mixlaw.laws.bi_mix import BiMix
from mixlaw.laws.capacity_competition import CapacityCompetition
from mixlaw.laws.chinchilla import Chinchilla
from mixlaw.laws.data_constrained import DataConstrained
from mixlaw.laws.dcpt import DCPT
from mixlaw.laws.effective_tokens import EffectiveTokens
from mixlaw.laws.info_law import InfoLaw
from mixlaw.laws.joint_effective_tokens import JointEffectiveTokens
from mixlaw.laws.kaplan import Kaplan
from mixlaw.laws.linear import Linear
from mixlaw.laws.log_linear import LogLinear
from mixlaw.laws.mixture_index import MixtureIndex
from mixlaw.laws.optimal_mixtures import OptimalMixtures
from mixlaw.laws.optimal_mixtures_joint import OptimalMixturesJoint
from mixlaw.laws.overfit_penalty import OverfitPenalty
from mixlaw.laws.quality_decay import QualityDecay
from mixlaw.laws.repeated_mixture import RepeatedMixture

LAWS: tuple[type[Law], ...] = (
    EffectiveTokens,
    MixtureIndex,
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

__all__ = [
    "DCPT",
    "LAWS",
    "AutoScale",
    "BiMix",
    "CapacityCompetition",
    "Chinchilla",
    "DataConstrained",
    "EffectiveTokens",
    "InfoLaw",
    "JointEffectiveTokens",
    "Kaplan",
    "Law",
    "Linear",
    "LogLinear",
    "MixtureIndex",
    "OptimalMixtures",
    "OptimalMixturesJoint",
    "OverfitPenalty",
    "QualityDecay",
    "RepeatedMixture",
    "Row",
    "View",
    "by_name",
]


def by_name(name: str) -> type[Law]:
    """The law called so on the command line, such as 'effective-tokens'.

    Raises:
        MixlawError: no law has that name.
    """
    for law in LAWS:
        if law.name == name:
            return law
    raise MixlawError(f"law '{name}' is not known: choose auto or one of {', '.join(law.name for law in LAWS)}")
