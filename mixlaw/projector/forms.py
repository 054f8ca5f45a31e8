"""The forms a projector may take, by name. All are linear in their parameters, and every column is a product of powers.

With the last source dropped (shares sum to 1), v = (w_1, ..., w_{S-1}, d), d the distance of the mixture:

    columns_p(v) = prod_j v_j ^ exponent_pj

A *joint* form is log performance = columns . c - alpha ln n, fitted over all scales at once: a power law in n, and
effects of mixtures that are relative. The others are Projektor's two stages: performance = columns . c at each of two
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
        name: by which it is asked for.
        equation: of the columns, w the shares but the last, d the distance.
        source: where it is from.
        powers: the columns: (p, q) stands for d^q where p is 0, else for w_i^p d^q of every source but the last.
        pairs: whether the products of two different shares are columns too.
        joint: of log performance over all scales with a power law in n; else of performance, scale by scale.
    """

    name: str
    equation: str
    source: str
    powers: Powers
    pairs: bool = False
    joint: bool = False

    @property
    def reads_distance(self) -> bool:
        """Whether any column does."""
        return any(q for _, q in self.powers)

    @property
    def convex(self) -> bool:
        """Whether the fitted form is convex in the mixture: linear in shares, the distance's coefficient at least 0."""
        return self.joint and not self.pairs and set(self.powers) <= {(0, 0), (0, 1), (1, 0)}

    def exponents(self, S: int) -> NDArray[np.int64]:
        """Exponents (P, S) of the columns, of the shares but the last and then of the distance."""
        return _exponents(self.powers, self.pairs, S)

    def distance_column(self, S: int) -> int:
        """Which column is the distance itself."""
        return int(np.flatnonzero((self.exponents(S) == np.eye(S, dtype=np.int64)[-1]).all(1))[0])

    def columns(self, w_RxS: Array, distance_R: Array) -> Array:
        """The columns (R, P) at mixtures."""
        v_RxS = np.column_stack([w_RxS[:, :-1], distance_R])
        return (v_RxS[:, None] ** self.exponents(w_RxS.shape[1])).prod(2)

    def column_slopes(self, w_S: Array, distance: float) -> Array:
        """Derivatives (P, S) of the columns by v at one mixture."""
        exponent_PxS, v_S = self.exponents(len(w_S)), np.append(w_S[:-1], distance)
        slopes = np.empty(exponent_PxS.shape)
        for j in range(len(w_S)):
            lower_PxS = exponent_PxS.copy()
            lower_PxS[:, j] = np.maximum(lower_PxS[:, j] - 1, 0)
            slopes[:, j] = exponent_PxS[:, j] * (v_S**lower_PxS).prod(1)
        return slopes

    def weights(self, n_R: Array, scales: tuple[float, ...]) -> Array:
        """How the columns' blocks count at each n, (R, B): the rows of a design are these times the columns.

        One block of the mixture's columns for a joint form; for the others one for each pilot scale, weighed by the
        projection, which at the pilots' own scales is 1 for their block and 0 for the other.
        """
        if self.joint or len(scales) == 1:
            return np.ones((len(n_R), 1))
        return projection_weights(n_R, *scales).T

    def scale_columns(self, n_R: Array, scales: tuple[float, ...]) -> Array:
        """The columns (R, 0 or 1) of a joint form over several scales: -ln n, from the middle of the pilots'."""
        if not self.joint or len(scales) == 1:
            return np.empty((len(n_R), 0))
        return -(np.log(n_R) - np.log(scales).mean())[:, None]

    def design(self, w_RxS: Array, distance_R: Array, n_R: Array, scales: tuple[float, ...]) -> Array:
        """Rows whose products with the parameters are the performances, or for joint forms their logarithms."""
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
"""Every form; the first is the default, the last four are there to compare with."""


def form_named(name: str) -> Form:
    """A form by its name.

    Raises:
        MixlawError: no form has that name.

    >>> form_named("joint").convex
    True
    """
    for form in FORMS:
        if form.name == name:
            return form
    raise MixlawError(f"projector form {name}: unknown; {nearest(name, [form.name for form in FORMS])}")
