"""Ask: how a plan is chosen, and what it holds beyond the contract."""

from dataclasses import dataclass

from mixlaw.errors import MixlawError
from mixlaw.io.fields import finite, positive

REPLICAS = 200


@dataclass(frozen=True)
class Ask:
    """How a plan is chosen and what it holds.

    Attributes:
        replicas: bootstrap refits behind every interval (a fit that holds replicas keeps its own).
        robust: None for the optimum of the fit; "mean" for the least mean regret over the refits; a number in (0, 1)
            for the least such quantile of it.
        regret: by how many nats near-optimal mixtures may be worse; None: 0.002.
        bracket: whether the gain is also told by laws that err to either side, which are fitted for it.

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
