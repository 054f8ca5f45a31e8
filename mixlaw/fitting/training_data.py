"""Training data of a fit: the rows it was made on and the prior of its parameters, each computed once."""

from functools import cached_property

import jax

from mixlaw.estimation.goals import Goal
from mixlaw.estimation.map_estimate import ParameterPrior, parameter_prior
from mixlaw.estimation.observations import Observations, observe
from mixlaw.laws import Law, Reference, SourcePrior, parametric
from mixlaw.runs.run_table import Runs


class TrainingData:
    """Rows and prior that a law is fitted with. Both are computed at first use and kept.

    A `Fit` holds one; its copies (`dataclasses.replace`) share it, so intervals, replicas, cross-validation and
    acquisition use the rows of the fit itself.

    Attributes:
        runs, law, goal, prior: as `mixlaw.fit` takes them.

    >>> import pandas as pd
    >>> from mixlaw.laws import Linear
    >>> rows = {"w:web": [0.2, 0.5, 0.8], "w:code": [0.8, 0.5, 0.2], "loss:web": [3.1, 2.9, 2.8]}
    >>> data = TrainingData(Runs.from_frame(pd.DataFrame(rows)), Linear)
    >>> data.observations.weight_KxR
    array([[1., 1., 1.]])
    >>> data.observations is data.observations
    True
    """

    def __init__(
        self,
        runs: Runs,
        law: type[Law] | type[Reference],
        goal: Goal | None = None,
        prior: SourcePrior | None = None,
    ) -> None:
        self.runs, self.law, self.goal, self.prior = runs, law, goal, prior

    def is_of(self, runs: Runs, law: type[Law] | type[Reference], goal: Goal | None, prior: SourcePrior | None) -> bool:
        """True if these are the very objects that the data were made from."""
        own = (self.runs, self.law, self.goal, self.prior)
        return all(one is other for one, other in zip(own, (runs, law, goal, prior), strict=True))

    @cached_property
    def observations(self) -> Observations:
        """The rows, their weights and what was left out; errors as those of `observe`."""
        return observe(self.runs, self.law, self.goal, self.prior)

    @cached_property
    def parameter_prior(self) -> ParameterPrior:
        """The prior of the law's unconstrained parameters for each target."""
        with jax.enable_x64(True):
            return parameter_prior(parametric(self.law), self.observations)
