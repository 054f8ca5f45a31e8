"""Optima against samples, against SciPy, and against their own certificate."""

import importlib.util
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.fit_runs import fit
from mixlaw.laws import LAWS, EffectiveTokens, LogLinear, View
from mixlaw.laws.base import prior_moments
from mixlaw.mixtures.constraint_rows import row, stack
from mixlaw.mixtures.simplex import sample
from mixlaw.optimization import interior_point as interior
from mixlaw.optimization import standard_form as form
from mixlaw.optimization.optimum import Optimum, optimize_program, tighten
from mixlaw.optimization.oracle import Oracle
from mixlaw.optimization.program import Program
from mixlaw.runs.run_table import read_runs

file = Path(__file__).resolve().parents[2] / "analysis" / "benchmarks" / "programs.py"
spec = importlib.util.spec_from_file_location("programs", file)
programs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(programs)

AT = 3e8, 6e9
"""N and D at which laws of scale are asked."""
LOG_LINEAR = LogLinear, np.array([[0.6, 0.0, -3.0, -1.0, 0.5, 2.0]])
"""E, c and t of sources a to d: b's term falls fastest."""


def fit_of(law, z_KxP, sources="abcd"):
    """A fit with these parameters and nothing else."""
    z_KxP = np.asarray(z_KxP, float)
    K, P = z_KxP.shape
    each = [law.constants(View(tuple(sources), sources[k % len(sources)], 2.0, 3.0, 1e8, 1e10, 40)) for k in range(K)]
    constants = {name: np.stack([one[name] for one in each]) for name in each[0]}
    return Fit(
        law, tuple(sources), tuple(f"t{k}" for k in range(K)), z_KxP, np.full(K, 0.01), constants,
        np.empty((0, K, P)), None, None, (), {},
    )  # fmt: skip


def drawn(law, seed, targets=2, sources="abcd"):
    """A fit with parameters that the law's prior finds plausible."""
    rng, z_KxP = np.random.default_rng(seed), []
    for k in range(targets):
        view = View(tuple(sources), sources[k % len(sources)], 2.0, 3.0, 1e8, 1e10, 40)
        mean_P, covariance_PxP = prior_moments(law, view)
        z_KxP.append(mean_P + np.sqrt(np.diag(covariance_PxP)).clip(max=1.5) * rng.standard_normal(len(mean_P)))
    return fit_of(law, z_KxP, sources)


def box(S=4):
    return np.zeros(S), np.ones(S)


def optimize_batch(found, z_BxKxP, weight_K, params_B, tokens_B, lower_S, upper_BxS) -> list[Optimum]:
    """Optima of programs without rows, B sets of parameters at B sizes."""
    oracle = Oracle(
        found, z_BxKxP, *(np.broadcast_to(np.asarray(x, float), len(z_BxKxP)) for x in (params_B, tokens_B))
    )
    bounds = tighten(np.broadcast_to(lower_S, upper_BxS.shape), upper_BxS)
    return optimize_program(oracle, Program(weight_K, *bounds, stack([], len(weight_K), len(found.sources))))


def optimize(found, weight_K, lower_S, upper_S, params, tokens) -> Optimum:
    return optimize_batch(found, found.z_KxP[None], weight_K, params, tokens, lower_S, upper_S[None])[0]


every_convex_law = pytest.mark.parametrize(
    "law", [law for law in LAWS if law.convex and "mixture" in law.needs], ids=lambda law: law.name
)


# --- optimality


@every_convex_law
@pytest.mark.parametrize("seed", range(4))
def test_no_sample_beats_the_optimum(law, seed):
    rng, found, weight_K = np.random.default_rng(seed), drawn(law, seed), np.array([0.7, 0.3])
    lower_S, upper_S = (np.array([0.0, 0.05, 0.0, 0.1]), np.array([1.0, 0.3, 0.5, 0.6])) if seed % 2 else box()
    best = optimize(found, weight_K, lower_S, upper_S, *AT)
    # The gap bounds what any feasible mixture can gain: those near the optimum are tried as well.
    w_MxS = np.concatenate([
        sample(rng, 2_000, lower_S, upper_S),
        sample(rng, 1_000, lower_S, upper_S, centre_S=best.w_S, concentration=1000.0),
    ])  # fmt: skip
    assert (found.losses(w_MxS, *AT) @ weight_K).min() >= best.objective - best.gap - 1e-13  # rounding
    assert 0 <= best.gap <= 1e-6
    assert found.losses(best.w_S[None], *AT)[0] @ weight_K == pytest.approx(best.objective, abs=1e-12)
    assert best.w_S.sum() == pytest.approx(1.0, abs=1e-12)
    assert (lower_S <= best.w_S).all()
    assert (best.w_S <= upper_S).all()


