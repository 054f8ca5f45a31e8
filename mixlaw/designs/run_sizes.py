"""Sizes of a table's runs: N, D and unique tokens of one more run."""

from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.runs.run_table import Runs


@dataclass(frozen=True)
class RunSize:
    """One size of the table's runs.

    Attributes:
        params, tokens: N and D, nan if the table does not have them.
        unique_S: unique tokens of each source in runs of this size, in the order of the fit's sources (inf: the source
            is never repeated).
        runs: number of runs of this size in the table.
    """

    params: float
    tokens: float
    unique_S: np.ndarray
    runs: int

    @property
    def flops(self) -> float:
        """FLOP of a run, 6 N D; nan if N or D is unknown."""
        return 6.0 * self.params * self.tokens


def run_sizes(fit: Fit) -> list[RunSize]:
    """The sizes of the fitted runs, smallest first, each with the most frequent number of tokens of its runs.

    Raises:
        MixlawError: the fit was read from a file, which does not store its runs.
    """
    if fit.runs is None:
        raise MixlawError("this fit has no runs to add to: fit the run table again")
    ends = fit.runs.select(fit.runs.last_R)
    if not np.isfinite(ends.params_R).all():
        return [_at(fit, ends)]
    return [_at(fit, ends.select(np.isclose(ends.params_R, params, rtol=1e-6))) for params in ends.scales]


def _at(fit: Fit, ends: Runs) -> RunSize:
    params = float(ends.params_R[0]) if len(ends.scales) == 1 else np.nan
    tokens, most = np.nan, ends
    if np.isfinite(ends.tokens_R).all():
        # Packing changes token counts slightly: counts within 2% are equal. Ties: the largest.
        near_RxR = np.abs(ends.tokens_R[:, None] - ends.tokens_R) <= 0.02 * ends.tokens_R
        count_R = near_RxR.sum(0)
        tokens = float(ends.tokens_R[count_R == count_R.max()].max())
        most = ends.select(np.abs(ends.tokens_R - tokens) <= 0.02 * tokens)
    order = [ends.sources.index(name) for name in fit.sources]
    return RunSize(params, tokens, np.median(most.unique_RxS, axis=0)[order], len(ends))


def pick(sizes: list[RunSize], wanted: float) -> int:
    """Index of the size with `wanted` parameters.

    Raises:
        MixlawError: the table has no run of this size.
    """
    found = [i for i, size in enumerate(sizes) if np.isclose(size.params, wanted, rtol=0.01)]
    if not found:
        known = ", ".join(f"{size.params:g}" for size in sizes)
        raise MixlawError(f"--size {wanted:g}: no run of the table has this number of params; its sizes are {known}")
    return found[0]
