"""Contract of every law in `LAWS`: a new law is picked up here; it only needs its formula in `FORMULAS`."""

import dataclasses
import re

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_runs import fit
from mixlaw.laws import LAWS, Law, Row, View, by_name
from mixlaw.laws.base import Objective, constrain, fitted_fields, prior_moments, size, unconstrain
from mixlaw.runs.run_table import Runs

SOURCES = ("web", "code", "books", "wiki")
VIEW = View(SOURCES, "code", 2.0, 3.0, 1e8, 1e10, 40)
COVARIATES = {"mixture": "w_S", "params": "params", "tokens": "tokens", "unique": "unique_S"}

every_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


def index(p, w_RxS):
    """The concave index u of effective tokens; 0^a is 0 in NumPy too."""
    return p["a0"] + (np.exp(p["theta"]) * w_RxS ** p["a"]).sum(1)


def mixture_index(p, w_RxS, N_R, D_R, _U):
    u_R, n_R, d_R = index(p, w_RxS), N_R / p["N0"], D_R / p["D0"]
    size_R = p["A"] * n_R ** -p["alpha"] * u_R ** -p["kN"]
    return p["E"] + p["F"] * u_R ** -p["kF"] + size_R + p["B"] * d_R ** -p["beta"] * u_R ** -p["kD"]


def mixture_index_one_k(p, w_RxS, N_R, D_R, _U):
    size_R, data_R = (N_R / p["N0"]) ** -p["alpha"], (D_R / p["D0"]) ** -p["beta"]
    return p["E"] + (p["F"] + p["A"] * size_R + p["B"] * data_R) * index(p, w_RxS) ** -p["k"]


def three_indices(p, w_RxS, N_R, D_R, _U):
    u = {term: index({name: p[name + term] for name in ("a0", "theta", "a")}, w_RxS) for term in "FND"}
    size_R, data_R = (N_R / p["N0"]) ** -p["alpha"], (D_R / p["D0"]) ** -p["beta"]
    floor_R = p["F"] * u["F"] ** -p["kF"]
    return p["E"] + floor_R + p["A"] * size_R * u["N"] ** -p["kN"] + p["B"] * data_R * u["D"] ** -p["kD"]


def joint_effective_tokens(p, w_RxS, N_R, D_R, _U):
    size_R = p["A"] * (N_R / p["N0"]) ** -p["alpha"]
    return p["E"] + size_R + p["B"] * (index(p, w_RxS) * D_R / p["D0"]) ** -p["beta"]


def kaplan(p, _w, N_R, D_R, _U):
    return ((p["Nc"] / N_R) ** (p["aN"] / p["aD"]) + p["Dc"] / D_R) ** p["aD"]


def data_constrained(p, _w, N_R, D_R, U_RxS):
    V_R = np.minimum(D_R, U_RxS.sum(1))
    G = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    M_R = np.minimum(N_R, G * (V_R * G) ** (p["beta"] / p["alpha"]))
    N_R = M_R + M_R * p["RN"] * (1 - np.exp(-(N_R / M_R - 1) / p["RN"]))
    D_R = V_R + V_R * p["RD"] * (1 - np.exp(-(D_R / V_R - 1) / p["RD"]))
    return p["E"] + p["A"] / N_R ** p["alpha"] + p["B"] / D_R ** p["beta"]


def overfit_penalty(p, _w, N_R, D_R, U_RxS):
    V_R = np.minimum(D_R, U_RxS.sum(1))
    penalty_R = p["P"] * (D_R / V_R - 1) ** p["delta"] * (N_R / V_R) ** p["kappa"]
    size_R, data_R = (N_R / p["N0"]) ** -p["alpha"], (D_R / p["D0"]) ** -p["beta"]
    return p["E"] + p["A"] * size_R + p["B"] * data_R + penalty_R


def bi_mix(p, w_RxS, _N, D_R, _U):
    return (p["B"] * (D_R / p["D0"]) ** -p["beta"] + p["C"]) * (w_RxS @ p["own"] + 1e-4) ** -p["alpha"]


