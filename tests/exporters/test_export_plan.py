"""Every trainer: what is exported comes back, no cap is broken, and what a format cannot hold is refused by name."""

import ast
import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mixlaw import ExportOptions, MixlawError, Source, Sources, audit, export, import_mixture
from mixlaw.exporters import TRAINERS
from mixlaw.planning.plan import Plan

NAMES = [trainer.name for trainer in TRAINERS]
NO_COMMENT = {"megatron", "doremi"}
PRECISION = {"levanter": 8 * 2**-11, "axolotl": 1e-3}
"""Largest absolute error of a share beyond 2e-4 of it: a sequence of a block for each source; a few documents."""

SOURCES = Sources(
    [
        Source("web", 5e12, ("data/web",), documents=5_000_000_000),
        Source("code", 3e11, ("s3://bucket/code",), documents=100_000_000, max=0.5, max_epochs=4),
        Source("wiki", 1e10, documents=20_000_000),
    ]
)
MIXTURE = {"web": 0.68, "code": 0.3, "wiki": 0.02}


def planned(mixture, sources, tokens, tokenizer="gpt2", recorded=True, groups=None):
    """A plan with the keys that an export needs."""
    w_S = np.array([mixture[name] for name in sources.names])
    epochs_S = None if tokens is None else w_S * tokens / sources.tokens_S
    caps = {
        s.name: {"min": s.min, "max": float(high), "max_epochs": s.max_epochs, "binding": None}
        for s, high in zip(sources, sources.upper_S(tokens), strict=True)
    }
    provenance = {"version": "0.1.0", "tokenizer": tokenizer, "groups": groups}
    if recorded:
        provenance["sources"] = json.loads(json.dumps({s.name: asdict(s) for s in sources}))
    return Plan.from_dict(
        {
            "mixture": dict(zip(sources.names, w_S.tolist(), strict=True)),
            "epochs": None if epochs_S is None else dict(zip(sources.names, epochs_S.tolist(), strict=True)),
            "tokens": tokens,
            "caps": caps,
            "verdict": "tie",
            "schema": 1,
            "provenance": provenance,
        }
    )


def reread(made, folder, sources, **options):
    path = folder / f"mixture{made.suffix}"
    made.save(path)
    return import_mixture(path, sources, made.trainer, **options)


