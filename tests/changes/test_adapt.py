"""Evidence in a changed world: what is exact stays exact, and what is not is said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.changes import Changes, adapt, join_runs, read_changes
from mixlaw.errors import MixlawError
from mixlaw.fitting.fit_runs import fit
from mixlaw.runs.run_table import Runs, read_runs

SOURCES = ("web", "code", "math")
SLOPE_S = np.array([0.2, -0.6, 0.4])


def table(w_RxS, *, unique=None, noise=0.0, seed=0, targets=("web", "code"), **more):
    """Runs whose log-linear losses are known: L = 2 + exp(t.w), and another for the second target."""
    w_RxS = np.asarray(w_RxS, float)
    noise_R = np.exp(noise * np.random.default_rng(seed).standard_normal(len(w_RxS)))
    columns = {"run_id": [f"r{i}" for i in range(len(w_RxS))], "params": 1e6, "tokens": 2e7}
    columns |= {f"w:{name}": w_RxS[:, s] for s, name in enumerate(SOURCES)}
    columns |= {f"loss:{t}": (2.0 + k + truth(w_RxS, k)) * noise_R for k, t in enumerate(targets)}
    columns |= {f"unique:{name}": u for name, u in zip(SOURCES, unique or (), strict=False)}
    return Runs.from_frame(pd.DataFrame({**columns, **more}), "runs.csv")


def truth(w_RxS, k):
    return np.exp(w_RxS @ np.roll(SLOPE_S, k))


def dirichlet(rows, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(3), rows)


def mixtures(most=8):
    share = st.floats(0.0, 1.0, allow_subnormal=False)
    return st.lists(st.tuples(share, share, share).filter(lambda w: sum(w) > 0.01), min_size=2, max_size=most).map(
        lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    )


# --- renames


def test_predictions_after_a_rename_are_the_same_to_the_bit():
    runs = table(dirichlet(14), noise=0.01)
    after = adapt(runs, Changes(rename={"web": "crawl", "math": "web"}))
    assert after.sources == ("crawl", "code", "web")
    assert after.targets == ("crawl", "code")  # the target of a source that is renamed goes with it
    one, other = (fit(r, "log-linear", bootstrap=4, seed=1) for r in (runs, after))
    w_MxS = dirichlet(20, seed=5)
    np.testing.assert_array_equal(one.losses(w_MxS), other.losses(w_MxS))
    np.testing.assert_array_equal(one.losses(w_MxS, replicas=True), other.losses(w_MxS, replicas=True))


@settings(deadline=None, max_examples=20)
@given(mixtures())
def test_a_rename_and_its_reverse_change_nothing(w_RxS):
    runs = table(w_RxS, unique=(1e6, 2e6, 3e6), tokenizer="gpt2", **{"target:web": "t1"})
    there = adapt(runs, Changes(rename={"web": "crawl", "code": "web"}))
    back = adapt(there, Changes(rename={"crawl": "web", "web": "code"}))
    assert back.hash() == runs.hash()
    assert back.measurement == runs.measurement


# --- merges and splits


@settings(deadline=None, max_examples=20)
@given(mixtures(), st.floats(0.05, 0.95))
def test_merging_what_was_split_gives_the_same_evidence(w_RxS, share):
    runs = table(w_RxS, unique=(1e6, 2e6, 3e6))
    tokens = {"wiki": share * 1e9, "books": (1 - share) * 1e9}
    split = adapt(runs, Changes(split={"web": tokens}))
    assert set(split.sources) == {"code", "math", "wiki", "books"}
    merged = adapt(split, Changes(merge={"web": tokens}))
    order = [merged.sources.index(name) for name in SOURCES]
    np.testing.assert_allclose(merged.w_RxS[:, order], runs.w_RxS, atol=1e-15)
    np.testing.assert_allclose(merged.unique_RxS[:, order], runs.unique_RxS, rtol=1e-12)
    np.testing.assert_array_equal(merged.loss_RxK, runs.loss_RxK)
    assert any("exact" in note for note in merged.notes)


def test_predictions_after_split_and_merge_are_the_same():
    runs = table(dirichlet(14), noise=0.01)
    parts = {"wiki": 3e9, "books": 1e9}
    merged = adapt(adapt(runs, Changes(split={"web": parts})), Changes(merge={"web": parts}))
    one, other = (fit(r, "log-linear", bootstrap=0) for r in (runs, merged))
    w_MxS = dirichlet(20, seed=5)
    order = [SOURCES.index(name) for name in other.sources]
    np.testing.assert_allclose(other.losses(w_MxS[:, order]), one.losses(w_MxS), rtol=1e-8)


def test_merged_epochs_are_those_of_the_parts_where_they_were_alike():
    runs = table([[0.6, 0.2, 0.2], [0.3, 0.1, 0.6]], unique=(3e6, 1e6, 5e5))
    merged = adapt(runs, Changes(merge={"text": {"web": 3e9, "code": 1e9}}))
    np.testing.assert_allclose(merged.epochs_RxS[:, merged.sources.index("text")], runs.epochs_RxS[:, 0])
    assert not any("unequally" in note for note in merged.notes)
    uneven = adapt(
        table([[0.6, 0.2, 0.2], [0.3, 0.1, 0.6]], unique=(3e6, 1e5, 5e5)), Changes(merge={"text": SOURCES[:2]})
    )
    assert any("repeated unequally" in note for note in uneven.notes)


def test_runs_of_other_proportions_stay_as_measured_and_are_said():
    runs = table([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2]])
    merged = adapt(runs, Changes(merge={"text": {"web": 1, "code": 1}}))
    np.testing.assert_array_equal(merged.loss_RxK, runs.loss_RxK)
    np.testing.assert_allclose(merged.w_RxS[:, merged.sources.index("text")], 0.8)
    assert any(
        "2 of 2 rows had other proportions, up to 20.0% of their tokens; approximated" in n for n in merged.notes
    )


def test_a_law_corrects_them_to_what_it_says_of_the_kept_proportions():
    """Where the law is the truth, the corrected losses are those of the mixtures that the merged source stands for."""
    runs = table(dirichlet(40))
    law = fit(runs, "log-linear", bootstrap=0)
    changes = Changes(merge={"text": {"web": 3, "code": 1}})
    merged = adapt(runs, changes, fit=law)
    old = [changes.expand(dict(zip(merged.sources, w_S, strict=True))) for w_S in merged.w_RxS]
    w_RxS = np.array([[mixture[name] for name in SOURCES] for mixture in old])
    for k in range(2):
        np.testing.assert_allclose(merged.loss_RxK[:, k], 2.0 + k + truth(w_RxS, k), rtol=2e-3)
    assert np.abs(merged.loss_RxK - runs.loss_RxK).max() > 0.1
    assert any("corrected by the law log-linear" in note for note in merged.notes)


def test_proportions_are_stated_or_by_tokens_or_the_runs_mean():
    runs = table([[0.6, 0.2, 0.2], [0.6, 0.2, 0.2]])
    for given_parts, tokens, words in (
        ({"web": 1, "code": 1}, {}, "web 50%, code 50% (as stated)"),
        (("web", "code"), {"web": 9.0, "code": 1.0}, "web 90%, code 10% (by their tokens)"),
        (("web", "code"), {"web": 9.0}, "web 75%, code 25% (the mean of the runs)"),
    ):
        assert any(words in note for note in adapt(runs, Changes(merge={"text": given_parts}), tokens=tokens).notes)


@settings(deadline=None, max_examples=20)
@given(mixtures(most=2))
def test_expanding_a_mixture_keeps_its_tokens(w_RxS):
    changes = Changes(rename={"web": "crawl"}, merge={"text": {"code": 3, "math": 1}}, split={"wiki": {"a": 1, "b": 3}})
    w = dict(zip(("crawl", "text", "a"), w_RxS[0], strict=True))
    old = changes.expand({**w, "b": 0.0})
    assert sum(old.values()) == pytest.approx(1)
    assert old["web"] == w["crawl"]
    assert old["wiki"] == w["a"]
    assert old["code"] == pytest.approx(3 * old["math"])


# --- sources that go and come


def test_runs_that_used_a_source_that_is_gone_are_left_out_or_corrected():
    w_RxS = [[0.5, 0.5, 0.0], [0.5, 0.3, 0.2], [0.6, 0.395, 0.005]]
    runs = table(w_RxS)
    after = adapt(runs, Changes(drop=("math",)))
    assert after.run_id.tolist() == ["r0", "r2"]
    assert any("left out" in note for note in after.notes)
    many = table(dirichlet(40))
    law = fit(many, "log-linear", bootstrap=0)
    corrected = adapt(many, Changes(drop=("math",)), fit=law)
    assert len(corrected) == 40
    w_RxS = np.pad(corrected.w_RxS, ((0, 0), (0, 1)))
    np.testing.assert_allclose(corrected.loss_RxK[:, 0], 2.0 + truth(w_RxS, 0), rtol=3e-3)


def test_an_added_source_has_no_share_and_says_so():
    after = adapt(table(dirichlet(4)), Changes(add=("new",)))
    assert (after.w_RxS[:, after.sources.index("new")] == 0).all()
    assert any("new: no run has seen it" in note for note in after.notes)
    with pytest.raises(MixlawError, match="'new' is new: no mixture of the old sources stands for its share"):
        Changes(add=("new",)).expand({"web": 0.5, "new": 0.5})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rename": {"wbe": "x"}}, "has no source 'wbe' to change; did you mean 'web'"),
        ({"rename": {"web": "code"}}, "has a source 'code' already"),
        ({"rename": {"web": "x"}, "drop": ["web"]}, "web is changed twice"),
        ({"rename": {"web": "x"}, "add": ["x"]}, "x is made twice"),
        ({"merge": {"x": ["web"]}}, "two parts or more"),
        ({"merge": {"x": {"web": 1, "code": None}}}, "give each part its tokens"),
        ({"split": {"web": ["a", "b"]}}, "split web: state the tokens of each part"),
        ({"split": {"web": {"a": 1, "b": "many"}}}, "b is 'many'; it must be a number"),
        ({"rename": ["web"]}, "rename: must map old names to new"),
        ({"add": "web"}, "add: must be a list"),
        ({"drop": ["web", "code", "math"]}, "every run used"),
    ],
)
def test_changes_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(MixlawError, match=words):
        adapt(table(dirichlet(4)), Changes(**changes))


def test_changes_are_read_from_a_file(tmp_path):
    file = tmp_path / "changes.yaml"
    file.write_text("rename: {web: crawl}\nmerge: {text: {code: 3e9, math: 1e9}}\nadd: [new]\n")
    assert read_changes(file) == Changes({"web": "crawl"}, {"text": {"code": 3e9, "math": 1e9}}, {}, (), ("new",))
    file.write_text("renames: {web: crawl}\n")
    with pytest.raises(MixlawError, match=r"changes.yaml: unknown key 'renames'; did you mean 'rename'"):
        read_changes(file)


# --- tables joined


def test_joined_tables_hold_every_run_once_and_no_share_where_a_source_is_absent():
    old, new = table(dirichlet(4)), table(dirichlet(4, seed=1))
    new = adapt(new, Changes(rename={"math": "new"}))
    whole = join_runs([old, new, old])
    assert len(whole) == 8
    assert whole.run_id.tolist() == ["r0", "r1", "r2", "r3", "2/r0", "2/r1", "2/r2", "2/r3"]
    assert set(whole.sources) == {*SOURCES, "new"}
    np.testing.assert_allclose(whole.w_RxS.sum(1), 1.0)
    assert (whole.w_RxS[:4, whole.sources.index("new")] == 0).all()
    np.testing.assert_array_equal(whole.loss_RxK[4:], new.loss_RxK)


def test_tables_of_different_tokenizers_or_targets_are_not_joined():
    one = table(dirichlet(4), tokenizer="gpt2", **{"target:web": "t1"})
    with pytest.raises(MixlawError, match="different tokenizers"):
        join_runs([one, table(dirichlet(4), tokenizer="bytes")])
    with pytest.raises(MixlawError, match="losses on different texts"):
        join_runs([one, table(dirichlet(4), **{"target:web": "t2"})])
    with pytest.raises(MixlawError, match="no target in common"):
        join_runs([one, table(dirichlet(4), targets=("x", "y"))])


def test_a_written_table_is_the_adapted_one(tmp_path):
    after = adapt(table(dirichlet(5), unique=(1e6, 2e6, 3e6)), Changes(merge={"text": ("web", "code")}, add=("new",)))
    after.write(tmp_path / "new.csv")
    assert read_runs(tmp_path / "new.csv").hash() == after.hash()
