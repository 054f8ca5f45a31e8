"""Mutated text, states and rows of a sweep: each is read, or refused in one line, or removed. Never another exception.

`analysis/benchmarks/attack_sweeps.py` does the same with thousands of mutations.
"""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from factories.modules import load as module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from proxies.sweep.store import DamagedError, Store
from proxies.text.readers import read_documents
from proxies.training.checkpoint import load

attack = module(Path(__file__).resolve().parents[2] / "analysis" / "benchmarks" / "attack_sweeps.py")
FILES = attack.text_files()
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw, whole):
    """`whole` with bits flipped, cut, with bytes replaced or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["flip", "cut", "replace", "insert"]))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[at:]
        else:
            data[at : at + (8 if kind == "replace" else 0)] = draw(st.binary(min_size=1, max_size=8))
    return bytes(data)


@QUICK
@given(st.data(), st.sampled_from(sorted(FILES)))
def test_text_is_read_or_refused_in_one_line(tmp_path, data, name):
    (tmp_path / name).write_bytes(data.draw(mutated(FILES[name])))
    said = name
    try:
        assert all(isinstance(text, str) for text in read_documents([name], base=tmp_path))
    except MixlawError as error:
        said = str(error)
    assert name in said


@QUICK
@given(st.one_of(st.text(max_size=60), st.from_regex(r"[a-z]{1,9}(://|::)[a-z.:/*~]{0,20}", fullmatch=True)))
def test_any_path_is_listed_or_refused_in_one_line(tmp_path, path):
    (tmp_path / "a.txt").write_text("text")
    with contextlib.suppress(MixlawError):
        assert list(read_documents([path], base=tmp_path, within=tmp_path)) == ["text"]


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "key.npz"
    begun = attack.started(attack.SPEC)
    begun.save(path, "key")
    return path, path.read_bytes(), begun


@QUICK
@given(st.data())
def test_a_state_is_resumed_as_it_was_written_or_removed(state, data):
    path, whole, begun = state
    path.write_bytes(data.draw(mutated(whole)))
    found = load(path, "key", attack.TINY, averaged=True)
    assert path.exists() == (found is not None)
    if found is not None:
        assert found.step == 0
        for name, value in begun.params.items():
            np.testing.assert_array_equal(found.params[name], value)
            np.testing.assert_array_equal(found.average[name], begun.average[name])


@QUICK
@given(st.data())
def test_rows_are_those_that_were_written_or_damaged(tmp_path, data):
    store, rows = Store.at(tmp_path), [{"run_id": "r", "loss:a": 2.5, "step": 40}]
    store.open()
    store.write("key", rows)
    path = tmp_path / "key.json"
    path.write_bytes(data.draw(mutated(path.read_bytes())))
    said = "key.json"
    try:
        assert store.rows("key") == rows
    except MixlawError as error:  # also of another mixlaw, if the number of the schema was changed
        said = str(error)
    assert "key.json" in said
    path.write_text(json.dumps(data.draw(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))))
    with pytest.raises(DamagedError):
        store.rows("key")
