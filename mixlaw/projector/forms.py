"""Forms of a projector, by name: regressions linear in their parameters, whose columns are products of powers.

With v = (w_1, ..., w_{S-1}, d), where the last share is dropped (shares sum to 1) and d is the mixture's distance:

    columns_p(v) = prod_j v_j ^ exponent_pj

A *joint* form is log performance = columns . c - alpha ln n, fitted to all scales at once: a power law in n with
relative effects of the mixture. The other forms have Projektor's two stages: performance = columns . c at each of two
scales, then the parameter-free line in ln n through both predictions.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixlaw.errors import MixlawError, nearest
from mixlaw.projector.scales import projection_weights
from mixlaw.typing import Array

Powers = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Form:
    """A regression of performance on mixture and distance.

    Attributes:
        name: name of the form.
        equation: its columns, with w the shares except the last and d the distance.
        source: paper or file that it comes from.
        powers: the columns: (p, q) is d^q if p is 0, else w_i^p d^q for every source except the last.
        pairs: True if products of two different shares are columns too.
        joint: True if it predicts log performance over all scales with a power law in n; else performance per scale.

    >>> form = Form("distance", "L = 1, d", "an example", powers=((0, 0), (0, 1)))
    >>> form.columns(np.array([[0.2, 0.3, 0.5]]), np.array([2.0])).tolist()
    [[1.0, 2.0]]
    """

    name: str
    equation: str
    source: str
    powers: Powers
    pairs: bool = False
    joint: bool = False

    @property
    def reads_distance(self) -> bool:
        """True if a column contains the distance."""
        return any(q for _, q in self.powers)

    @property
    def convex(self) -> bool:
        """True if the fitted form is convex in the mixture: linear in shares, the distance's coefficient at least 0."""
        return self.joint and not self.pairs and set(self.powers) <= {(0, 0), (0, 1), (1, 0)}

    def exponents(self, S: int) -> NDArray[np.int64]:
        """Exponents (P, S) of the columns in v: shares except the last, then the distance."""
        return _exponents(self.powers, self.pairs, S)

    def distance_column(self, S: int) -> int:
        """Index of the column that is the distance itself."""
        return int(np.flatnonzero((self.exponents(S) == np.eye(S, dtype=np.int64)[-1]).all(1))[0])

    def columns(self, w_RxS: Array, distance_R: Array) -> Array:
        """Values of the columns (R, P) for R mixtures."""
        v_RxS = np.column_stack([w_RxS[:, :-1], distance_R])
        return (v_RxS[:, None] ** self.exponents(w_RxS.shape[1])).prod(2)

    def column_slopes(self, w_S: Array, distance: float) -> Array:
        """Derivatives (P, S) of the columns with respect to v at one mixture."""
        exponent_PxS, v_S = self.exponents(len(w_S)), np.append(w_S[:-1], distance)
        slopes = np.empty(exponent_PxS.shape)
        for j in range(len(w_S)):
            lower_PxS = exponent_PxS.copy()
            lower_PxS[:, j] = np.maximum(lower_PxS[:, j] - 1, 0)
            slopes[:, j] = exponent_PxS[:, j] * (v_S**lower_PxS).prod(1)
        return slopes

    def weights(self, n_R: Array, scales: tuple[float, ...]) -> Array:
        """Weights (R, B) of the blocks of columns at each n: rows of the design are weights times columns.

        A joint form has one block. Other forms have one block per pilot scale, weighted by the projection over scales:
        at a pilot scale the weight is 1 for its own block and 0 for the other.
        """
        if self.joint or len(scales) == 1:
            return np.ones((len(n_R), 1))
        return projection_weights(n_R, *scales).T

    def scale_columns(self, n_R: Array, scales: tuple[float, ...]) -> Array:
        """Scale column (R, 1) of a joint form, -ln n centred on the pilots' scales; (R, 0) otherwise."""
        if not self.joint or len(scales) == 1:
            return np.empty((len(n_R), 0))
        return -(np.log(n_R) - np.log(scales).mean())[:, None]

    def design(self, w_RxS: Array, distance_R: Array, n_R: Array, scales: tuple[float, ...]) -> Array:
        """Design matrix: its product with the parameters is the performance, or the log performance for joint forms."""
        columns_RxP = self.columns(w_RxS, distance_R)
        blocks_RxBxP = self.weights(n_R, scales)[:, :, None] * columns_RxP[:, None]
        return np.column_stack([blocks_RxBxP.reshape(len(n_R), -1), self.scale_columns(n_R, scales)])


@lru_cache
def _exponents(powers: Powers, pairs: bool, S: int) -> NDArray[np.int64]:
    eye, rows = np.eye(S, dtype=np.int64), []
    for p, q in powers:
        each = [p * eye[i] for i in range(S - 1)] if p else [0 * eye[0]]
        rows += [row + q * eye[S - 1] for row in each]
    if pairs:
        rows += [eye[i] + eye[j] for i in range(S - 1) for j in range(i)]
    return np.array(rows)


_ONE, _DISTANCE, _SHARES, _SQUARES = (0, 0), (0, 1), (1, 0), (2, 0)
_PROJEKTOR = "Kang, Just, Sahu and Jia 2023 (2307.02460)"
_HERE = "here (analysis/benchmarks/projector.py)"

DEFAULT = "joint"
FORMS: tuple[Form, ...] = (
    Form("joint", "ln L = 1, d, w - alpha ln n", _HERE, (_ONE, _DISTANCE, _SHARES), joint=True),
    Form("joint-distance", "ln L = 1, d - alpha ln n", _HERE, (_ONE, _DISTANCE), joint=True),
    Form("joint-mixture", "ln L = 1, w - alpha ln n", _HERE, (_ONE, _SHARES), joint=True),
    Form("linear", "L = 1, w", f"a baseline of {_PROJEKTOR}", (_ONE, _SHARES)),
    Form("pseudo-quadratic", "L = 1, w, w^2", f"a baseline of {_PROJEKTOR}", (_ONE, _SHARES, _SQUARES)),
    Form("quadratic", "L = 1, w, w^2, w_i w_j", f"a baseline of {_PROJEKTOR}", (_ONE, _SHARES, _SQUARES), pairs=True),
    Form(
        "projektor",
        "L = 1, d, w, w d, w^2 d",
        f"{_PROJEKTOR}, as its code has it: which source comes last matters",
        (_ONE, _DISTANCE, _SHARES, (1, 1), (2, 1)),
    ),
)
"""All forms, the default first. The last four are baselines for comparison."""


def form_named(name: str) -> Form:
    """The form with this name.

    Raises:
        MixlawError: no form has this name.

    >>> form_named("joint").convex
    True
    """
    for form in FORMS:
        if form.name == name:
            return form
    raise MixlawError(f"projector form {name}: unknown; {nearest(name, [form.name for form in FORMS])}")