def test_no_sample_beats_the_optimum_on_published_runs(published):
    runs = read_runs(published / "regmix" / "runs_1m_train.csv")
    found = fit(runs.select(np.sort(np.random.default_rng(0).choice(512, 128, replace=False))), "effective-tokens")
    weight_K = np.full(13, 1 / 13)
    w_MxS = np.concatenate([np.random.default_rng(1).dirichlet(np.full(17, c), 25_000) for c in (0.1, 0.3, 1.0, 10.0)])
    losses_MxK = found.losses(w_MxS)
    for upper_S in (np.ones(17), np.full(17, 0.2)):
        best = optimize(found, weight_K, np.zeros(17), upper_S, np.nan, np.nan)
        feasible_M = (w_MxS <= upper_S).all(1)
        assert feasible_M.sum() > 5_000
        assert (losses_MxK[feasible_M] @ weight_K).min() > best.objective
        assert best.gap <= 1e-6
        assert (best.w_S <= upper_S).all()
    for k in range(13):
        one_K = np.eye(13)[k]
        best = optimize(found, one_K, np.zeros(17), np.ones(17), np.nan, np.nan)
        assert losses_MxK[:, k].min() > best.objective
        assert best.gap <= 1e-6


def test_the_gap_bounds_what_a_bad_optimum_misses(monkeypatch):
    """Stopped early, the certificate must own up to at least what is missing."""
    found, weight_K = drawn(EffectiveTokens, 5), np.array([0.5, 0.5])
    exact = optimize(found, weight_K, *box(), *AT)
    monkeypatch.setattr(form, "FINAL_BARRIER", 3e-2)
    rough = optimize(found, weight_K, *box(), *AT)
    assert rough.objective - exact.objective > 1e-4
    assert rough.gap >= rough.objective - exact.objective


@st.composite
def problems(draw):
    """Parameters, target weights and boxes: open, closed on some sources, or nearly a point."""
    law = draw(st.sampled_from([EffectiveTokens, LogLinear]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lower_S = np.where(rng.uniform(size=4) < 0.5, 0.0, rng.uniform(0, 0.24, 4))
    upper_S = np.where(rng.uniform(size=4) < 0.4, 1.0, rng.uniform(lower_S, 1))
    fixed_S = rng.uniform(size=4) < draw(st.sampled_from([0.0, 0.3]))
    upper_S = np.where(fixed_S, lower_S, upper_S)
    assume(upper_S.sum() >= 1.0)
    if draw(st.booleans()):  # what remains is a box about a millionth wide
        inside_S = lower_S + (upper_S - lower_S) * (1 - lower_S.sum()) / (upper_S - lower_S).sum()
        lower_S, upper_S = np.maximum(lower_S, inside_S - 1e-6), np.minimum(upper_S, inside_S + 1e-6)
    return drawn(law, rng.integers(2**32)), rng.dirichlet(np.ones(2)), lower_S, upper_S


def reference(value, starts_MxS, lower_S, upper_S):
    """The lowest objective SciPy's SLSQP finds."""
    found = [min(value(w_S) for w_S in starts_MxS)]
    for start_S in sorted(starts_MxS, key=value)[:2]:
        result = minimize(
            value, start_S, method="SLSQP", bounds=list(zip(lower_S, upper_S, strict=True)),
            constraints={"type": "eq", "fun": lambda w_S: w_S.sum() - 1}, options={"ftol": 1e-15, "maxiter": 300},
        )  # fmt: skip
        if abs(result.x.sum() - 1) < 1e-12:
            found.append(value(np.clip(result.x, lower_S, upper_S)))
    return min(found)


def in_numpy(found, weight_K):
    """The objective without JAX, quick enough for SciPy's finite differences."""
    E_K, rest_KxP = np.exp(found.z_KxP[:, 0]), found.z_KxP[:, 1:]
    if found.law is LogLinear:
        return lambda w_S: weight_K @ (E_K + np.exp(rest_KxP[:, 0] + rest_KxP[:, 1:] @ w_S))
    b_K, a0_K, theta_KxS, a_KxS = np.exp(rest_KxP[:, 0]), np.exp(rest_KxP[:, 1]), rest_KxP[:, 2:6], rest_KxP[:, 6:]
    a_KxS = 1 / (1 + np.exp(-a_KxS))
    return lambda w_S: weight_K @ (E_K + (a0_K + (np.exp(theta_KxS) * np.maximum(w_S, 0) ** a_KxS).sum(1)) ** -b_K)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much], derandomize=True)
