"""The published runs that benchmarks read, and how predictions of them are judged.

They lie in the folder MIXLAW_PUBLISHED (default ../shared/published from the project's root); its READMEs say whose
they are.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np


def folder(name: str) -> Path:
    """The folder of one set of published runs."""
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("MIXLAW_PUBLISHED", root / "../shared/published")) / name


class Differences(NamedTuple):
    """How well differences between mixtures are predicted, over targets and scales.

    Attributes:
        slope: least squares through 0 of observed on predicted differences: 1 is right, above 1 they are
            underestimated. nan where none are predicted.
        rmse: root mean square error of the differences, nats per token.
        mae: mean absolute error of the losses themselves, nats per token.
    """

    slope: float
    rmse: float
    mae: float


def judge(predicted_MxK: np.ndarray, observed_MxK: np.ndarray, scale_M=None, weight_K=None) -> Differences:
    """Differences are from the mean of the judged mixtures, within each target and scale; nan is not judged.

    Args:
        scale_M: which rows are of one scale (size and tokens); by default all.
        weight_K: weights of the targets, by default equal.
    """
    scale_M = np.zeros(len(observed_MxK)) if scale_M is None else np.asarray(scale_M)
    weight_K = np.ones(observed_MxK.shape[1]) if weight_K is None else np.asarray(weight_K)
    seen_MxK = np.isfinite(observed_MxK)
    o_MxK, p_MxK = np.where(seen_MxK, observed_MxK, np.nan), np.where(seen_MxK, predicted_MxK, np.nan)
    error_MxK = np.abs(p_MxK - o_MxK)
    for scale in np.unique(scale_M):
        at = scale_M == scale
        o_MxK[at] -= np.nanmean(o_MxK[at], axis=0)
        p_MxK[at] -= np.nanmean(p_MxK[at], axis=0)
    w_MxK = np.broadcast_to(weight_K, o_MxK.shape) * seen_MxK
    total, both = np.nansum(w_MxK), np.nansum(w_MxK * o_MxK * p_MxK)
    square = np.nansum(w_MxK * p_MxK**2)
    slope = both / square if square > 1e-12 * total else np.nan
    return Differences(
        slope, np.sqrt(np.nansum(w_MxK * (o_MxK - p_MxK) ** 2) / total), np.nansum(w_MxK * error_MxK) / total
    )
