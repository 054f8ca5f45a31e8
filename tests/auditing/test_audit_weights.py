import json
import math

import pytest
import yaml

from mixlaw.auditing.audit_weights import audit
from mixlaw.errors import MixlawError
from mixlaw.project.sources import Source, Sources

SOURCES = Sources(
    [
        Source("web", 5e12, ("data/web/*.zst",)),
        Source("code", 3e11, ("s3://bucket/gh", "data/code"), max=0.5, max_epochs=4),
        Source("wiki", 1e10, min=0.001),
    ]
)
D = 1e12


def written(folder, text, name="weights.yaml"):
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def test_epochs_tokens_and_caps():
    result = audit({"web": 0.4, "code": 0.6, "wiki": 0.0}, SOURCES, 3e12)
    assert result.epochs == pytest.approx({"web": 0.24, "code": 6.0, "wiki": 0.0})
    assert result.tokens_by_source == pytest.approx({"web": 1.2e12, "code": 1.8e12, "wiki": 0.0})
    broken = {(cap["source"], cap["cap"]): (cap["limit"], cap["value"]) for cap in result.caps}
    assert broken[("code", "max_epochs")] == pytest.approx((4, 6))
    assert broken[("code", "max")] == pytest.approx((0.5, 0.6))
    assert broken[("wiki", "min")] == pytest.approx((0.001, 0.0))
    assert len(broken) == 3
    assert result.notes == ("code: 6 epochs, more than 4: repeats are worth less",)


def test_nothing_broken_at_the_caps_themselves():
    result = audit({"web": 0.499, "code": 0.5, "wiki": 0.001}, SOURCES, 2.4e12)
    assert result.epochs["code"] == pytest.approx(4)
    assert result.caps == ()
    assert result.notes == ()


def test_many_epochs_are_flagged_without_a_cap():
    result = audit({"web": 0.95, "code": 0.0, "wiki": 0.05}, SOURCES, 1e12)
    assert result.epochs["wiki"] == pytest.approx(5)
    assert any("wiki: 5 epochs" in note for note in result.notes)
    assert not any(cap["source"] == "wiki" for cap in result.caps)


def test_to_dict_is_json():
    sources = Sources([Source("web", None), Source("code", 1e9)])
    content = json.loads(json.dumps(audit({"web": 1, "code": 1}, sources, 1e9).to_dict(), allow_nan=False))
    assert content["epochs"] == {"web": None, "code": 0.5}
    assert content["mixture"] == {"web": 0.5, "code": 0.5}
    assert set(content) >= {"epochs", "caps", "tokens_by_source", "tokens", "mixture", "notes", "errors"}
    assert any("web: tokens unknown" in note for note in content["notes"])


def test_weights_are_relative():
    result = audit({"web": 60, "code": 30, "wiki": 10}, SOURCES, D)
    assert result.mixture == pytest.approx({"web": 0.6, "code": 0.3, "wiki": 0.1})
    assert any("sum to 100, renormalised" in note for note in result.notes)


def test_sources_left_out_count_as_zero():
    result = audit({"web": 1}, SOURCES, D)
    assert result.mixture == {"web": 1, "code": 0, "wiki": 0}
    assert any("no weight for code, wiki" in note for note in result.notes)


