"""D-optimal designs: first runs for learning the parameters of one law.

The information of runs r with Jacobian rows J_r of log-loss is M = P + sum_r J_r' J_r / sigma², with P the precision of
the prior. A D-optimal design has the largest determinant of M. A law is not linear, so J depends on the unknown
parameters: the mean of log det M over samples from the law's prior is maximised (Chaloner and Verdinelli 1995), first
greedily, then by exchanging one run at a time (Fedorov).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from mixlaw.designs.space_filling import Design, anchor, check_counts, framed, unheeded
from mixlaw.errors import MixlawError
from mixlaw.estimation.laplace import learned
from mixlaw.laws import Law, Row, by_name, parametric
from mixlaw.laws.base import View, constrain, prior_moments
from mixlaw.mixtures.feasible_set import FeasibleSet
from mixlaw.project.constraints import Constraints
from mixlaw.project.feasible import feasible
from mixlaw.project.sources import Budget, Sources, Target

PRIOR_DRAWS = 8
"""Number of parameter samples from the prior, for each target."""
POOL_SIZE = 600
"""Number of sampled mixtures to choose from, next to the vertices."""
MAX_TARGETS = 8
"""Largest number of targets used, those with the largest weights."""
COVERING_SHARE = 0.5
"""A run covers a source if it has at least this part of the source's largest feasible share."""
RUNS_PER_REPEAT = 12
"""Default number of runs per repeat of the first run."""
DEFAULT_BUDGET = Budget(params=1e8, tokens=2e9)
"""N and D of the runs if none are given. Most laws depend only on the ratio of N and D to those of the runs."""
MEDIAN_LOSS = 2.5
"""Median loss of the runs (nats per token) that the law's prior assumes."""


def d_optimal(
    sources: Sources,
    runs: int,
    law: str | type[Law],
    *,
    seed: int,
    targets: Sequence[Target] = (),
    budget: Budget | None = None,
    constraints: Constraints | None = None,
    repeats: int | None = None,
) -> pd.DataFrame:
    """A D-optimal design of `runs` mixtures for the parameters of a law.

    The first mixture is proportional (or the nearest feasible one). The last `repeats` repeat it, to measure the noise
    of a run. The others maximise the information, subject to one condition: every source has at least half of its
    largest feasible share in some run.

    Args:
        sources, constraints, seed: as for `design`.
        law: a law of mixtures or its name.
        targets: targets whose losses the law predicts; the prior expects a target to gain from a source of the same
            name. Default: a target for each source.
        budget: N and D of the runs, at which the law is linearised; it also bounds the shares by max_epochs and money.
        repeats: number of repeats of the first run. Default: one in twelve runs.

    Returns:
        As `design`. `d_optimal_design` returns the notes as well.

    Raises:
        MixlawError: a number is out of range, the law does not depend on the mixture, the law is a reference, or no
            mixture is feasible.

    >>> from mixlaw.project.sources import Source
    >>> table = d_optimal(Sources([Source("web", 3e9), Source("code", 1e9)]), 4, "log-linear", seed=0)
    >>> table["run_id"].size, bool((table["w:web"] + table["w:code"] - 1).abs().max() < 1e-9)
    (4, True)
    """
    return d_optimal_design(
        sources, runs, law, seed=seed, targets=targets, budget=budget, constraints=constraints, repeats=repeats
    ).frame