@st.composite
def problems(draw):
    """Sources, a mixture inside their caps (some of them binding), and D; every source fits in one pass or more."""
    S = draw(st.integers(1, 8))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    w_S = random.dirichlet(np.full(S, draw(st.sampled_from([0.3, 1.0, 5.0]))))
    w_S = np.maximum(w_S, 1e-3)
    w_S /= w_S.sum()
    if S > 2 and draw(st.booleans()):
        w_S[random.integers(S)] = 0.0
        w_S /= w_S.sum()
    D = float(10 ** random.uniform(8, 13))
    most = 1.0 if draw(st.booleans()) else 20.0
    epochs_S = random.uniform(0.01, most, S)
    tokens_S = np.ceil(np.where(w_S > 0, w_S, 0.1) * D / epochs_S)
    kind_S = random.integers(0, 4, S)  # 0 no cap, 1 a binding one on epochs, 2 on the share, 3 both with room
    kind_S[random.choice(np.flatnonzero(w_S))] = 0
    sources = []
    for i in range(S):
        cap = max(float(w_S[i] * D / tokens_S[i]), 1e-6)
        limits = [{}, {"max_epochs": cap}, {"max": float(w_S[i])}, {"max_epochs": 2 * cap, "max": min(1, 2 * w_S[i])}]
        documents = int(max(tokens_S[i] // random.uniform(50, 5000), 1))
        settings = limits[kind_S[i]] if w_S[i] > 0 else {}
        sources.append(Source(f"s{i}", float(tokens_S[i]), documents=documents, **settings))
    return Sources(sources), dict(zip([s.name for s in sources], w_S.tolist(), strict=True)), D


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=problems())
def test_a_mixture_comes_back_and_keeps_its_caps(name, problem, tmp_path):
    sources, mixture, D = problem
    if name == "datatrove":
        assume(all(mixture[s.name] * D <= (s.tokens or 0) for s in sources))
    made = export(planned(mixture, sources, D), name)
    found = reread(made, tmp_path, sources, partial=True)
    w_S, back_S = np.array(list(mixture.values())), np.array(list(found.mixture.values()))
    assert back_S.sum() == pytest.approx(1, abs=1e-12)
    slack = PRECISION.get(name, 0) + (max((s.tokens or 0) / (s.documents or 1) for s in sources) / D)
    assert np.all(np.abs(back_S - w_S) <= 2e-4 * w_S + slack)
    assert np.array_equal(back_S > 0, w_S > 0)
    assert found.mixture == pytest.approx(made.mixture, abs=1e-12)
    audited = audit(found.mixture, sources, D)
    assert not audited.caps
    assert audited.epochs == pytest.approx(made.epochs, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_caps_that_leave_no_room_are_kept_all_the_same(seed, tmp_path):
    random = np.random.default_rng(seed)
    w_S, tokens_S = random.dirichlet(np.ones(4)), np.round(10 ** random.uniform(7, 9, 4))
    D = float((tokens_S / w_S).min())  # one pass of one source, less of the others
    sources = Sources(
        Source(f"s{i}", U, documents=int(U // 700), max_epochs=w * D / U)
        for i, (w, U) in enumerate(zip(w_S.tolist(), tokens_S.tolist(), strict=True))
    )
    plan = planned(dict(zip(sources.names, w_S.tolist(), strict=True)), sources, D)
    for name in set(NAMES) - {"levanter", "axolotl"}:
        assert not audit(reread(export(plan, name), tmp_path, sources).mixture, sources, D).caps, name
    for entry in yaml.safe_load(text_of("axolotl", plan))["datasets"]:  # absolute numbers, which need not come to D
        source = sources[entry["path"]]
        assert int(entry["split"][7:-1]) <= source.documents * source.max_epochs * (1 + 1e-9)
    with pytest.raises(MixlawError, match="caps leave no room"):
        export(plan, "levanter")


@pytest.mark.parametrize("name", NAMES)
def test_the_shape_tells_the_trainer(name, tmp_path):
    options = ExportOptions(tokens=1e10)
    made = export(planned(MIXTURE, SOURCES, 1e12), name, options=options)
    path = tmp_path / f"any{made.suffix}"
    made.save(path)
    found = import_mixture(path, SOURCES, partial=True)
    assert found.trainer == name
    assert found.mixture == pytest.approx(MIXTURE, rel=1e-2)
    assert audit(path, SOURCES, 1e10).trainer == name


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_where_it_is_from(name, tmp_path):
    plan = planned(MIXTURE, SOURCES, 1e10, tokenizer="a\ntokenizer")
    made = export(plan, name)
    files = made.save(tmp_path / "out")
    text = "".join(file.read_text() for file in files)
    assert len(files) == 1 + (name in NO_COMMENT)
    assert made.provenance["plan"] in text
    assert "tokenizer" in text
    assert "wiki" in text
    assert export(planned(MIXTURE, SOURCES, 2e10), name).provenance["plan"] != made.provenance["plan"]
    if name in NO_COMMENT:
        assert "#" not in made.text
    else:
        assert f"web {made.epochs['web']:.4g}" in text
    unsaid = export(planned(MIXTURE, SOURCES, 1e10, tokenizer=None), name)
    assert any("tokenizer not stated" in note for note in unsaid.notes)


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_that_breaks_a_cap_is_not_exported(name):
    with pytest.raises(MixlawError, match=r"code.*max_epochs 4"):
        export(planned(MIXTURE, SOURCES, 1e12), name, options=ExportOptions(tokens=1e13))


BY_DOCUMENTS = ["datasets", "maxtext", "llama-factory", "axolotl"]


@pytest.mark.parametrize("name", BY_DOCUMENTS)
def test_document_shares_are_not_token_shares(name):
    made = export(planned(MIXTURE, SOURCES, 1e10), name)
    assert made.counts == "documents"
    assert made.mixture == pytest.approx(MIXTURE, rel=1e-3)
    # Mean lengths are 1000, 3000 and 500 tokens.
    share = {"web": 0.68 / 1000, "code": 0.3 / 3000, "wiki": 0.02 / 500}
    text = {"datasets": "probabilities=[", "llama-factory": "interleave_probs: ", "maxtext": "data/web,"}.get(name)
    if text:
        first = made.text.split(text)[1].split(",")[0].split(";")[0]
        assert float(first) == pytest.approx(share["web"] / sum(share.values()), rel=1e-3)
    else:
        assert "train[:6800000]" in made.text  # 0.68 of 1e10 tokens in documents of 1000


@pytest.mark.parametrize("name", BY_DOCUMENTS)
def test_without_documents_it_is_refused_by_name(name):
    bare = Sources(Source(s.name, s.tokens, s.paths, documents=None if s.name == "wiki" else 1000) for s in SOURCES)
    with pytest.raises(MixlawError, match=rf"source wiki: {name} counts documents.*state `documents`"):
        export(planned(MIXTURE, bare, 1e10), name)
    if name != "axolotl":
        made = export(planned(MIXTURE, bare, 1e10), name, options=ExportOptions(samples="packed"))
        assert made.counts == "tokens"
        assert made.mixture == pytest.approx(MIXTURE, rel=1e-4)


@pytest.mark.parametrize("name", ["streaming", "nanotron", "torchtitan"])
def test_samples_may_be_documents(name, tmp_path):
    made = export(planned(MIXTURE, SOURCES, 1e10), name, options=ExportOptions(samples="documents"))
    assert made.counts == "documents"
    assert reread(made, tmp_path, SOURCES, samples="documents").mixture == pytest.approx(MIXTURE, rel=1e-3)
    assert reread(made, tmp_path, SOURCES).mixture["code"] < 0.25  # read as packed, documents mislead


@pytest.mark.parametrize("name", NAMES)
def test_an_older_plan_serves_where_its_caps_and_epochs_do(name):
    old = planned(MIXTURE, SOURCES, 1e10, recorded=False)
    if name in BY_DOCUMENTS:
        with pytest.raises(MixlawError, match="documents are not known"):
            export(old, name)
    else:
        assert export(old, name).mixture == pytest.approx(MIXTURE, rel=1e-2)
    assert export(old, name, SOURCES).mixture == pytest.approx(MIXTURE, rel=1e-2)


def test_an_unknown_trainer_names_the_nearest():
    with pytest.raises(MixlawError, match=r"'megatorn'; did you mean 'megatron'\?"):
        export(planned(MIXTURE, SOURCES, 1e10), "megatorn")


def test_sources_of_another_project_are_refused():
    for others, named in ((Sources([*SOURCES, Source("books", 1e9)]), "books"), (Sources(list(SOURCES)[:2]), "wiki")):
        with pytest.raises(MixlawError, match=named):
            export(planned(MIXTURE, SOURCES, 1e10), "megatron", others)
    with pytest.raises(MixlawError, match="no such source; did you mean 'wiki'"):
        export(planned(MIXTURE, SOURCES, 1e10), "megatron", options=ExportOptions(paths={"wikis": "/d/x"}))


@pytest.mark.parametrize("options", [{"samples": "pack"}, {"tokens": -1.0}, {"tokens": math.nan}, {"short": "a_b"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(MixlawError, match=next(iter(options))):
        ExportOptions(**options)


def test_a_group_keeps_its_cap():
    """Three members of a group at its cap, each of which alone would be rounded up."""
    sources = Sources(Source(f"s{i}", 1e9, documents=10**6) for i in range(8))
    for seed in range(10):
        random = np.random.default_rng(seed)
        inside, outside = random.dirichlet(np.ones(3)) * 0.3, random.dirichlet(np.ones(5)) * 0.7
        mixture = dict(zip(sources.names, [*inside.tolist(), *outside.tolist()], strict=True))
        cap = sum(mixture[f"s{i}"] for i in range(3))
        plan = planned(mixture, sources, 1e8, groups={"code": {"sources": ["s0", "s1", "s2"], "max": cap}})
        for name in NAMES:
            if name != "axolotl":  # whole documents: a group may exceed its cap by one
                made = export(plan, name).mixture
                assert sum(made[f"s{i}"] for i in range(3)) <= cap * (1 + 1e-9), name


# What single formats are particular about.


def text_of(name, plan=None, **options):
    return export(plan or planned(MIXTURE, SOURCES, 1e10), name, options=ExportOptions(**options)).text


def test_megatron_is_pairs_that_its_parser_takes_for_weights():
    words = text_of("megatron", paths={"code": "/d/code_text_document"}).split()
    assert [float(weight) for weight in words[::2]] == [0.68, 0.3, 0.02]
    assert words[1::2] == ["data/web", "/d/code_text_document", "wiki"]


def test_megatron_refuses_a_path_with_a_blank():
    with pytest.raises(MixlawError, match=r"a b.*megatron"):
        text_of("megatron", paths={"code": "/d/a b"})


def test_a_source_without_a_share_is_left_out_where_the_trainer_refuses_0():
    plan = planned({"web": 0.6, "code": 0.4, "wiki": 0.0}, SOURCES, 1e10)
    for name in NAMES:
        made = export(plan, name)
        assert made.mixture["wiki"] == 0
        left_out = any("left out" in note for note in made.notes)
        assert left_out == (name not in ("levanter", "doremi", "regmix", "olmix"))


def test_olmo_core_never_asks_for_more_than_a_source_may_give():
    random = np.random.default_rng(0)
    for _ in range(200):
        U, D = float(random.integers(1000, 10**6)), float(random.integers(10**5, 10**7))
        cap = float(random.uniform(0.2, 8))
        share = min(U * cap / D, 0.9)
        sources = Sources([Source("scarce", U, max_epochs=cap), Source("web", 1e9)])
        plan = planned({"scarce": share, "web": 1 - share}, sources, D)
        content = yaml.safe_load(text_of("olmo-core", plan, version="config"))
        listing = content["source_list"]["sources"]
        entry = listing[0]
        assert sum(s["target_ratio"] for s in listing) == pytest.approx(1, abs=1e-9)
        assert entry["max_repetition_ratio"] >= 1
        most = int((U * entry["max_source_fraction"]) * entry["max_repetition_ratio"])
        assert int(content["requested_tokens"] * entry["target_ratio"]) <= most
        assert entry["max_source_fraction"] * entry["max_repetition_ratio"] == pytest.approx(cap)


def test_levanter_deals_out_what_is_written():
    content = yaml.safe_load(text_of("levanter"))["data"]
    block, weights = content["mixture_block_size"], content["train_weights"]
    counts = {name: int(weight * block) for name, weight in weights.items()}
    assert sum(counts.values()) == block  # nothing is left over for the largest source to take
    assert set(weights) == set(content["components"])
    small = planned({"web": 1 - 1e-6, "code": 1e-6, "wiki": 0.0}, SOURCES, 1e10)
    with pytest.raises(MixlawError, match=r"source code.*under one sequence"):
        text_of("levanter", small)


def test_datasets_repeats_all_where_the_stream_would_end_before_the_run():
    """`all_exhausted` ends when the source with the fewest epochs has been seen once."""
    sources = Sources([Source("a", 1e6, documents=1000), Source("b", 1e6, documents=2000)])
    assert ".repeat(4)" in text_of("datasets", planned({"a": 0.6, "b": 0.4}, sources, 9e6))  # b: 3.6 epochs, and room
    assert ".repeat" not in text_of("datasets", planned({"a": 0.6, "b": 0.4}, sources, 2e6))
    ast.parse(text_of("datasets"))


def test_datatrove_only_samples_down():
    with pytest.raises(MixlawError, match=r"source wiki: 2 epochs.*--tokens 500000000000 or fewer"):
        text_of("datatrove", planned(MIXTURE, SOURCES, 1e12))
    assert "'wiki': SamplerFilter(rate=1.0, seed=3)" in text_of(
        "datatrove", planned(MIXTURE, SOURCES, 1e12), tokens=5e11, seed=3
    )


def test_axolotl_lists_a_source_once_for_each_pass():
    sources = Sources([Source("a", 1e6, documents=1000), Source("b", 1e6, documents=2000)])
    entries = yaml.safe_load(text_of("axolotl", planned({"a": 0.75, "b": 0.25}, sources, 3e6)))["datasets"]
    assert [entry["split"] for entry in entries] == ["train[:1000]", "train[:1000]", "train[:250]", "train[:1500]"]


def test_olmix_repetition_is_the_epochs_and_at_least_1():
    mix = yaml.safe_load(text_of("olmix", planned(MIXTURE, SOURCES, 1e12)))["mix"]
    assert mix["web"] == {"weight": 0.68, "repetition_factor": 1.0}
    assert mix["wiki"]["repetition_factor"] == pytest.approx(2, abs=2e-3)


def test_names_that_look_like_numbers_or_paths_come_back(tmp_path):
    names = ["1e9", "no", "train_a", "a", "0x1f", "x: y", "weiß", "mix_a"]
    sources = Sources(Source(name, 1e9, documents=1000) for name in names)
    mixture = dict(zip(names, (np.arange(1, 9) / 36).tolist(), strict=True))
    for name in NAMES:
        if name == "megatron":
            continue  # 'x: y' has a blank, which it cannot name
        found = reread(export(planned(mixture, sources, 1e9), name), tmp_path, sources)
        assert found.mixture == pytest.approx(mixture, rel=1e-2), name


def test_a_source_of_several_paths_is_named_by_its_name_where_one_path_is_weighed():
    sources = Sources([Source("web", 1e9, ("/d/a", "/d/b")), Source("code", 1e9, ("/d/c",))])
    plan = planned({"web": 0.5, "code": 0.5}, sources, 1e9)
    made = export(plan, "megatron")
    assert made.text.split()[1::2] == ["web", "/d/c"]
    assert any("web: has 2 paths" in note for note in made.notes)
    assert "/d/b" in text_of("olmo-core", plan)


def test_two_sources_of_one_path_are_not_confused():
    sources = Sources([Source("web", 1e9, ("/d/code",)), Source("code", 1e9, ("/d/web",))])
    made = export(planned({"web": 0.9, "code": 0.1}, sources, 1e9), "megatron")
    assert made.mixture == pytest.approx({"web": 0.9, "code": 0.1})
    same = Sources([Source("web", 1e9, ("/d/x",)), Source("code", 1e9, ("/d/x",))])
    with pytest.raises(MixlawError, match="fits several sources"):
        export(planned({"web": 0.9, "code": 0.1}, same, 1e9), "megatron")