def dcpt(p, w_RxS, N_R, D_R, _U):
    r_R = w_RxS @ p["own"]
    size_R, data_R = (N_R / p["N0"]) ** -p["alpha"], (D_R / p["D0"]) ** -p["beta"]
    return p["E"] + p["A"] * size_R + p["B"] * r_R ** p["eta"] * data_R + p["C"] * (r_R + p["eps"]) ** -p["gamma"]


def optimal_mixtures(p, w_RxS, N_R, D_R, _U):
    size_R, data_R = (N_R / p["N0"]) ** -p["alpha"], (D_R / p["D0"]) ** -p["beta"]
    return p["E"] + 1 / (p["C"] * w_RxS ** p["g"]).sum(1) + p["A"] * size_R + p["B"] * data_R


def optimal_mixtures_joint(p, w_RxS, N_R, D_R, _U):
    size_R = p["A"] * (w_RxS @ p["a"]) ** p["gA"] * (N_R / p["N0"]) ** -p["alpha"]
    data_R = p["B"] * (w_RxS @ p["b"]) ** p["gB"] * (D_R / p["D0"]) ** -p["beta"]
    return p["E"] + 1 / (p["C"] * w_RxS ** p["g"]).sum(1) + size_R + data_R


def repeated_mixture(p, w_RxS, N_R, D_R, U_RxS):
    x_RxS, penalty_R, share_RxS = w_RxS * D_R[:, None], np.zeros(len(w_RxS)), np.zeros_like(w_RxS)
    for r, s in np.ndindex(x_RxS.shape):
        x, U = x_RxS[r, s], U_RxS[r, s]
        R = max(x / U - 1, 0)
        h = min(x, U) + (U * p["tau"] * (1 - np.exp(-R / p["tau"])) if np.isfinite(U) else 0)
        share_RxS[r, s] = h / D_R[r]
        penalty_R[r] += p["P"][s] * w_RxS[r, s] ** p["eta"] * R ** p["delta"] * (N_R[r] / U) ** p["kappa"]
    return mixture_index(p, share_RxS, N_R, D_R, U_RxS) + penalty_R


def capacity_competition(p, w_RxS, N_R, D_R, _U):
    t, loss_R = int(np.argmax(p["own"])), np.empty(len(w_RxS))
    for r, w_S in enumerate(w_RxS):
        n, d, k_S = N_R[r] / p["N0"], D_R[r] / p["D0"], w_S * p["c"] * p["b"]
        H = p["s"] * n
        due = lambda m: np.maximum((k_S / np.exp(m)) ** (1 / (p["b"] + 1)), H)  # noqa: B023, E731
        excess = lambda m: due(m).sum() - n - (len(w_S) - 1) * H  # noqa: B023, E731
        x_S = due(brentq(excess, -200, 200, xtol=1e-14, rtol=1e-15))
        loss_R[r] = p["E"] + p["A"] * ((w_S[t] + 1e-4) * d) ** -p["a"] + p["c"][t] * x_S[t] ** -p["b"][t]
    return loss_R


def info_law(p, w_RxS, N_R, D_R, U_RxS):
    x_RxS, q_R = w_RxS * D_R[:, None], p["p"] * np.log(1 + N_R / p["N1"])
    M_RxS = np.minimum(U_RxS, x_RxS)
    R_RxS = np.divide(x_RxS, M_RxS, out=np.ones_like(x_RxS), where=M_RxS > 0)
    info_R = (p["f"] * M_RxS * (1 - np.exp(-q_R[:, None] * R_RxS))).sum(1)
    return p["E"] + p["A"] * (N_R / p["N0"]) ** -p["alpha"] + p["B"] * (info_R / p["D0"]) ** -p["b"]


def quality_decay(p, w_RxS, _N, D_R, U_RxS):
    x_RxS, m_R = w_RxS * D_R[:, None], w_RxS @ p["b"]
    loss_R = (p["a"] * np.minimum(x_RxS, U_RxS).sum(1) / p["D0"]) ** -m_R + p["d"]
    for r, i in np.ndindex(x_RxS.shape):
        pools = 1 / (w_RxS[r] ** 2).sum()
        for k in range(1, 33):
            s = max(x_RxS[r, i] / (k * U_RxS[r, i]), 1)
            s = min(s, 1 + 1 / k) if k < 32 else s
            loss_R[r] *= s ** -(w_RxS[r, i] * p["b"][i] * 2 ** (-k / (pools * p["tau"][i])))
    return loss_R


