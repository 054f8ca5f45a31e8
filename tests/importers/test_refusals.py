"""Foreign tables that cannot be taken: exit code 2, one line naming file, row, column and mend, no table written."""

import pytest
from factories.import_files import FILES, LOSS, METRICS, MIX, RATIOS, WB, WB_MAP, call

BY_MAP = [part for pair in WB_MAP.items() for part in ("--map", "=".join(pair))]
BROKEN = {
    "a format that is none": ("regmux", [MIX, LOSS], [], "did you mean 'regmix'"),
    "one file of two": ("regmix", [MIX], [], "MIXTURES.csv LOSSES.csv"),
    "three files of two": ("olmix", [RATIOS, METRICS, METRICS], [], "not 3 files"),
    "an empty file": ("regmix", [MIX, ""], [], "f1.csv"),
    "no rows": ("regmix", [MIX, LOSS.splitlines()[0]], [], "f1.csv: no rows"),
    "semicolons": ("regmix", [MIX, LOSS.replace(",", ";")], [], "f1.csv: row 1"),
    "tabs": ("regmix", [MIX.replace(",", "\t"), LOSS], [], "f0.csv: row 1"),
    "another encoding": ("regmix", [MIX, LOSS.encode("utf-16")], [], "UTF-8"),
    "a row cut off": ("regmix", [MIX, LOSS[:-6]], [], "f1.csv: row 4: 2 cells"),
    "a cell cut off into words": (
        "regmix",
        [MIX, LOSS.replace("3.2", "3.2e")],
        [],
        "f1.csv: row 3, column 'valid_the_pile_pi",
    ),
    "the key without a name": (
        "regmix",
        [MIX, LOSS.replace("index,", ",")],
        [],
        "f1.csv: row 1: no column names the run",
    ),
    "an empty key": ("regmix", [MIX, LOSS.replace("\n2,", "\n,")], [], "f1.csv: row 3, column 'index': empty"),
    "a mixture twice": ("regmix", [MIX + "2,1,0\n", LOSS], [], "f0.csv: row 5, column 'index': '2' is there twice"),
    "losses twice": ("regmix", [MIX, LOSS + "2,3,3\n"], [], "also at row 3"),
    "the same number twice": ("regmix", [MIX, LOSS.replace("\n3,", "\n02,")], [], "f1.csv: row 4"),
    "keys of another kind": ("regmix", [MIX, LOSS.replace("\n1,", "\na,")], [], "'a' of that file"),
    "no key in both": ("regmix", [MIX, "index,valid_x\na,3\n"], [], "no run is in both"),
    "files swapped": ("regmix", [LOSS.replace("2,3.2,", "2,3.2,1"), MIX], [], "swapped"),
    "no weights": ("regmix", ["index\n1\n2\n3\n", LOSS], [], "f0.csv: row 1: no column holds weights"),
    "no losses": ("regmix", [MIX, "index\n1\n2\n3\n"], [], "f1.csv: row 1: no column holds losses"),
    "weights beyond rounding": ("regmix", [MIX.replace("0.25", "0.35"), LOSS], [], "f0.csv: row 3"),
    "weights in percent": ("regmix", [MIX.replace("0.7,0.3", "70,30"), LOSS], [], "percentages"),
    "a negative weight": (
        "regmix",
        [MIX.replace("0.7,0.3", "1.3,-0.3"), LOSS],
        [],
        "row 2, column 'train_the_pile_pile_cc'",
    ),
    "an empty weight": ("regmix", [MIX.replace("0.7,0.3", "1,"), LOSS], [], "row 2, column 'train_the_pile_pile_cc'"),
    "a NaN weight": ("regmix", [MIX.replace("0.7,0.3", "1,nan"), LOSS], [], "row 2, column 'train_the_pile_pile_cc'"),
    "a negative loss": (
        "regmix",
        [MIX, LOSS.replace("3.2", "-3.2")],
        [],
        "f1.csv: row 3, column 'valid_the_pile_pile_cc/loss'",
    ),
    "a target never measured": (
        "regmix",
        [MIX, "index,valid_x,valid_y\n1,3,\n2,3,\n3,3,nan\n"],
        [],
        "f1.csv: column 'valid_y'",
    ),
    "two columns of one name": (
        "regmix",
        [MIX, LOSS.replace("the_pile_law", "pile_cc")],
        [],
        "would both be 'loss:pile_cc'",
    ),
    "a mapping that fits nothing": ("regmix", [MIX, LOSS], ["--map", "idx=run_id"], "did you mean 'index'"),
    "a mapping to nothing known": ("regmix", [MIX, LOSS], ["--map", "index=run"], "no column of a run table"),
    "a mapping of many to one": ("regmix", [MIX, LOSS], ["--map", "train_*=w:x"], "many columns to one name"),
    "a mapping without sides": ("regmix", [MIX, LOSS], ["--map", "index"], "--map index"),
    "a mapping file that is a list": ("regmix", [MIX, "- a\n"], ["--mapping", "f1.csv"], "COLUMN: NAME"),
    "a mapping file that is not there": ("regmix", [MIX, LOSS], ["--mapping", "absent.yaml"], "absent.yaml"),
    "an unknown name to change": ("regmix", [MIX, LOSS], ["--rename", "pile=cc"], "--rename 'pile'"),
    "two names made one": ("regmix", [MIX, LOSS], ["--rename", "web=pile_cc"], "would both be 'w:pile_cc'"),
    "negative parameters": ("regmix", [MIX, LOSS], ["--params", "-1"], "--params"),
    "tokens twice": ("regmix", [MIX, LOSS], ["--tokens", "1", "--tokens-per-step", "1"], "leave one out"),
    "tokens of steps that are not there": ("regmix", [MIX, LOSS], ["--tokens-per-step", "1"], "no column step"),
    "a size stated twice": (
        "regmix",
        [MIX.replace("train_the_pile_web", "params"), LOSS],
        ["--params", "1"],
        "column 'params'",
    ),
    "a unit that is none": ("regmix", [MIX, LOSS], ["--unit", "bpb"], "'bpb' is no unit"),
    "the unit of a target that is none": ("regmix", [MIX, LOSS], ["--unit", "lawn=bits"], "did you mean 'law'"),
    "a size of tokens in words": ("regmix", [MIX, LOSS], ["--bytes-per-token", "four"], "four"),
    "bits per byte not said to be": ("olmix", [RATIOS, METRICS], [], "--unit"),
    "bits per byte without bytes": ("olmix", [RATIOS, METRICS], ["--unit", "bits-per-byte"], "--bytes-per-token"),
    "perplexities below 1": (
        "olmix",
        [RATIOS, METRICS.replace("3.3", "0.9")],
        ["--unit", "perplexity", "--ignore", "mmlu:bpb"],
        "f1.csv: row 2",
    ),
    "metrics all empty": (
        "olmix",
        [RATIOS, "run,name,index,m\naa,swarm-0,0,\n"],
        ["--unit", "nats"],
        "f1.csv: column 'm'",
    ),
    "ratios with words": (
        "olmix",
        [RATIOS.replace("0.6,0.4", "0.6,most"), METRICS],
        ["--unit", "nats"],
        "'most' is not a number",
    ),
    "no mapping": ("wandb", [WB], [], "no column holds weights"),
    "no losses mapped": ("wandb", [WB], ["--map", "config.mix.*=w:*"], "no column holds losses"),
    "no name": ("wandb", [WB.replace("Name,", "Who,").replace("ID", "Hash")], BY_MAP, "no column names the run"),
    "several runs of one name": (
        "wandb",
        [WB.replace("\nb,", "\na - 1,")],
        BY_MAP,
        "f0.csv: row 3, column 'Name': 'a - 1'",
    ),
    "one name at several steps": (
        "wandb",
        [WB.replace("\nb,", "\nf,")],
        [*BY_MAP, "--map", "eval/code/CE loss=step"],
        "--map ID=run_id",
    ),
    "a chart without its runs": ("wandb", [FILES["wandb"][1]], BY_MAP, "a chart's export"),
    "a chart over time": (
        "wandb",
        [WB, FILES["wandb"][1].replace("Step", "Relative Time")],
        BY_MAP,
        "no column of steps",
    ),
    "a chart without a step": (
        "wandb",
        [WB, FILES["wandb"][1].replace("\n10,", "\n,")],
        BY_MAP,
        "f1.csv: row 2, column 'Step': empty",
    ),
    "a chart of another metric": ("wandb", [WB, "Step,b - lr\n1,0.1\n"], BY_MAP, "no column holds losses"),
    "a chart in words": (
        "wandb",
        [WB, FILES["wandb"][1].replace("10,3.2", "10,low")],
        [*BY_MAP, "--ignore", "train/tokens"],
        "f1.csv: row 2, column 'b - eval/web/CE loss': 'low' is not a number",
    ),
    "the tokens of the whole run at several steps": (
        "wandb",
        [WB, FILES["wandb"][1]],
        BY_MAP,
        "run 'b' has 2e+08 tokens at several steps; give --tokens-per-step",
    ),
    "a history without runs": ("wandb", [WB, "_step,eval/web/CE loss\n1,3\n"], BY_MAP, "no column names the run"),
    "a mixture that is no mapping": (
        "wandb",
        ["name,mix,l\na,{web: 1,3\n"],
        ["--map", "mix=w:*", "--map", "l=loss:w"],
        "row 2",
    ),
    "mixtures of a part of the cells": (
        "wandb",
        ["name,mix,l\na,{web: 1},3\nb,half,3\n"],
        ["--map", "mix=w:*", "--map", "l=loss:w"],
        "row 3, column 'mix'",
    ),
    "all runs going": ("wandb", [WB.replace("finished", "running")], BY_MAP, "no run is left"),
    "weights half empty": (
        "wandb",
        [WB.replace("x6,0.25,0.75", "x6,0.25,")],
        BY_MAP,
        "row 7, column 'config.mix.code'",
    ),
    "a table of unknown kind": ("wandb", [WB], [*BY_MAP, "--out", "runs.xlsx"], "runs.xlsx"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(name, tmp_path, capfd, monkeypatch):
    kind, texts, arguments, named = BROKEN[name]
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in arguments else ["--out", "runs.csv"]
    files = [f"f{i}.csv" for i in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        (tmp_path / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    code, printed, err = call([kind, *files, *arguments, *out], capfd, monkeypatch)
    print(err)
    assert code == 2
    assert printed == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert len(err) < 420
    assert named in err
    assert not (tmp_path / "runs.csv").exists()
