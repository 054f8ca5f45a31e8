"""Fits written before this version are read: the same predictions, and the same file when saved again."""

import json
from pathlib import Path

import numpy as np
import pytest

from mixlaw.fitting.fit_result import read_fit

DATA = Path(__file__).resolve().parents[1] / "data"
W_MxS = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
# Printed by the version that wrote the files: nats per token of each mixture on the two targets.
LOSSES = {
    "fit_schema_2": [
        [2.8375927161782535, 2.8944180830879063],
        [2.9572584615075588, 2.888853845045255],
        [2.8317086360132615, 3.16904986202601],
    ],
    "reference_fit_schema_2": [
        [2.978074366135992, 3.0465477668250016],
        [3.080625122266363, 3.0371862723317826],
        [2.9785061018954258, 3.1769553036200144],
    ],
}
REPLICAS_BxM = [
    [2.7627578276244966, 2.8446029802443844, 2.7621529624822725],
    [2.742808088572044, 2.8191714481817494, 2.735154896879734],
    [2.7473474627381504, 2.818897810371807, 2.756995886735556],
    [2.731741401148253, 2.860758016720612, 2.8244063289946233],
]


def check_same(one, other, at=""):
    """Keys, their order and all values; numbers to 1e-9, since processors round parameters differently."""
    if isinstance(one, dict):
        assert list(one) == list(other), at
        for key in one:
            check_same(one[key], other[key], f"{at}/{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), at
        for i, pair in enumerate(zip(one, other, strict=True)):
            check_same(*pair, f"{at}/{i}")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-9), at
    else:
        assert type(one) is type(other), at
        assert one == other, at


@pytest.mark.parametrize("name", LOSSES)
def test_a_fit_written_before_predicts_the_same_and_is_saved_the_same(name, tmp_path):
    file = DATA / f"{name}.json"
    fit = read_fit(file)
    table = fit.predict(W_MxS)
    assert list(table) == ["run_id", "loss:web", "loss:exam"]
    np.testing.assert_allclose(table[["loss:web", "loss:exam"]], LOSSES[name], rtol=1e-9)
    fit.save(tmp_path / "again.json")
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (file, tmp_path / "again.json"))
    check_same(before, after)


def test_replicas_written_before_predict_the_same():
    fit = read_fit(DATA / "fit_schema_2.json")
    losses_BxM = fit.losses(W_MxS, 1e8, 2e9, replicas=True)[:, :, 0]
    np.testing.assert_allclose(losses_BxM, REPLICAS_BxM, rtol=1e-9)
    assert fit.goal is not None
    assert fit.goal.unique == {"web": 1e10, "code": 2e8, "books": 1e9}
