"""Projector: a form fitted to pilots by least squares; predictions with noise gain, and gradients."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixlaw.errors import MixlawError, listed
from mixlaw.projector.forms import DEFAULT, Form, form_named
from mixlaw.projector.pilots import Pilots, distances, mixtures
from mixlaw.transport import Distance
from mixlaw.transport.distances.base import checked_mixture
from mixlaw.typing import Array

FULL_RANK_RATIO = 1e-10  # smallest singular value of a full-rank design with unit columns, as a share of the largest


class Prediction(NamedTuple):
    """Predicted performances of Q mixtures.

    Attributes:
        performance_Q: predicted performance, in the pilots' unit.
        gain_Q: noise gain: standard deviation of the prediction divided by that of one pilot (both relative to the
            performance for joint forms). Above 1 the prediction is noisier than a run of the pilots' size.

    >>> print(Prediction(np.array([2.5]), np.array([1.5])))
    2.5  noise gain 1.5
    """

    performance_Q: Array
    gain_Q: Array

    def __str__(self) -> str:
        return "\n".join(f"{p:.5g}  noise gain {g:.2g}" for p, g in zip(*self, strict=True))


@dataclass(frozen=True)
class Projector:
    """A form fitted to pilots.

    Attributes:
        form: the regression.
        pilots: the runs that it was fitted to.
        parameters_P: coefficients of the columns of `form.design`.
        spread_PxR: pseudo-inverse of the design: parameters_P = spread_PxR @ (log) performances.
        residual: residual standard deviation, in the performance's unit, relative for joint forms; nan if there are
            no more pilots than parameters.
        notes: decisions made while fitting.

    >>> from mixlaw.transport import EnergyDistance, Samples
    >>> points = {"web": [[0.0], [1.0]], "code": [[3.0], [4.0]]}
    >>> distance = EnergyDistance(Samples.of(points, [[1.0], [1.0], [3.0]]))
    >>> w_RxS = [[0.2, 0.8], [0.6, 0.4], [0.8, 0.2], [0.6, 0.4]]
    >>> pilots = Pilots.of(distance, w_RxS, n=[100, 100, 100, 400], performance=[4.0, 3.0, 3.2, 2.5])
    >>> projector = fit_projector(pilots, "joint-distance")
    >>> print(projector)
    joint-distance: 3 parameters from 4 pilots (3 mixtures at 2 scales), residual 0.0177 (relative)
    >>> print(projector.predict(distance, [[0.5, 0.5]], n=1600))
    2.1114  noise gain 2.2
    """

    form: Form
    pilots: Pilots
    parameters_P: Array
    spread_PxR: Array
    residual: float
    notes: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.pilots.sources

    def __str__(self) -> str:
        pilots = self.pilots
        unit = " (relative)" if self.form.joint else ""
        fitted = f"{self.form.name}: {len(self.parameters_P)} parameters from {len(pilots)} pilots"
        where = f"{pilots.group_R.max() + 1} mixtures at {len(pilots.scales)} scales"
        text = f"{fitted} ({where}), residual {self.residual:.3g}{unit}"
        return "\n".join([text, *(f"note: {note}" for note in self.notes)])

    def predict(self, distance: Distance, w_QxS: ArrayLike, n: float) -> Prediction:
        """Predict the performance of mixtures at scale n.

        Args:
            distance: the pilots' distance.
            w_QxS: mixtures, one per row.
            n: the scale, in the pilots' unit.

        Raises:
            MixlawError: a row is not a mixture of the pilots' sources, or the form cannot predict at this scale.
        """
        self.check(distance, n)
        w_QxS = mixtures(w_QxS, self.sources)
        return self.predict_at(w_QxS, distances(distance, w_QxS), n)

    def predict_at(self, w_QxS: Array, distance_Q: Array, n: float) -> Prediction:
        """Predict as `predict` does, from known distances."""
        self._check_scale(n)
        design_QxP = self.form.design(w_QxS, distance_Q, np.full(len(w_QxS), float(n)), self.pilots.scales)
        value_Q = design_QxP @ self.parameters_P
        gain_Q = np.linalg.norm(design_QxP @ self.spread_PxR, axis=1)
        return Prediction(np.exp(value_Q) if self.form.joint else value_Q, gain_Q)

    def gradient(self, distance: Distance, w_S: ArrayLike, n: float) -> Array:
        """Derivative of the predicted performance with respect to the shares (S,), including that through the distance.

        Only differences between sources are meaningful. `transport.calibrated` turns it into Projektor's calibrated
        gradient: the change per added share of a source while the others shrink in proportion. (Projektor's notebook
        uses the gradient at the smaller pilot scale; this one is of the projected performance.)
        """
        self.check(distance, n)
        w_S = checked_mixture(np.asarray(w_S, np.float64), self.sources)
        value, slope_S, _ = distance(w_S)
        weight_B = self.form.weights(np.array([float(n)]), self.pilots.scales)[0]
        by_v_PxS = self.form.column_slopes(w_S, value)
        blocks_BxP = self.parameters_P[: len(weight_B) * len(by_v_PxS)].reshape(len(weight_B), -1)
        by_v_S = weight_B @ blocks_BxP @ by_v_PxS
        total_S = np.append(by_v_S[:-1], 0.0) + by_v_S[-1] * slope_S
        if not self.form.joint:
            return total_S
        return total_S * self.predict_at(w_S[None], np.array([value]), n).performance_Q[0]

    def check(self, distance: Distance, n: float) -> None:
        """Raise MixlawError if the distance has other sources than the pilots, or the form cannot predict at n."""
        if distance.sources != self.sources:
            raise MixlawError(
                f"projector: the distance is of sources {listed(distance.sources)}, the pilots of "
                f"{listed(self.sources)}; give the same in the same order"
            )
        self._check_scale(n)

    def _check_scale(self, n: float) -> None:
        if not (np.isfinite(n) and n > 0):
            raise MixlawError(f"projector: scale {n:g}; it must be finite and above 0")
        scales = self.pilots.scales
        if len(scales) == 1 and not np.isclose(n, scales[0]):
            raise MixlawError(
                f"projector: all pilots are at scale {scales[0]:g}, which says nothing of {n:g}; run some at another"
            )


def fit_projector(pilots: Pilots, form: str | Form = DEFAULT) -> Projector:
    """Fit a form to pilots by least squares, on performances or, for joint forms, on their logarithms.

    The distance's coefficient in a joint form is at least 0: if least squares gives a negative one, the distance is
    left out, with a note. (This is the least-squares solution under that bound. It keeps the form convex in the
    mixture.)

    Raises:
        MixlawError: the form is unknown, or has more parameters than there are pilots; the pilots' mixtures do not
            determine all parameters; or there are more than two scales and the form is not joint.

    >>> from mixlaw.transport import EnergyDistance, Samples
    >>> points = {"web": [[0.0], [1.0]], "code": [[3.0], [4.0]]}
    >>> distance = EnergyDistance(Samples.of(points, [[1.0], [1.0], [3.0]]))
    >>> w_RxS = [[0.2, 0.8], [0.6, 0.4], [0.8, 0.2], [0.6, 0.4]]
    >>> pilots = Pilots.of(distance, w_RxS, n=[100, 100, 100, 400], performance=[4.0, 3.0, 3.2, 2.5])
    >>> projector = fit_projector(pilots, "joint-distance")
    >>> projector.parameters_P.round(2).tolist()
    [0.93, 0.3, 0.14]
    """
    form = form_named(form) if isinstance(form, str) else form
    _refuse(pilots, form)
    design_RxP = form.design(pilots.w_RxS, pilots.distance_R, pilots.n_R, pilots.scales)
    value_R = np.log(pilots.performance_R) if form.joint else pilots.performance_R
    spread_PxR = _pseudo_inverse(design_RxP, form)
    parameters_P, notes = spread_PxR @ value_R, ()
    if form.convex and form.reads_distance:
        at = form.distance_column(len(pilots.sources))
        if parameters_P[at] < 0:
            others_P = np.arange(len(parameters_P)) != at
            spread_PxR = np.zeros_like(spread_PxR)
            spread_PxR[others_P] = _pseudo_inverse(design_RxP[:, others_P], form)
            parameters_P = spread_PxR @ value_R
            notes = ("nearer mixtures did no better: the distance is left out",)
    degrees = len(pilots) - int((spread_PxR != 0).any(1).sum())
    square = float(((value_R - design_RxP @ parameters_P) ** 2).sum())
    residual = float(np.sqrt(square / degrees)) if degrees > 0 else float("nan")
    return Projector(form, pilots, parameters_P, spread_PxR, residual, notes)


def _refuse(pilots: Pilots, form: Form) -> None:
    """Raise MixlawError if the form has more parameters than the pilots can determine."""
    S, scales = len(pilots.sources), pilots.scales
    if not form.joint and len(scales) > 2:
        raise MixlawError(
            f"projector form {form.name}: the projection goes through two scales, the pilots have {len(scales)}; "
            "leave some out, or take a joint form"
        )
    columns = len(form.exponents(S))
    blocks = [np.ones(len(pilots), bool)] if form.joint else [pilots.n_R == n for n in scales]
    for block_R in blocks:
        mixed = len(np.unique(pilots.group_R[block_R]))
        if columns > mixed:
            at = "" if form.joint or len(scales) == 1 else f" at scale {pilots.n_R[block_R][0]:g}"
            raise MixlawError(
                f"projector form {form.name}: {columns} parameters of mixtures of {S} sources, and pilots of {mixed} "
                f"mixtures{at}; run at least {columns - mixed} more, or take a form of fewer ({_fewer(S)})"
            )
    rows = columns + len(form.scale_columns(np.ones(1), scales)[0])
    if form.joint and rows > len(pilots):
        raise MixlawError(f"projector form {form.name}: {rows} parameters and {len(pilots)} pilots; run more")


def _fewer(S: int) -> str:
    small = [form_named(name) for name in ("joint-distance", "joint-mixture", "joint")]
    return ", ".join(f"{form.name} {len(form.exponents(S))}" for form in small)


def _pseudo_inverse(design_RxP: Array, form: Form) -> Array:
    """Pseudo-inverse (X'X)^-1 X' of a design; raise MixlawError if it does not have full rank."""
    length_P = np.linalg.norm(design_RxP, axis=0)
    if not (length_P > 0).all():
        raise MixlawError(
            f"projector form {form.name}: the distance is 0, or some source has no share, in every pilot; run others"
        )
    left_RxK, size_K, right_KxP = np.linalg.svd(design_RxP / length_P, full_matrices=False)
    if size_K[-1] < FULL_RANK_RATIO * size_K[0]:
        raise MixlawError(
            f"projector form {form.name}: the pilots' mixtures leave some of its parameters open; run mixtures that "
            "differ in more directions, or take a form of fewer parameters"
        )
    return (right_KxP.T / size_K) @ left_RxK.T / length_P[:, None]
