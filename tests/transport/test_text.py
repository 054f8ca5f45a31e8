"""From files of real text to the nearest mixture: the example project's own text."""

from pathlib import Path

import numpy as np
import pytest

from mixlaw.transport import (
    EnergyDistance,
    ExactOT,
    NGramKL,
    NGrams,
    Samples,
    equal_samples,
    fit_features,
    minimize,
    passages,
)
from proxies.text.readers import read_documents

EXAMPLE = Path(__file__).resolve().parents[2] / "analysis" / "example"
FILES = {"code": "code.parquet", "docstrings": "docstrings.jsonl.gz", "prose": "prose.md"}


@pytest.fixture(scope="module")
def halves():
    """Passages of 400 characters, 17 of every source, and a sample of other passages of each to be the target."""
    texts = {name: list(passages(read_documents([EXAMPLE / file]), 400)) for name, file in FILES.items()}
    shuffled = equal_samples(texts, 34)
    order_N = np.random.default_rng(0).permutation(34)
    return [{name: [held[i] for i in part] for name, held in shuffled.items()} for part in (order_N[:17], order_N[17:])]


@pytest.mark.parametrize("target", FILES)
def test_the_nearest_mixture_to_a_sources_own_text_is_mostly_that_source(halves, target):
    samples, wanted = halves[0], halves[1][target]
    pool = [text for held in samples.values() for text in held] + wanted
    features = fit_features(NGrams(), pool, dims=8)
    points = Samples.of({name: features(held) for name, held in samples.items()}, features(wanted))
    for distance in (ExactOT(points), EnergyDistance(points), NGramKL.of(samples, wanted)):
        found = minimize(distance)
        assert found.converged
        best = distance.sources[int(np.argmax(found.w_S))]
        assert best == target, type(distance).__name__
        assert found.w_S.max() > 0.5
