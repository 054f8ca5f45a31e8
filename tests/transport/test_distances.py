"""Distances behind one protocol: duality, subgradients, finite differences, known answers, refusals."""

import ast
import time
from pathlib import Path

import jax
import numpy as np
import ot
import pytest
from scipy.spatial.distance import cdist

from mixlaw import transport
from mixlaw.errors import MixlawError
from mixlaw.transport import (
    EnergyDistance,
    EntropicOT,
    ExactOT,
    NGramKL,
    Samples,
    calibrated,
    entropic_value,
)
from mixlaw.transport.distances.exact import MAX_CELLS


def make(S=5, n=24, m=60, F=8, seed=0):
    """Sources and a target of Gaussian points around means of their own, the target a mixture of the sources."""
    rng = np.random.default_rng(seed)
    mean_SxF = rng.normal(size=(S, F))
    x_SxNxF = mean_SxF[:, None] + rng.normal(size=(S, n, F))
    y_MxF = mean_SxF[rng.choice(S, m, p=rng.dirichlet(np.full(S, 0.5)))] + rng.normal(size=(m, F))
    return Samples(tuple(f"s{k}" for k in range(S)), x_SxNxF, y_MxF)


def kl(seed=0, S=5, B=200):
    rng = np.random.default_rng(seed)
    q_SxB = rng.dirichlet(np.full(B, 0.3), S)
    counts = {f"s{k}": rng.poisson(5000 * q_SxB[k]).astype(float) for k in range(S)}
    return NGramKL(counts, rng.poisson(5000 * rng.dirichlet(np.ones(S)) @ q_SxB).astype(float))


DISTANCES = {
    "exact": lambda seed: ExactOT(make(seed=seed)),
    "squared": lambda seed: ExactOT(make(seed=seed), cost="squared"),
    "entropic": lambda seed: EntropicOT(make(seed=seed), tolerance=1e-11),
    "divergence": lambda seed: EntropicOT(make(seed=seed), debias=True, tolerance=1e-11),
    "kl": kl,
    "energy": lambda seed: EnergyDistance(make(seed=seed)),
}


def mixtures(rng, count, S=5):
    """Interior ones, faces and corners in turn."""
    for i in range(count):
        w_S = rng.dirichlet(np.ones(S)) * (rng.uniform(size=S) < (1, 0.6, 0.3)[i % 3])
        yield w_S / w_S.sum() if w_S.any() else np.eye(S)[i % S]


@pytest.mark.parametrize("name", DISTANCES)
def test_the_subgradient_inequality_holds_everywhere(name):
    """d(v) >= d(w) + G.(v - w), sources without a share included: at kinks too, where no derivative is."""
    distance, rng = DISTANCES[name](1), np.random.default_rng(0)
    found = [(w_S, distance(w_S)) for w_S in mixtures(rng, 18)]
    for w_S, at in found:
        for v_S, other in found:
            plane = at.value + at.gradient_S @ (v_S - w_S)
            assert other.value + other.error >= plane - 1e-9


@pytest.mark.parametrize("name", DISTANCES)
def test_gradients_are_finite_differences_at_interior_points(name):
    distance, rng = DISTANCES[name](2), np.random.default_rng(1)
    smooth = name not in ("exact", "squared")
    h, wrong = 1e-4 if smooth else 1e-6, []
    for _ in range(6):
        w_S = 0.9 * rng.dirichlet(np.full(5, 3.0)) + 0.02
        towards_S = rng.dirichlet(np.ones(5)) - w_S
        slope = (distance(w_S + h * towards_S).value - distance(w_S - h * towards_S).value) / (2 * h)
        wrong.append(abs(slope - distance(w_S).gradient_S @ towards_S))
    assert np.median(wrong) <= 1e-6
    if smooth:
        assert max(wrong) <= 1e-5


@pytest.mark.parametrize("name", DISTANCES)
def test_the_calibrated_gradient_is_the_slope_of_growing_one_share(name):
    distance, rng = DISTANCES[name](3), np.random.default_rng(2)
    h, wrong = 1e-4 if name not in ("exact", "squared") else 1e-6, []
    for k in range(5):
        w_S = 0.9 * rng.dirichlet(np.full(5, 3.0)) + 0.02

        def grown(by, w_S=w_S, k=k):
            v_S = w_S * (1 - w_S[k] - by) / (1 - w_S[k])
            v_S[k] = w_S[k] + by
            return distance(v_S).value

        wrong.append(abs((grown(h) - grown(-h)) / (2 * h) - calibrated(distance(w_S).gradient_S, w_S)[k]))
    assert np.median(wrong) <= 1e-6


def test_a_source_that_has_all_cannot_grow():
    assert np.isnan(calibrated(np.array([1.0, 2.0]), np.array([1.0, 0.0]))).tolist() == [True, False]
    assert calibrated(np.array([1.0, 2.0]), np.array([1.0, 0.0]))[1] == 1.0


