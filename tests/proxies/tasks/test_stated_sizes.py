"""Designs that name their runs' sizes."""

import pandas as pd
import pytest
from factories.command_line import standard_library

from mixlaw import read_project
from mixlaw.errors import MixlawError
from proxies.model.transformer import count_params
from proxies.tasks.proxy_sizes import BATCH_SEQUENCES, MENU
from proxies.tasks.task import proxy_specs, sweep_task

SHARES = {"w:code": [0.4, 0.2, 0.2, 0.1], "w:docs": [0.3, 0.5, 0.5, 0.4], "w:mail": [0.3, 0.3, 0.3, 0.5]}
LEAST = count_params(MENU[0])


def task_of(tmp_path, **columns):
    """The task and runs of a sweep of four mixtures, the third as the second, with further columns."""
    project, file = standard_library(tmp_path / "project"), tmp_path / "next.csv"
    pd.DataFrame({"run_id": [f"next{i}" for i in range(4)], **SHARES, **columns}).to_csv(file, index=False)
    task, mixtures = sweep_task(read_project(project), file, None, 0, 60.0)
    return task, proxy_specs(task, 0, mixtures)


def test_runs_have_the_designs_shapes_tokens_and_unique_tokens(tmp_path):
    sizes = {"params": [LEAST, 60_000, 60_000, LEAST], "tokens": [3e5, 3e5, 3e5, 2e5]}
    task, specs = task_of(tmp_path, **sizes, **{"unique:mail": [20_000, 20_000, 20_000, None]})
    assert [spec.run_id for spec in specs] == [f"next{i}" for i in range(4)]
    assert [[round(spec.mixture[name[2:]], 9) for spec in specs] for name in SHARES] == list(SHARES.values())
    assert [spec.config == MENU[0] for spec in specs] == [True, False, False, True]
    assert all(abs(count_params(spec.config) / 60_000 - 1) < 0.1 for spec in specs[1:3])
    asked = sizes["tokens"]
    assert all(
        abs(spec.tokens - d) <= BATCH_SEQUENCES * spec.config.length for spec, d in zip(specs, asked, strict=True)
    )
    assert [spec.unique["mail"] for spec in specs[:3]] == [20_000] * 3
    # What is not stated keeps the budget's epochs.
    for name, spec in (("code", specs[0]), ("mail", specs[3])):
        share = min(1.0, spec.tokens / task.budget.tokens)
        assert spec.unique[name] == pytest.approx(share * task.sources[name].tokens, rel=1e-3)
    assert specs[1].seed != specs[2].seed  # the same run again, for its noise
    told = [note for note in task.notes if note.startswith("the design's")]
    assert len(told) == 1
    assert "60,000 parameters and 300,000 tokens are trained as " in told[0]


def test_more_unique_tokens_than_there_are_is_said(tmp_path):
    task, specs = task_of(tmp_path, params=LEAST, tokens=3e5, **{"unique:mail": 1e12})
    assert all(spec.unique["mail"] == task.corpus.tokens["mail"] for spec in specs)
    assert any("source mail" in note and "want 1,000,000,000,000 unique ones" in note for note in task.notes)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"params": 30_000}, "it has no tokens: give params and tokens in every row"),
        ({"tokens": 300_000}, "it has no params"),
        ({"params": [30_000, None, 30_000, 30_000], "tokens": 300_000}, "run 'next1' has no params"),
        ({"params": 1000, "tokens": 300_000}, "next.csv: 1000 parameters: a vocabulary"),
        ({"params": 1e15, "tokens": 300_000}, "the nearest shape that can be trained has "),
    ],
)
def test_sizes_that_are_not_to_be_had_are_refused(tmp_path, columns, words):
    with pytest.raises(MixlawError) as caught:
        task_of(tmp_path, **columns)
    assert words in str(caught.value)