FORMULAS = {
    "effective-tokens": lambda p, w, *_: p["E"] + index(p, w) ** -p["b"],
    "mixture-index": mixture_index,
    "mixture-index-one-k": mixture_index_one_k,
    "mixture-index-shape": mixture_index,
    "three-indices": three_indices,
    "log-linear": lambda p, w, *_: p["E"] + np.exp(p["c"] + w @ p["t"]),
    "chinchilla": lambda p, _w, N, D, _U: p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"],
    "linear": lambda p, w, *_: w @ p["t"],
    "joint-effective-tokens": joint_effective_tokens,
    "kaplan": kaplan,
    "data-constrained": data_constrained,
    "overfit-penalty": overfit_penalty,
    "bi-mix": bi_mix,
    "dcpt": dcpt,
    "optimal-mixtures": optimal_mixtures,
    "optimal-mixtures-joint": optimal_mixtures_joint,
    "repeated-mixture": repeated_mixture,
    "capacity-competition": capacity_competition,
    "auto-scale": lambda p, w, _N, D, _U: p["l"] + (p["C"] * ((p["N0"] + w * D[:, None]) / p["D0"]) ** -p["g"]).sum(1),
    "info-law": info_law,
    "quality-decay": quality_decay,
}
"""The formula of each law's docstring in NumPy: (parameters, w_RxS, N_R, D_R, U_RxS) -> losses (R,)."""


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def draw(law: type[Law], seed: int, spread: float = 1.0) -> Law:
    """A law with parameters that its own prior finds plausible."""
    mean_P, covariance_PxP = prior_moments(law, VIEW)
    noise_P = np.random.default_rng(seed).standard_normal(len(mean_P)) * np.sqrt(np.diag(covariance_PxP)).clip(max=1)
    return constrain(law, mean_P + spread * noise_P, law.constants(VIEW), len(SOURCES))


def rows(seed: int, count: int = 60) -> Row:
    """Mixtures of the interior, of edges and the vertices, over decades of N, D and U; some sources never repeat."""
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.ones(len(SOURCES)), count)
    w_RxS[: count // 2] *= rng.uniform(size=(count // 2, len(SOURCES))) < 0.6
    w_RxS[np.arange(len(SOURCES))] = np.eye(len(SOURCES))
    w_RxS[w_RxS.sum(1) == 0, 0] = 1.0
    D_R = 10 ** rng.uniform(7, 14, count)
    U_RxS = D_R[:, None] * 10 ** rng.uniform(-2, 2, w_RxS.shape)
    U_RxS[1::4, 0] = U_RxS[2::4] = np.inf
    return Row(w_RxS / w_RxS.sum(1, keepdims=True), 10 ** rng.uniform(5, 13, count), D_R, U_RxS)


def losses(law: Law, at: Row) -> np.ndarray:
    return np.asarray(jax.vmap(law)(at))


def values(law: Law) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in vars(law).items()}


@every_law
def test_the_loss_is_finite_and_positive_wherever_it_is_defined(law):
    for seed in range(20):
        loss_R = losses(draw(law, seed), rows(seed))
        assert np.isfinite(loss_R).all()
        assert (loss_R > 0).all()


@every_law
def test_gradients_are_finite_at_exact_zeros_and_where_sources_never_repeat(law):
    def loss(z_P, w_S, row):
        return constrain(law, z_P, law.constants(VIEW), len(SOURCES))(row._replace(w_S=w_S))

    at, z_P = rows(0), unconstrain(draw(law, 0))
    for gradient in jax.vmap(jax.grad(loss, argnums=(0, 1)), (None, 0, 0))(z_P, at.w_S, at):
        assert np.isfinite(gradient).all()


@every_law
def test_the_code_is_the_formula_of_the_docstring(law):
    assert law.name in FORMULAS, f"add the docstring formula of {law.name} in NumPy to FORMULAS in {__file__}"
    for seed in range(5):
        truth, at = draw(law, seed), rows(seed)
        expected_R = FORMULAS[law.name](values(truth), at.w_S, at.params, at.tokens, at.unique_S)
        np.testing.assert_allclose(losses(truth, at), expected_R, rtol=1e-12)