def test_exact_transport_is_strongly_dual_and_its_potentials_feasible():
    distance, rng = ExactOT(make(seed=4)), np.random.default_rng(3)
    for w_S in mixtures(rng, 12):
        found = distance.solve(w_S)
        assert abs(found.primal - found.dual) <= 1e-10 * found.primal
        assert (found.f_N[:, None] + found.g_M <= distance.cost_NxM + 1e-12).all()
        mass_N = distance.samples.mass_N(w_S)
        plain = ot.emd2(mass_N, np.full(60, 1 / 60), distance.cost_NxM)
        assert found.primal == pytest.approx(plain, rel=1e-12)


def test_the_slope_of_a_source_without_a_share_is_one_of_its_subgradients():
    """The solver's own potentials are arbitrary there: growing the share from 0 can only cost more than the plane."""
    distance = ExactOT(make(seed=5))
    w_S = np.array([0.5, 0.5, 0, 0, 0])
    at = distance(w_S)
    for k in (2, 3, 4):
        grown_S = 0.999 * w_S + 0.001 * np.eye(5)[k]
        true = (distance(grown_S).value - at.value) / 0.001
        slope = calibrated(at.gradient_S, w_S)[k]
        assert slope <= true + 1e-9
        assert slope >= true - 0.5 * abs(true) - 0.1, "near it, not merely below"


def test_a_warm_start_changes_speed_and_nothing_else():
    rng = np.random.default_rng(6)
    samples = make(S=10, n=50, m=500, F=64, seed=6)
    ratios = []
    for _ in range(5):
        w_S, v_S = rng.dirichlet(np.ones(10)), rng.dirichlet(np.ones(10))
        warm, cold = ExactOT(samples), ExactOT(samples, warm=False)
        warm(w_S)
        near_S = 0.95 * w_S + 0.05 * v_S
        began = time.process_time()
        a = warm(near_S)
        between = time.process_time()
        b = cold(near_S)
        ratios.append((between - began) / (time.process_time() - between))
        assert a.value == pytest.approx(b.value, rel=1e-12)
    assert np.median(ratios) <= 0.8


def test_entropic_transport_is_that_of_its_definition():
    samples = make(seed=7)
    distance = EntropicOT(samples, tolerance=1e-11)
    w_S = np.array([0.3, 0.0, 0.2, 0.1, 0.4])
    mass_N, b_M = samples.mass_N(w_S), np.full(60, 1 / 60)
    held_N = mass_N > 0
    cost_AxM = cdist(samples.flat_NxF[held_N], samples.y_MxF)
    options = {"method": "sinkhorn_log", "stopThr": 1e-13, "numItermax": 10_000}
    plan = ot.sinkhorn(mass_N[held_N], b_M, cost_AxM, distance.epsilon, **options)
    product = mass_N[held_N][:, None] * b_M
    value = (plan * cost_AxM).sum() + distance.epsilon * (plan * np.log(np.maximum(plan, 1e-300) / product)).sum()
    assert distance.mean_cost == pytest.approx(cdist(samples.flat_NxF, samples.y_MxF).mean())
    assert distance(w_S).value == pytest.approx(value, rel=1e-9)


def test_the_error_of_a_rough_entropic_value_is_certified():
    samples, w_S = make(seed=8), np.full(5, 0.2)
    fine = EntropicOT(samples, epsilon=0.02, tolerance=1e-11)(w_S).value
    for tolerance in (1e-1, 1e-2, 1e-3):
        rough = EntropicOT(samples, epsilon=0.02, tolerance=tolerance)(w_S)
        assert rough.value - 1e-10 <= fine <= rough.value + rough.error
    single = EntropicOT(samples, precision="float32")(w_S)
    double = EntropicOT(samples)(w_S)
    assert single.value == pytest.approx(double.value, rel=1e-5)
    np.testing.assert_allclose(single.gradient_S, double.gradient_S, atol=1e-4)


def test_the_divergence_of_a_mixture_from_its_own_points_is_zero():
    rng = np.random.default_rng(0)
    x_SxNxF = rng.normal(size=(2, 15, 3))
    samples = Samples(("a", "b"), x_SxNxF, x_SxNxF.reshape(-1, 3))
    distance = EntropicOT(samples, debias=True, tolerance=1e-6)
    at = distance(np.array([0.5, 0.5]))
    assert at.value <= 1e-12
    assert at.value + at.error >= -1e-12
    assert at.error < 1e-5
    assert distance(np.array([0.9, 0.1])).value > 1e-3
    assert EnergyDistance(samples)(np.array([0.5, 0.5])).value == pytest.approx(0, abs=1e-9)
    assert ExactOT(samples)(np.array([0.5, 0.5])).value == pytest.approx(0, abs=1e-12)


