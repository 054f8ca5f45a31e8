"""The predicted best mixture: certified if the form is convex, else the best of several local descents."""

from dataclasses import dataclass

import numpy as np

from mixlaw.errors import MixlawError
from mixlaw.mixtures.simplex import check_bounds, project
from mixlaw.projector.fitted import Projector
from mixlaw.transport import Bounds, Distance, Evaluation, minimize
from mixlaw.typing import Array

START_VALUE = 100.0  # log performance is shifted to this at the start: the bundle's tolerance is relative to values
MAX_STEPS, MAX_HALVINGS = 60, 20


@dataclass(frozen=True)
class Optimum:
    """The predicted best mixture.

    Attributes:
        w_S: the mixture.
        performance: predicted performance.
        gain: noise gain of the prediction.
        gap: upper bound on how much better the prediction of any feasible mixture can be, in the performance's unit;
            nan if the form is not convex, so that nothing is certified.
        evaluations: number of evaluations of the distance.

    >>> Optimum(np.array([0.6, 0.4]), performance=2.5, gain=1.1, gap=1e-4, evaluations=6).w_S.tolist()
    [0.6, 0.4]
    """

    w_S: Array
    performance: float
    gain: float
    gap: float
    evaluations: int


class _LogPerformance:
    """Log performance of a fitted joint form, up to a constant: convex, so a `Distance`."""

    def __init__(self, projector: Projector, distance: Distance) -> None:
        self.sources, self.distance = distance.sources, distance
        form, S = projector.form, len(distance.sources)
        exponent_PxS = form.exponents(S)
        parameters_P = projector.parameters_P[: len(exponent_PxS)]
        linear_P = (exponent_PxS[:, :-1].sum(1) == 1) & (exponent_PxS[:, -1] == 0)
        self.slope_S = np.append(parameters_P[linear_P] @ exponent_PxS[linear_P, :-1], 0.0)
        self.weight = float(parameters_P[form.distance_column(S)]) if form.reads_distance else 0.0
        self.offset: float | None = None

    def __call__(self, w_S: Array, /) -> Evaluation:
        at = self.distance(w_S) if self.weight else Evaluation(0.0, np.zeros(len(w_S)))
        value = float(self.slope_S @ w_S + self.weight * at.value)
        self.offset = START_VALUE - value if self.offset is None else self.offset
        return Evaluation(value + self.offset, self.slope_S + self.weight * at.gradient_S, self.weight * at.error)


def best_mixture(
    projector: Projector, distance: Distance, n: float, bounds: Bounds | None = None, tolerance: float = 1e-4
) -> Optimum:
    """The mixture within bounds with the lowest predicted performance at scale n.

    A joint form is convex: the level bundle of `transport.minimize` certifies its optimum, which is the same at every
    n. The baseline forms are not convex: they use the best of three projected gradient descents, from the best pilot,
    the uniform mixture and the mixture with the smallest distance. (Projektor's own descent takes steps of 5e-4 0.9^t,
    5e-3 in total, and does not project on the simplex: it hardly leaves its start.)

    Args:
        projector: a fitted form.
        distance: the pilots' distance.
        n: the scale, in the pilots' unit.
        bounds: bounds of the shares [default: 0 to 1].
        tolerance: largest relative gap of the certified optimum.

    Raises:
        MixlawError: no mixture satisfies the bounds, the distance has other sources, the form cannot predict at this
            scale, or the gap stays above the tolerance.

    >>> from mixlaw.projector import Pilots, fit_projector
    >>> from mixlaw.transport import EnergyDistance, Samples
    >>> points = {"web": [[0.0], [1.0]], "code": [[3.0], [4.0]]}
    >>> distance = EnergyDistance(Samples.of(points, [[1.0], [1.0], [3.0]]))
    >>> w_RxS = [[0.2, 0.8], [0.6, 0.4], [0.8, 0.2], [0.6, 0.4]]
    >>> pilots = Pilots.of(distance, w_RxS, n=[100, 100, 100, 400], performance=[4.0, 3.0, 3.2, 2.5])
    >>> projector = fit_projector(pilots, "joint-distance")
    >>> found = best_mixture(projector, distance, n=1600)
    >>> found.w_S.round(1).tolist(), round(found.performance, 2)
    ([0.6, 0.4], 2.06)
    """
    S = len(projector.sources)
    bounds = bounds or Bounds(np.zeros(S), np.ones(S))
    check_bounds(projector.sources, bounds.lower_S, bounds.upper_S)
    projector.check(distance, n)
    if not projector.form.convex:
        return _descents(projector, distance, n, bounds)
    found = minimize(_LogPerformance(projector, distance), bounds, tolerance / START_VALUE)
    if not found.converged:
        raise MixlawError(
            f"projector: the optimum is known to a relative gap of {found.gap:.2g} only; ask for a tolerance above that"
        )
    there = projector.predict(distance, found.w_S, n)
    performance, gain = float(there.performance_Q[0]), float(there.gain_Q[0])
    return Optimum(found.w_S, performance, gain, float(performance * -np.expm1(-found.gap)), found.iterations)


def _descents(projector: Projector, distance: Distance, n: float, bounds: Bounds) -> Optimum:
    """The best of the descents from three starts."""
    pilots = projector.pilots
    S, largest_R = len(pilots.sources), pilots.n_R == pilots.scales[-1]
    starts = [pilots.w_RxS[largest_R][np.argmin(pilots.performance_R[largest_R])], np.full(S, 1 / S)]
    starts.append(minimize(distance, bounds, tolerance=1e-2).w_S)
    ends = [_descent(projector, distance, n, bounds, start_S) for start_S in starts]
    w_S = min(ends, key=lambda end: end[1])[0]
    there = projector.predict(distance, w_S, n)
    count = sum(end[2] for end in ends)
    return Optimum(w_S, float(there.performance_Q[0]), float(there.gain_Q[0]), float("nan"), count)


def _descent(
    projector: Projector, distance: Distance, n: float, bounds: Bounds, start_S: Array
) -> tuple[Array, float, int]:
    """Projected gradient descent with step halving (Armijo): final mixture, its prediction, number of evaluations."""

    def predicted(w_S: Array) -> float:
        return float(projector.predict(distance, w_S, n).performance_Q[0])

    w_S, count, step = project(start_S, bounds.lower_S, bounds.upper_S), 1, 1.0
    value = predicted(w_S)
    for _ in range(MAX_STEPS):
        slope_S = projector.gradient(distance, w_S, n)
        slope_S = slope_S - slope_S.mean()
        size = float(np.abs(slope_S).max())
        if size == 0:
            break
        for _ in range(MAX_HALVINGS):
            trial_S = project(w_S - step / size * slope_S, bounds.lower_S, bounds.upper_S)
            there, count = predicted(trial_S), count + 1
            if there < value + 1e-4 * slope_S @ (trial_S - w_S):
                break
            step /= 2
        else:
            break
        if np.abs(trial_S - w_S).max() < 1e-7:
            break
        w_S, value, step = trial_S, there, min(4 * step, 1.0)
    return w_S, value, count
