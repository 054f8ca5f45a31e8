"""Cases on scikit-learn's digits: three sources that differ in labels' skew, labels' noise or pixels' noise.

A draw of the data parts the 1,797 images at random: 450 to test by, 150 as the target's sample (a validation set), the
rest to the three sources. Mixtures are uniform on the simplex; a run draws n w_k images of each source and trains
scikit-learn's logistic regression on the pixels; what it reaches is its test error, the mean of `REPEATS` runs. The
distance is exact transport between whitened pixels with labels beside them, 120 images a source.
"""

import warnings
from typing import NamedTuple

import numpy as np
from projector_cases import Case
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from mixlaw.transport import ExactOT, Samples, fit_components, fit_whitening, unit_rows

KINDS = ("label skew", "label noise", "pixel noise")
SCALES = (60.0, 120.0, 330.0)
MIXTURES, REPEATS, POINTS, TEST, TARGET = 48, 4, 120, 450, 150
GROUPS = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])  # of the ten labels, for skew


class Images(NamedTuple):
    """Images (N, 64) with pixels from 0 to 1, and their labels (N,)."""

    x_NxF: np.ndarray
    y_N: np.ndarray

    def of(self, rows: np.ndarray) -> "Images":
        """Some of them."""
        return Images(self.x_NxF[rows], self.y_N[rows])


def digits_cases(draw: int) -> list[Case]:
    """The three cases of one draw of the data."""
    return [_case(kind, draw) for kind in KINDS]


def _case(kind: str, draw: int) -> Case:
    rng = np.random.default_rng([draw, KINDS.index(kind)])
    sources, target, test, weight_N = _parts(kind, rng)
    w_MxS = rng.dirichlet(np.ones(3), MIXTURES)
    reached = np.array([[_reached(sources, w_S, n, test, weight_N, rng) for w_S in w_MxS] for n in SCALES])
    distance = ExactOT(_samples(sources, target, rng))
    distance_M = np.array([distance(w_S).value for w_S in w_MxS])
    return Case(kind, f"{kind} {draw}", ("a", "b", "c"), w_MxS, SCALES, reached, {"transport": distance_M}, "transport")


def _parts(kind: str, rng: np.random.Generator) -> tuple[list[Images], Images, Images, np.ndarray]:
    """Sources, the target's sample, test images and their weights. Skewed labels: each source has four fifths of a
    group of labels, and target and test weigh groups unevenly."""
    x_NxF, y_N = load_digits(return_X_y=True)
    order_N = rng.permutation(len(y_N))
    images = Images(x_NxF[order_N] / 16, y_N[order_N])
    test, aside, rest = (
        images.of(np.arange(*ends)) for ends in ((0, TEST), (TEST, TEST + TARGET), (TEST + TARGET, len(y_N)))
    )
    skewed = kind == "label skew"
    weight_G = rng.dirichlet(np.full(3, 2.0)) if skewed else np.full(3, 1 / 3)
    target = aside.of(rng.choice(TARGET, TARGET, p=_by_group(aside, weight_G))) if skewed else aside
    if skewed:
        chance_NxS = np.where(GROUPS[rest.y_N][:, None] == np.arange(3), 0.8, 0.1)
        source_N = (rng.random(len(rest.y_N))[:, None] > chance_NxS.cumsum(1)).sum(1).clip(0, 2)
    else:
        source_N = np.arange(len(rest.y_N)) % 3
    level_S = rng.permutation([0.0, 0.5, 1.0])
    sources = [_spoilt(rest.of(np.flatnonzero(source_N == k)), kind, level_S[k], rng) for k in range(3)]
    return sources, target, test, _by_group(test, weight_G) if skewed else np.full(TEST, 1 / TEST)


def _by_group(images: Images, weight_G: np.ndarray) -> np.ndarray:
    """Weights of images by the group of their label."""
    weight_N = weight_G[GROUPS[images.y_N]]
    return weight_N / weight_N.sum()


def _spoilt(images: Images, kind: str, level: float, rng: np.random.Generator) -> Images:
    """Half the level of the labels at random, or Gaussian noise of .7 of the level on the pixels."""
    if kind == "label noise":
        wrong_N = rng.random(len(images.y_N)) < 0.5 * level
        return Images(images.x_NxF, np.where(wrong_N, rng.integers(0, 10, len(wrong_N)), images.y_N))
    if kind == "pixel noise":
        return Images(images.x_NxF + 0.7 * level * rng.normal(size=images.x_NxF.shape), images.y_N)
    return images


def _reached(
    sources: list[Images], w_S: np.ndarray, n: float, test: Images, weight_N: np.ndarray, rng: np.random.Generator
) -> float:
    """Mean test error of `REPEATS` runs on n images of a mixture."""
    errors = []
    for _ in range(REPEATS):
        count_S = rng.multinomial(int(n), w_S)
        rows = [
            rng.choice(len(part.y_N), min(count, len(part.y_N)), False)
            for part, count in zip(sources, count_S, strict=True)
        ]
        x = np.concatenate([part.x_NxF[at] for part, at in zip(sources, rows, strict=True)])
        y = np.concatenate([part.y_N[at] for part, at in zip(sources, rows, strict=True)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=1.0, max_iter=100, tol=1e-3).fit(x, y)
        errors.append(weight_N @ (model.predict(test.x_NxF) != test.y_N))
    return float(np.mean(errors))


def _samples(sources: list[Images], target: Images, rng: np.random.Generator) -> Samples:
    """Whitened pixels of unit length with the label's indicator beside them, equally many of each source."""
    parts = [part.of(rng.choice(len(part.y_N), POINTS, False)) for part in sources]
    pool = np.concatenate([part.x_NxF for part in (*parts, target)])
    components = fit_components(pool, 30)
    whitening = fit_whitening(components(pool))
    points = [np.column_stack([unit_rows(whitening(components(p.x_NxF))), np.eye(10)[p.y_N]]) for p in (*parts, target)]
    return Samples.of(dict(zip("abc", points[:3], strict=True)), points[3])