@given(problems())
def test_optima_agree_with_scipy(problem):
    found, weight_K, lower_S, upper_S = problem
    best = optimize(found, weight_K, lower_S, upper_S, *AT)
    value = in_numpy(found, weight_K)
    assert value(best.w_S) == pytest.approx(best.objective, abs=1e-11)
    assert (lower_S <= best.w_S).all()
    assert (best.w_S <= upper_S).all()
    assert best.w_S.sum() == pytest.approx(1.0, abs=1e-12)
    assert 0 <= best.gap <= 1e-8
    starts_MxS = sample(np.random.default_rng(0), 200, lower_S, upper_S)
    peer = reference(value, starts_MxS, lower_S, upper_S)
    assert best.objective <= peer + 1e-10
    if found.law is LogLinear:  # where SLSQP is at its best; it stops early at infinite slopes
        assert best.objective >= peer - 1e-7


# --- special boxes


def test_a_log_linear_optimum_is_a_vertex_and_bounds_hold_exactly():
    found = fit_of(*LOG_LINEAR)
    np.testing.assert_allclose(optimize(found, np.ones(1), *box(), *AT).w_S, [1, 0, 0, 0], atol=1e-9)
    lower_S, upper_S = np.array([0.0, 0.1, 0.0, 0.0]), np.array([0.3, 1.0, 0.2, 1.0])
    best = optimize(found, np.ones(1), lower_S, upper_S, *AT)
    np.testing.assert_allclose(best.w_S, [0.3, 0.7, 0.0, 0.0], atol=1e-9)
    assert best.w_S[0] <= 0.3
    assert best.gap <= 1e-8


def test_fixed_shares_stay_where_they_are():
    for law in (EffectiveTokens, LogLinear):
        found = drawn(law, 1)
        lower_S, upper_S = np.array([0.2, 0.0, 0.35, 0.0]), np.array([0.2, 1.0, 0.35, 1.0])
        best = optimize(found, np.array([0.5, 0.5]), lower_S, upper_S, *AT)
        assert best.w_S[0] == pytest.approx(0.2, abs=1e-15)
        assert best.w_S[2] == pytest.approx(0.35, abs=1e-15)
        value = in_numpy(found, np.array([0.5, 0.5]))
        line = [value(np.array([0.2, x, 0.35, 0.45 - x])) for x in np.linspace(0, 0.45, 2001)]
        assert best.objective <= min(line) + 1e-12


@pytest.mark.parametrize(
    ("lower", "upper", "point"),
    [
        ([0.1, 0.2, 0.3, 0.4], [1, 1, 1, 1], [0.1, 0.2, 0.3, 0.4]),
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]),
        ([0.25] * 4, [0.25] * 4, [0.25] * 4),
        ([0, 0, 1, 0], [1, 1, 1, 1], [0, 0, 1, 0]),
        ([0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]),
    ],
)
def test_bounds_that_leave_one_mixture(lower, upper, point):
    best = optimize(
        drawn(EffectiveTokens, 2), np.array([0.5, 0.5]), np.array(lower, float), np.array(upper, float), *AT
    )
    np.testing.assert_allclose(best.w_S, point, atol=1e-12)
    assert best.gap == pytest.approx(0.0, abs=1e-9)


