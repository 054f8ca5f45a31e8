"""Hashed n-grams: the same everywhere, counted rightly; embeddings from files."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixlaw.errors import MixlawError
from mixlaw.transport import NGrams, embed, read_embeddings

TEXT = "The cat, the CAT! sat"


def test_buckets_are_the_same_on_every_machine():
    """Written down once, in another process: nothing may depend on PYTHONHASHSEED, the byte order or the version."""
    assert NGrams().buckets_of("the cat sat").tolist() == [8403, 7115, 7770, 4642, 3595]
    assert NGrams(words=(), characters=(3,), buckets=1000).buckets_of("naïve").tolist() == [992, 54, 990]


def test_counts_are_those_of_words_and_pairs():
    """With many buckets no two n-grams collide: the multiset of counts is that of the n-grams themselves."""
    words = ["the", "cat", ",", "the", "cat", "!", "sat"]
    grams = words + list(pairwise(words))
    count_B = NGrams(buckets=10**6).total([TEXT])
    assert sorted(count_B[count_B > 0]) == sorted(grams.count(gram) for gram in set(grams))
    assert len(NGrams(words=(), characters=(1, 3)).buckets_of("abcde")) == 5 + 3
    assert len(NGrams().buckets_of("")) == 0


def test_order_counts_within_an_ngram():
    pairs = NGrams(words=(2,), buckets=10**6)
    assert pairs.buckets_of("a b") != pairs.buckets_of("b a")


def test_buckets_fill_evenly():
    words = " ".join(f"w{i}" for i in range(50_000))
    count_B = NGrams(words=(1,), buckets=500).total([words])
    assert ((count_B - 100) ** 2 / 100).sum() < 500 + 5 * np.sqrt(2 * 500)


def test_total_is_the_sum_of_counts_and_rows_have_unit_length():
    documents = [TEXT, "", "another text, longer than the first one"]
    ngrams = NGrams(buckets=300, characters=(4,))
    np.testing.assert_array_equal(ngrams.counts(documents).sum(0), ngrams.total(documents))
    np.testing.assert_allclose((ngrams(documents).power(2)).sum(1), [1, 0, 1])


def test_settings_that_mean_nothing_are_refused():
    for settings in ({"words": ()}, {"words": (0,)}, {"buckets": 0}):
        with pytest.raises(MixlawError, match="n-grams"):
            NGrams(**settings)


def test_embedding_in_batches_is_embedding_at_once():
    documents = [f"text number {i}" for i in range(10)]
    several = embed(NGrams(), iter(documents), batch=3)
    np.testing.assert_array_equal(several.toarray(), NGrams()(documents).toarray())
    dense = embed(lambda texts: [[len(text), 1.0] for text in texts], documents, batch=4)
    np.testing.assert_array_equal(dense, [[len(text), 1.0] for text in documents])


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (lambda _: np.ones((1, 4)), r"documents 0 to 2: shape \(1, 4\).*3 rows"),
        (lambda texts: np.ones(len(texts)), r"shape \(3,\)"),
        (lambda texts: np.full((len(texts), 2), np.nan), "row 0 .*not finite"),
        (lambda texts: np.ones((len(texts), len(texts))), "2 columns where earlier documents have 3"),
    ],
)
def test_an_embedding_that_breaks_its_protocol_is_refused(embedding, message):
    with pytest.raises(MixlawError, match=message):
        embed(embedding, ["a", "b", "c", "d", "e"], batch=3)


def test_embeddings_from_files(tmp_path):
    x_NxF = np.random.default_rng(0).normal(size=(4, 3))
    np.save(tmp_path / "x.npy", x_NxF.astype(np.float32))
    np.testing.assert_array_equal(read_embeddings(tmp_path / "x.npy", count=4), x_NxF.astype(np.float32))
    pq.write_table(pa.table({"id": list("abcd"), "embedding": list(x_NxF)}), tmp_path / "x.parquet")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "x.parquet", ids=["c", "a"]), x_NxF[[2, 0]])
    np.testing.assert_array_equal(read_embeddings(tmp_path / "x.parquet"), x_NxF)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(x_NxF.astype(np.float32).ravel()), 3)
    pq.write_table(pa.table({"embedding": fixed}), tmp_path / "fixed.parquet")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "fixed.parquet"), x_NxF.astype(np.float32))


def test_files_that_do_not_fit_are_refused(tmp_path):
    rows = [[1.0, 2.0], [3.0, 4.0]]
    np.save(tmp_path / "flat.npy", np.ones(3))
    np.save(tmp_path / "good.npy", np.array(rows))
    np.save(tmp_path / "nan.npy", np.array([[1.0, np.nan]]))
    (tmp_path / "broken.npy").write_bytes(b"no array")
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    pq.write_table(pa.table({"id": ["a", "a"], "embedding": rows}), tmp_path / "twice.parquet")
    pq.write_table(pa.table({"embedding": rows}), tmp_path / "noid.parquet")
    pq.write_table(pa.table({"id": ["a", "b"], "embedding": [[1.0], [1.0, 2.0]]}), tmp_path / "ragged.parquet")
    pq.write_table(pa.table({"embedding": ["a", "b"]}), tmp_path / "text.parquet")
    pq.write_table(pa.table({"embedding": pa.array([], pa.list_(pa.float32()))}), tmp_path / "empty.parquet")
    pq.write_table(pa.table({"embedding": [[1.0, 2.0], [None, 1.0]]}), tmp_path / "hole.parquet")
    pq.write_table(pa.table({"embedding": [[1.0, 2.0], None]}), tmp_path / "null.parquet")
    for name, arguments, message in (
        ("absent.npy", {}, "no such file"),
        ("flat.npy", {}, r"shape \(3,\)"),
        ("good.npy", {"count": 3}, "2 rows for 3 documents"),
        ("good.npy", {"ids": ["a"]}, "has no ids"),
        ("nan.npy", {}, "row 0 .*not finite"),
        ("broken.npy", {}, "not a readable .npy"),
        ("broken.parquet", {}, "not a readable Parquet"),
        ("twice.parquet", {"ids": ["a"]}, "given twice: a"),
        ("noid.parquet", {"ids": ["a"]}, "has no column id"),
        ("text.parquet", {}, "column embedding holds string"),
        ("empty.parquet", {}, "row 0 .*not a list of numbers"),
        ("hole.parquet", {}, "row 1 .*not finite"),
        ("null.parquet", {}, "row 1 .*not a list of 2 numbers"),
        ("ragged.parquet", {}, "row 1 .*not a list of 1 numbers, as row 0"),
    ):
        with pytest.raises(MixlawError, match=message):
            read_embeddings(tmp_path / name, **arguments)
    pq.write_table(pa.table({"id": ["a", "b"], "embedding": rows}), tmp_path / "fine.parquet")
    with pytest.raises(MixlawError, match="no row for 1 of 2 documents: z"):
        read_embeddings(tmp_path / "fine.parquet", ids=["b", "z"])
