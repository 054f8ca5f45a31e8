"""The base class of references: predictors of loss that laws are compared with; no plan is made with them.

To add one: write a file like `boosted_trees.py` and add its class to the tuple `REFERENCES` in `__init__.py`.
"""

import abc
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.laws.base import MAP, Law, Objective, Row

DISTINCT_RATIO = 1.05
"""Largest over smallest size (or token count) above which runs have several; a smaller ratio comes from packing."""


class Reference(abc.ABC):
    """A regressor or published pipeline with no parameters that the engine fits: predicting is refitting.

    It has no gradient, no replicas and no certificate, so `recommend` refuses it; `compare` and `predict` take it.

    >>> from mixlaw.laws.references.boosted_trees import BoostedTrees
    >>> BoostedTrees.name, issubclass(BoostedTrees, Law)
    ('boosted-trees', False)
    """

    name: ClassVar[str]
    """Name on the command line: the class in kebab case."""
    equation: ClassVar[str]
    """What it does, in one line."""
    source: ClassVar[str]
    """Paper or 'ours'."""
    needs: ClassVar[frozenset[str]]
    """Covariates it reads: of mixture, params, tokens."""
    optional: ClassVar[frozenset[str]] = frozenset()
    """Those of `needs` that it does without where the table has none."""
    convex: ClassVar[bool] = False
    objective: ClassVar[Objective] = MAP
    """Only its `checkpoint_weight` is read."""

    @classmethod
    @abc.abstractmethod
    def predict(cls, rows: Row, loss_R: np.ndarray, weight_R: np.ndarray, at: Row, seed: int) -> np.ndarray:
        """Losses (M,) of one target at M rows, nats per token, by a refit on R others.

        Args:
            rows: covariates of the R rows.
            loss_R: their losses (anything above 0 where the weight is 0).
            weight_R: their weights; 0 leaves a row out.
            at: covariates of the M rows.
            seed: of everything random.

        Raises:
            MixlawError: too few rows, a covariate that the rows have and `at` has not, or a package is absent.
        """


def drop_unused(rows: Row, loss_R: np.ndarray, weight_R: np.ndarray) -> tuple[Row, np.ndarray, np.ndarray]:
    """The rows of positive weight, their losses and weights."""
    used_R = weight_R > 0
    return Row(*(np.asarray(x)[used_R] for x in rows)), loss_R[used_R], weight_R[used_R]


def log_scales(name: str, rows: Row, at: Row) -> tuple[np.ndarray, np.ndarray]:
    """log N and log D, those of which the rows hold several: (R, F) of the rows and (M, F), F from 0 to 2.

    Raises:
        MixlawError: the rows hold several and `at` has none.
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
    """The law itself, for what needs parameters.

    Raises:
        MixlawError: it is a reference.

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
    """A module of scikit-learn, or one that comes with it, which is installed only where references are wanted.

    Raises:
        MixlawError: it is absent.
    """
    try:
        return import_module(module)
    except ImportError:
        raise MixlawError(f"law {name} needs scikit-learn: pip install 'mixlaw[references]'") from None