def test_jax_differentiates_the_entropic_value_by_mixture_and_by_points():
    """At the best potential: against differences of the distance solved anew."""
    samples, w_S, h = make(S=3, n=6, m=10, F=4, seed=9), np.array([0.5, 0.2, 0.3]), 1e-4
    distance = EntropicOT(samples, tolerance=1e-12)
    with jax.enable_x64(True):
        gradients = jax.grad(entropic_value, argnums=(0, 1, 2))
        of_w, of_x, of_y = gradients(w_S, samples.x_SxNxF, samples.y_MxF, distance.potential(w_S), distance.epsilon)
    np.testing.assert_allclose(of_w, distance(w_S).gradient_S, atol=1e-9)
    for part, slope in (("x_SxNxF", of_x), ("y_MxF", of_y)):
        points = getattr(samples, part)
        place = (1, 2, 3)[-points.ndim :]
        moved = []
        for sign in (1, -1):
            other = points.copy()
            other[place] += sign * h
            fields = {"x_SxNxF": samples.x_SxNxF, "y_MxF": samples.y_MxF} | {part: other}
            again = EntropicOT(Samples(samples.sources, **fields), tolerance=1e-12)
            again.epsilon = distance.epsilon  # which is a share of the mean cost, and so moves with the points
            moved.append(again(w_S).value)
        assert slope[place] == pytest.approx((moved[0] - moved[1]) / (2 * h), abs=1e-5)


def test_kl_is_its_formula():
    counts = {"a": np.array([3.0, 1.0]), "b": np.array([0.0, 4.0])}
    distance = NGramKL(counts, np.array([1.0, 1.0]), smoothing=1.0)
    mixed = 0.25 * np.array([4 / 6, 2 / 6]) + 0.75 * np.array([1 / 6, 5 / 6])
    assert distance(np.array([0.25, 0.75])).value == pytest.approx((0.5 * np.log(0.5 / mixed)).sum())
    words = {"news": ["the bank raised rates", "rates fell"], "code": ["for i in x: print(i)", "import os"]}
    near = NGramKL.of(words, ["the rates of the bank"])
    assert near(np.array([1.0, 0.0])).value < near(np.array([0.0, 1.0])).value


def test_energy_is_its_formula():
    samples = make(S=2, n=7, m=5, seed=10)
    w_S = np.array([0.3, 0.7])
    mass_N, b_M = samples.mass_N(w_S), np.full(5, 0.2)
    x, y = samples.flat_NxF, samples.y_MxF
    value = 2 * mass_N @ cdist(x, y) @ b_M - mass_N @ cdist(x, x) @ mass_N - b_M @ cdist(y, y) @ b_M
    assert EnergyDistance(samples)(w_S).value == pytest.approx(value, abs=1e-7)


def test_few_points_make_mixtures_of_more_sources_look_nearer():
    """The trap that equal, large counts are for: sources and target of one distribution, and yet a spread looks nearer,
    the more so the fewer the points."""
    rng, gains = np.random.default_rng(0), []
    for n in (10, 160):
        samples = Samples(tuple("abcde"), rng.normal(size=(5, n, 16)), rng.normal(size=(160, 16)))
        distance = ExactOT(samples)
        alone = np.mean([distance(w_S).value for w_S in np.eye(5)])
        gains.append(1 - distance(np.full(5, 0.2)).value / alone)
    assert gains[0] > 2 * gains[1] > 0


def test_bad_input_is_refused_in_one_line():
    samples = make(S=2, n=4, m=6)
    for name in ("exact", "entropic", "energy"):
        distance = {"exact": ExactOT, "entropic": EntropicOT, "energy": EnergyDistance}[name](samples)
        with pytest.raises(MixlawError, match="3 weights for 2 sources"):
            distance(np.array([0.2, 0.3, 0.5]))
        with pytest.raises(MixlawError, match=r"sum to 0\.7"):
            distance(np.array([0.2, 0.5]))
    with pytest.raises(MixlawError, match="cost cosine: unknown"):
        ExactOT(samples, cost="cosine")
    with pytest.raises(MixlawError, match=r"float32 needs 0\.01 or more"):
        EntropicOT(samples, epsilon=1e-3, precision="float32")
    with pytest.raises(MixlawError, match="precision half: unknown"):
        EntropicOT(samples, precision="half")
    with pytest.raises(MixlawError, match="all points are the same"):
        EntropicOT(Samples(("a",), np.ones((1, 3, 2)), np.ones((2, 2))), precision="float64")
    with pytest.raises(MixlawError, match="not all 0"):
        NGramKL({"a": np.ones(3)}, np.zeros(3))
    with pytest.raises(MixlawError, match="smoothing 0"):
        NGramKL({"a": np.ones(3)}, np.ones(3), smoothing=0)
    with pytest.raises(MixlawError, match="3 buckets, the target 4"):
        NGramKL({"a": np.ones(3)}, np.ones(4))
    many = int(MAX_CELLS**0.5) + 1
    with pytest.raises(MixlawError, match=r"1\.0 GiB; take fewer points"):
        ExactOT(Samples(("a",), np.zeros((1, many, 1)), np.zeros((many, 1))))


def test_jax_and_pot_stay_in_their_files():
    owners: dict[str, set[str]] = {"jax": set(), "ot": set()}
    for path in Path(transport.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                owners.get(name.split(".")[0], set()).add(path.stem)
    assert owners == {"jax": {"entropic", "sinkhorn"}, "ot": {"exact"}}
