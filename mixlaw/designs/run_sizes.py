"""At which sizes a table's runs were made: what one more run of each would be."""

from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_result import Fit
from mixlaw.runs.run_table import Runs


@dataclass(frozen=True)
class RunSize:
    """One size of the table's runs.

    Attributes:
        params, tokens: N and D, nan where the table has none.
        unique_S: unique tokens of each source to such runs, in the order of the fit's sources (inf: none repeats).
        runs: how many the table has.
    """

    params: float
    tokens: float
    unique_S: np.ndarray
    runs: int

    @property
    def flops(self) -> float:
        """FLOP of a run, 6 N D; nan where N or D is not known."""
        return 6.0 * self.params * self.tokens


def run_sizes(fit: Fit) -> list[RunSize]:
    """The sizes of the fitted runs, the smallest first, each at the tokens that most of its runs end at.

    Raises:
        MixlawError: the fit was read from a file, so its runs are not at hand.
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
        # Packing moves token counts a little: those within 2% are one. Of ties the longest.
        near_RxR = np.abs(ends.tokens_R[:, None] - ends.tokens_R) <= 0.02 * ends.tokens_R
        count_R = near_RxR.sum(0)
        tokens = float(ends.tokens_R[count_R == count_R.max()].max())
        most = ends.select(np.abs(ends.tokens_R - tokens) <= 0.02 * tokens)
    order = [ends.sources.index(name) for name in fit.sources]
    return RunSize(params, tokens, np.median(most.unique_RxS, axis=0)[order], len(ends))


def pick(sizes: list[RunSize], wanted: float) -> int:
    """The size of so many params.

    Raises:
        MixlawError: the table has no run of it.
    """
    found = [i for i, size in enumerate(sizes) if np.isclose(size.params, wanted, rtol=0.01)]
    if not found:
        known = ", ".join(f"{size.params:g}" for size in sizes)
        raise MixlawError(f"--size {wanted:g}: no run of the table has so many params: its sizes are {known}")
    return found[0]
