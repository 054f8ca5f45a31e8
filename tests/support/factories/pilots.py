"""Distances and pilots for the tests of the projector."""

import numpy as np

from mixlaw.projector import Pilots
from mixlaw.transport import EnergyDistance, Evaluation, Samples


class Quadratic:
    """A distance with a known gradient: |w - centre|^2."""

    def __init__(self, centre_S):
        self.centre_S = np.asarray(centre_S, float)
        self.sources = tuple("abcdefgh"[: len(self.centre_S)])

    def __call__(self, w_S, /):
        away_S = np.asarray(w_S) - self.centre_S
        return Evaluation(float(away_S @ away_S), 2 * away_S)


def energy(S=3, seed=0, n=30, m=40, F=4):
    """A distance of real points."""
    rng = np.random.default_rng(seed)
    mean_SxF = rng.normal(size=(S, 1, F))
    x_SxNxF = mean_SxF + rng.normal(size=(S, n, F))
    y_MxF = mean_SxF[rng.choice(S, m, p=rng.dirichlet(np.ones(S))), 0] + rng.normal(size=(m, F))
    return EnergyDistance(Samples(tuple("abcdefgh"[:S]), x_SxNxF, y_MxF))


def pilots_of(distance, truth, count=12, scales=(100.0, 300.0), noise=0.0, seed=0):
    """`count` random mixtures at every scale; `truth(w_RxS, d_R, n_R)` is what they reach, noise relative."""
    rng = np.random.default_rng(seed)
    w_MxS = rng.dirichlet(np.ones(len(distance.sources)), count)
    w_RxS, n_R = np.tile(w_MxS, (len(scales), 1)), np.repeat(scales, count)
    d_R = np.array([distance(w_S).value for w_S in w_RxS])
    reached_R = truth(w_RxS, d_R, n_R) * np.exp(noise * rng.normal(size=len(n_R)))
    return Pilots.of(distance, w_RxS, n_R, reached_R)
