"""Gradient-boosted trees, the regressor of RegMix."""

import numpy as np

from mixlaw.laws.base import Row
from mixlaw.laws.references.base import Reference, drop_unused, log_scales, scikit_learn

ROUNDS, LEARNING_RATE, MAX_LEAVES, MIN_LEAF_ROWS = 1000, 0.01, 31, 20
"""RegMix's settings of LightGBM; LightGBM's defaults for those that RegMix does not set."""


class BoostedTrees(Reference):
    """Histogram gradient boosting of squared error, one model per target. Inputs are the shares, and log N and log D if
    they differ between runs.

    RegMix (2407.01492) with scikit-learn in place of LightGBM: 1000 rounds at a learning rate of .01, at most 31 leaves
    of at least 20 rows (or a tenth of the rows if that is less: with 20, no split is possible below 40 runs). No early
    stopping: RegMix stops on its test set. Predictions are constant beyond the range of the runs.

    >>> BoostedTrees.name, sorted(BoostedTrees.needs)
    ('boosted-trees', ['mixture', 'params', 'tokens'])
    """

    name = "boosted-trees"
    equation = "gradient-boosted trees of w, log N, log D: 1000 rounds, rate .01, no early stopping"
    source = "RegMix, 2407.01492, with scikit-learn"
    needs = frozenset({"mixture", "params", "tokens"})
    optional = frozenset({"params", "tokens"})

    @classmethod
    def predict(cls, rows: Row, loss_R: np.ndarray, weight_R: np.ndarray, at: Row, seed: int) -> np.ndarray:
        ensemble = scikit_learn(cls.name, "sklearn.ensemble")
        # A row with weight 0 would still count towards the rows of a leaf.
        rows, loss_R, weight_R = drop_unused(rows, loss_R, weight_R)
        known_RxF, asked_MxF = log_scales(cls.name, rows, at)
        trees = ensemble.HistGradientBoostingRegressor(
            max_iter=ROUNDS,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=MAX_LEAVES,
            min_samples_leaf=min(MIN_LEAF_ROWS, max(1, len(loss_R) // 10)),
            early_stopping=False,
            random_state=seed,
        )
        # A tree of a few hundred rows is smaller than the cost of sharing it out among threads.
        with scikit_learn(cls.name, "threadpoolctl").threadpool_limits(1):
            trees.fit(np.hstack([rows.w_S, known_RxF]), loss_R, sample_weight=weight_R)
            return trees.predict(np.hstack([at.w_S, asked_MxF]))
