"""Runs side by side are those one by one, but for rounding."""

import dataclasses

import pytest

from mixlaw.errors import MixlawError
from proxies.corpus import build_corpus
from proxies.many import train_many
from proxies.model import ModelConfig
from proxies.run import DivergedError, RunSpec
from proxies.train import train

CONFIG = ModelConfig(16, 2, 2, 8, length=32)


@pytest.fixture(scope="module")
def corpus():
    return build_corpus({s: [f"{s} {i * i} " * 40 for i in range(400)] for s in "ab"}, 0)


def specs_of(**changes):
    base = RunSpec("r", {"a": 1.0}, CONFIG, 8_000, batch=4, evaluations=2)
    every = [
        dataclasses.replace(
            base, run_id=f"r{i}", mixture={"a": i / 2, "b": 1 - i / 2}, seed=i, rate=1e-3 * (i + 1), fraction=1 - i / 4
        )
        for i in range(3)
    ]
    every[1] = dataclasses.replace(every[1], **changes)
    return every


def test_runs_side_by_side_are_those_one_by_one(corpus):
    for side, alone in zip(train_many(specs_of(), corpus), [train(s, corpus) for s in specs_of()], strict=True):
        assert [row["step"] for row in side] == [31, 62]
        for row, other in zip(side, alone, strict=True):
            losses = {name for name in row if name.startswith("loss:")}
            assert {n: row[n] for n in losses} == pytest.approx({n: other[n] for n in losses}, rel=1e-4)
            rest = set(row) - losses - {"seconds"}
            assert {n: row[n] for n in rest} == {n: other[n] for n in rest}


def test_what_cannot_run_side_by_side_is_refused(corpus):
    with pytest.raises(MixlawError, match="no runs"):
        train_many([], corpus)
    with pytest.raises(MixlawError, match="run r1: batch 2 is not that of run r0, 4"):
        train_many(specs_of(batch=2), corpus)
    with pytest.raises(MixlawError, match="run r1, w:a"):
        train_many(specs_of(mixture={"a": -1.0}), corpus)
    with pytest.raises(DivergedError, match="run r1"):
        train_many(specs_of(rate=float("inf")), corpus)
