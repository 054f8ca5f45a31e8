"""Runs that belong together: equal mixtures, equal sizes."""

import numpy as np

from mixlaw.runs.run_table import Runs

SHARE = 0.005
"""Difference of every share up to which two mixtures are one: packing and sampling move what runs measure of the shares
they were given by up to about so much."""


def groups(runs: Runs) -> np.ndarray:
    """The index of each row's mixture (R,), in the order of the shares; of its run where the table has one source.

    All rows of a run are in one group, by the mixture of its last checkpoint, however its measured shares drift. Runs
    are in one group where these mixtures are `alike` to within `SHARE`.
    """
    if len(runs.sources) == 1:
        return runs.cluster_R
    last = np.flatnonzero(runs.last_R)
    group_of = np.empty(len(last), int)
    group_of[runs.cluster_R[last]] = alike(runs.w_RxS[last] / SHARE)
    return group_of[runs.cluster_R]


def alike(x_NxC: np.ndarray) -> np.ndarray:
    """The index of each point's group (N,): points within 1 of the group's first point in every column.

    First is first in the order of the columns, so the order of the points does not matter. Groups are not chained: two
    points of one are at most 2 apart, so a grid of any step stays apart where its step is above 1, and a finer one does
    not become one group. The price: of a dense set of points, neighbours may be in two groups.
    """
    order = np.lexsort(np.round(x_NxC, 4).T[::-1])  # rounded: the noise of arithmetic shall not decide
    group_N, left = np.full(len(x_NxC), -1), order
    for group in range(len(x_NxC)):
        if not len(left):
            break
        near = (np.abs(x_NxC[left] - x_NxC[left[0]]) <= 1.0).all(1)
        group_N[left[near]], left = group, left[~near]
    return group_N


ALIKE = 0.02
"""Relative difference up to which two token counts or sizes are one scale: trainers pack runs to slightly different
lengths."""


def scales(runs: Runs) -> np.ndarray:
    """The index of each row's scale (R,): rows of nearly the same N and D share one."""
    values_Rx2 = np.stack([runs.params_R, runs.tokens_R], 1)
    steps_Rx2 = np.round(np.log(np.nan_to_num(values_Rx2, nan=1.0)) / ALIKE)
    return np.unique(steps_Rx2, axis=0, return_inverse=True)[1].ravel()
