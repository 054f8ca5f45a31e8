"""Files as trainers write them themselves and as users keep them: read, noted, or refused by name."""

import pytest
from factories.weights_files import written

from mixlaw import MixlawError, Source, Sources, audit, import_mixture
from mixlaw.exporters import FORMATS
from mixlaw.exporters.syntax.shell import shell_flags

SOURCES = Sources(
    [
        Source("web", 5e11, documents=500_000_000),
        Source("code", 8e10, documents=8_000_000),
        Source("books", 6e9, documents=60_000),
    ]
)
SHARES = {"web": 0.7, "code": 0.2, "books": 0.1}
WORDS = "0.7 /d/web_text_document 0.2 /d/code_text_document 0.1 /d/books_text_document"
PATHS = ["/d/web_text_document", "/d/code_text_document", "/d/books_text_document"]
NANOSET = {
    **{"dataset_max_tokens": None, "dataset_read_path": None, "pad_samples_to_global_batch_size": False},
    **{"return_positions": True, "shuffle_files": False, "skip_in_stream": False, "token_size_in_bytes": 4},
    **{"tokenizer_name": "t", "use_old_brrr_dataloader": False, "vocab_size": 128256},
}


def stage(**dataset):
    data = {"dataset": dataset, "num_loading_workers": 1, "seed": 42}
    return {"data_stages": [{"data": data, "name": "Stable", "start_training_step": 1}], "general": {"project": "x"}}


def energon(entries, kind="blend"):
    return {"__module__": "megatron.energon", "__class__": "MetadatasetV2", "splits": {"train": {kind: entries}}}


def levanter(sets, weights, **more):
    return {"data": {sets: {name: {} for name in (*SHARES, "paloma")}, "train_weights": weights} | more}


EQUAL = dict.fromkeys(SHARES, 1 / 3)
SIZES = {"web": 500 / 586, "code": 80 / 586, "books": 6 / 586}
BY_DOCUMENT = {"web": 0.7 / 12.7, "code": 2 / 12.7, "books": 10 / 12.7}
"""SHARES of documents of 1,000, 10,000 and 100,000 tokens, as token shares."""

