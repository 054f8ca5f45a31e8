"""The strict readers of trainers' formats: real files are read, and what the trainer would refuse is refused here."""

import pytest
from factories.weights_files import written

from mixlaw import MixlawError, Source, Sources, import_mixture
from mixlaw.exporters import TRAINERS

SOURCES = Sources(
    [
        Source("web", 1e9, ("/d/web",), documents=1_000_000),
        Source("code", 1e9, ("/d/code",), documents=250_000),
    ]
)
EQUAL = {"web": 0.5, "code": 0.5}
BY_DOCUMENTS = {"web": 0.2, "code": 0.8}
"""Half the documents each, of 1,000 and of 4,000 tokens."""

# Files as trainers' documentation has them, or as part of a larger configuration: trainer, suffix, content, shares.
FILES = {
    "megatron words": ("megatron", "txt", "--data-path 30 /d/web_text_document 30 /d/code_text_document", EQUAL),
    "megatron per split": (
        "megatron",
        "json",
        {"train": ["1", "/d/web", "1", "/d/code"], "valid": ["1", "/d/v"], "test": "1 /d/t"},
        EQUAL,
    ),
    "olmo-core with a source list": (
        "olmo-core",
        "yaml",
        {
            "source_list": {
                "sources": [
                    {"source_name": "web", "target_ratio": 0.5, "paths": ["/d/web/*.npy"]},
                    {"source_name": "code", "target_ratio": 0.5, "paths": ["/d/c"], "max_repetition_ratio": 2.0},
                ]
            },
            "requested_tokens": 1000000,
            "global_batch_size": 1024,
            "seed": 42,
        },
        EQUAL,
    ),
    "levanter in a run's configuration": (
        "levanter",
        "yaml",
        {
            "data": {"configs": {"web": {}, "code": {}}, "train_weights": {"web": 3, "code": 3}, "tokenizer": "gpt2"},
            "model": {"type": "llama"},
        },
        EQUAL,
    ),
    "streaming by proportion": (
        "streaming",
        "yaml",
        {"streams": {n: {"remote": f"s3://b/{n}", "split": "train", "proportion": 2.0} for n in EQUAL}},
        EQUAL,
    ),
    "llm-foundry by repeat": (
        "streaming",
        "yaml",
        {"train_loader": {"dataset": {"streams": {"web": {"repeat": 0.5}, "code": {"repeat": 2.0}}}}},
        BY_DOCUMENTS,
    ),
    "streaming by choose": ("streaming", "yaml", {"streams": {n: {"choose": 700} for n in EQUAL}}, EQUAL),
    "datasets": (
        "datasets",
        "py",
        "import datasets\nnames = ['web', 'code']\n"
        "ds = datasets.interleave_datasets([load(n) for n in names], probabilities=[.5, .5], seed=1)\n",
        BY_DOCUMENTS,
    ),
    "maxtext on a command line": ("maxtext", "txt", "grain_train_files=/d/web*,5;/d/code*,5", BY_DOCUMENTS),
    "maxtext JSON": (
        "maxtext",
        "json",
        {n: {"path": f"gs://b/{n}/*.array_record", "weight": 0.5} for n in EQUAL},
        BY_DOCUMENTS,
    ),
    "nanotron": (
        "nanotron",
        "yaml",
        {
            "data_stages": [
                {
                    "name": "stable",
                    "start_training_step": 1,
                    "data": {"dataset": {"dataset_folder": ["/d/web", "/d/code"], "dataset_weights": [1, 1]}},
                }
            ],
            "optimizer": {},
        },
        EQUAL,
    ),
    "torchtitan": (
        "torchtitan",
        "py",
        "x = Config(sources=[HFDataSource(dataset='web', weight=2), HFDataSource(dataset='code', weight=2)])",
        EQUAL,
    ),
    "llama-factory in a training file": (
        "llama-factory",
        "yaml",
        "model_name_or_path: a/b\ndataset: web, code\nmix_strategy: interleave_under\ninterleave_probs: 0.5, 0.5\n",
        BY_DOCUMENTS,
    ),
    "axolotl": (
        "axolotl",
        "yaml",
        {"base_model": "a", "datasets": [{"path": f"/d/{n}", "type": "x", "split": "train[:9]"} for n in EQUAL]},
        BY_DOCUMENTS,
    ),
    "datatrove": (
        "datatrove",
        "py",
        "f = {'web': SamplerFilter(rate=.2), 'code': filters.SamplerFilter(rate=.8, seed=1)}",
        BY_DOCUMENTS,
    ),
    "doremi": (
        "doremi",
        "json",
        {"train_domain_weights": EQUAL, "eval_domain_weights": {"web": 1.0, "code": 0.0}},
        EQUAL,
    ),
    "regmix": ("regmix", "yaml", {"train": {"train_the_pile_web": 0.5, "train_the_pile_code": 0.5}}, EQUAL),
    "regmix one word": ("regmix", "yaml", {"train": {"train_pile_web": 0.5, "train_pile_code": 0.5}}, EQUAL),
    "olmix": ("olmix", "yaml", {"mix": {n: {"weight": 0.5, "repetition_factor": 2.0} for n in EQUAL}}, EQUAL),
}


