import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from mixlaw.designs.space_filling import design, space_filling
from mixlaw.errors import MixlawError
from mixlaw.project.sources import Source, Sources
from mixlaw.runs.run_table import Runs

THREE = Sources([Source("web", 6e12), Source("code", 3e12), Source("wiki", 1e12)])


def weights(frame):
    return frame[[column for column in frame if column.startswith("w:")]].to_numpy()


def test_columns_and_the_first_run():
    frame = design(THREE, 8, seed=0)
    assert list(frame) == ["run_id", "w:web", "w:code", "w:wiki"]
    assert frame["run_id"].is_unique
    np.testing.assert_allclose(weights(frame)[0], [0.6, 0.3, 0.1])
    assert not frame.attrs
    assert space_filling(THREE, 8, seed=0).notes == ()


def test_is_half_a_run_table():
    frame = design(THREE, 5, seed=0).assign(**{"loss:web": 3.0})
    assert Runs.from_frame(frame).sources == THREE.names


def test_the_first_runs_show_each_source_at_a_large_and_at_a_small_share():
    w_RxS = weights(design(THREE, 8, seed=0))[:4]
    assert (w_RxS.max(axis=0) > 0.55).all()
    assert (w_RxS.min(axis=0) < 0.15).all()


@st.composite
def bounded_sources(draw):
    S = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inside_S = rng.dirichlet(np.ones(S))
    low_S = inside_S * rng.uniform(size=S) * (rng.uniform(size=S) < 0.5)
    high_S = np.minimum(1, inside_S * (1 + 3 * rng.uniform(size=S)) + 1e-6)
    tokens_S = 10 ** rng.uniform(9, 12, S)
    D = 1e11
    # The caps on epochs are drawn so that the point drawn inside stays feasible.
    epochs_S = inside_S * D / tokens_S * (1 + rng.uniform(size=S))
    capped_S = rng.uniform(size=S) < 0.5
    return D, Sources(
        Source(f"s{i}", tokens_S[i], (), None, low_S[i], high_S[i], epochs_S[i] if capped_S[i] else None)
        for i in range(S)
    )


@settings(deadline=None, max_examples=25)
@given(bounded_sources(), st.integers(1, 20), st.integers(0, 100))
def test_respects_bounds_and_availability(case, runs, seed):
    D, sources = case
    w_RxS = weights(design(sources, runs, seed=seed, tokens=D))
    assert w_RxS.shape == (runs, len(sources))
    np.testing.assert_allclose(w_RxS.sum(axis=1), 1, atol=1e-12)
    assert (w_RxS >= sources.min_S - 1e-12).all()
    assert (w_RxS <= sources.max_S + 1e-12).all()
    assert (w_RxS * D / sources.tokens_S <= sources.max_epochs_S * (1 + 1e-9)).all()


def test_any_plausible_mixture_has_a_run_nearby():
    sources = Sources(Source(f"s{i}", t) for i, t in enumerate([6e12, 3e12, 1e12, 5e11, 3e11, 1e11]))
    rng = np.random.default_rng(5)
    wanted_NxS = np.sqrt(
        np.concatenate([rng.dirichlet(np.ones(6), 500), rng.dirichlet(6 * sources.proportional(), 500)])
    )

    def distance(w_RxS):
        return cdist(wanted_NxS, np.sqrt(w_RxS)).min(axis=1).mean()

    random = np.mean([distance(rng.dirichlet(np.ones(6), 30)) for _ in range(20)])
    assert distance(weights(design(sources, 30, seed=0))) < 0.85 * random


def test_same_seed_same_design():
    one, again, other = (design(THREE, 12, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(weights(one), weights(again))
    assert not np.allclose(weights(one), weights(other))
    assert not set(one["run_id"]) & set(other["run_id"])


def test_sixty_sources_in_seconds():
    rng = np.random.default_rng(0)
    sources = Sources(Source(f"s{i}", t, max_epochs=8) for i, t in enumerate(10 ** rng.uniform(8, 12, 60)))
    start = time.process_time()
    w_RxS = weights(design(sources, 200, seed=1, tokens=1e11))
    assert time.process_time() - start < 30
    assert (w_RxS * 1e11 / sources.tokens_S <= 8 * (1 + 1e-9)).all()
    assert len(np.unique(w_RxS.round(9), axis=0)) == 200


def test_notes_say_what_was_not_done():
    sources = Sources([Source("web", None), Source("code", 1e9, max_epochs=2)])
    notes = " ".join(space_filling(sources, 2, seed=0).notes)
    for part in ("web unknown", "max_epochs"):
        assert part in notes
    capped = Sources([Source("web", 9e9, max=0.5), Source("code", 1e9)])
    made = space_filling(capped, 4, seed=0)
    np.testing.assert_allclose(weights(made.frame)[0], [0.5, 0.5])
    assert any("outside the bounds" in note for note in made.notes)


def test_one_source_gives_one_mixture():
    made = space_filling(Sources([Source("web", 1e9)]), 3, seed=0)
    np.testing.assert_array_equal(weights(made.frame), np.ones((3, 1)))
    assert any("single mixture" in note for note in made.notes)


@pytest.mark.parametrize(
    ("sources", "arguments", "named"),
    [
        (THREE, {"runs": 0, "seed": 0}, "runs is 0"),
        (THREE, {"runs": 2.5, "seed": 0}, "runs is 2.5"),
        (THREE, {"runs": 3, "seed": -1}, "seed is -1"),
        (THREE, {"runs": 3, "seed": None}, "seed is None"),
        (THREE, {"runs": 3, "seed": 0, "tokens": -1.0}, "tokens"),
        (Sources([Source("web", 1e9, max_epochs=1)]), {"runs": 3, "seed": 0, "tokens": 4e9}, "web 0.25"),
        (
            Sources([Source("web", 1e9, min=0.5, max_epochs=1), Source("code", 1e9)]),
            {"runs": 3, "seed": 0, "tokens": 4e9},
            "'web'",
        ),
        (Sources([Source("web", None, max_epochs=1)]), {"runs": 3, "seed": 0, "tokens": 4e9}, "web"),
    ],
)
def test_refusals(sources, arguments, named):
    with pytest.raises(MixlawError) as caught:
        design(sources, **arguments)
    assert named in str(caught.value)