# trainer, suffix, content, asked token shares
FILES = {
    "megatron: continued lines": ("megatron", "sh", "--data-path " + WORDS.replace(" 0.", " \\\n 0."), SHARES),
    "megatron: a script": (
        "megatron",
        "sh",
        f'#!/bin/bash\nBLEND="{WORDS}"\nDATA=(\n  --data-path $BLEND\n  --split 98,2,0\n)\n'
        "torchrun x.py ${DATA[@]} --lr 1\n",
        SHARES,
    ),
    "megatron: valid and test without weights": (
        "megatron",
        "json",
        {"train": WORDS.split(), "valid": ["/d/v"], "test": None, "remark": "x"},
        SHARES,
    ),
    "megatron: no weights": ("megatron", "txt", "\n".join(PATHS), SIZES),
    "nemo 1": (
        "nemo",
        "yaml",
        "model:\n  data:\n    splits_string: '99990,8,2'\n"
        "    data_prefix: [.7, '${d}/web_text_document', .2, /d/code, .1, /d/books]\n",
        SHARES,
    ),
    "nemo 1 by split": (
        "nemo",
        "yaml",
        {"model": {"data": {"data_prefix": {"train": WORDS.split(), "validation": ["/d/v"], "test": ["/d/t"]}}}},
        SHARES,
    ),
    "nemo 2": (
        "nemo",
        "py",
        f"import nemo\ndata = llm.PreTrainingDataModule(paths={WORDS.split()}, seq_length=4096, split='98,1,1')\n",
        SHARES,
    ),
    "bridge": ("megatron-bridge", "yaml", {"dataset": {"seq_length": 8, "blend": [PATHS, [7, 2, 1]]}}, SHARES),
    "bridge without weights": (
        "megatron-bridge",
        "yaml",
        {"dataset": {"blend": [PATHS, None], "split": "9999,8,2"}},
        SIZES,
    ),
    "bridge by split": (
        "megatron-bridge",
        "yaml",
        {"dataset": {"blend_per_split": [[PATHS, [7, 2, 1]], [["/d/v"], None], None]}},
        SHARES,
    ),
    "bridge words": ("megatron-bridge", "yaml", {"dataset": {"data_path": WORDS, "blend": None}}, SHARES),
    "bridge in Python": (
        "megatron-bridge",
        "py",
        f"import x\ncfg = GPTDatasetConfig(blend=({PATHS}, [0.7, 0.2, 0.1]), split='1,0,0')\n",
        SHARES,
    ),
    "energon": ("energon", "yaml", energon([{"weight": w, "path": f"./{n}"} for n, w in SHARES.items()]), BY_DOCUMENT),
    "energon 1": (
        "energon",
        "yaml",
        energon([{"weight": w, "path": f"./{n}", "subflavors": {"x": 1}} for n, w in SHARES.items()], "datasets"),
        BY_DOCUMENT,
    ),
    "energon by repetitions": (
        "energon",
        "yaml",
        energon([{"repetitions": 2, "path": f"./{n}"} for n in SHARES], "blend_epochized"),
        SIZES,
    ),
    "neox": (
        "gpt-neox",
        "yml",
        {"train-data-paths": PATHS, "train-data-weights": [7, 2, 1], "vocab_file": "v"},
        SHARES,
    ),
    "neox without weights": ("gpt-neox", "yml", {"train_data_paths": PATHS, "valid_data_paths": ["/d/v"]}, EQUAL),
    "nanotron: all its keys": (
        "nanotron",
        "yaml",
        stage(dataset_folder=PATHS, dataset_weights=[7, 2, 1], **NANOSET),
        SHARES,
    ),
    "nanotron: null weights": ("nanotron", "yaml", stage(dataset_folder=PATHS, dataset_weights=None), EQUAL),
    "nanotron: a key of a later version": ("nanotron", "yaml", stage(dataset_folder=PATHS, pack_by="x"), EQUAL),
    "nanotron: one folder": (
        "nanotron",
        "yaml",
        stage(dataset_folder="/d/web"),
        {"web": 1.0, "code": 0.0, "books": 0.0},
    ),
    "levanter: validation only": ("levanter", "yaml", levanter("configs", SHARES), SHARES),
    "levanter: components": ("levanter", "yaml", levanter("components", {**SHARES, "paloma": 0.0}), SHARES),
    "levanter: one stage": ("levanter", "yaml", levanter("components", [[0, SHARES]]), SHARES),
    "doremi: a domain of weight 0": (
        "doremi",
        "json",
        {"train_domain_weights": {**SHARES, "Pile-CC": 0.0}, "eval_domain_weights": SHARES, "seed": 1},
        SHARES,
    ),
    "streaming: no weights": ("streaming", "yaml", {"streams": {n: {"local": f"/d/{n}"} for n in SHARES}}, SIZES),
    "streaming: repeat beside none": (
        "streaming",
        "yaml",
        {
            "train_loader": {
                "dataset": {"streams": {"web": {"local": "a"}, "code": {"repeat": 1}, "books": {"repeat": 1.0}}}
            }
        },
        SIZES,
    ),
    "trl": (
        "trl",
        "yaml",
        {"datasets": [{"path": f"x/{n}", "fraction": w} for n, w in SHARES.items()], "model_name": "a"},
        BY_DOCUMENT,
    ),
    "maxtext with remarks": (
        "maxtext",
        "json",
        {n: {"path": f"/d/{n}*", "weight": w, "about": "x"} for n, w in SHARES.items()},
        BY_DOCUMENT,
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_real_files_are_read(case, tmp_path):
    trainer, suffix, content, shares = FILES[case]
    path = written(tmp_path, suffix, content)
    for found in (import_mixture(path, SOURCES, partial=True), import_mixture(path, SOURCES, trainer, partial=True)):
        assert found.trainer == trainer
        assert found.mixture == pytest.approx(shares)


def test_what_was_ignored_is_noted(tmp_path):
    named = {
        "nanotron: a key of a later version": ("'pack_by' is ignored", "same weight"),
        "doremi: a domain of weight 0": ("Pile-CC", "'seed' is ignored"),
        "megatron: valid and test without weights": ("'remark' is ignored",),
        "levanter: validation only": ("paloma",),
    }
    for case, parts in named.items():
        _, suffix, content, _ = FILES[case]
        notes = " ".join(import_mixture(written(tmp_path, suffix, content), SOURCES).notes)
        for part in parts:
            assert part in notes


NESTED = {
    "mix": {
        "dclm": {"weight": 0.6, "science": {"weight": 0.25, "repetition_factor": 1.0}, "software": {"weight": 0.75}},
        "wiki": {"weight": 0.2, "repetition_factor": 2.0, "de": 0.5, "en": {"weight": 0.5}},
        "arxiv": {"weight": 0.2},
    }
}


def test_nested_olmix_multiplies_the_weights_on_the_way(tmp_path):
    expected = {"dclm:science": 0.15, "dclm:software": 0.45, "wiki:de": 0.1, "wiki:en": 0.1, "arxiv": 0.2}
    found = import_mixture(written(tmp_path, "yaml", NESTED), Sources(Source(n, 1e9) for n in expected))
    assert found.mixture == pytest.approx(expected)


REFUSED = {
    "another file": ("yaml", {"loader": {"web": 1}, "x": 2}, "no weights in a known format"),
    "a nested mapping": ("yaml", {"web": {"weight": 1}, "code": {"weight": 1}}, "levanter"),
    "levanter: not a component": ("yaml", levanter("components", {"wbe": 1}), "did you mean 'web'"),
    "levanter: a block too large": (
        "yaml",
        levanter("components", SHARES, mixture_block_size=65536),
        "less than 65536",
    ),
    "levanter: less than a sequence": ("yaml", levanter("components", {"web": 1, "books": 3e-4}), "drops it"),
    "neox: by documents": (
        "yml",
        {"train-data-paths": PATHS, "weight-by-num-documents": True},
        "weight_by_num_documents overrides",
    ),
    "energon: join": ("yaml", {"splits": {"train": {"join": []}}}, "join is not read"),
    "energon: misspelt": ("yaml", energon([{"weigth": 1, "path": "./web"}]), "did you mean 'weight'"),
    "nanotron: misspelt": ("yaml", stage(dataset_folder=PATHS, dataset_weight=[1]), "did you mean 'dataset_weights'"),
    "maxtext: a lone path": ("yaml", {"grain_train_files": "/d/web*,0.5"}, "lone"),
    "megatron: two blends": ("sh", f"--data-path {WORDS}\n--data-path 1 /d/web\n", "twice with different values"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_trainer_takes_is_refused_by_name(case, tmp_path):
    suffix, content, named = REFUSED[case]
    with pytest.raises(MixlawError) as caught:
        audit(written(tmp_path, suffix, content), SOURCES, 1e11)
    assert named in str(caught.value)


def test_every_format_refuses_another_form(tmp_path):
    path = written(tmp_path, "yaml", {"something": {"else": 1}})
    for trainer in FORMATS:
        with pytest.raises(MixlawError, match=r"weights\.yaml"):
            import_mixture(path, SOURCES, trainer.name)


@pytest.mark.parametrize(
    "text",
    [
        'ARGS="\n  --data-path 1 /a \\\n 2 /b\n  --split 1,1,0\n"\nrun $ARGS\n',
        "run --split=1,1,0 --data-path 1 /a 2 /b # --data-path 3 /c\n",
        "run --data-path '1 /a 2 /b' --split 1,1,0; echo done\n",
        "X=(1 /a 2 /b)\nrun --data-path ${X[@]} --split 1,1,0 && rm x\n",
    ],
)
def test_shell_texts(text):
    flags = shell_flags(text, "x.sh")[1]
    assert flags["--data-path"] == ["1", "/a", "2", "/b"]
    assert flags["--split"] == ["1,1,0"]
