"""Pilots: what is refused, and with which words."""

import numpy as np
import pytest
from factories.pilots import Quadratic, energy

from mixlaw.errors import MixlawError
from mixlaw.projector import Pilots

TWO = [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]]


def test_distances_are_evaluated_once_a_mixture_and_land_on_their_rows():
    class Counted(Quadratic):
        count = 0

        def __call__(self, w_S, /):
            self.count += 1
            return super().__call__(w_S)

    distance = Counted([0.2, 0.3, 0.5])
    pilots = Pilots.of(distance, [*TWO[::-1], *TWO], [1.0, 1.0, 2.0, 2.0], [3.0, 4.0, 5.0, 6.0])
    assert distance.count == 2
    assert pilots.distance_R == pytest.approx([0.18, 0, 0, 0.18])
    assert pilots.group_R.tolist() in ([1, 0, 0, 1], [0, 1, 1, 0])
    assert pilots.scales == (1.0, 2.0)


@pytest.mark.parametrize(
    ("w", "n", "reached", "words"),
    [
        (TWO, 1.0, [1.0], "performance of shape"),
        (TWO, 1.0, [1.0, 0.0], "performance of pilot 1 is 0"),
        (TWO, 1.0, [np.nan, 1.0], "performance of pilot 0 is nan"),
        (TWO, [1.0, -2.0], [1.0, 1.0], "scale of pilot 1 is -2"),
        (TWO, [1.0, 2.0, 3.0], [1.0, 1.0], "scale of shape"),
        ([[0.5, 0.5]], 1.0, [1.0], "for 3 sources"),
        ([[0.5, 0.9, 0.1]], 1.0, [1.0], "mixture 0: the weights sum to 1.5"),
        ([["a", "b", "c"]], 1.0, [1.0], "must be numbers"),
        ([], 1.0, [], "a row for each mixture"),
        (TWO, "many", [1.0, 1.0], "must be numbers"),
        (TWO, 1.0, ["x", 1.0], "must be numbers"),
    ],
)
def test_what_are_no_pilots_is_refused_in_one_line(w, n, reached, words):
    with pytest.raises(MixlawError, match=words) as refusal:
        Pilots.of(energy(), w, n, reached)
    assert "\n" not in str(refusal.value)