@pytest.mark.parametrize("case", FILES)
def test_files_as_trainers_have_them(case, tmp_path):
    trainer, suffix, content, shares = FILES[case]
    path = written(tmp_path, suffix, content)
    globs = Sources(Source(s.name, s.tokens, (*s.paths, f"/d/{s.name}*"), s.documents) for s in SOURCES)
    glob_json = Sources(Source(s.name, s.tokens, (), s.documents) for s in SOURCES)
    for sources in (globs if "command line" in case else glob_json if "JSON" in case else SOURCES,):
        for found in (import_mixture(path, sources), import_mixture(path, sources, trainer)):
            assert found.trainer == trainer
            assert found.mixture == pytest.approx(shares)


def test_every_trainer_has_a_file_here():
    assert {trainer for trainer, *_ in FILES.values()} == {trainer.name for trainer in TRAINERS}


def levanter(**data):
    return {"data": {"configs": {"web": {}, "code": {}}, "train_weights": EQUAL} | data}


def stage(**dataset):
    folders = {"dataset_folder": ["/d/web", "/d/code"], "dataset_weights": [1, 1]} | dataset
    return {"data_stages": [{"name": "a", "start_training_step": 1, "data": {"dataset": folders}}]}


def olmo(**entry):
    first = {"source_name": "web", "target_ratio": 0.5, "paths": ["/d/web"]} | entry
    return {"sources": [first, {"source_name": "code", "target_ratio": 0.5, "paths": ["/d/code"]}]}


