"""What trainers draw: rules against simulations on made-up data, of the trainer's package or its documented rule.

Hugging Face datasets is run itself. The others are simulated from their documentation: Levanter's MixtureDataset
(data/mixture.py), Grain's mix (mix.py of grain 0.2.18), MaxText's cut of records to max_target_length, Axolotl's
concatenation of splits, Megatron-LM's datasets of one seed (gpt_dataset.py).
"""

import json
from collections import Counter

import numpy as np
import pytest
import yaml

from mixlaw import MixlawError, Source, Sources, audit
from mixlaw.exporters.drawing.grain import grain_shares
from mixlaw.exporters.drawing.replay import replayed
from mixlaw.exporters.drawing.rules import Rule, Streams
from mixlaw.exporters.trainers.levanter import block_shares

N = {"web": 5000, "code": 800, "books": 60}
P = [0.7, 0.2, 0.1]
SMALL = Sources(Source(name, float(n), documents=n) for name, n in N.items())
BIG = Sources([Source("web", 5e11), Source("code", 8e10), Source("books", 6e9, max_epochs=4)])
STRATEGIES = {"first_exhausted": "first", "all_exhausted": "all", "all_exhausted_without_replacement": "once"}


def audited(folder, text, sources, tokens, name="weights.yaml", **options):
    from mixlaw.auditing.audit_weights import AuditOptions

    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return audit(path, sources, tokens, AuditOptions(**options))


@pytest.fixture(scope="module")
def interleaved():
    """Names of the documents that `interleave_datasets` deals out under each strategy, in order."""
    datasets = pytest.importorskip("datasets", reason="pip install 'mixlaw[test]'")
    parts = [datasets.Dataset.from_dict({"source": [name] * n}) for name, n in N.items()]
    mix = datasets.interleave_datasets
    return {s: mix(parts, probabilities=P, seed=0, stopping_strategy=s)["source"][:] for s in STRATEGIES}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("tokens", [400, 1000, 5860, 20_000])
def test_datasets_draws_what_audit_says(strategy, tokens, interleaved, tmp_path):
    """Passes over the same stream: a trainer that needs more than it holds starts again."""
    stream = interleaved[strategy]
    whole, rest = divmod(tokens, len(stream))
    drawn = {name: whole * count for name, count in Counter(stream).items()}
    for name, count in Counter(stream[:rest]).items():
        drawn[name] += count
    call = f"interleave_datasets(x, probabilities={P}, seed=0, stopping_strategy='{strategy}')"
    text = f"import datasets\nnames = {list(N)}\nmix = {call}\n"
    found = audited(tmp_path, text, SMALL, tokens, "mix.py")
    assert found.tokens_by_source == pytest.approx(drawn, abs=0.02 * tokens if whole else 1e-6)
    assert found.asked.mixture == pytest.approx(dict(zip(N, P, strict=True)))
    assert found.epochs == pytest.approx({n: found.tokens_by_source[n] / N[n] for n in N})
    assert sum(found.tokens_by_source.values()) == pytest.approx(tokens)


@pytest.mark.parametrize("ends", ["first", "all", "once"])
@pytest.mark.parametrize("total", [3e4, 2e5, 5e5])
def test_expected_values_are_near_the_draws(ends, total):
    size_E, length_E, p_E = np.array([4e4, 9e3, 2e4]), np.array([3.0, 10.0, 1.0]), np.array([0.5, 0.2, 0.3])
    streams = Streams(p_E, size_E, length_E, total)
    expected, drawn = Rule(ends).draw(streams), Rule(ends, seed=1).draw(streams)
    assert expected.units_E == pytest.approx(drawn.units_E, rel=0.03)
    assert expected.units_E @ length_E == pytest.approx(total)


def test_in_turn_without_probabilities(tmp_path):
    """`interleave_datasets` without probabilities: one example of each in turn, until the shortest ends."""
    text = f"import datasets\nnames = {list(N)}\nmix = interleave_datasets(x)\n"
    found = audited(tmp_path, text, SMALL, 1800.0, "mix.py")
    assert found.tokens_by_source == pytest.approx(dict.fromkeys(N, 600.0))
    assert found.realised.stream.passes == pytest.approx(10)
    assert found.realised.distinct_tokens_by_source == pytest.approx(dict.fromkeys(N, 60.0))


def test_stopping_strategies_of_llama_factory(tmp_path):
    base = "stage: pt\ndataset: web,code,books\n"
    text = base + "mix_strategy: interleave_once\ninterleave_probs: 0.7,0.2,0.1"
    once = audited(tmp_path, text, BIG, 1e11, samples="packed")
    assert once.epochs["books"] == pytest.approx(1)
    assert once.mixture["books"] == pytest.approx(0.06)  # all 6B of 100B
    assert any("books is used up" in note for note in once.notes)
    text = base + "mix_strategy: interleave_under\ninterleave_probs: 0.4,0.2,0.4"
    under = audited(tmp_path, text, BIG, 1e11, samples="packed")
    assert under.realised.stream.to_dict() == pytest.approx({"tokens": 1.5e10, "passes": 100 / 15})
    assert under.realised.distinct_tokens_by_source == pytest.approx({"web": 6e9, "code": 3e9, "books": 6e9})
    assert under.caps[0].source == "books"
    epochs = audited(tmp_path, text + "\nnum_train_epochs: 2.0", BIG, 1e11, samples="packed")
    assert epochs.realised.tokens == pytest.approx(3e10)
    concat = audited(tmp_path, base + "mix_strategy: concat", BIG, 1e11, samples="packed")
    assert concat.mixture["web"] == pytest.approx(500 / 586)