PLAIN = {"web": 0.6, "code": 0.3, "wiki": 0.1}
BY_WEIGHT = {name: {"weight": weight, "repetition_factor": 2.0} for name, weight in PLAIN.items()}
FORMS = {
    "plain": PLAIN,
    "plan": {"mixture": PLAIN, "epochs": {"web": 3}, "schema": 1, "notes": []},
    "doremi": {"train_domain_weights": PLAIN, "eval_domain_weights": {"web": 1.0}},
    "levanter": {
        "data": {"components": {name: {} for name in PLAIN}, "train_weights": PLAIN, "mixture_block_size": 2000}
    },
    "levanter inner": {"configs": {name: {} for name in PLAIN}, "train_weights": PLAIN, "mixture_block_size": 10},
    "olmix": {"mix": BY_WEIGHT},
    "regmix": {"train": {f"train_mine_{name}": weight for name, weight in PLAIN.items()}},
    "streaming": {"streams": {name: {"proportion": weight, "remote": "x"} for name, weight in PLAIN.items()}},
    "blend": {"train": ["0.6", "/d/web", "0.3", "/d/code", "0.1", "/d/wiki"], "valid": ["/d/v"], "test": None},
    "text numbers": {"web": "6e-1", "code": "0.3", "wiki": "0.1"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_forms_of_weights_files(tmp_path, form, suffix):
    text = json.dumps(FORMS[form]) if suffix == "json" else yaml.safe_dump(FORMS[form])
    result = audit(written(tmp_path, text, f"weights.{suffix}"), SOURCES, D)
    assert result.mixture == pytest.approx(PLAIN)
    assert result.notes == ("wiki: 10 epochs, more than 4: repeats are worth less",)


@pytest.mark.parametrize(
    "text",
    [
        "0.6 /d/web_text_document 0.3 /d/code_text_document 0.1 wiki",
        "--data-path 6 /d/web_text_document 3 /d/code 1 /e/wiki_text_sentence\n",
        "0.4 /d/web_text_document\n0.2 /e/web_text_document\n0.3 s3://bucket/gh/\n0.1 wiki\n",
        "6e-1 data/web/*.zst .3 ./data/code 1e-1 /x/y/wiki/",
    ],
)
def test_megatron_lines(tmp_path, text):
    assert audit(written(tmp_path, text, "blend.txt"), SOURCES, D).mixture == pytest.approx(PLAIN)


def test_a_source_may_be_called_like_a_section(tmp_path):
    sources = Sources([Source("mix", 1e9), Source("train", 1e9)])
    assert audit(written(tmp_path, "{mix: 0.25, train: 0.75}"), sources, 1e9).mixture == {
        "mix": 0.25,
        "train": 0.75,
    }


def test_names_come_before_paths():
    sources = Sources([Source("a", 1e9, ("b",)), Source("b", 1e9)])
    assert audit({"b": 1}, sources, 1e9).mixture == {"a": 0, "b": 1}


BROKEN = {
    "empty": ("", ["empty"]),
    "unknown": ("{web: 0.5, cod: 0.5}", ["'cod'", "did you mean 'code'"]),
    "negative": ("{web: 1.5, code: -0.5}", ["'code'", "-0.5"]),
    "nan": ("{web: .nan, code: 1}", ["'web'", "nan"]),
    "inf": ("{web: .inf, code: 1}", ["'web'", "inf"]),
    "text": ("{web: much, code: 1}", ["'web'", "much"]),
    "true": ("{web: true, code: 1}", ["'web'", "True"]),
    "null": ("{web: , code: 1}", ["'web'", "None"]),
    "all zero": ("{web: 0, code: 0}", ["sum to 0"]),
    "overflow": ("{web: 1e308, code: 1e308}", ["sum to inf"]),
    "twice": ("web: 1\nweb: 2\n", ["line 2", "web", "twice"]),
    "no weights": ("{web: {a: 1}, code: {b: 2}}", ["no weights"]),
    "no trainer's": ("{web: {weight: 1}, code: {weight: 2}}", ["no weights", "levanter"]),
    "a list": ("[]", ["no weights"]),
    "schedule": (
        "configs: {web: , code: }\ntrain_weights: [[0, {web: 1}], [1000, {code: 1}]]",
        ["train_weights", "schedule"],
    ),
    "not YAML": ("{web: 1", ["line", "YAML"]),
    "odd words": ("0.6 /d/web 0.4", ["3 words"]),
    "words misplaced": ("0.6 /d/web /d/code 0.4", ["'/d/code'"]),
    "plan without a mixture": ("{law: x, schema: 1, tokens: 1e9}", ["no weights"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_weights(tmp_path, case):
    text, named = BROKEN[case]
    path = written(tmp_path, text)
    with pytest.raises(MixlawError) as caught:
        audit(path, SOURCES, D)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert "weights.yaml" in message
    for part in named:
        assert part in message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"web": 1,}', "column"),
        ('{"web": 1, "web": 2}', "twice"),
        ('{"web": NaN}', "nan"),
        ("[" * 100000, "nested"),
    ],
)
def test_broken_json(tmp_path, text, named):
    with pytest.raises(MixlawError) as caught:
        audit(written(tmp_path, text, "weights.json"), SOURCES, D)
    assert "weights.json" in str(caught.value)
    assert named in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(MixlawError, match="no such file"):
        audit(tmp_path / "absent.json", SOURCES, D)
    with pytest.raises(MixlawError, match="directory"):
        audit(str(tmp_path), SOURCES, D)


def test_a_path_that_fits_two_sources_is_refused():
    sources = Sources([Source("a", 1e9, ("/d/x",)), Source("b", 1e9, ("/d/x",))])
    with pytest.raises(MixlawError, match=r"several sources \(a, b\)"):
        audit({"/d/x": 1}, sources, 1e9)


@pytest.mark.parametrize("tokens", [0, -1, math.nan, math.inf, "many", True, None])
def test_tokens_must_be_positive(tokens):
    with pytest.raises(MixlawError, match="tokens"):
        audit({"web": 1}, SOURCES, tokens)


def test_empty_mapping_is_refused():
    with pytest.raises(MixlawError, match="sum to 0"):
        audit({}, SOURCES, D)
