"""Irreducible conflicts: every constraint named is needed for the conflict, and together they are one."""

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.mixtures.constraint_rows import row, stack
from mixlaw.mixtures.infeasibility import Bound, irreducible, mixture_exists, refuse


def random_set(rng, S=5):
    """Bounds and group rows that may or may not leave a mixture."""
    bounds = [Bound(f"min {s}", s, False, rng.uniform(0, 0.4)) for s in range(S) if rng.uniform() < 0.4]
    bounds += [Bound(f"max {s}", s, True, rng.uniform(0.1, 0.6)) for s in range(S) if rng.uniform() < 0.5]
    rows = []
    for m in range(rng.integers(1, 5)):
        in_S = (rng.uniform(size=S) < 0.5).astype(float)
        sign = rng.choice([-1.0, 1.0])
        rows.append(row(f"group {m}", sign * rng.uniform(0.1, 0.8), losses_K=1, linear_S=sign * in_S))
    if rng.uniform() < 0.5:
        rows.append(row("l1", rng.uniform(0, 0.5), losses_K=1, linear_S=S, l1=1.0))
    return bounds, stack(rows, 1, S), rng.dirichlet(np.ones(S))


def test_named_conflicts_are_irreducible():
    conflicts = 0
    for seed in range(60):
        bounds, rows, r_S = random_set(np.random.default_rng(seed))
        count = len(bounds) + len(rows.names)

        def feasible(kept, bounds=bounds, rows=rows, r_S=r_S):
            held = [bound for bound, keep in zip(bounds, kept, strict=False) if keep]
            return mixture_exists(5, held, rows.take(np.flatnonzero(kept[len(bounds) :])), r_S)

        if feasible(np.ones(count, bool)):
            refuse(5, bounds, rows, r_S)  # says nothing
            continue
        conflicts += 1
        found = irreducible(count, feasible)
        mask = np.isin(np.arange(count), found)
        assert not feasible(mask)
        for i in found:
            assert feasible(mask & (np.arange(count) != i))
        with pytest.raises(MixlawError) as caught:
            refuse(5, bounds, rows, r_S)
        names = [*(bound.name for bound in bounds), *rows.names]
        assert {name for i, name in enumerate(names) if name in str(caught.value)} == {names[i] for i in found}
    assert 15 < conflicts < 60


def test_a_mixture_that_exists_is_found_by_samples_too():
    """What samples show to be feasible is never called a conflict."""
    rng = np.random.default_rng(1)
    for seed in range(40):
        bounds, rows, r_S = random_set(np.random.default_rng(1000 + seed))
        w_MxS = rng.dirichlet(np.full(5, 0.7), 20_000)
        kept_M = np.ones(len(w_MxS), bool)
        for bound in bounds:
            share_M = w_MxS[:, bound.source]
            kept_M &= share_M <= bound.value if bound.upper else share_M >= bound.value
        left_MxR = w_MxS @ rows.linear_MxS.T + np.outer(np.abs(w_MxS - r_S).sum(1), rows.l1_M)
        kept_M &= (left_MxR <= rows.limit_M).all(1)
        assert mixture_exists(5, bounds, rows, r_S) or not kept_M.any()


def test_caps_that_sum_to_one_but_for_rounding_leave_a_mixture():
    bounds = [Bound(f"max {s}", s, True, value) for s, value in enumerate([0.7, 0.2, 0.1 - 1e-12])]
    assert mixture_exists(3, bounds, stack([], 1, 3), None)
