"""Exports as today's trainers load them: fields of their classes, versions, shares of nearly nothing, few documents."""

import ast
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mixlaw import ExportOptions, MixlawError, Source, Sources, export, import_mixture
from mixlaw.exporters import FORMATS, TRAINERS
from mixlaw.planning.plan import Plan
from mixlaw.planning.plan_sections import swept

SOURCES = Sources(
    [
        Source("web", 5e11, documents=400_000_000),
        Source("code", 1e11, documents=90_000_000),
        Source("math", 2e10, documents=9_000_000),
    ]
)
MIXTURE = {"web": 0.7, "code": 0.2, "math": 0.1}
DUST = {"web": 1.5e-12, "code": 1.2e-12, "math": 1 - 2.7e-12}


def made(name, mixture=None, sources=SOURCES, tokens=2e9, **options):
    plan = Plan.from_dict({"mixture": mixture or MIXTURE, "tokens": tokens, "provenance": {"tokenizer": "gpt2"}})
    return export(plan, name, sources, ExportOptions(**options))


# Fields of OLMo-core's classes (data/source_mixture.py at fa6c501); its decoder refuses a key that a class lacks.
@dataclass
class SourceMixtureConfig:
    source_name: str
    target_ratio: float
    paths: list[str]
    max_repetition_ratio: float = 1.0
    max_source_fraction: float = 1.0


@dataclass
class SourceMixtureList:
    sources: list[SourceMixtureConfig]


@dataclass
class SourceMixtureDatasetConfig:
    source_list: SourceMixtureList
    requested_tokens: int
    global_batch_size: int
    processes: int = 1
    seed: int = 42
    render_tables: bool = True
    quiet: bool = False


def decoded(kind: Any, content: Any) -> Any:
    """As OLMo-core decodes: every key must be a field."""
    assert set(content) <= {field.name for field in fields(kind)}
    return kind(**content)


def test_olmo_core_loads_the_sources_alone_and_the_whole_configuration():
    found = decoded(SourceMixtureList, yaml.safe_load(made("olmo-core").text))
    entries = [decoded(SourceMixtureConfig, entry) for entry in found.sources]
    assert {entry.source_name: entry.target_ratio for entry in entries} == pytest.approx(MIXTURE)
    whole = decoded(SourceMixtureDatasetConfig, yaml.safe_load(made("olmo-core", version="config").text))
    assert decoded(SourceMixtureList, whole.source_list).sources == found.sources
    assert (whole.requested_tokens, whole.global_batch_size) == (2_000_000_000, 4_194_304)


def test_torchtitan_names_what_its_package_has():
    """Names of torchtitan.components.data at b5bcd76, and of the loader before 2026-08-19."""
    tree = ast.parse(made("torchtitan").text)
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert imported == {
        *("ConcatThenSplitPackingConfig", "DatasetMixConfig", "GrainDataLoader", "HuggingFaceRandomAccessSource"),
        *("SingleDatasetConfig", "WeightedDataset", "TextProcessor"),
    }
    called = {
        n.func.attr if isinstance(n.func, ast.Attribute) else n.func.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
    }
    assert "ConcatThenSplitPackingConfig" in called, "weights count tokens only if every source is packed"
    assert "ConcatThenSplitPackingConfig" not in made("torchtitan", samples="documents").text
    old = made("torchtitan", version="interleaved").text
    assert "InterleavedHuggingFaceTextDataLoader" in old
    with pytest.raises(MixlawError, match="did you mean 'interleaved'"):
        made("torchtitan", version="interleave")


def test_levanter_nests_the_source_in_components():
    data = yaml.safe_load(made("levanter").text)["data"]
    assert "configs" not in data
    assert data["components"]["web"] == {"source": {"train_urls": ["web"]}}
    assert set(data["train_weights"]) <= set(data["components"])
    old = yaml.safe_load(made("levanter", version="configs").text)["data"]
    assert old["configs"]["web"] == {"train_urls": ["web"]}


def test_regmix_writes_the_files_that_it_evaluates_on():
    content = yaml.safe_load(made("regmix").text)
    assert set(content) == {"train", "valid"}
    assert {key.removeprefix("valid_mix_") for key in content["valid"]} == set(MIXTURE)


def test_maxtext_goes_to_json_where_4_decimals_move_a_share(tmp_path):
    inline = yaml.safe_load(made("maxtext", samples="packed").text)
    assert inline["grain_train_files"] == "web,0.7;code,0.2;math,0.1"
    assert inline["use_truncation"] is False
    thin = {"web": 0.79996, "code": 0.2, "math": 4e-5}
    other = made("maxtext", thin, samples="packed")
    assert (other.suffix, other.comments) == (".json", False)
    assert json.loads(other.text)["math"] == {"path": "math", "weight": 4e-5}
    other.save(tmp_path / "mix.json")
    assert import_mixture(tmp_path / "mix.json", SOURCES, samples="packed").mixture == pytest.approx(thin)
    with pytest.raises(MixlawError, match=r"rounded to 0\.0000"):
        made("maxtext", {"web": 0.8, "code": 0.199999, "math": 1e-6}, samples="packed", version="inline")
    assert yaml.safe_load(made("maxtext", DUST).text)["grain_train_files"] == "math", "a lone path,weight is a path"
    many = Sources([Source("web", 5e11), Source("code", 1e8), Source("math", 2e10)])
    assert yaml.safe_load(made("maxtext", sources=many, samples="packed").text)["num_epoch"] == 5


