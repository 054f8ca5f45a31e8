"""The base class of laws: a frozen pytree of parameters with a formula, priors and, if needed, starting points.

To add a law: write one file like `mixing/log_linear.py` and add its class to the tuple in `__init__.py`.
"""

from __future__ import annotations

import abc
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform

import numpy as np

from mixlaw.laws.lazy_jax import jax, jnp
from mixlaw.laws.source_prior import WorthPrior


class Row(NamedTuple):
    """Covariates of one run, or of R runs with a leading axis.

    Attributes:
        w_S: mixture, token shares over the S sources.
        params: N, the `params` column as given (nan if the table has none).
        tokens: D, training tokens (nan if the table has none).
        unique_S: unique tokens of each source available to the run (inf: the source is never repeated).

    >>> Row(np.array([0.5, 0.5]), 1e8, 1e10, np.full(2, np.inf)).tokens
    10000000000.0
    """

    w_S: Any
    params: Any
    tokens: Any
    unique_S: Any


class View(NamedTuple):
    """Summaries of the fitted runs from which a law may set the priors of one target.

    Attributes:
        sources: names of the S sources.
        target: name of the target.
        lowest, median: lowest and median observed loss of the target, nats per token.
        params, tokens: geometric means of N and D over the runs (1 if the table has none).
        runs: number of distinct runs.
        worth: given prior of the sources' parameters for this target, or None.

    >>> View(("web", "code"), "code", 2.0, 3.0, 1e8, 1e10, 40).own_S()
    array([0., 1.])
    """

    sources: tuple[str, ...]
    target: str
    lowest: float
    median: float
    params: float
    tokens: float
    runs: int
    worth: WorthPrior | None = None

    def own_S(self) -> np.ndarray:
        """Indicator of the source with the target's name, (S,)."""
        return np.array([float(name == self.target) for name in self.sources])


Constants = Mapping[str, float | np.ndarray]
"""By name, the values of a law's fields that are not fitted."""


class Normal(NamedTuple):
    """Prior of one field in unconstrained space: Normal(mean, sd² I + shared_sd² 11'). With a large `shared_sd` it
    shrinks the entries towards their own mean."""

    mean: Any
    sd: float
    shared_sd: float = 0.0


class Space(NamedTuple):
    """Domain of a parameter, with its bijection to the real line."""

    name: str
    constrain: Callable[[Any], Any]
    unconstrain: Callable[[Any], Any]


REAL = Space("real", lambda z: z, lambda x: x)
POSITIVE = Space("positive", lambda z: jnp.exp(z), lambda x: jnp.log(x))
UNIT = Space("in (0, 1)", lambda z: jax.nn.sigmoid(z), lambda x: jnp.log(x) - jnp.log1p(-x))


def between(low: float, high: float) -> Space:
    """The domain of an open interval from `low` to `high`."""
    return Space(
        f"in ({low:g}, {high:g})",
        lambda z: low + (high - low) * jax.nn.sigmoid(z),
        lambda x: jnp.log(x - low) - jnp.log(high - x),
    )


def parameter(space: Space, *, per_source: bool = False) -> Any:
    """Declare a fitted field of a law; `per_source` makes it a vector over the sources."""
    return dataclasses.field(metadata={"space": space, "per_source": per_source})


def constant(*, per_source: bool = False) -> Any:
    """Declare a field that is not fitted, such as the unit of N, or the indicator of the target's own source."""
    return dataclasses.field(metadata={"space": None, "per_source": per_source})


_REGISTERED: set[type] = set()
_LOCK = threading.Lock()


@dataclass_transform(frozen_default=True, field_specifiers=(parameter, constant))
@dataclasses.dataclass(frozen=True)
class Law(abc.ABC):
    """A parametric form for one target's loss. A fit holds one law per target, as arrays with a leading axis.

    >>> from mixlaw.laws.mixing.linear import Linear
    >>> [field.name for field in fitted_fields(Linear)]
    ['t']
    """

    name: ClassVar[str]
    """Name on the command line: the class in kebab case."""
    equation: ClassVar[str]
    source: ClassVar[str]
    """Paper or 'ours'."""
    needs: ClassVar[frozenset[str]]
    """Covariates that the formula uses: a subset of mixture, own, params, tokens, unique. `own` is the share of the
    source with the target's name; it implies `mixture`."""
    reads_others: ClassVar[bool] = False
    """True if a law that needs `own` also uses the share of each other source."""
    worth: ClassVar[str | None] = None
    """Name of the field whose prior a `SourcePrior` replaces: real, one value per source, higher for a lower loss."""
    harm: ClassVar[str | None] = None
    """Name of the field, one value per source, for the loss added by repetition; it also absorbs errors in U."""
    convex: ClassVar[bool]
    """True if the loss is convex in the mixture at fixed N and D for all admissible parameters."""
    objective: ClassVar[Objective]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True)(cls)

    def __new__(cls, *values: Any, **fields: Any) -> Self:
        """Register the class as a pytree with its first instance, so that classes can be used without JAX."""
        del values, fields
        with _LOCK:
            if cls not in _REGISTERED:
                jax.tree_util.register_dataclass(cls, [f.name for f in dataclasses.fields(cls)], [])
                _REGISTERED.add(cls)
        return super().__new__(cls)

    @abc.abstractmethod
    def __call__(self, row: Row) -> jax.Array:
        """Loss of ONE run in nats per token, a scalar; the engine maps it over runs."""

    @classmethod
    @abc.abstractmethod
    def prior(cls, view: View) -> dict[str, Normal]:
        """Prior of every fitted field, in unconstrained space; its means are also the first start."""

    @classmethod
    def constants(cls, view: View) -> Constants:
        """Values of the fields declared with `constant()`, for the view's target."""
        del view
        return {}

    @classmethod
    def starts(cls, rows: Row, loss_R: np.ndarray, view: View) -> Sequence[Self]:
        """Further starting points, by separable structure or a grid; none by default."""
        del rows, loss_R, view
        return []