def test_one_source_is_its_own_optimum():
    found = drawn(EffectiveTokens, 0, sources="a")
    best = optimize(found, np.array([0.5, 0.5]), *box(1), *AT)
    np.testing.assert_array_equal(best.w_S, [1.0])
    assert best.gap == 0.0
    assert best.objective == pytest.approx(found.losses(np.ones((1, 1)), *AT).mean())


# --- batches


@every_convex_law
def test_a_batch_is_its_single_problems(law):
    fits = [drawn(law, seed) for seed in range(35)]  # more than a chunk
    z_BxKxP, weight_K = np.stack([found.z_KxP for found in fits]), np.array([0.4, 0.6])
    params_B, tokens_B = np.geomspace(1e7, 1e10, 35), np.geomspace(1e9, 1e11, 35)
    upper_BxS = np.random.default_rng(0).uniform(0.3, 1.0, (35, 4))
    batch = optimize_batch(fits[0], z_BxKxP, weight_K, params_B, tokens_B, np.zeros(4), upper_BxS)
    assert len(batch) == 35
    for b in (0, 1, 31, 32, 34):
        alone = optimize(fits[b], weight_K, np.zeros(4), upper_BxS[b], params_B[b], tokens_B[b])
        assert alone.objective == pytest.approx(batch[b].objective, abs=1e-9)
        np.testing.assert_allclose(alone.w_S, batch[b].w_S, atol=1e-4)


# --- programs: worst targets, ceilings, groups, money, distances


