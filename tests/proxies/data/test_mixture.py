"""A mixture: checked once, whatever it is made of, and the same wherever it goes."""

import copy
import math
import pickle

import numpy as np
import pytest

from mixlaw.errors import MixlawError
from proxies.data.mixture import Mixture


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"a": 0.7}, "run r: shares sum to 0.7; make them sum to 1"),
        ({"a": 1.5, "b": -0.5}, "run r, w:b: -0.5 is not a share"),
        ({"a": math.nan}, "run r, w:a: nan is not a share"),
        ({}, "run r: shares sum to 0"),
    ],
)
def test_what_is_no_mixture_is_refused_with_its_owner(shares, words):
    with pytest.raises(MixlawError, match=words):
        Mixture(shares, "run r")


def test_a_mixture_is_a_mapping_of_plain_numbers_that_cannot_be_changed():
    mixture = Mixture.of(["a", "b", "c"], np.array([0.5, 0.25, 0.25], np.float32))
    assert mixture == {"a": 0.5, "b": 0.25, "c": 0.25}
    assert mixture == Mixture({"c": 0.25, "b": 0.25, "a": 0.5})
    assert hash(mixture) == hash(Mixture({"c": 0.25, "b": 0.25, "a": 0.5}))
    assert {type(share) for share in mixture.values()} == {float}
    assert mixture.array(["c", "absent", "a"]).tolist() == [0.25, 0.0, 0.5]
    assert list(pickle.loads(pickle.dumps(mixture)).items()) == list(mixture.items())
    assert copy.deepcopy(mixture) == mixture
    with pytest.raises(TypeError):
        mixture["a"] = 1.0  # type: ignore[index]
    with pytest.raises(ValueError, match="shorter"):
        Mixture.of(["a", "b"], np.array([1.0]))
