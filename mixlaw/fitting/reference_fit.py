"""A fit of a reference: its losses are a refit on the fit's own runs at every call, so a file of it holds them."""

from typing import Any

import numpy as np
import pandas as pd

from mixlaw.estimation.observations import Observations
from mixlaw.laws import Reference, Row
from mixlaw.runs.grouping import groups
from mixlaw.runs.run_table import Runs

FOLDS = 5


def losses(law: type[Reference], seen: Observations, at: Row, seed: int) -> np.ndarray:
    """Losses of every target at M rows, by a refit on the observations, (M, K) nats per token.

    Raises:
        MixlawError: as the reference's `predict`.
    """
    return np.stack([_one(law, seen, k, seen.weight_KxR[k], at, seed) for k in range(len(seen.runs.targets))], axis=1)


def held_out_sigma(law: type[Reference], seen: Observations, seed: int) -> np.ndarray:
    """Root mean square (K,) of the residuals of log-loss, each fold of mixtures predicted by a refit on the others.

    Raises:
        MixlawError: as the reference's `predict`.
    """
    mixture_R = groups(seen.runs)
    order = np.random.default_rng([seed, 2]).permutation(mixture_R.max() + 1)
    fold_R, sigma_K = order[mixture_R] % FOLDS, np.empty(len(seen.weight_KxR))
    for k, weight_R in enumerate(seen.weight_KxR):
        residual_R = np.zeros(len(weight_R))
        for fold in np.unique(fold_R):
            out_R = fold_R == fold
            at = Row(*(x[out_R] for x in seen.rows))
            predicted = _one(law, seen, k, weight_R * ~out_R, at, seed)
            residual_R[out_R] = np.log(predicted) - seen.log_loss_KxR[k][out_R]
        sigma_K[k] = np.sqrt(np.average(residual_R**2, weights=weight_R))
    return sigma_K


def _one(law: type[Reference], seen: Observations, k: int, weight_R: np.ndarray, at: Row, seed: int) -> np.ndarray:
    return law.predict(seen.rows, np.exp(seen.log_loss_KxR[k]), weight_R, at, seed)


def columns(runs: Runs) -> dict[str, list[Any]]:
    """The columns of a run table that a refit reads, as lists of text and numbers."""
    found: dict[str, np.ndarray] = {"run_id": runs.run_id}
    found |= {name: getattr(runs, f"{name}_R") for name in ("params", "tokens", "seed", "step")}
    for kind, x_RxC, names in (
        ("w", runs.w_RxS, runs.sources),
        ("loss", runs.loss_RxK, runs.targets),
        ("unique", runs.unique_RxS, runs.sources),
    ):
        found |= {f"{kind}:{name}": x_R for name, x_R in zip(names, x_RxC.T, strict=True)}
    return {name: x_R.tolist() for name, x_R in found.items()}


def from_columns(data: dict[str, list[Any]], name: str) -> Runs:
    """The run table whose `columns` these are; None is an empty cell."""
    numbers = {column: np.array(x, float) for column, x in data.items() if column != "run_id"}
    return Runs.from_frame(pd.DataFrame({"run_id": data["run_id"], **numbers}), name)
