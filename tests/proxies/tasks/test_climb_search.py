"""The search's loop with proxies that a formula stands for; `tests/cli/test_search.py` trains some."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mixlaw.designs.batch_report import BatchReport
from mixlaw.designs.next_batch import NextRuns
from mixlaw.designs.options import Wish
from mixlaw.errors import MixlawError
from mixlaw.project.sources import Budget, Source, Sources, Target
from mixlaw.runs.run_table import Runs
from proxies.tasks.climb_search import best_of, extended, search
from proxies.tasks.proxy_sizes import propose
from proxies.tasks.run_specs import run_specs
from proxies.tasks.task import Task, mixtures

SOURCES = Sources([Source("books", 4e6), Source("web", 9e6), Source("logs", 7e6)])
TARGETS = (Target("books", 2.0), Target("chat"))


@pytest.fixture
def task() -> Task:
    corpus = SimpleNamespace(tokens={s.name: int(s.tokens or 0) for s in SOURCES}, hash="x")
    budget = Budget(params=1.6e5, tokens=3e6)
    return Task(corpus, SOURCES, TARGETS, budget, propose(1.6e5, 3e6, seconds=60, runs=16), ())  # pyright: ignore


def trainer(calls: list):
    """What a sweep would give: losses by a formula, the same for the same run, and a line in `calls`."""

    def train(task: Task, chosen: list) -> Runs:
        specs = run_specs(task.proposal, chosen, task.corpus)
        calls.append(len(specs))
        rows = []
        for spec in specs:
            w_S = np.array([spec.mixture[name] for name in SOURCES.names])
            params = next(s.params for s in task.proposal.scales if s.config == spec.config)
            noise = np.random.default_rng(int(1e6 * w_S[0]) + spec.tokens).standard_normal(2)
            index = 0.2 + w_S**0.5 @ [1.0, 0.6, 0.1]
            loss = 1.5 + 0.5 * index**-0.5 + 0.4 * (params / 1e5) ** -0.3 + 0.3 * (spec.tokens / 1e6) ** -0.3
            row = {"run_id": spec.run_id, "params": params, "tokens": spec.tokens}
            row |= {f"w:{name}": w for name, w in zip(SOURCES.names, w_S, strict=True)}
            rows.append(row | {"loss:books": loss * np.exp(0.002 * noise[0]), "loss:chat": loss + 0.002 * noise[1]})
        return Runs.from_frame(pd.DataFrame(rows))

    return train


@pytest.fixture
def proposer(monkeypatch):
    """What a fit would propose, without a fit: mixtures from the table's hash, at its largest size."""

    def propose_next(task: Task, runs: Runs, wish: Wish, law: str) -> NextRuns:
        assert law == "mixture-index"
        w_QxS = np.random.default_rng(int(runs.hash(), 16)).dirichlet(np.ones(3), wish.batch)
        frame = pd.DataFrame(w_QxS, columns=[f"w:{name}" for name in SOURCES.names])
        frame["params"] = max(scale.params for scale in task.proposal.scales)
        told = {"spread": 1 / len(runs), "regret": {"now": 1 / len(runs), "after": 0.0}}
        return NextRuns(frame, BatchReport.from_dict(told))

    monkeypatch.setattr("proxies.tasks.climb_search._next", propose_next)


@pytest.mark.usefixtures("proposer")
def test_rounds_add_batches_at_the_largest_size_and_know_more(task, tmp_path):
    calls: list[int] = []
    first = mixtures(task, 0)
    done, runs, told = search(task, first, 3, Wish(batch=4), "mixture-index", tmp_path, trainer(calls))
    assert calls == [16, 20, 24]
    assert [(one.added, one.runs) for one in told] == [(16, 16), (4, 20), (4, 24)]
    assert len(done.proposal.scales) == len(task.proposal.scales) + 2
    largest = max(scale.params for scale in task.proposal.scales)
    assert (runs.params_R[-8:] == largest).all()
    assert told[-1].regret is None
    assert told[0].regret is not None
    assert told[1].regret is not None
    assert told[1].regret < told[0].regret
    assert told[1].best is not None
    assert best_of(done, runs) == told[-1].best


@pytest.mark.usefixtures("proposer")
def test_a_search_that_was_stopped_goes_on_with_what_it_proposed(task, tmp_path):
    first = mixtures(task, 0)
    wish = Wish(batch=4)
    _, whole, _ = search(task, first, 3, wish, "mixture-index", tmp_path, trainer([]))
    kept = (tmp_path / "round-2.json").read_text()
    (tmp_path / "round-3.json").write_text('{"asked": ')  # cut short
    _, again, _ = search(task, first, 3, wish, "mixture-index", tmp_path, trainer([]))
    assert whole.hash() == again.hash()
    assert (tmp_path / "round-2.json").read_text() == kept
    # What was kept is taken, not found anew.
    content = json.loads(kept)
    content["mixtures"][0] = {"books": 0.5, "web": 0.25, "logs": 0.25}
    (tmp_path / "round-2.json").write_text(json.dumps(content))
    _, other, _ = search(task, first, 2, wish, "mixture-index", tmp_path, trainer([]))
    np.testing.assert_allclose(other.w_RxS[16], [0.5, 0.25, 0.25])
    # Another wish is another search.
    _, larger, _ = search(task, first, 2, Wish(batch=5), "mixture-index", tmp_path, trainer([]))
    assert len(larger) == 21


def test_a_size_that_no_proxy_has_is_refused(task):
    with pytest.raises(MixlawError, match="no proxies of 12345 parameters"):
        extended(task, 12345, 4)
