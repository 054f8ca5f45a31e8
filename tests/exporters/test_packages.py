"""Exports loaded by the trainers' own packages, and the token shares that these then deal out of made-up documents."""

import runpy

import numpy as np
import pytest
import yaml

from mixlaw import ExportOptions, Source, Sources, export
from mixlaw.planning.plan import Plan

LENGTH = {"web": 40, "code": 400, "wiki": 10}
"""Tokens of a document: taken for token shares, document shares would be off by up to 40 times."""
DOCUMENTS = {"web": 4000, "code": 600, "wiki": 3000}
MIXTURE = {"web": 0.3, "code": 0.6, "wiki": 0.1}
PACKED = 10


def planned(tokens):
    """A plan of `MIXTURE` for sources of `DOCUMENTS` documents of `LENGTH` tokens."""
    sources = Sources(Source(n, float(LENGTH[n] * DOCUMENTS[n]), documents=DOCUMENTS[n]) for n in MIXTURE)
    content = {"mixture": MIXTURE, "tokens": tokens, "provenance": {"tokenizer": "words"}}
    return Plan.from_dict(content), sources


def shares(names, lengths):
    """Token shares of a stream of documents."""
    tokens = {name: sum(n for found, n in zip(names, lengths, strict=True) if found == name) for name in MIXTURE}
    return {name: count / sum(tokens.values()) for name, count in tokens.items()}


@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_interleaves_the_planned_token_shares(streaming, tmp_path):
    datasets = pytest.importorskip("datasets", reason="pip install 'mixlaw[test]'")
    tokens = 100_000.0
    plan, sources = planned(tokens)
    export(plan, "datasets", sources).save(tmp_path / "mixture.py")
    mix = runpy.run_path(str(tmp_path / "mixture.py"))["mix"]
    sets = {
        name: datasets.Dataset.from_dict(
            {"source": [name] * DOCUMENTS[name], "length": [LENGTH[name]] * DOCUMENTS[name]}
        )
        for name in MIXTURE
    }
    mixed = mix({name: each.to_iterable_dataset() if streaming else each for name, each in sets.items()})
    names, lengths = [], []
    for row in mixed:
        names.append(row["source"])
        lengths.append(row["length"])
        if sum(lengths) >= tokens:
            break
    assert sum(lengths) >= tokens  # the stream does not end before the run does
    realised = shares(names, lengths)
    assert realised == pytest.approx(MIXTURE, abs=0.04)  # 150 documents of code are drawn: a standard error of .03


@pytest.mark.parametrize("samples", ["packed", "documents"])
def test_streaming_deals_out_the_planned_token_shares(samples, tmp_path):
    streaming = pytest.importorskip(
        "streaming", reason="pip install mosaicml-streaming, in an environment without datasets"
    )
    plan, sources = planned(100_000.0)
    for name in MIXTURE:
        length = PACKED if samples == "packed" else LENGTH[name]
        count = int(LENGTH[name] * DOCUMENTS[name] // length)
        with streaming.MDSWriter(out=str(tmp_path / name), columns={"source": "str", "length": "int"}) as writer:
            for _ in range(min(count, 4000)):
                writer.write({"source": name, "length": length})
    options = ExportOptions(samples=samples, paths={name: str(tmp_path / name) for name in MIXTURE})
    content = yaml.safe_load(export(plan, "streaming", sources, options).text)
    streams = [streaming.Stream(**settings) for settings in content["streams"].values()]
    data = streaming.StreamingDataset(streams=streams, batch_size=1, shuffle=False)
    rows = list(data)
    realised = shares([row["source"] for row in rows], [int(row["length"]) for row in rows])
    assert realised == pytest.approx(MIXTURE, abs=0.005)  # whole samples of some 8,000


def test_datatrove_keeps_the_planned_part_of_each_source(tmp_path):
    filters = pytest.importorskip("datatrove.pipeline.filters", reason="pip install 'mixlaw[export-tests]'")
    from datatrove.data import Document

    assert filters.SamplerFilter
    plan, sources = planned(200_000.0)
    export(plan, "datatrove", sources).save(tmp_path / "mixture.py")
    found = runpy.run_path(str(tmp_path / "mixture.py"))["filters"]
    kept = {
        name: sum(bool(found[name].filter(Document(text="", id=str(i)))) for i in range(DOCUMENTS[name])) * LENGTH[name]
        for name in MIXTURE
    }
    total = sum(kept.values())
    assert total == pytest.approx(200_000, rel=0.05)
    assert {name: tokens / total for name, tokens in kept.items()} == pytest.approx(MIXTURE, abs=0.05)  # chance


def test_datasets_draws_documents_as_often_as_written(tmp_path):
    """The same without the package: the probabilities, drawn by NumPy."""
    plan, sources = planned(100_000.0)
    export(plan, "datasets", sources).save(tmp_path / "mixture.py")
    text = (tmp_path / "mixture.py").read_text()
    probabilities = [float(p) for p in text.split("probabilities=[")[1].split("]")[0].split(",")]
    names = np.random.default_rng(0).choice(list(MIXTURE), 200_000, p=probabilities)
    assert shares(names.tolist(), [LENGTH[name] for name in names]) == pytest.approx(MIXTURE, abs=0.01)