@pytest.mark.parametrize("name", [trainer.name for trainer in TRAINERS])
def test_the_optimiser_s_remains_are_no_shares(name):
    """A share below one token of the run is 0: no error, no probability that ends never, no single document."""
    found = made(name, DUST)
    assert found.mixture == {"web": 0.0, "code": 0.0, "math": 1.0}
    assert "e-12" not in found.text


def test_a_plan_has_no_shares_below_one_token():
    content = {
        "mixture": DUST,
        "tokens": 2e9,
        "interval": {"web": [1.5e-12, 1e-3], "code": [1e-12, 4e-10], "math": [0.9, 1 - 2e-12]},
        "epochs": {"web": 6e-15, "code": 2e-14, "math": 0.1},
        "tokens_by_source": {"web": 0.003, "code": 0.0024, "math": 2e9},
        "near_optimal": {
            "regret": 0.002,
            "range": {"web": [1.5e-12, 0.05], "code": [1e-12, 0.04], "math": [0.94, 1.0]},
            "mixtures": [
                {"mixture": {"web": 0.05, "code": 3e-12, "math": 0.95 - 3e-12}, "objective": 1.0, "moved": 0.05}
            ],
        },
        "path": [
            {
                "flops": 1.0,
                "params": 1.0,
                "tokens": 1e3,
                "mixture": {"web": 1e-4, "code": 0.5, "math": 0.4999},
                "objective": 1.0,
            }
        ],
    }
    plan = swept(Plan.from_dict(content))
    assert plan.mixture == {"web": 0.0, "code": 0.0, "math": 1.0}
    assert plan.interval == {"web": [0.0, 1e-3], "code": [0.0, 0.0], "math": [0.9, 1.0]}
    assert plan.epochs == pytest.approx({"web": 0.0, "code": 0.0, "math": 0.1})
    assert plan.tokens_by_source == pytest.approx({"web": 0.0, "code": 0.0, "math": 2e9})
    assert plan.near_optimal is not None
    assert plan.path is not None
    assert plan.near_optimal.range["web"] == [0.0, 0.05]
    assert plan.near_optimal.mixtures[0].mixture["code"] == 0.0
    assert plan.path[0].mixture["web"] == 0.0


BY_DOCUMENTS = ["datasets", "maxtext", "llama-factory", "axolotl", "datatrove"]


@pytest.mark.parametrize("name", BY_DOCUMENTS)
def test_few_documents_are_noted_and_less_than_one_is_refused(name):
    """One long document: its share is drawn as a whole or not at all."""
    sources = Sources([Source("web", 5e11, documents=400_000_000), Source("books", 1e9, documents=20)])
    few = made(name, {"web": 0.9, "books": 0.1}, sources)
    assert any("books: only 4 documents" in note for note in few.notes)
    with pytest.raises(MixlawError, match=r"books: 0\.4 documents of it are expected.*less than one"):
        made(name, {"web": 0.99, "books": 0.01}, sources)


@pytest.mark.parametrize("name", ["streaming", "nanotron", "torchtitan"])
def test_packed_samples_are_not_documents(name):
    sources = Sources([Source("web", 5e11, documents=400_000_000), Source("books", 1e9, documents=20)])
    assert made(name, {"web": 0.99, "books": 0.01}, sources).mixture["books"] == pytest.approx(0.01)
    with pytest.raises(MixlawError, match="less than one"):
        made(name, {"web": 0.99, "books": 0.01}, sources, samples="documents")


@pytest.mark.parametrize("name", ["datasets", "torchtitan", "datatrove"])
def test_no_text_of_a_plan_becomes_code(name, tmp_path):
    """Python takes an encoding from the first two lines of a file (PEP 263), and escapes become code under it."""
    tokenizer = "gpt2 coding:raw_unicode_escape \\u000aopen('PWNED','w')#"
    plan = Plan.from_dict(
        {"mixture": MIXTURE, "tokens": 2e9, "provenance": {"tokenizer": tokenizer, "version": "1\u2028x"}}
    )
    found = export(plan, name, SOURCES)
    lines = found.text.splitlines()
    assert lines[0] == "# -*- coding: utf-8 -*-"
    path = tmp_path / "mix.py"
    found.save(path)
    tree = ast.parse(path.read_bytes())
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "open"]


@pytest.mark.parametrize("name", [trainer.name for trainer in TRAINERS])
def test_an_export_says_what_the_trainer_makes_of_it(name):
    found = made(name)
    assert found.realised is not None
    assert found.realised["mixture"] == pytest.approx(MIXTURE, rel=0.01)
    assert found.realised["tokens"] == pytest.approx(2e9, rel=0.001)
    epochs = {n: w * 2e9 / (SOURCES[n].tokens or np.nan) for n, w in MIXTURE.items()}
    assert found.realised["epochs"] == pytest.approx(epochs, rel=0.01)


def test_the_documentation_names_every_version():
    page = Path(__file__).resolve().parents[2] / "analysis" / "docs" / "exporting.md"
    text = page.read_text(encoding="utf-8")
    for trainer in FORMATS:
        assert f"| {trainer.name} | {trainer.checked} |" in text
        for version in trainer.versions:
            assert f"`{version}`" in text
