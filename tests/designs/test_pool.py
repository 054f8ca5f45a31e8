from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixlaw.designs.options import Wish
from mixlaw.designs.pool import next_of_pool
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_runs import fit
from mixlaw.project.constraints import Constraints, Group
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Source, Sources, Target
from mixlaw.runs.run_table import Runs

NAMES = ("books", "web", "logs")
COLUMNS = [f"w:{name}" for name in NAMES]


def pool(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures (M, 3) and what runs of them measure for two targets (M, 2): a law, and something of each one's own."""
    rng = np.random.default_rng(2)
    w_MxS = rng.dirichlet(np.full(3, 0.7), count)
    index_M = 0.2 + w_MxS**0.5 @ [1.0, 0.6, 0.1]
    loss_M = (2.0 + 0.8 * index_M**-0.5) * np.exp(0.004 * rng.standard_normal(count))
    return w_MxS, np.stack([loss_M, 0.9 * loss_M], axis=1)


W_MxS, LOSS_MxK = pool()


def table(rows) -> Runs:
    frame = pd.DataFrame({"run_id": [f"r{m}" for m in rows], "params": 1e6, "tokens": 2e7})
    frame[COLUMNS] = W_MxS[rows]
    frame[["loss:books", "loss:chat"]] = LOSS_MxK[rows]
    return Runs.from_frame(frame)


def fitted(rows):
    return fit(table(rows), "effective-tokens")


def project(**more) -> Project:
    sources = Sources([Source("books", 1e8), Source("web", 5e10), Source("logs", 2e10)])
    return Project(sources, (Target("books", 2.0), Target("chat")), None, Path(), Path("mixlaw.yaml"), **more)


def test_three_runs_are_enough_to_begin_and_few_more_find_the_best():
    objective_M = LOSS_MxK @ [0.5, 0.5]
    ran = np.argsort(objective_M)[-3:].tolist()
    for _ in range(2):
        found = next_of_pool(fitted(ran), W_MxS, wish=Wish(batch=3))
        new = [row - 1 for row in found.content["pool"]["rows"]]
        assert not set(new) & set(ran)
        np.testing.assert_allclose(found.frame[COLUMNS].to_numpy(), W_MxS[new])
        ran += new
    plan = next_of_pool(fitted(ran), W_MxS).content["pool"]["row"] - 1
    assert objective_M[plan] - objective_M.min() <= 0.005


def test_what_was_measured_counts_and_the_regret_is_expected_to_fall():
    order = np.argsort(LOSS_MxK[:, 0])
    rows = [*order[:1], *order[30:38]]
    found = next_of_pool(fitted(rows), W_MxS, wish=Wish(batch=5))
    told = found.content["pool"]
    assert (told["row"], told["measured"]) == (order[0] + 1, True)
    assert told["objective"] == pytest.approx(LOSS_MxK[order[0]].mean())
    assert found.content["regret"]["now"] >= found.content["regret"]["after"] >= 0
    assert len(set(told["rows"])) == 5
    assert not set(told["rows"]) & {row + 1 for row in rows}
    assert (found.frame["params"] == 1e6).all()
    other = next_of_pool(fitted(rows), W_MxS, wish=Wish(batch=5, method="thompson"))
    assert len(other.frame) == 5


def test_mixtures_that_break_a_constraint_are_left_out():
    held, nine = Constraints(groups=(Group("text", ("books", "web"), max=0.5),)), fitted(range(9))
    found = next_of_pool(nine, W_MxS, project(constraints=held), Wish(batch=3))
    assert (found.frame[["w:books", "w:web"]].sum(axis=1) <= 0.5 + 1e-9).all()
    plan = found.content["mixture"]
    assert plan["books"] + plan["web"] <= 0.5 + 1e-9
    assert any("break a constraint" in note for note in found.content["notes"])
    none = Constraints(groups=(Group("text", ("books", "web"), max=1e-9),))
    with pytest.raises(MixlawError, match="no mixture keeps the constraints"):
        next_of_pool(nine, W_MxS, project(constraints=none))


@pytest.fixture(scope="module")
def five():
    return fitted(range(5))


@pytest.mark.parametrize(
    ("mixtures", "wish", "words"),
    [
        (W_MxS[:5], Wish(), "nothing is left to run; take the mixture of its row"),
        (W_MxS[:, :2], Wish(), "of the 3 sources"),
        (W_MxS, Wish(size="cost"), "leave out other candidates"),
        (W_MxS, Wish(candidates=W_MxS), "leave out other candidates"),
        (W_MxS, Wish(size=2e6), "no run of the table has this number of params"),
    ],
)
def test_refusals(five, mixtures, wish, words):
    with pytest.raises(MixlawError) as caught:
        next_of_pool(five, mixtures, wish=wish)
    assert words in str(caught.value)