INTERLEAVED = "names = ['web', 'code']\nx = interleave_datasets(y, {})\n"
# trainer, suffix, content, what the message names.
BROKEN = {
    "megatron: percent": ("megatron", "txt", "0.5 /d/web fifty /d/code", ["'fifty'"]),
    "megatron: odd": ("megatron", "txt", "0.5 /d/web /d/code", ["3 words"]),
    "megatron: zero": ("megatron", "txt", "1 /d/web 0 /d/code", ["'/d/code'", "leave it out"]),
    "megatron: no test": ("megatron", "json", {"train": ["1", "/d/web"], "valid": ["1", "/d/v"]}, ["'test'"]),
    "megatron: one more split": (
        "megatron",
        "json",
        {"train": ["1", "/d/web"], "valid": ["1", "v"], "test": ["1", "t"], "tests": []},
        ["'tests'"],
    ),
    "megatron: no such source": ("megatron", "txt", "1 /d/web 1 /d/cod", ["'/d/cod'", "did you mean 'code'"]),
    "olmo-core: percent": ("olmo-core", "yaml", olmo(target_ratio=50), ["target_ratio", "at most 1"]),
    "olmo-core: sum": ("olmo-core", "yaml", olmo(target_ratio=0.4), ["sum to 0.9"]),
    "olmo-core: zero": ("olmo-core", "yaml", olmo(target_ratio=0), ["sources[0]: target_ratio", "above 0"]),
    "olmo-core: repetition below 1": ("olmo-core", "yaml", olmo(max_repetition_ratio=0.5), ["max_repetition_ratio"]),
    "olmo-core: unknown key": ("olmo-core", "yaml", olmo(max_repetition=2), ["did you mean 'max_repetition_ratio'"]),
    "olmo-core: paths": ("olmo-core", "yaml", olmo(paths="/d/web"), ["sources[0]: paths", "list"]),
    "levanter: configs": ("levanter", "yaml", levanter(configs={"web": {}}), ["'code'", "configs"]),
    "levanter: vanishes": (
        "levanter",
        "yaml",
        levanter(train_weights={"web": 1, "code": 0.0004}),
        ["code", "2048", "drops"],
    ),
    "levanter: schedule": ("levanter", "yaml", levanter(train_weights=[[0, EQUAL], [500, EQUAL]]), ["schedule"]),
    "levanter: no weights": ("levanter", "yaml", {"data": {"configs": {"web": {}}}}, ["'train_weights'"]),
    "streaming: two modes": (
        "streaming",
        "yaml",
        {"streams": {"web": {"proportion": 0.5}, "code": {"repeat": 2}}},
        ["code has no proportion", "all need it"],
    ),
    "streaming: both": (
        "streaming",
        "yaml",
        {"streams": {"web": {"proportion": 1, "choose": 2}}},
        ["proportion, choose"],
    ),
    "streaming: one without": (
        "streaming",
        "yaml",
        {"streams": {"web": {"proportion": 1}, "code": {"remote": "s3://x"}}},
        ["code has no proportion"],
    ),
    "streaming: unknown key": (
        "streaming",
        "yaml",
        {"streams": {"web": {"proportions": 1}}},
        ["did you mean 'proportion'"],
    ),
    "datasets: percent": ("datasets", "py", INTERLEAVED.format("probabilities=[50, 50]"), ["line 2", "sum to 100"]),
    "datasets: lengths": ("datasets", "py", INTERLEAVED.format("probabilities=[1.0]"), ["1 weights for 2 datasets"]),
    "datasets: unknown": (
        "datasets",
        "py",
        INTERLEAVED.format("probabilites=[.5, .5]"),
        ["did you mean 'probabilities'"],
    ),
    "datasets: strategy": (
        "datasets",
        "py",
        INTERLEAVED.format("probabilities=[.5, .5], stopping_strategy='never'"),
        ["'never'", "all_exhausted"],
    ),
    "datasets: computed": ("datasets", "py", INTERLEAVED.format("probabilities=p"), ["probabilities", "list", "None"]),
    "datasets: two calls": ("datasets", "py", INTERLEAVED.format("probabilities=[.5, .5]") * 2, ["assigned twice"]),
    "datasets: not Python": ("datasets", "py", "names = [", ["line 1", "Python"]),
    "maxtext: no weight": ("maxtext", "txt", "grain_train_files=/d/web;/d/code", ["'/d/web'", "path,weight"]),
    "maxtext: JSON key": ("maxtext", "json", {"web": {"path": "a", "weights": 1}}, ["'weight'"]),
    "nanotron: lengths": ("nanotron", "yaml", stage(dataset_weights=[1]), ["1 weights for 2 datasets"]),
    "nanotron: unknown key": ("nanotron", "yaml", stage(dataset_weight=[1]), ["did you mean 'dataset_weights'"]),
    "nanotron: stages": ("nanotron", "yaml", {"data_stages": stage()["data_stages"] * 2}, ["schedule"]),
    "torchtitan: none": ("torchtitan", "py", "x = 1", ["HFDataSource"]),
    "torchtitan: unknown key": (
        "torchtitan",
        "py",
        "HFDataSource(dataset='web', weight=1, weigth=2)",
        ["line 1", "did you mean 'weight'"],
    ),
    "llama-factory: concat": (
        "llama-factory",
        "yaml",
        "dataset: web,code\nmix_strategy: concat\ninterleave_probs: 0.5,0.5",
        ["'concat'", "interleave_over"],
    ),
    "llama-factory: percent": (
        "llama-factory",
        "yaml",
        "dataset: web,code\nmix_strategy: interleave_over\ninterleave_probs: 50,50",
        ["sum to 100"],
    ),
    "llama-factory: lengths": (
        "llama-factory",
        "yaml",
        "dataset: web,code\nmix_strategy: interleave_over\ninterleave_probs: '1'",
        ["1 weights for 2 datasets"],
    ),
    "axolotl: split": (
        "axolotl",
        "yaml",
        {"datasets": [{"path": "/d/web", "split": "train[some]"}]},
        ["datasets[0]", "train[some]"],
    ),
    "datatrove: up": ("datatrove", "py", "f = {'web': SamplerFilter(rate=2.0)}", ["rate", "at most 1"]),
    "datatrove: whose": ("datatrove", "py", "f = [SamplerFilter(rate=0.5)]", ["which source"]),
    "datatrove: unknown key": ("datatrove", "py", "f = {'web': SamplerFilter(rat=0.5)}", ["'rate' is missing"]),
    "doremi: no eval": ("doremi", "json", {"train_domain_weights": EQUAL}, ["'eval_domain_weights' is missing"]),
    "doremi: misspelt": (
        "doremi",
        "json",
        {"train_domain_weights": EQUAL, "eval_domain_weight": EQUAL},
        ["'eval_domain_weights' is missing"],
    ),
    "doremi: missing source": (
        "doremi",
        "json",
        {"train_domain_weights": {"web": 1.0}, "eval_domain_weights": EQUAL},
        ["no weight for code"],
    ),
    "doremi: text": (
        "doremi",
        "json",
        {"train_domain_weights": {"web": "much", "code": 1}, "eval_domain_weights": EQUAL},
        ["'much'"],
    ),
    "regmix: key": ("regmix", "yaml", {"train": {"web": 1}}, ["'web'", "train_"]),
    "regmix: section": ("regmix", "yaml", {"train": {"train_a_web": 1}, "vaild": {}}, ["did you mean 'valid'"]),
    "olmix: no weight": ("olmix", "yaml", {"mix": {"web": {"repetition_factor": 1}}}, ["mix.web", "'weight'"]),
    "olmix: negative": ("olmix", "yaml", {"mix": {"web": {"weight": -1}}}, ["mix.web: weight", "at least 0"]),
    "olmix: unknown key": (
        "olmix",
        "yaml",
        {"mix": {"web": {"weight": 1, "repetition": 1}}},
        ["did you mean 'repetition_factor'"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_the_trainer_would_refuse_is_refused(case, tmp_path):
    trainer, suffix, content, named = BROKEN[case]
    path = written(tmp_path, suffix, content)
    with pytest.raises(MixlawError) as caught:
        import_mixture(path, SOURCES, trainer)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert path.name in message
    for part in named:
        assert part in message


def test_every_trainer_refuses_another_form(tmp_path):
    path = written(tmp_path, "yaml", {"something": {"else": 1}})
    for trainer in TRAINERS:
        with pytest.raises(MixlawError, match=r"weights\.yaml"):
            import_mixture(path, SOURCES, trainer.name)


def test_the_nearest_trainer_is_named(tmp_path):
    with pytest.raises(MixlawError, match="did you mean 'olmo-core'"):
        import_mixture(written(tmp_path, "yaml", EQUAL), SOURCES, "olmo_core")


def test_python_is_read_and_never_run(tmp_path):
    trap = f"open({str(tmp_path / 'trap')!r}, 'w')\n"
    path = written(tmp_path, "py", trap + INTERLEAVED.format("probabilities=[.5, .5]"))
    assert import_mixture(path, SOURCES).mixture == pytest.approx(BY_DOCUMENTS)
    assert not (tmp_path / "trap").exists()


def test_plain_weights_are_of_no_trainer(tmp_path):
    found = import_mixture(written(tmp_path, "yaml", {"web": 3, "code": 1}), SOURCES)
    assert (found.trainer, found.counts, found.stated) == (None, "tokens", {"web": 3, "code": 1})
    assert found.mixture == {"web": 0.75, "code": 0.25}


def test_documents_must_be_known_for_weights_that_count_them(tmp_path):
    trainer, suffix, content, _ = FILES["datasets"]
    bare = Sources([Source("web", 1e9, documents=5), Source("code", 1e9)])
    path = written(tmp_path, suffix, content)
    with pytest.raises(MixlawError, match=r"source code: .*datasets counts documents"):
        import_mixture(path, bare, trainer)
    assert import_mixture(path, bare, samples="packed").mixture == pytest.approx(EQUAL)


def test_epochs_need_the_sources_tokens(tmp_path):
    bare = Sources([Source("web", 1e9), Source("code", None)])
    path = written(tmp_path, "py", "f = {'web': SamplerFilter(rate=.5), 'code': SamplerFilter(rate=.5)}")
    with pytest.raises(MixlawError, match=r"code: the weight counts passes"):
        import_mixture(path, bare)
