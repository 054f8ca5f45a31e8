"""An online run: its row is exact, its mixture is the path's average, it can be stopped anywhere and goes on."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from factories.texts import letters, words

from mixlaw.auditing.audit_weights import audit
from mixlaw.errors import MixlawError
from mixlaw.project.sources import Source, Sources
from mixlaw.runs.run_table import Runs
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model.transformer import ModelConfig, count_params
from proxies.online import task as online_task
from proxies.online.dga import Dga
from proxies.online.doremi import Doremi
from proxies.online.method import Question
from proxies.online.run_online import METHODS, forget, method_named, online_key, online_mixture
from proxies.online.task import online_result
from proxies.training import train as training
from proxies.training.run_spec import RunSpec

TINY = ModelConfig(width=16, depth=1, heads=1, head_dim=16, length=32)
BOTH = [Dga(every=32, sequences=2), Doremi(every=32, sequences=2)]


@pytest.fixture(scope="module")
def asked():
    corpus = build_corpus({"a": words(1), "b": letters(2)}, targets={"a": None, "aim": words(9)})
    spec = RunSpec("o", Mixture({"a": 0.5, "b": 0.5}), TINY, 30_000, 0.9, batch=4, rate=1e-3)
    return Question(spec, corpus, {"a": 2.0, "aim": 1.0})


def plainly(found):
    """All of a result but the seconds."""
    content = found.to_dict()
    return content | {"row": {k: v for k, v in content["row"].items() if k != "seconds"}}


@pytest.mark.parametrize("method", BOTH, ids=lambda m: m.name)
def test_the_row_is_exact_and_the_mixture_is_the_paths_average(asked, method):
    found, spec = online_mixture(asked, method), asked.spec
    row, tokens = found.row, spec.steps * 128
    assert row["tokens"] == tokens == row["seen:a"] + row["seen:b"]
    assert (row["params"], row["step"], row["flops"]) == (count_params(TINY), spec.steps, spec.flops)
    assert row["w:a"] == row["seen:a"] / tokens
    assert found.steps_U.tolist() == [0, *range(32, spec.steps, 32)]
    mean = sum(found.shares_UxS[step // 32] for step in range(spec.steps)) / spec.steps
    assert list(found.mixture.values()) == pytest.approx(mean.tolist(), rel=1e-12)
    assert math.fsum(found.mixture.values()) == pytest.approx(1, abs=1e-12)
    assert abs(found.mixture["a"] - row["w:a"]) * tokens < 32, "within a sequence of what was drawn"
    assert found.last == dict(zip("ab", found.shares_UxS[-1].tolist(), strict=True))
    assert np.ptp(found.shares_UxS[:, 0]) > 0.01, "the mixture moved"
    assert math.log(257) > row["loss:a"] > 1
    table = Runs.from_frame(pd.DataFrame([row]), "runs.csv")
    assert table.sources == ("a", "b")


@pytest.mark.parametrize("method", BOTH, ids=lambda m: m.name)
def test_the_seed_decides_everything(asked, method):
    assert plainly(online_mixture(asked, method)) == plainly(online_mixture(asked, method))
    other = dataclasses.replace(asked, spec=dataclasses.replace(asked.spec, seed=1))
    assert online_mixture(other, method).mixture != online_mixture(asked, method).mixture


class StopError(Exception):
    """A run stopped from outside."""


def stop_after(calls, monkeypatch):
    """`progress` that stops at its n-th call; with OFTEN 0 it is called after every chunk."""
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)
    left = [calls]

    def progress(*_):
        left[0] -= 1
        if left[0] == 0:
            raise StopError

    return progress


@pytest.mark.parametrize("calls", [2, 4, 7, 14])
@pytest.mark.parametrize("method", BOTH, ids=lambda m: m.name)
def test_a_run_stopped_anywhere_ends_in_the_same_result(asked, method, calls, tmp_path, monkeypatch):
    """DoReMi at 2 to 14 chunks is in its reference of 15; at 4 + 15 in the proxy (below)."""
    state = tmp_path / "run.state"
    whole = online_mixture(asked, method)
    for more in (calls, 15 + calls):
        progress = stop_after(more, monkeypatch)
        try:
            online_mixture(asked, method, state=state, every=0.0, progress=progress)
        except StopError:
            assert list(tmp_path.iterdir())
    assert plainly(online_mixture(asked, method, state=state, every=0.0)) == plainly(whole)
    forget(state)
    assert not list(tmp_path.iterdir())


def test_a_state_of_another_question_is_not_taken(asked, tmp_path):
    state = tmp_path / "run.state"
    online_mixture(asked, BOTH[0], state=state, every=0.0)
    other = dataclasses.replace(asked, weights={"a": 1.0})
    assert online_key(other, BOTH[0]) != online_key(asked, BOTH[0]) != online_key(asked, BOTH[1])
    assert online_key(asked, Dga(every=32, sequences=2, blend=0.2)) != online_key(asked, BOTH[0])
    found = online_mixture(other, BOTH[0], state=state, every=0.0)
    assert plainly(found) == plainly(online_mixture(other, BOTH[0]))


def test_a_result_on_disk_is_not_trained_again_and_serves_as_weights(asked, tmp_path, monkeypatch):
    path = tmp_path / "online-dga.json"
    content = online_result(path, asked, BOTH[0])
    assert json.loads(path.read_text()) == content
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "no state is left"
    sources = Sources((Source("a", 1e4), Source("b", 1e4)))
    assert audit(path, sources, 1e5).mixture == pytest.approx(content["mixture"])
    monkeypatch.setattr(online_task, "online_mixture", None)
    assert online_result(path, asked, BOTH[0]) == content
    with pytest.raises(TypeError):
        online_result(path, dataclasses.replace(asked, weights={"a": 1.0}), BOTH[0])
    path.write_text("{")
    with pytest.raises(MixlawError, match=r"online-dga\.json: not an online run's result .*move it away"):
        online_result(path, asked, BOTH[0])


def test_a_run_that_cannot_end_is_said_in_one_line(asked, tmp_path, monkeypatch):
    wild = dataclasses.replace(asked, spec=dataclasses.replace(asked.spec, rate=1e30))
    with pytest.raises(MixlawError, match=r"^run o: .*lower the learning rate"):
        online_result(tmp_path / "online-dga.json", wild, BOTH[0])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MixlawError, match=r"online-dga\.json: cannot be written \(No space left"):
        online_result(tmp_path / "online-dga.json", asked, BOTH[0])


@pytest.mark.parametrize("begin", [0.0, 0.3, 0.6])
def test_the_mixture_is_fixed_until_it_begins(asked, begin):
    found = online_mixture(asked, Dga(every=32, sequences=2, begin=begin))
    assert found.steps_U.tolist() == [0, *(s for s in range(32, asked.spec.steps, 32) if s >= begin * asked.spec.steps)]
    assert found.overhead == pytest.approx(4 * 2 * (len(found.steps_U) - 1) / (asked.spec.steps * 4))
    with pytest.raises(MixlawError, match="run o: 234 steps and an update every 32"):
        online_mixture(asked, Dga(every=32, begin=0.99))


def test_targets_without_a_weight_do_not_steer_and_equal_weights_are_the_default(asked):
    alone = online_mixture(dataclasses.replace(asked, weights={"aim": 1.0}), BOTH[0])
    assert alone.row["unique:a"] == round(0.9 * asked.corpus.tokens["a"])
    assert len(alone.notes) == 1
    assert "target aim" in alone.notes[0]
    even = online_mixture(dataclasses.replace(asked, weights={}), BOTH[0])
    assert even.mixture == online_mixture(dataclasses.replace(asked, weights={"a": 1.0, "aim": 1.0}), BOTH[0]).mixture


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": {"web": 1.0}}, "target web: .*aim"),
        ({"weights": {"aim": -1.0}}, "target aim: a weight of -1.0; give a number above 0"),
        ({"weights": {"aim": math.nan}}, "target aim: a weight of nan"),
        ({"tokens": 4_000}, "run o: 31 steps and an update every 32"),
        ({"mixture": {"a": 0.5}}, "run o: shares sum to 0.5"),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(asked, changes, said):
    def question():
        if "weights" in changes:
            return dataclasses.replace(asked, **changes)
        return dataclasses.replace(asked, spec=dataclasses.replace(asked.spec, **changes))

    with pytest.raises(MixlawError, match=said):
        online_mixture(question(), BOTH[0])


def test_methods_have_names_and_settings():
    assert list(METHODS) == ["dga", "doremi"]
    assert method_named("dga", rate=2.0) == Dga(rate=2.0)
    with pytest.raises(MixlawError, match="did you mean 'doremi'"):
        method_named("doremy")
    with pytest.raises(
        MixlawError, match="doremi: no setting 'blend'; it has every, sequences, begin, rate, smoothing"
    ):
        method_named("doremi", blend=0.1)
