"""A new source beside an earlier plan."""

from dataclasses import replace

import numpy as np
import pytest
from factories.known_laws import NAMES, known

from mixlaw.changes import design_beside, kept_group, predict_like
from mixlaw.errors import MixlawError
from mixlaw.planning.plan import Plan
from mixlaw.project.sources import Source, Sources

WORLD = Sources((Source("web", 5e10), Source("code", 1e10, max_epochs=4), Source("math", 2e9), Source("new", 1e9)))
PLAN = Plan({"web": 0.6, "code": 0.3, "math": 0.1, "books": 0.0})


def test_the_plan_is_one_source_beside_the_new_one():
    table = design_beside(PLAN, WORLD, 12, seed=0, tokens=1e10)
    w_RxS = table[[f"w:{name}" for name in WORLD.names]].to_numpy()
    np.testing.assert_allclose(w_RxS.sum(1), 1.0)
    np.testing.assert_allclose(w_RxS[:, 0], 2 * w_RxS[:, 1], rtol=1e-9)
    np.testing.assert_allclose(w_RxS[:, 0], 6 * w_RxS[:, 2], rtol=1e-9)
    assert np.ptp(w_RxS[:, 3]) > 0.3
    assert table["run_id"].is_unique


def test_a_cap_in_epochs_of_one_member_caps_them_all():
    world = Sources([*WORLD.items[:2], replace(WORLD["math"], max_epochs=1), WORLD["new"]])
    table = design_beside(PLAN, world, 20, seed=0, tokens=4e10)
    assert table["w:math"].max() <= 2e9 / 4e10 + 1e-9
    assert (table["w:new"] > 0.4).all()


def test_sources_gone_since_are_left_out_of_the_group():
    group = kept_group(PLAN, Sources([WORLD["web"], WORLD["math"], WORLD["new"]]))
    assert group.kept == pytest.approx({"web": 6 / 7, "math": 1 / 7})


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (WORLD.items[:3], "no source is missing from the plan"),
        ((Source("new", 1e9),), "none of the project's with a share"),
        ((Source("web", None), Source("new", 1e9)), "tokens of web are unknown"),
        ((Source("web", 1e9, max=0.3), Source("code", 1e9, min=0.3), Source("new", 1e9)), "no longer allow"),
    ],
)
def test_what_cannot_be_reused_is_refused(items, words):
    with pytest.raises(MixlawError, match=words):
        design_beside(PLAN, Sources(items), 4, seed=0)


def test_a_source_likened_to_others_is_predicted_as_their_mixture():
    fit, at = known(), {"params": 3e8, "tokens": 6e9}
    found = predict_like(fit, [{"web": 0.4, "new": 0.6}], {"new": {"code": 1.0, "math": 2.0}}, **at)
    w_S = np.array([[{"web": 0.4, "code": 0.2, "math": 0.4}[name] for name in NAMES]])
    np.testing.assert_allclose(found, fit.losses(w_S, **at))
    with pytest.raises(MixlawError, match="is neither in the fit nor replaced"):
        predict_like(fit, [{"other": 1.0}], {}, **at)