def d_optimal_design(
    sources: Sources,
    runs: int,
    law: str | type[Law],
    *,
    seed: int,
    targets: Sequence[Target] = (),
    budget: Budget | None = None,
    constraints: Constraints | None = None,
    repeats: int | None = None,
) -> Design:
    """`d_optimal` with its notes; arguments and errors are the same."""
    check_counts(runs, seed)
    chosen = parametric(by_name(law) if isinstance(law, str) else law)
    if "mixture" not in chosen.needs:
        raise MixlawError(f"--law {chosen.name}: does not depend on the mixture: choose another law")
    repeats = (runs // RUNS_PER_REPEAT if repeats is None else repeats) if runs > 1 else 0
    if not 0 <= repeats < runs:
        raise MixlawError(f"design: {repeats} repeats in {runs} runs: give 0 to {runs - 1}")
    tokens = None if budget is None else budget.tokens
    where = feasible(sources, constraints, tokens, None if budget is None else budget.money)
    notes = unheeded(sources, tokens, None if budget is None else budget.money)
    first_S = anchor(sources, where, notes)
    rng = np.random.default_rng(seed)
    pool_NxS = np.concatenate([first_S[None], where.vertices, where.sample(rng, POOL_SIZE)])
    names = _targets(chosen, sources, targets)
    feature_BxNxP = _features(chosen, sources, names, pool_NxS, budget, runs, rng)
    index_R = _chosen(feature_BxNxP, _shown(where, pool_NxS), runs - repeats)
    uncovered = [sources.names[s] for s in np.flatnonzero(~_shown(where, pool_NxS)[index_R].any(0))]
    if uncovered:
        notes.append(f"{runs} runs are too few to show {', '.join(uncovered)} at half the largest share")
    w_RxS = pool_NxS[[*index_R, *[0] * repeats]]
    return framed(sources, w_RxS, f"d-optimal{seed}", notes)


def _targets(law: type[Law], sources: Sources, targets: Sequence[Target]) -> list[str]:
    ordered = sorted((t for t in targets if t.weight > 0), key=lambda t: -t.weight)[:MAX_TARGETS]
    names = [target.name for target in ordered] or list(sources.names)[:MAX_TARGETS]
    orphans = [name for name in names if "own" in law.needs and name not in sources.names]
    if orphans:
        raise MixlawError(
            f"target '{orphans[0]}': no source is called so, and the law {law.name} reads the share of each target's "
            "own source: choose another law"
        )
    return names


def _features(
    law: type[Law],
    sources: Sources,
    targets: list[str],
    w_NxS: np.ndarray,
    budget: Budget | None,
    runs: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Jacobians of log-loss, (B, N, P), for B pairs of target and prior sample: log-loss in units of the noise,
    parameters in units of the prior's standard deviation."""
    sized = budget if budget is not None and budget.params is not None else DEFAULT_BUDGET
    assert sized.params is not None, "a budget states N and D, or compute"
    assert sized.tokens is not None, "a budget states N and D, or compute"
    count = len(w_NxS)
    unique_S = np.nan_to_num(sources.tokens_S, nan=np.inf)
    params_N, tokens_N = np.full(count, sized.params), np.full(count, sized.tokens)
    rows, found = Row(w_NxS, params_N, tokens_N, np.broadcast_to(unique_S, w_NxS.shape)), []
    with jax.enable_x64(True):
        for target in targets:
            view = View(
                sources.names, target, 0.8 * MEDIAN_LOSS, MEDIAN_LOSS, float(sized.params), float(sized.tokens), runs
            )
            mean_P, covariance_PxP = prior_moments(law, view)
            root_PxP = np.linalg.cholesky(covariance_PxP)
            for z_P in mean_P + rng.standard_normal((PRIOR_DRAWS, len(mean_P))) @ root_PxP.T:
                found.append(np.asarray(_jacobian(law, z_P, rows, law.constants(view))) @ root_PxP)
    found = [jac_NxP / law.objective.sigma for jac_NxP in found]
    return np.nan_to_num(np.stack(found), nan=0.0, posinf=0.0, neginf=0.0)


@partial(jax.jit, static_argnums=0)
def _jacobian(law: type[Law], z_P: Any, rows: Row, known: dict) -> Any:
    """Derivatives of the log-losses of N rows with respect to the parameters, (N, P)."""

    def one(z: Any, row: Row) -> Any:
        return jnp.log(constrain(law, z, known, row.w_S.shape[-1])(row))

    return jax.vmap(jax.grad(one), in_axes=(None, 0))(z_P, rows)


def _shown(where: FeasibleSet, w_NxS: np.ndarray) -> np.ndarray:
    """True where a mixture covers a source, (N, S). A source that no mixture can contain counts as covered."""
    most_S = np.diag(where.vertices)
    return (w_NxS >= COVERING_SHARE * most_S - 1e-12) | (most_S <= 0)


def _gain(feature_BxNxP: np.ndarray) -> np.ndarray:
    """Increase of the mean log determinant by a run of each mixture, (N,)."""
    return np.log1p(np.square(feature_BxNxP).sum(2)).mean(0)


def _chosen(feature_BxNxP: np.ndarray, shown_NxS: np.ndarray, count: int) -> list[int]:
    """Indices of the first mixture and `count` - 1 others: chosen greedily with coverage, then exchanged one by one."""
    one_B = np.ones(len(feature_BxNxP))
    feature_BxNxP, index = learned(feature_BxNxP, feature_BxNxP[:, 0], one_B), [0]
    while len(index) < count:
        lacking_S = ~shown_NxS[index].any(0)
        able_N = np.ones(len(shown_NxS), bool)
        if lacking_S.sum() >= count - len(index):  # every run that is left is needed to show a source
            able_N = shown_NxS[:, lacking_S].any(1)
        best = int(np.argmax(np.where(able_N, _gain(feature_BxNxP), -1.0)))
        index.append(best)
        feature_BxNxP = learned(feature_BxNxP, feature_BxNxP[:, best], one_B)
    for r in range(1, len(index)):
        others = index[:r] + index[r + 1 :]
        feature_BxNxP = _unlearned(feature_BxNxP, feature_BxNxP[:, index[r]])
        lacking_S = ~shown_NxS[others].any(0) & shown_NxS[index[r]]
        able_N = shown_NxS[:, lacking_S].all(1)
        index[r] = int(np.argmax(np.where(able_N, _gain(feature_BxNxP), -1.0)))
        feature_BxNxP = learned(feature_BxNxP, feature_BxNxP[:, index[r]], one_B)
    return index


def _unlearned(feature_BxNxP: np.ndarray, run_BxP: np.ndarray) -> np.ndarray:
    """The inverse of `learned` at a noise of 1: features before a run, given the run's features after it."""
    square_B = np.square(run_BxP).sum(1)
    grow_B = 1.0 / np.sqrt(np.maximum(1.0 - square_B, 1e-12)) - 1.0
    unit_BxP = run_BxP / np.sqrt(np.maximum(square_B, 1e-300))[:, None]
    along_BxN = np.einsum("bnp,bp->bn", feature_BxNxP, unit_BxP)
    return feature_BxNxP + (grow_B[:, None] * along_BxN)[:, :, None] * unit_BxP[:, None, :]