def test_no_formula_is_left_over():
    assert set(FORMULAS) <= {law.name for law in LAWS}


@every_law
def test_a_law_says_what_it_is(law):
    assert law.name == re.sub(r"(?<=[a-z])(?=[A-Z])", "-", law.__name__).lower()
    assert by_name(law.name) is law
    assert law.__doc__.startswith("L = "), "the docstring opens with the equation"
    assert len(law.__doc__.splitlines()) > 2, "the docstring says more than the equation"
    assert law.equation.strip()
    assert law.source.strip()
    assert law.needs <= {*COVARIATES, "own"}
    assert isinstance(law.convex, bool)
    assert isinstance(law.objective, Objective)
    for field in fitted_fields(law):
        assert re.search(rf"(?<![A-Za-z]){field.name}(?![A-Za-z])", law.equation), f"{field.name} is in the equation"


@every_law
def test_a_law_reads_the_covariates_that_it_declares_and_no_others(law):
    truth, at = draw(law, 1), rows(1)
    for covariate, field in COVARIATES.items():
        value = getattr(at, field)
        if covariate in law.needs:
            assert np.ptp(losses(truth, at._replace(**{field: value[::-1].copy()})) - losses(truth, at)) > 0
        else:
            np.testing.assert_array_equal(
                losses(truth, at._replace(**{field: np.full_like(value, np.nan)})), losses(truth, at)
            )


@pytest.mark.parametrize("law", [law for law in LAWS if "own" in law.needs], ids=lambda law: law.name)
def test_a_law_that_reads_the_own_share_reads_that_of_the_target(law):
    truth, at, own = draw(law, 1), rows(1), SOURCES.index(VIEW.target)
    others = np.delete(np.arange(len(SOURCES)), own)
    turned_RxS = at.w_S.copy()
    turned_RxS[:, others] = at.w_S[:, np.roll(others, 1)]
    moved_R = losses(truth, at._replace(w_S=turned_RxS)) - losses(truth, at)
    assert np.any(moved_R) == law.reads_others, "shares turned among the other sources"
    assert np.ptp(losses(truth, at._replace(w_S=np.roll(at.w_S, 1, axis=1))) - losses(truth, at)) > 0


@pytest.mark.parametrize("law", [law for law in LAWS if "unique" in law.needs], ids=lambda law: law.name)
def test_unique_tokens_beyond_those_seen_do_not_matter(law):
    truth, at = draw(law, 1), rows(1)
    enough = losses(truth, at._replace(unique_S=np.broadcast_to(at.tokens[:, None], at.w_S.shape)))
    np.testing.assert_array_equal(losses(truth, at._replace(unique_S=np.full(at.w_S.shape, np.inf))), enough)


@every_law
def test_unconstrain_inverts_constrain(law):
    constants = law.constants(VIEW)
    for seed in range(10):
        z_P = np.random.default_rng(seed).normal(0, 3, size(law, len(SOURCES)))
        there = constrain(law, z_P, constants, len(SOURCES))
        np.testing.assert_allclose(unconstrain(there), z_P, rtol=1e-10, atol=1e-12)
        again = values(constrain(law, unconstrain(there), constants, len(SOURCES)))
        for name, value in values(there).items():
            np.testing.assert_allclose(again[name], value, rtol=1e-10)


@every_law
def test_permuting_the_sources_permutes_the_parameters(law):
    order_S, at = np.array([2, 0, 3, 1]), rows(3)
    truth = draw(law, 3)
    per_source = {f.name for f in dataclasses.fields(law) if f.metadata["per_source"]}
    permuted = law(**{k: v[order_S] if k in per_source else v for k, v in values(truth).items()})
    there = at._replace(w_S=at.w_S[:, order_S], unique_S=at.unique_S[:, order_S])
    np.testing.assert_allclose(losses(permuted, there), losses(truth, at), rtol=1e-13)

    shuffled_view = VIEW._replace(sources=tuple(SOURCES[s] for s in order_S))
    for name, value in law.constants(VIEW).items():
        expected = value[order_S] if name in per_source else value
        np.testing.assert_array_equal(law.constants(shuffled_view)[name], expected)
    prior, shuffled = law.prior(VIEW), law.prior(shuffled_view)
    for name, normal in prior.items():
        expected = np.asarray(normal.mean)[order_S] if name in per_source and np.ndim(normal.mean) else normal.mean
        np.testing.assert_array_equal(shuffled[name].mean, expected)


