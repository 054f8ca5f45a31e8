"""Options of `recommend`: choice of the mixture, and optional parts of the plan."""

from dataclasses import dataclass

from mixlaw.errors import MixlawError
from mixlaw.io.fields import finite, positive

REPLICAS = 200
"""Number of bootstrap refits of a plan, a batch of next runs or an appraisal, if the fit has none."""


@dataclass(frozen=True)
class Ask:
    """Options of `recommend`: choice of the mixture, and optional parts of the plan.

    >>> Ask(robust="mean").replicas
    200

    Attributes:
        replicas: number of bootstrap refits for the intervals (a fit that has replicas keeps its own).
        robust: None for the optimum of the fit; "mean" to minimise the mean regret over the refits; a number in (0, 1)
            to minimise that quantile of the regret.
        regret: nats per token by which near-optimal mixtures may be worse than the plan; None: 0.002.
        bracket: True to compute the gain also under laws that overstate and understate it, which are fitted for it.

    Raises:
        MixlawError: a value is out of range.
    """

    replicas: int = REPLICAS
    robust: str | float | None = None
    regret: float | None = None
    bracket: bool = False

    def __post_init__(self) -> None:
        if self.replicas < 1:
            raise MixlawError(f"recommend: replicas is {self.replicas}: intervals need at least 1, better 200")
        object.__setattr__(self, "regret", positive(self.regret, "recommend: regret"))
        if self.robust is not None and self.robust != "mean":
            quantile = finite(self.robust, "recommend: robust")
            if not 0 < quantile < 1:
                raise MixlawError(f"recommend: robust is {quantile:g}; say mean, or a quantile between 0 and 1")
            object.__setattr__(self, "robust", quantile)