def levanter_block(weights, block, rng):
    """Sequence counts of a block, in Levanter's order: truncate, give the rest to the largest, permute."""
    total = sum(weights)
    counts = [int(w / total * block) for w in weights]
    counts[counts.index(max(counts))] += block - sum(counts)
    return rng.permutation(np.repeat(np.arange(len(weights)), counts))


def test_levanter_gives_the_rest_of_a_block_to_the_largest():
    rng = np.random.default_rng(0)
    weights = [0.0294] + [0.9706 / 199] * 199
    drawn = np.concatenate([levanter_block(weights, 2048, rng) for _ in range(20)])
    share_S = np.bincount(drawn, minlength=200) / len(drawn)
    assert block_shares(np.array(weights), 2048) == pytest.approx(share_S)
    assert share_S[0] == pytest.approx(0.125, abs=0.001)  # and not .029


def test_audit_of_a_block_with_a_rest(tmp_path):
    names = [f"c{i:03d}" for i in range(200)]
    sources = Sources(Source(name, 5e9) for name in names)
    weights = {name: 0.0294 if i == 0 else 0.9706 / 199 for i, name in enumerate(names)}
    found = audited(tmp_path, {"components": {name: {} for name in names}, "train_weights": weights}, sources, 1e12)
    assert found.asked.mixture["c000"] == pytest.approx(0.0294)
    assert found.mixture["c000"] == pytest.approx(0.125, abs=0.001)
    assert found.epochs["c000"] == pytest.approx(25, abs=0.2)


@pytest.mark.parametrize(("strategy", "length"), [("first_exhausted", 1e10), ("all_exhausted", 1.25e11)])
def test_levanter_ends_with_the_first_or_the_last_source(strategy, length, tmp_path):
    weights = {"web": 0.8, "code": 0.2}
    content = {"data": {"components": {"web": {}, "code": {}}, "train_weights": weights, "stop_strategy": strategy}}
    sources = Sources([Source("web", 1e11), Source("code", 2e9)])
    found = audited(tmp_path, content, sources, 1e12)
    assert found.realised.tokens == pytest.approx(length, rel=2e-3)
    assert any("training stops there" in error for error in found.errors)


def test_maxtext_cuts_documents(tmp_path):
    """Records of one length each, cut to 2,048 tokens: drawn by their weights until the run's tokens are reached."""
    sources = Sources(
        [
            Source("web", 5e11, documents=400_000_000),
            Source("code", 8e10, documents=90_000_000),
            Source("books", 6e9, documents=60_000),
        ]
    )
    text = "dataset_type: grain\ngrain_train_files: web,0.55;code,0.44;books,0.01\n"
    rng = np.random.default_rng(0)
    length_S = np.minimum([1250, 8e10 / 9e7, 1e5], 2048)
    drawn = np.bincount(rng.choice(3, 400_000, p=[0.55, 0.44, 0.01])) * length_S
    found = audited(tmp_path, text, sources, 2e9)
    assert list(found.mixture.values()) == pytest.approx(drawn / drawn.sum(), abs=2e-3)
    assert found.asked.mixture["books"] == pytest.approx(0.481, abs=1e-3)
    whole = audited(tmp_path, text + "use_truncation: false\n", sources, 2e9)
    assert whole.mixture["books"] == pytest.approx(0.481, abs=1e-3)
    with pytest.raises(MixlawError, match=r"rounded to 0\.0000"):
        audited(tmp_path, text.replace("0.01", "0.00001"), sources, 2e9)


def test_maxtext_stops_with_the_first_source(tmp_path):
    text = "grain_train_files: web,0.5;books,0.5\nnum_epoch: 2\n"
    found = audited(tmp_path, text, Sources([Source("web", 1e9), Source("books", 1e6)]), 1e9, samples="packed")
    assert found.realised.tokens == pytest.approx(4e6)
    assert found.epochs["books"] == pytest.approx(2)


def test_grain_cuts_weights_to_hundredths_of_the_smallest():
    weight_E = np.array([0.61234, 0.35667, 0.03099])
    parts = [int(w / min(weight_E) * 100) for w in weight_E]
    assert grain_shares(weight_E) == pytest.approx(np.array(parts) / sum(parts))
    assert np.abs(grain_shares(weight_E) / weight_E - 1).max() < 0.01


AXOLOTL = Sources(
    [
        Source("web", 5e11, documents=4000),
        Source("code", 8e10, documents=900),
        Source("books", 6e9, documents=200, max_epochs=4),
    ]
)


