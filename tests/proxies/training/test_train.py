"""One run: it learns real text, its row is exact, and its key names all that defines it."""

import dataclasses
import json
import math

import jax
import numpy as np
import optax
import pytest

from mixlaw.errors import MixlawError
from proxies.data.corpus import build_corpus
from proxies.data.mixture import Mixture
from proxies.model import mup
from proxies.model.transformer import ModelConfig, count_params
from proxies.text.demo_text import demo_documents, demo_targets
from proxies.training import train as module
from proxies.training.checkpoint import load
from proxies.training.train import DivergedError, RunSpec, train

TINY = ModelConfig(width=16, depth=1, heads=1, head_dim=16, length=32)


@pytest.fixture(scope="module")
def documents():
    return demo_documents()


@pytest.fixture(scope="module")
def corpus(documents):
    texts = {source: documents[source] for source in ("reference", "c")}
    return build_corpus(texts, 0, targets={"reference": None, "fixed": ["Some prose of a target. " * 20]})


def spec_of(**changes):
    return dataclasses.replace(
        RunSpec("r", Mixture({"reference": 0.75, "c": 0.25}), TINY, 40_000, 0.3, batch=4), **changes
    )


def test_the_loss_goes_down_on_real_text_and_the_row_is_exact(corpus):
    [short], [row] = train(spec_of(tokens=2_000), corpus), train(spec_of(), corpus)
    assert row["loss:reference"] < short["loss:reference"] - 0.2
    assert row["loss:reference"] < 3.0 < short["loss:reference"] < math.log(257)
    steps = round(40_000 / 128)
    assert row["tokens"] == steps * 128 == row["seen:reference"] + row["seen:c"]
    assert abs(row["seen:reference"] - 0.75 * row["tokens"]) <= 32
    assert row["unique:c"] == round(0.3 * corpus.tokens["c"])
    assert (row["params"], row["w:c"], row["run_id"]) == (count_params(TINY), 0.25, "r")
    [again] = train(spec_of(), corpus)
    assert {k: v for k, v in again.items() if k != "seconds"} == {k: v for k, v in row.items() if k != "seconds"}
    assert train(spec_of(seed=1), corpus)[-1]["loss:reference"] != row["loss:reference"]


def test_nothing_compiles_anew_for_other_steps_rates_schedules_or_decays(corpus, caplog):
    train(spec_of(tokens=3_000, evaluations=2), corpus)
    with jax.log_compiles():
        for tokens in (400, 5_000, 128 * 1_030):
            changes = {"rate": tokens / 1e7, "warmup": tokens / 1e6, "decay": 0.1, "weight_decay": tokens / 1e6}
            train(spec_of(tokens=tokens, seed=tokens, evaluations=3, **changes), corpus)
        assert "Compiling" not in caplog.text
        train(spec_of(tokens=400, batch=3), corpus)
        assert "Compiling" in caplog.text  # the check can fail


def test_the_key_names_all_that_defines_the_run(corpus):
    base = spec_of().key(corpus.hash)
    assert spec_of(run_id="other").key(corpus.hash) == base
    assert spec_of(mixture={"c": 0.25, "reference": 0.75, "absent": 0}).key(corpus.hash) == base
    changed = [
        {"mixture": {"reference": 0.7, "c": 0.3}}, {"config": ModelConfig(16, 2, 1, 16)}, {"tokens": 50_000},
        {"fraction": 0.31}, {"unique": {"reference": 9, "c": 9}}, {"seed": 1}, {"batch": 2}, {"rate": 1e-3},
        {"warmup": 0.1}, {"decay": 0.1}, {"weight_decay": 0.0}, {"evaluations": 2}, {"precision": "bfloat16"},
    ]  # fmt: skip
    assert {next(iter(c)) for c in changed} == {f.name for f in dataclasses.fields(RunSpec)} - {"run_id"}
    keys = [base, spec_of().key("another corpus"), *(spec_of(**c).key(corpus.hash) for c in changed)]
    assert len(set(keys)) == len(keys)


def stopped_at(spec, corpus, path, step):
    """Train until the state of some step is on disk, and no further."""

    class StopError(Exception):
        pass

    def stop(done, _):
        if done >= step * 128:
            raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PROGRESS_SECONDS", 0.0)
        with pytest.raises(StopError):
            train(spec, corpus, state=path, every=0.0, progress=stop)


@pytest.mark.parametrize("step", [5, 16, 150, 290])
def test_a_stopped_run_goes_on_to_the_same_rows(corpus, tmp_path, step):
    spec, path = spec_of(evaluations=4), tmp_path / "run.npz"
    stopped_at(spec, corpus, path, step)
    assert path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    told = []
    rows = train(spec, corpus, state=path, progress=lambda *done: told.append(done))
    assert told[0][0] >= step * 128
    assert told[-1] == (312 * 128, 312 * 128)
    whole = train(dataclasses.replace(spec, run_id="other"), corpus)
    assert [row["step"] for row in rows] == [39, 78, 156, 312]
    for row, other in zip(rows, whole, strict=True):
        assert {**row, "seconds": 0, "run_id": 0} == {**other, "seconds": 0, "run_id": 0}


