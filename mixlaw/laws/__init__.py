"""The laws, one a file. A new law is one more line in `LAWS`; `mixlaw laws` and the contract tests pick it up."""

from mixlaw.errors import MixlawError
from mixlaw.laws.base import Law, Row, View
from mixlaw.laws.chinchilla import Chinchilla
from mixlaw.laws.effective_tokens import EffectiveTokens
from mixlaw.laws.log_linear import LogLinear
from mixlaw.laws.mixture_index import MixtureIndex

LAWS: tuple[type[Law], ...] = (
    EffectiveTokens,
    MixtureIndex,
    LogLinear,
    Chinchilla,
)

__all__ = [
    "LAWS",
    "Chinchilla",
    "EffectiveTokens",
    "Law",
    "LogLinear",
    "MixtureIndex",
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