class Objective(NamedTuple):
    """Objective of a law's fit: summed Huber loss of (log observed - log predicted) / sigma, plus priors if any.

    Attributes:
        huber: delta, in units of sigma.
        sigma: residual scale of log-loss: an initial value if `priors` is True (it is then estimated), else fixed.
        priors: True for maximum a posteriori with the law's priors; False for the published objective without priors.
        checkpoint_weight: weight of rows that are not the last checkpoint of their run.
        tolerance: a fit ends when a full step would lower the objective by less than this share of it.
        steps: largest number of steps.
    """

    huber: float
    sigma: float
    priors: bool = True
    checkpoint_weight: float = 0.05
    tolerance: float = 1e-7
    steps: int = 200


MAP = Objective(huber=1.345, sigma=0.006)
"""Maximum a posteriori. Huber's delta is the usual one, 95% efficient for Gaussian residuals (Holland and Welsch 1977);
held-out errors are lower with it than with 3 (`analysis/NOTES.md`)."""


def fitted_fields(law: type[Law]) -> list[dataclasses.Field]:
    """The fields that are parameters, in the order of the unconstrained vector."""
    return [f for f in dataclasses.fields(law) if f.metadata["space"] is not None]


def size(law: type[Law], sources: int) -> int:
    """Number of fitted parameters P for a table with this number of sources."""
    return sum(sources if f.metadata["per_source"] else 1 for f in fitted_fields(law))


def parameter_slices(law: type[Law], sources: int) -> dict[str, slice]:
    """The slice of each fitted field in the unconstrained vector."""
    found, at = {}, 0
    for f in fitted_fields(law):
        width = sources if f.metadata["per_source"] else 1
        found[f.name], at = slice(at, at + width), at + width
    return found


def constrain(law: type[Law], z_P: Any, constants: Mapping[str, Any], sources: int) -> Law:
    """The law whose unconstrained parameters are z_P (P,)."""
    values, at = dict(constants), 0
    for f in fitted_fields(law):
        width = sources if f.metadata["per_source"] else 1
        z = z_P[at : at + width] if f.metadata["per_source"] else z_P[at]
        values[f.name] = f.metadata["space"].constrain(z)
        at += width
    return law(**values)


def unconstrain(law: Law) -> jax.Array:
    """Inverse of `constrain`: the vector z_P (P,) of one law."""
    parts = [jnp.atleast_1d(f.metadata["space"].unconstrain(getattr(law, f.name))) for f in fitted_fields(type(law))]
    return jnp.concatenate(parts)


def power(w_S: Any, a_S: Any) -> jax.Array:
    """w^a for w >= 0 and a > 0 with w^a = 0 at w = 0, and finite (zero) derivatives there."""
    seen_S = w_S > 0
    return jnp.where(seen_S, jnp.exp(a_S * jnp.log(jnp.where(seen_S, w_S, 1.0))), 0.0)


def prior_moments(law: type[Law], view: View) -> tuple[np.ndarray, np.ndarray]:
    """Mean (P,) and covariance (P, P) of the prior in unconstrained space, including a given prior of the sources."""
    prior, sources = law.prior(view), len(view.sources)
    mean_P = np.empty(size(law, sources))
    covariance_PxP = np.zeros((len(mean_P), len(mean_P)))
    at = 0
    for f in fitted_fields(law):
        width = sources if f.metadata["per_source"] else 1
        normal, part = prior[f.name], slice(at, at + width)
        mean_P[part] = normal.mean
        covariance_PxP[part, part] = normal.sd**2 * np.eye(width) + normal.shared_sd**2
        if view.worth is not None and f.name == law.worth:
            mean_P[part] = np.mean(normal.mean) + view.worth.offset_S
            covariance_PxP[part, part] = view.worth.covariance_SxS + normal.shared_sd**2
        at += width
    return mean_P, covariance_PxP