def test_axolotl_takes_splits_as_often_as_epochs(tmp_path):
    entries = [{"path": n, "type": "completion", "split": f"train[:{k}]"} for n, k in (("web", 1000), ("code", 500))]
    content = {"datasets": [*entries, {"path": "books", "type": "completion", "split": "train[:200]"}], "num_epochs": 4}
    found = audited(tmp_path, yaml.safe_dump(content), AXOLOTL, 1e11)
    assert found.epochs == pytest.approx({"web": 1, "code": 4 * 5 / 9, "books": 4})
    assert found.realised.tokens == pytest.approx(4 * (1000 * 5e11 / 4000 + 500 * 8e10 / 900 + 6e9))
    assert found.realised.tokens == pytest.approx(702e9, rel=1e-3)


SPLITS = {
    None: range(4000),
    "train": range(4000),
    "train[:20%]": range(800),
    "train[75%:]": range(3000, 4000),
    "train[100:200]": range(100, 200),
    "train[-50:]": range(3950, 4000),
    "train[3900:9000]": range(3900, 4000),
    "train[:5]+train[3000:]": [*range(5), *range(3000, 4000)],
}


@pytest.mark.parametrize("split", SPLITS)
def test_splits_of_axolotl(split, tmp_path):
    entry = {"path": "web", "type": "completion"} | ({} if split is None else {"split": split})
    found = audited(tmp_path, yaml.safe_dump({"datasets": [entry]}), AXOLOTL, 1e11)
    assert found.epochs["web"] == pytest.approx(len(SPLITS[split]) / 4000)


def test_a_key_given_twice_is_read_twice_from_its_start(tmp_path):
    """Two Megatron datasets of one prefix start with the same samples (gpt_dataset.py: the same seed)."""
    text = "0.3 /d/web_text_document 0.3 /d/web_text_document 0.3 /d/code 0.1 /d/books"
    found = audited(tmp_path, text, BIG, 1e11, "blend.txt")
    assert found.tokens_by_source["web"] == pytest.approx(6e10)
    assert found.realised.distinct_tokens_by_source["web"] == pytest.approx(3e10)
    assert any("30B tokens of web are read twice" in note for note in found.notes)
    other = audited(tmp_path, text.replace("0.3 /d/web_text_document 0.3 /d/web", "0.3 /e/web 0.3 /d/web"), BIG, 1e11)
    assert other.realised.distinct_tokens_by_source["web"] == pytest.approx(6e10)


def test_prefixes_without_weights_are_read_once_by_size(tmp_path):
    found = audited(tmp_path, "/d/web /d/code /d/books", BIG, 1e12, "blend.txt")
    assert found.mixture["web"] == pytest.approx(500 / 586)
    assert found.epochs == pytest.approx(dict.fromkeys(N, 1.0))
    assert any("training stops there" in error for error in found.errors)


def test_a_split_leaves_the_rest_for_validation(tmp_path):
    text = "--data-path 0.7 /d/web \\\n 0.2 /d/code \\\n 0.1 /d/books\\\n --split 90,5,5\n"
    found = audited(tmp_path, text, BIG, 1e11, "args.sh")
    assert found.epochs["books"] == pytest.approx(1e10 / (0.9 * 6e9))
    assert found.mixture["books"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["datasets", "maxtext", "llama-factory", "axolotl", "energon", "streaming"])
def test_few_documents_are_said_and_less_than_one_is_an_error(name, tmp_path):
    sources = Sources([Source("web", 1e9, documents=1_000_000), Source("books", 1e8, documents=10)])
    texts = {
        "datasets": "import datasets\nnames = ['web', 'books']\nx = interleave_datasets(y, probabilities={})",
        "maxtext": "grain_train_files: web,{0[0]};books,{0[1]}\nuse_truncation: false",
        "llama-factory": "dataset: web,books\nmix_strategy: interleave_over\ninterleave_probs: {0[0]},{0[1]}",
        "axolotl": "max_steps: 9\ndatasets: [{{path: web, split: 'train[:{1}]'}}, {{path: books, split: 'train[:2]'}}]",
        "energon": "splits: {{train: {{blend: [{{weight: {0[0]}, path: web}}, {{weight: {0[1]}, path: books}}]}}}}",
        "streaming": "streams: {{web: {{choose: {1}}}, books: {{choose: 2}}}}",
    }
    p = [0.9998, 0.0002]
    file = "mix.py" if name == "datasets" else "mix.yaml"
    text = texts[name].format(p, 9998)
    few = audited(tmp_path, text, sources, 1e7 * 2, file, samples="documents" if name == "streaming" else None)
    assert few.realised.documents_by_source["books"] == pytest.approx(1.33, abs=0.4)
    assert any("books: only 1" in note for note in few.notes)
    none = audited(tmp_path, text, sources, 4e6, file, samples="documents" if name == "streaming" else None)
    assert any("less than one" in error for error in none.errors)


def test_replays_stop_at_their_end():
    """A source of one example: the stream of first_exhausted ends with it."""
    found = replayed(np.array([0.99, 0.01]), np.array([1000.0, 1.0]), 3, "first")
    assert found[1] == 1
    assert np.random.default_rng(3).choice(2, int(found.sum()), p=[0.99, 0.01]).tolist().index(1) == found[0]
