"""Many points: streamed within bounded memory, and exactly on subsamples whose error bars hold."""

import subprocess
import sys

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from mixlaw.transport import Bounds, ExactOT, Samples, minimize, minimize_subsampled, subsampled

STREAMED = """
import resource
import numpy as np
from mixlaw.transport import EntropicOT, Samples, minimize

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

rng = np.random.default_rng(0)
mean_SxF = rng.normal(size=(24, 8))
def samples(n, m):
    x_SxNxF = mean_SxF[:, None] + rng.normal(size=(24, n, 8))
    return Samples(tuple(map(str, range(24))), x_SxNxF, mean_SxF[rng.choice(6, m)] + rng.normal(size=(m, 8)))

minimize(EntropicOT(samples(200, 1000), precision="float32", tolerance=1e-2), tolerance=0.1)
before = peak()
found = minimize(EntropicOT(samples(1000, 1000), precision="float32", tolerance=1e-2), tolerance=0.03)
print(peak() - before, found.gap / found.value, found.w_S[6:].sum(), flush=True)
"""


def test_entropic_transport_holds_neither_cost_nor_plan():
    """24 sources x 1,000 points against 1,000: one float64 matrix of all pairs is 183 MiB; the process, once it has
    solved a fifth of that and compiled its code, grows by less than a quarter of it."""
    told = subprocess.run([sys.executable, "-c", STREAMED], capture_output=True, text=True, check=True)
    grown, gap, elsewhere = map(float, told.stdout.split())
    assert grown < 183 / 4
    assert gap <= 0.03
    assert elsewhere < 0.1


def world(seed, n, m):
    rng = np.random.default_rng(seed)
    mean_SxF = np.random.default_rng(0).normal(size=(3, 4))
    x_SxNxF = mean_SxF[:, None] + rng.normal(size=(3, n, 4))
    return Samples(("a", "b", "c"), x_SxNxF, mean_SxF[rng.choice(3, m, p=[0.6, 0.4, 0])] + rng.normal(size=(m, 4)))


def test_error_bars_of_subsamples_cover():
    """90% intervals of the mean over folds hold the mean over very many folds of that size, in 60 worlds."""
    w_S = np.array([0.3, 0.3, 0.4])
    truth = np.mean([ExactOT(world(1000 + i, 20, 60))(w_S).value for i in range(600)])
    found = [subsampled(world(seed, 120, 360), w_S, 20, 60) for seed in range(60)]
    covered = np.mean([abs(estimate.mean - truth) <= estimate.half_width for estimate in found])
    assert {estimate.folds for estimate in found} == {6}
    assert 0.78 <= covered <= 0.99


def test_the_error_bar_shrinks_with_more_folds():
    w_S = np.full(3, 1 / 3)
    few = np.mean([subsampled(world(s, 80, 240), w_S, 20, 60).half_width for s in range(8)])
    many = np.mean([subsampled(world(s, 640, 1920), w_S, 20, 60).half_width for s in range(2)])
    assert many < 0.5 * few


def test_the_mixture_from_subsamples_has_error_bars_and_keeps_bounds():
    samples, bounds = world(5, 240, 480), Bounds(np.zeros(3), np.array([0.5, 1.0, 1.0]))
    found = minimize_subsampled(samples, 40, 80, bounds)
    assert found.folds == 6
    assert found.mean.sum() == pytest.approx(1)
    assert (found.mean <= bounds.upper_S + 1e-12).all()
    whole = minimize(ExactOT(samples), bounds)
    assert np.abs(found.mean - whole.w_S).max() < 0.1
    assert (found.half_width[whole.w_S > 0.05] < 0.15).all()


def test_folds_that_are_too_large_are_refused():
    with pytest.raises(MixlawError, match=r"30 a source and 40 of the target give no two .* half as many"):
        subsampled(world(0, 30, 40), np.full(3, 1 / 3), 20, 20)
