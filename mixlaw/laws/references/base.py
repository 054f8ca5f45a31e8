"""Base class of references: predictors of loss that laws are compared with. They cannot make plans.

To add one: write a file like `boosted_trees.py` and add its class to the tuple `REFERENCES` in `__init__.py`.
"""

import abc
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.laws.base import MAP, Law, Objective, Row

DISTINCT_RATIO = 1.05
"""Ratio of the largest to the smallest size (or token count) above which sizes differ; packing gives smaller ratios."""


class Reference(abc.ABC):
    """A regressor or published pipeline without parameters that the engine fits: every prediction includes a refit.

    It has no gradient, no replicas and no certificate. `compare` and `predict` accept it; `recommend` does not.

    >>> from mixlaw.laws.references.boosted_trees import BoostedTrees
    >>> BoostedTrees.name, issubclass(BoostedTrees, Law)
    ('boosted-trees', False)
    """

    name: ClassVar[str]
    """Name on the command line: the class in kebab case."""
    equation: ClassVar[str]
    """Description in one line."""
    source: ClassVar[str]
    """Paper or 'ours'."""
    needs: ClassVar[frozenset[str]]
    """Covariates that it uses: a subset of mixture, params, tokens."""
    optional: ClassVar[frozenset[str]] = frozenset()
    """The members of `needs` that the table may lack."""
    convex: ClassVar[bool] = False
    objective: ClassVar[Objective] = MAP
    """Only its `checkpoint_weight` is read."""

    @classmethod
    @abc.abstractmethod
    def predict(cls, rows: Row, loss_R: np.ndarray, weight_R: np.ndarray, at: Row, seed: int) -> np.ndarray:
        """Losses (M,) of one target at M rows, nats per token, by a refit on R other rows.

        Args:
            rows: covariates of the R rows.
            loss_R: losses of the R rows (any positive number if the weight is 0).
            weight_R: weights of the R rows; 0 leaves a row out.
            at: covariates of the M rows.
            seed: random seed.

        Raises:
            MixlawError: there are too few rows, `at` lacks a covariate that the rows have, or a package is not
                installed.
        """


def drop_unused(rows: Row, loss_R: np.ndarray, weight_R: np.ndarray) -> tuple[Row, np.ndarray, np.ndarray]:
    """The rows with a positive weight, their losses and weights."""
    used_R = weight_R > 0
    return Row(*(np.asarray(x)[used_R] for x in rows)), loss_R[used_R], weight_R[used_R]


def log_scales(name: str, rows: Row, at: Row) -> tuple[np.ndarray, np.ndarray]:
    """log N and log D of the R rows (R, F) and the M rows (M, F). Only those that differ between the R rows are
    included, so F is 0 to 2.

    Raises:
        MixlawError: a covariate differs between the R rows, and `at` lacks it.
    """
    known_FxR, asked_FxM = np.empty((0, len(rows.w_S))), np.empty((0, len(at.w_S)))
    for column in ("params", "tokens"):
        x_R, x_M = np.asarray(getattr(rows, column), float), np.asarray(getattr(at, column), float)
        if not np.max(x_R) > DISTINCT_RATIO * np.min(x_R):
            continue
        if not np.isfinite(x_M).all():
            raise MixlawError(
                f"law {name}: the runs hold several {column}, and some row to predict has none: fill the column "
                f"(`predict` also takes --{column})"
            )
        known_FxR, asked_FxM = np.vstack([known_FxR, np.log(x_R)]), np.vstack([asked_FxM, np.log(x_M)])
    return known_FxR.T, asked_FxM.T


def parametric(law: type[Law] | type[Reference]) -> type[Law]:
    """The law, checked to have parameters.

    Raises:
        MixlawError: the law is a reference.

    >>> from mixlaw.laws.mixing.linear import Linear
    >>> parametric(Linear).name
    'linear'
    """
    if issubclass(law, Reference):
        raise MixlawError(
            f"law {law.name} is a reference, with no gradient, no replicas and no certificate: use it in compare or "
            "predict, and recommend with another law"
        )
    return law


def scikit_learn(name: str, module: str) -> Any:
    """Import a module of scikit-learn or of its dependencies, which are optional.

    Raises:
        MixlawError: the module is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise MixlawError(f"law {name} needs scikit-learn: pip install 'mixlaw[references]'") from None