@pytest.mark.parametrize("seed", range(42))
def test_programs_agree_with_independent_solvers(seed):
    """SciPy and cvxpy (every law written anew) neither beat the optimum nor, where they succeed, miss it."""
    found, program, w_S = programs.random_problem(seed, shape=(4, 3))
    best = optimize_program(programs.single(found), program)[0]
    own, broken = programs.value(program, found, best.w_S)
    assert broken <= 1e-8
    assert 0 <= best.gap <= 1e-7 * abs(own)
    assert own == pytest.approx(best.objective, rel=1e-9)
    assert own <= programs.value(program, found, w_S)[0] + 1e-9 * abs(own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer that stops early is told by what it breaks or misses
        peers = {"scipy": programs.by_scipy(program, found, w_S), "cvxpy": programs.by_cvxpy(program, found)}
    near = []
    for peer_S in (peer_S for peer_S in peers.values() if peer_S is not None):
        other, off = programs.value(program, found, np.maximum(peer_S, 0.0))
        if off <= 1e-7:  # else it broke a constraint by more
            assert other >= own - best.gap - 1e-7 * abs(own)
            near.append(other <= own + 1e-6 * abs(own))
    assert any(near)


def test_a_price_is_what_a_limit_is_worth():
    """Multipliers against the optimum at limits a little to either side."""
    for seed in (1, 4, 7, 10):
        found, program, _ = programs.random_problem(seed, shape=(4, 3))
        oracle = programs.single(found)
        best = optimize_program(oracle, program)[0]
        for m in np.flatnonzero(~program.rows.top_M):
            around = []
            for step in (-1e-5, 1e-5):
                limit_M = program.rows.limit_M + step * (np.arange(len(program.rows.names)) == m)
                moved = replace(program, rows=program.rows._replace(limit_M=limit_M))
                around.append(optimize_program(oracle, moved)[0])
            if max(optimum.violation for optimum in around) < 1e-8:
                slopes = [(around[0].objective - best.objective) / 1e-5, (best.objective - around[1].objective) / 1e-5]
                assert min(slopes) - 1e-3 * (1 + abs(slopes[0])) <= best.price_M[m]
                assert best.price_M[m] <= max(slopes) + 1e-3 * (1 + abs(slopes[0]))


def test_what_no_mixture_keeps_is_told():
    found, program, _ = programs.random_problem(0, shape=(4, 3))
    rows = stack([row("ceiling", 1e-3, losses_K=np.eye(3)[0], linear_S=4)], 3, 4)
    best = optimize_program(programs.single(found), replace(program, rows=rows, kl=0.0, l1=0.0))[0]
    assert best.violation > 0.1


@pytest.mark.parametrize("worst", [False, True])
def test_a_ceiling_at_the_edge_of_what_can_be_reached_is_kept_and_beyond_it_told(worst):
    """y must follow the shares as t does: else every step is cut to a sliver, and the end is nowhere near the best."""
    found = programs.drawn(programs.MixtureIndex, np.random.default_rng(3), 6, 12)
    weight_K, bounds = np.full(6, 1 / 6), (np.zeros((1, 12)), np.full((1, 12), 0.4))
    ceiling, oracle = np.eye(6)[2], programs.single(found)
    least = optimize_program(oracle, programs.Program(ceiling, *bounds, stack([], 6, 12)))[0].objective
    every = [row(f"t{k}", 0.0, losses_K=np.eye(6)[k], linear_S=12, price=np.inf) for k in range(6)] if worst else []
    for room in (0.1, 1e-3, 1e-5, -1e-3, -0.1, -1.0):
        rows = stack([row("ceiling", least + room, losses_K=ceiling, linear_S=12), *every], 6, 12)
        best = optimize_program(oracle, programs.Program(weight_K * (not worst), *bounds, rows))[0]
        assert best.violation == pytest.approx(max(-room, 0.0), abs=1e-6)
        if room > 0:
            assert 0 <= best.gap <= 1e-7 * best.objective
        else:  # it is the mixture that breaks least
            assert found.losses(best.w_S[None], *programs.AT)[0, 2] == pytest.approx(least, abs=1e-6)


def test_corners_are_flagged():
    corner = optimize(fit_of(*LOG_LINEAR), np.ones(1), *box(), *AT)
    assert corner.vertex
    assert not corner.degenerate
    inside = optimize(drawn(EffectiveTokens, 1), np.array([0.5, 0.5]), *box(), *AT)
    assert not inside.vertex
    z_KxP = LOG_LINEAR[1].copy()
    z_KxP[0, 2:4] = -3.0  # two sources alike: either will do, or any mixture of both
    edge = optimize(fit_of(LogLinear, z_KxP), np.ones(1), *box(), *AT)
    assert not edge.vertex
    fixed = optimize(fit_of(LogLinear, z_KxP), np.ones(1), np.array([0, 1.0, 0, 0]), np.ones(4), *AT)
    assert not fixed.vertex  # there was nothing to choose


def test_starts_that_agree_are_counted():
    law = next(law for law in LAWS if law.name == "optimal-mixtures-joint")
    best = optimize(drawn(law, 0), np.array([0.5, 0.5]), *box(), *AT)
    assert best.starts == 5
    assert 1 / 5 <= best.agree <= 1
    assert optimize(drawn(EffectiveTokens, 0), np.array([0.5, 0.5]), *box(), *AT).agree == 1


def test_the_worst_of_many_targets_is_certified():
    """Steps along curved rows must not be cut to slivers: without t following the shares this stopped far off."""
    found = programs.drawn(programs.MixtureIndex, np.random.default_rng(0), 40, 40)
    rows = [row(f"t{k}", 0.0, losses_K=np.eye(40)[k], linear_S=40, price=np.inf) for k in range(40)]
    bounds = np.zeros((1, 40)), np.full((1, 40), 0.2)
    best = optimize_program(programs.single(found), programs.Program(np.zeros(40), *bounds, stack(rows, 40, 40)))[0]
    assert 0 <= best.gap <= 1e-7 * best.objective


def test_a_row_met_to_the_last_bit_leaves_a_slack_to_divide_by():
    """Losses that come with derivatives may differ in their last bit from those that the line search saw."""
    limit_BxM = np.array([[4.5, 0.0, -2.0]])
    made = SimpleNamespace(limit_BxM=limit_BxM, rows_without=lambda *_: limit_BxM + np.array([[4e-16, 0.0, -0.5]]))
    slack_BxM = interior._slack(made, None, None, np.array([0]))
    assert np.all((slack_BxM > 0) & (slack_BxM <= [[1e-15, 1e-15, 0.5]]))
    assert np.isfinite(1e-12 / slack_BxM).all()