def test_a_state_written_before_the_optimizer_was_optaxs_is_read(tmp_path):
    """Moments under the names `first` and `second`, the steps taken in `about` alone."""
    path, params = tmp_path / "run.npz", mup.init(TINY, 0)
    arrays = {f"{part}:{n}": 0.5 * np.asarray(v) for part in ("params", "first", "second") for n, v in params.items()}
    about = {"key": "k", "step": 48, "rows": [], "seconds": 1.5}
    np.savez(path, about=np.array(json.dumps(about)), **arrays)
    found = load(path, "k", TINY)
    assert (found.step, found.seconds, found.average) == (48, 1.5, {})
    assert int(optax.tree_utils.tree_get(found.moments, "count")) == 48
    assert jax.tree.structure(found.moments) == jax.tree.structure(module.started(spec_of()).moments)
    for moment in ("mu", "nu"):
        for name, value in optax.tree_utils.tree_get(found.moments, moment).items():
            np.testing.assert_array_equal(value, 0.5 * params[name])
    found.save(path, "k")
    with np.load(path) as file:
        assert {name: file[name].tolist() for name in file if name != "about"} == {
            n: a.tolist() for n, a in arrays.items()
        }
        assert json.loads(str(file["about"])) == about


def test_a_state_that_is_damaged_or_anothers_is_removed(corpus, tmp_path, caplog):
    spec, path = spec_of(), tmp_path / "run.npz"
    stopped_at(spec, corpus, path, 50)
    for content, words in [(path.read_bytes()[:-999], "damaged"), (b"", "damaged"), (path.read_bytes(), "another")]:
        path.write_bytes(content)
        caplog.clear()
        other = spec_of(tokens=2_000, seed=words == "another")
        assert train(other if words == "another" else spec_of(), corpus, state=path)[-1]["step"] in (16, 312)
        assert words in caplog.text
        assert not path.exists()


def test_rows_along_a_run_are_those_of_its_tokens(corpus):
    rows = train(spec_of(evaluations=4), corpus)
    [end] = train(spec_of(), corpus)
    assert {**rows[-1], "seconds": 0} == {**end, "seconds": 0}
    for row in rows:
        assert row["tokens"] == row["step"] * 128 == row["seen:reference"] + row["seen:c"]
        assert row["flops"] == spec_of().flops * row["step"] / 312
    assert sorted((row["loss:reference"] for row in rows), reverse=True) == [row["loss:reference"] for row in rows]
    assert [row["step"] for row in train(spec_of(tokens=128 * 3, evaluations=9), corpus)] == [1, 3]


def test_a_run_that_diverges_says_so(corpus):
    with pytest.raises(DivergedError, match="lower the learning rate"):
        train(spec_of(tokens=5_000, rate=float("inf")), corpus)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokens": 127}, "run r: 127 tokens are less than one batch; give at least 128"),
        ({"mixture": {"web": 1.0}}, "source web has no text"),
        ({"mixture": {"c": 0.7}}, "shares sum to 0.7"),
        ({"mixture": {"c": 1.5, "reference": -0.5}}, "w:reference: -0.5"),
        ({"mixture": {"c": float("nan")}}, "w:c: nan"),
        ({"unique": {"c": 5}}, "lacks source reference"),
        ({"unique": {"c": 5, "reference": 10**9}}, "run r, unique:reference: 1,000,000,000"),
        ({"fraction": 0.0}, "fraction 0"),
        ({"batch": 0}, "less than one batch"),
        ({"evaluations": 0}, "0 evaluations"),
        ({"precision": "float8"}, "run r: precision 'float8'; give one of float32, bfloat16"),
        ({"config": dataclasses.replace(TINY, vocab=300, end=299)}, "end mark 299"),
        ({"config": dataclasses.replace(TINY, vocab=200, end=199)}, "the corpus's tokens need 257"),
    ],
)
def test_what_cannot_be_trained_is_refused(corpus, changes, words):
    with pytest.raises(MixlawError, match=words):
        train(spec_of(**changes), corpus)


def test_demo_text_is_the_same_twice_and_its_scarce_source_is_wanted(documents):
    assert len(documents) >= 5
    assert demo_documents() == documents
    weights = demo_targets(list(documents))
    sizes = {source: sum(map(len, texts)) for source, texts in documents.items()}
    assert min(sizes, key=lambda s: sizes[s]) == max(weights, key=lambda t: weights[t]) == "reference"
    assert "tables" not in weights
    assert all(text.strip() for texts in documents.values() for text in texts)
