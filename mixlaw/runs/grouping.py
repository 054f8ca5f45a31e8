"""Runs that belong together: equal mixtures, equal sizes."""

import numpy as np

from mixlaw.runs.run_table import Runs

SAME_SHARE = 0.005
"""Two mixtures count as one if no share differs by more: packing and sampling move measured shares that far."""


def groups(runs: Runs) -> np.ndarray:
    """The index of each row's mixture (R,), in the order of the shares; of its run if the table has one source.

    All rows of a run are in one group, that of its last checkpoint's mixture, even if its measured shares drift.
    Last checkpoints are grouped by `group_points` within `SAME_SHARE`.

    >>> import pandas as pd
    >>> rows = {"run_id": ["a", "b", "c"], "w:web": [0.5, 0.502, 0.8], "w:code": [0.5, 0.498, 0.2], "loss:web": 2.0}
    >>> groups(Runs.from_frame(pd.DataFrame(rows)))
    array([0, 0, 1])
    """
    if len(runs.sources) == 1:
        return runs.cluster_R
    last = np.flatnonzero(runs.last_R)
    group_of = np.empty(len(last), int)
    group_of[runs.cluster_R[last]] = group_points(runs.w_RxS[last] / SAME_SHARE)
    return group_of[runs.cluster_R]


def group_points(x_NxC: np.ndarray) -> np.ndarray:
    """The index of each point's group (N,): points within 1 of the group's first point in every column.

    "First" is by the columns' order, so the order of the points does not matter. Groups are not chained: two points of
    one group are at most 2 apart, so the points of a grid stay apart if its step is above 1, and a finer grid does not
    become one group. A drawback: neighbours in a dense set of points may be in different groups.

    >>> group_points(np.array([[0.0], [5.0], [0.9], [1.8]]))
    array([0, 2, 0, 1])
    """
    order = np.lexsort(np.round(x_NxC, 4).T[::-1])  # rounded: the noise of arithmetic shall not decide
    group_N, left = np.full(len(x_NxC), -1), order
    for group in range(len(x_NxC)):
        if not len(left):
            break
        near = (np.abs(x_NxC[left] - x_NxC[left[0]]) <= 1.0).all(1)
        group_N[left[near]], left = group, left[~near]
    return group_N


SAME_SCALE = 0.02
"""Two sizes, or two token counts, are one scale if they differ by at most this share: trainers pack runs to slightly
different lengths."""


def scales(runs: Runs) -> np.ndarray:
    """The index of each row's scale (R,): rows of nearly the same N and D share one.

    >>> import pandas as pd
    >>> rows = {"run_id": [1, 2, 3], "params": [1e6, 1e6, 2e6], "tokens": [1e8, 1.001e8, 1e8], "w:a": 1, "loss:a": 2}
    >>> scales(Runs.from_frame(pd.DataFrame(rows)))
    array([0, 0, 1])
    """
    values_Rx2 = np.stack([runs.params_R, runs.tokens_R], 1)
    steps_Rx2 = np.round(np.log(np.nan_to_num(values_Rx2, nan=1.0)) / SAME_SCALE)
    return np.unique(steps_Rx2, axis=0, return_inverse=True)[1].ravel()