@every_law
def test_gradients_agree_with_finite_differences(law):
    constants, at = law.constants(VIEW), rows(4)
    z_P = np.asarray(unconstrain(draw(law, 4)))
    row = Row(*(x[-1] for x in at))  # of the interior: the edges come first
    assert (row.w_S > 0).all()

    def loss(z_P, w_S):
        return constrain(law, z_P, constants, len(SOURCES))(row._replace(w_S=w_S))

    gradients = jax.grad(loss, argnums=(0, 1))(z_P, row.w_S)
    for argument, gradient in enumerate(gradients):
        point = [z_P, row.w_S]
        step = 1e-6 * (1.0 if argument == 0 else row.w_S.min())
        for i, expected in enumerate(gradient):
            ends = []
            for sign in (1, -1):
                moved = [x.copy() for x in point]
                moved[argument][i] += sign * step
                ends.append(float(loss(*moved)))
            assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(expected), rel=1e-4, abs=1e-14 / step)


@pytest.mark.parametrize("law", [law for law in LAWS if law.convex], ids=lambda law: law.name)
def test_a_law_that_says_so_is_convex_in_the_mixture(law):
    for seed in range(20):
        truth, at = draw(law, seed), rows(seed)
        fixed = at._replace(params=np.full_like(at.params, at.params[0]), tokens=np.full_like(at.tokens, at.tokens[0]))
        unique_S = np.broadcast_to(at.unique_S[0], at.unique_S.shape)
        other_RxS = fixed.w_S[np.random.default_rng(seed).permutation(len(fixed.w_S))]
        ends = [losses(truth, fixed._replace(w_S=w_RxS, unique_S=unique_S)) for w_RxS in (fixed.w_S, other_RxS)]
        for t in (0.01, 0.5, 0.9):
            between_RxS = (1 - t) * fixed.w_S + t * other_RxS
            loss_R = losses(truth, fixed._replace(w_S=between_RxS, unique_S=unique_S))
            chord_R = (1 - t) * ends[0] + t * ends[1]
            assert (loss_R <= chord_R * (1 + 1e-12)).all()


@every_law
def test_noiseless_runs_are_recovered_without_priors(law):
    """Predictions, not parameters (they may not be identifiable), at runs that were not fitted."""
    published = law.objective._replace(priors=False, huber=3.0, sigma=0.006, tolerance=1e-13, steps=2000)
    # A class of its own: compiled code is kept by class, and must not serve the law with its own objective.
    bare = type(law.__name__, (law,), {"objective": published})
    truth = draw(law, 11, spread=0.5)
    at = rows(11, 120)
    scales = np.array([[1e7, 1e9], [1e8, 1e9], [1e8, 1e10], [1e9, 1e10]])
    scales[:, 0] = scales[:, 0] if "params" in law.needs else 1e8
    scales[:, 1] = scales[:, 1] if "tokens" in law.needs else 1e10
    params_R, tokens_R = scales[np.arange(120) % 4].T
    at = at._replace(params=params_R, tokens=tokens_R, unique_S=at.unique_S * (tokens_R / at.tokens)[:, None])
    loss_R = losses(truth, at)
    frame = pd.DataFrame({"run_id": np.arange(120), "params": at.params, "tokens": at.tokens, "loss:code": loss_R})
    for s, name in enumerate(SOURCES):
        frame[f"w:{name}"] = at.w_S[:, s]
        if "unique" in law.needs:
            frame[f"unique:{name}"] = at.unique_S[:, s]
    fitted = fit(Runs.from_frame(frame[:80]), bare, seed=1)
    predicted_R = fitted.predict(Runs.from_frame(frame[80:]))["loss:code"].to_numpy()
    np.testing.assert_allclose(predicted_R, loss_R[80:], atol=1e-6)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(MixlawError, match=r"law 'magic' is not known: .*effective-tokens"):
        by_name("magic")
