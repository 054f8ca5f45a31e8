"""`mixlaw score` and `mixlaw cluster` end to end: what is on stdout and in the files, and what they refuse."""

import json

import numpy as np
import pandas as pd
import pytest

from mixlaw import read_project

NEWS = "the bank of {} raised its rates in {} and the minister of {} spoke of growth".format
CODE = "for {} in range ( {} ) : print ( {} ) ; return self . value".format


@pytest.fixture
def corpus(tmp_path):
    """40 texts of news and 20 of code in turn in pool.jsonl; 15 more of news in wanted.jsonl."""
    rng = np.random.default_rng(0)

    def text(form):
        return form(*rng.choice([f"word{i}" for i in range(30)], 3))

    pool = [text(CODE if i % 3 == 2 else NEWS) for i in range(60)]
    for name, texts in (("pool", pool), ("wanted", [text(NEWS) for _ in range(15)])):
        lines = [json.dumps({"text": one}) for one in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("by", ["importance", "gradient", "neighbours"])
def test_scores_prefer_the_targets_kind(run, corpus, by):
    out = corpus / "scores.parquet"
    count = () if by == "neighbours" else ("--count", 20)
    options = ("--target", corpus / "wanted.jsonl", "--out", out, "--by", by, "--dims", 6, "--json", *count)
    code, told, err = run("score", corpus / "pool.jsonl", *options)
    assert (code, err) == (0, "")
    frame = pd.read_parquet(out)
    assert frame["document"].tolist() == list(range(60))
    content = json.loads(told)
    assert content["chosen"] == frame["chosen"].sum()
    assert content["chosen"] == 20 if by != "neighbours" else 0 < content["chosen"] <= 60
    news_N = np.arange(60) % 3 != 2
    best_N = frame["score"] * (-1 if by == "importance" else 1)
    assert best_N[news_N].mean() < best_N[~news_N].mean()
    assert frame["chosen"][news_N].mean() > frame["chosen"][~news_N].mean()


def test_a_corpus_becomes_a_project(run, corpus):
    out = corpus / "split"
    code, told, _ = run("cluster", corpus / "pool.jsonl", "--sources", 2, "--out", out, "--dims", 4, "--json")
    assert code == 0
    assert json.loads(told)["documents"] == {"cluster-00": 40, "cluster-01": 20}
    project = read_project(out / "mixlaw.yaml")
    assert project.sources.names == ("cluster-00", "cluster-01")
    second = (out / "cluster-01.jsonl").read_text(encoding="utf-8").splitlines()
    assert all("range" in json.loads(line)["text"] for line in second)


def test_bad_input_is_one_line_and_exit_code_two(run, corpus):
    pool, wanted, out = corpus / "pool.jsonl", corpus / "wanted.jsonl", corpus / "s.parquet"
    (corpus / "blank.txt").write_text(" \n")
    base = ("score", pool, "--target", wanted, "--out")
    for arguments, message in (
        ((*base, corpus / "s.csv"), "end in .parquet"),
        ((*base, corpus / "none" / "s.parquet"), "its folder does not exist"),
        ((*base, out, "--by", "magic"), "choose importance, gradient or neighbours"),
        ((*base, out, "--count", 61), "the pool has 60 documents"),
        ((*base, out, "--by", "neighbours", "--count", 3), "finds its own number"),
        ((*base, out, "--by", "gradient", "--dims", 500), "500 principal components of 75 points"),
        (("score", corpus / "blank.txt", "--target", wanted, "--out", out), "the pool holds no document"),
        (("cluster", pool, "--sources", 2, "--out", corpus), "is there already"),
        (("cluster", pool, "--sources", 99, "--out", corpus / "x", "--dims", 4), "99 clusters of"),
    ):
        code, told, err = run(*arguments)
        assert (code, told) == (2, "")
        assert err.count("\n") == 1
        assert message in err
        assert not out.exists()
