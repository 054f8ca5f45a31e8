"""What a fit rests on: how its estimate went, and which runs it has seen."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Diagnostics:
    """How far a fit is to be believed, per target (K,).

    Attributes:
        converged: the solver ended by its tolerance.
        starts_agree: share of the starts that reached the best objective.
        degrees: effective number of parameters.
        objective: value of the objective at the optimum.
        seed_noise: standard deviation of log-loss between runs alike in all but their seed, nan where there are none.
        repeats: number of runs that repeat another.
    """

    converged_K: np.ndarray
    starts_agree_K: np.ndarray
    degrees_K: np.ndarray
    objective_K: np.ndarray
    seed_noise_K: np.ndarray
    repeats_K: np.ndarray


@dataclass(frozen=True)
class Support:
    """What the fitted runs cover: beyond it a prediction extrapolates.

    Attributes:
        params, tokens, tokens_per_param: (smallest, largest) N, D and D/N, nan where the table has none.
        least_S, most_S: smallest and largest share of each source.
        epochs_S: most epochs of each source (at most 1 where it never repeats).
        runs: number of distinct runs.
    """

    params: tuple[float, float]
    tokens: tuple[float, float]
    tokens_per_param: tuple[float, float]
    least_S: np.ndarray
    most_S: np.ndarray
    epochs_S: np.ndarray
    runs: int
