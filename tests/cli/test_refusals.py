"""Bad input: exit code 2, one line on stderr that names the thing and the mend, nothing else, never a traceback."""

import gzip
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from mixlaw.cli import app as cli

TEXT = "".join(f"{i} line of text about mixtures and laws\n" for i in range(900))
PROJECT = """
sources:
  web: {paths: [web.txt], tokens: 1.0e9}
  code: {paths: [code], tokens: 2.0e8}
targets:
  web: {weight: 1}
budget: {params: 1.0e8, tokens: 2.0e9}
"""


def run_table(rows: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    w = rng.dirichlet(np.ones(2), rows)
    loss = 2 + (0.1 + w[:, 0]) ** -0.3
    return pd.DataFrame(
        {
            "run_id": [f"r{i}" for i in range(rows)],
            "params": 1e6,
            "tokens": 1e8,
            "w:web": w[:, 0],
            "w:code": w[:, 1],
            "loss:web": loss,
        }
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a sound project and a sound run table, made the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.txt").write_text(TEXT)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.txt").write_text(TEXT.upper())
    (tmp_path / "mixlaw.yaml").write_text(PROJECT)
    run_table().to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "weights.json").write_text('{"web": 0.5, "code": 0.5}')
    return tmp_path


def refuse(arguments: str, capfd, monkeypatch) -> str:
    monkeypatch.setattr(sys, "argv", ["mixlaw", *arguments.split()])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capfd.readouterr()
    assert stop.value.code == 2, err
    assert out == ""
    # What was announced before the error is on lines of its own; the error is the last and only one of its kind.
    lines = err.strip().splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1
    assert lines[-1].startswith("error: ")
    assert "Traceback" not in err
    return lines[-1]


def edit(old, new):
    def change(folder):
        path = folder / "mixlaw.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return change


def bounds(web, code):
    def change(folder):
        edit("tokens: 1.0e9", f"tokens: 1.0e9, {web}")(folder)
        edit("tokens: 2.0e8", f"tokens: 2.0e8, {code}")(folder)

    return change


def write(name, content):
    def change(folder):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def table(change):
    def apply(folder):
        frame = run_table()
        changed = change(frame)
        (frame if changed is None else changed).to_csv(folder / "runs.csv", index=False)

    return apply


def put(column, row, value):
    def change(frame):
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value

    return table(change)


def parquet_without_text(folder):
    (folder / "web.txt").unlink()
    parquet.write_table(pa.table({"body": [TEXT]}), folder / "web.parquet")
    edit("[web.txt]", "[web.parquet]")(folder)


def bomb(folder):
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True)]
    (folder / "mixlaw.yaml").write_text("\n".join(lines))


FROM_TEXT = "recommend mixlaw.yaml"
FROM_RUNS = "recommend --runs runs.csv"
PROJECTS = {
    "no such project": (None, "recommend absent.yaml", "absent.yaml"),
    "a project that is a folder": (None, "recommend code", "code"),
    "a project in another encoding": (write("mixlaw.yaml", "sources: {wéb: {}}".encode("utf-16")), FROM_TEXT, "UTF-8"),
    "a project that is no YAML": (write("mixlaw.yaml", "sources: {web: ["), FROM_TEXT, "line 1"),
    "an empty project": (write("mixlaw.yaml", ""), FROM_TEXT, "empty"),
    "a project of anchors that explode": (bomb, FROM_TEXT, "mixlaw.yaml"),
    "a key twice": (write("mixlaw.yaml", PROJECT + "\nbudget: {flops: 1}"), FROM_TEXT, "budget"),
    "no sources": (edit("sources:", "origins:"), FROM_TEXT, "origins"),
    "an unknown key": (edit("tokens: 1.0e9", "tokns: 1.0e9"), FROM_TEXT, "tokens"),
    "negative tokens": (edit("tokens: 1.0e9", "tokens: -5"), FROM_TEXT, "-5"),
    "tokens that are words": (edit("tokens: 1.0e9", "tokens: many"), FROM_TEXT, "many"),
    "NaN tokens": (edit("tokens: 1.0e9", "tokens: .nan"), FROM_TEXT, "nan"),
    "a source of neither text nor size": (edit("web: {paths: [web.txt], tokens: 1.0e9}", "web: {}"), FROM_TEXT, "web"),
    "min above max": (edit("tokens: 1.0e9", "min: 0.8, max: 0.2"), FROM_TEXT, "min"),
    "a share above one": (edit("tokens: 1.0e9", "max: 40"), FROM_TEXT, "40"),
    "upper bounds below one": (bounds("max: 0.3", "max: 0.4"), FROM_TEXT, "0.7"),
    "lower bounds above one": (bounds("min: 0.7", "min: 0.6"), FROM_TEXT, "1.3"),
    "epochs that do not fill the budget": (bounds("max_epochs: 1", "max_epochs: 1"), FROM_TEXT, "max_epochs"),
    "no target counts": (edit("weight: 1", "weight: 0"), FROM_TEXT, "weight"),
    "a negative weight": (edit("weight: 1", "weight: -1"), FROM_TEXT, "-1"),
    "a target without text": (edit("web: {weight: 1}", "chat: {weight: 1}"), FROM_TEXT, "chat"),
    "no budget": (edit("budget: {params: 1.0e8, tokens: 2.0e9}", ""), FROM_TEXT, "budget"),
    "a budget of zero": (edit("tokens: 2.0e9}", "tokens: 0}"), FROM_TEXT, "tokens"),
    "a budget below one batch": (edit("{params: 1.0e8, tokens: 2.0e9}", "{params: 10, tokens: 3}"), FROM_TEXT, "10"),
    "a budget too many": (edit("budget: {", "budget: {flops: 1.0, "), FROM_TEXT, "flops"),
    "text that is not there": (lambda d: (d / "web.txt").unlink(), FROM_TEXT, "web.txt"),
    "an empty source": (write("web.txt", ""), FROM_TEXT, "web"),
    "a source of white space": (write("web.txt", " \n\n"), FROM_TEXT, "web"),
    "a source in another encoding": (write("web.txt", b"caf\xe9 \xff" * 99), FROM_TEXT, "web.txt"),
    "a glob that finds nothing": (edit("web.txt", "'*.md'"), FROM_TEXT, "*.md"),
    "a folder without text": (edit("web.txt", "void"), FROM_TEXT, "void"),
    "a parquet file without text": (parquet_without_text, FROM_TEXT, "text"),
    "JSON lines that break": (
        lambda d: [write("web.jsonl", '{"text": "a"}\n{"text": \n')(d), edit("web.txt", "web.jsonl")(d)],
        FROM_TEXT,
        "web.jsonl",
    ),
    "JSON lines without text": (
        lambda d: [write("web.jsonl", '{"body": "a"}\n')(d), edit("web.txt", "web.jsonl")(d)],
        FROM_TEXT,
        "text",
    ),
    "a cut gzip": (
        lambda d: [
            write("w.jsonl.gz", gzip.compress(b'{"text": "abc"}\n' * 999)[:40])(d),
            edit("web.txt", "w.jsonl.gz")(d),
        ],
        FROM_TEXT,
        "w.jsonl.gz",
    ),
    "too little text to split": (write("web.txt", "a"), FROM_TEXT, "web"),
    "too little time": (None, FROM_TEXT + " --seconds 2", "seconds"),
    "no such seed": (None, FROM_TEXT + " --seed -1", "seed"),
}
TABLES = {
    "no such table": (None, "recommend --runs absent.csv", "absent.csv"),
    "a table in another encoding": (write("runs.csv", "run_id,w:é\n".encode("utf-16")), FROM_RUNS, "runs.csv"),
    "an empty table": (write("runs.csv", ""), FROM_RUNS, "runs.csv"),
    "a table without rows": (table(lambda f: f[:0]), FROM_RUNS, "runs.csv"),
    "a table without sources": (table(lambda f: f.drop(columns=["w:web", "w:code"])), FROM_RUNS, "w:"),
    "a table without targets": (table(lambda f: f.drop(columns=["loss:web"])), FROM_RUNS, "loss:"),
    "a NaN weight": (put("w:web", 3, ""), FROM_RUNS, "w:web"),
    "a negative weight": (put("w:web", 3, -0.5), FROM_RUNS, "w:web"),
    "weights that do not sum to one": (put("w:web", 3, 5.0), FROM_RUNS, "row 5"),
    "a loss of zero": (put("loss:web", 2, 0), FROM_RUNS, "loss:web"),
    "an infinite loss": (put("loss:web", 2, "inf"), FROM_RUNS, "loss:web"),
    "a loss in words": (put("loss:web", 2, "bad"), FROM_RUNS, "loss:web"),
    "no losses at all": (table(lambda f: f.assign(**{"loss:web": np.nan})), FROM_RUNS, "loss:web"),
    "a run twice": (put("run_id", 2, "r1"), FROM_RUNS, "r1"),
    "negative parameters": (put("params", 2, -1), FROM_RUNS, "params"),
    "two runs": (table(lambda f: f[:2]), FROM_RUNS, "2"),
    "a target the runs lack": (edit("web: {weight: 1}", "chat: {weight: 1}"), FROM_RUNS, "chat"),
    "a source the runs lack": (edit("  code:", "  kode:"), FROM_RUNS, "kode"),
    "a parquet that is none": (write("runs.parquet", "no"), "recommend --runs runs.parquet", "runs.parquet"),
    "several scales, a law of one": (
        table(lambda f: f.assign(params=np.where(np.arange(12) < 6, 1e6, 2e6))),
        FROM_RUNS + " --law effective-tokens",
        "--scale",
    ),
    "a scale that is not there": (None, "fit runs.csv --out fit.json --scale 7", "1e+06"),
    "a law to compare that is none": (None, "compare runs.csv --laws linear,linear-ish", "linear-ish"),
    # Nine runs; two have nearly the same mixture.
    "too few mixtures to compare on": (table(lambda f: f[:9]), "compare runs.csv", "8 mixtures are too few"),
    "a law to compare that the table lacks columns for": (
        table(lambda f: f.drop(columns="tokens")),
        "compare runs.csv --laws mixture-index",
        "tokens",
    ),
    "a plan by a reference": (None, FROM_RUNS + " --law boosted-trees", "use it in compare"),
    "replicas of a reference": (
        None,
        "fit runs.csv --law boosted-trees --bootstrap 9 --out f.json",
        "use it in compare",
    ),
    "a reference for proxies": (None, FROM_TEXT + " --law gaussian-process", "use it in compare"),
    "a law that is none": (None, FROM_RUNS + " --law linear-ish", "linear-ish"),
}
COMMANDS = {
    "flops that are words": (None, FROM_RUNS + " --flops much", "--flops"),
    "negative flops": (None, FROM_RUNS + " --flops -1e20", "-1e"),
    "NaN flops": (None, FROM_RUNS + " --flops nan", "nan"),
    "flops beside parameters": (None, FROM_RUNS + " --flops 1e20 --params 1e9", "flops"),
    "parameters without tokens": (None, FROM_RUNS + " --params 1e9", "tokens"),
    "the demo with a project": (None, "recommend mixlaw.yaml --demo", "--demo"),
    "no project anywhere": (lambda d: (d / "mixlaw.yaml").unlink(), "recommend", "--demo"),
    "a verb that is none": (None, "recomend", "recomend"),
    "a law without sizes for proxies": (None, FROM_TEXT + " --law log-linear", "does not depend on the size"),
    "a law without mixtures for proxies": (None, FROM_TEXT + " --law chinchilla", "does not depend on the mixture"),
    "a law that is none for proxies": (None, FROM_TEXT + " --law linear-ish", "linear-ish"),
    "a scale without runs": (None, FROM_TEXT + " --scale 1e6", "--scale"),
    "an option that is none": (None, FROM_RUNS + " --sorce x", "--sorce"),
    "a fit that is none": (None, "predict weights.json runs.csv --out p.csv", "weights.json"),
    "a fit that is not there": (None, "predict fit.json runs.csv --out p.csv", "fit.json"),
    "a fit into a folder that is not there": (None, "fit runs.csv --bootstrap 0 --out absent/fit.json", "absent"),
    "results into a file": (None, FROM_RUNS + " --out web.txt", "web.txt"),
    "no runs to design": (None, "design mixlaw.yaml --runs 0 --out d.csv", "runs"),
    "a design into a folder": (None, "design mixlaw.yaml --runs 4 --out code", "code"),
    "a design and a number of runs": (None, "sweep mixlaw.yaml --runs 12 --design d.csv --out s", "--design"),
    "an online method that is none": (None, "online mixlaw.yaml --method doremy --out s", "doremi"),
    "updates at no step": (None, "online mixlaw.yaml --every 100 --out s", "16"),
    "too few runs": (None, "sweep mixlaw.yaml --runs 3 --out s", "3"),
    "weights of an unknown source": (
        write("weights.json", '{"web": 0.5, "kode": 0.5}'),
        "audit weights.json --project mixlaw.yaml --tokens 1e9",
        "kode",
    ),
    "weights that are none": (
        write("weights.json", "[1,"),
        "audit weights.json --project mixlaw.yaml --tokens 1e9",
        "weights.json",
    ),
    "an audit of no tokens": (None, "audit weights.json --project mixlaw.yaml --tokens 0", "0"),
}
CASES = PROJECTS | {f"runs: {k}": v for k, v in TABLES.items()} | {f"command: {k}": v for k, v in COMMANDS.items()}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_in_one_line(name, here, capfd, monkeypatch):
    spoil, arguments, named = CASES[name]
    if spoil is not None:
        spoil(here)
    line = refuse(arguments, capfd, monkeypatch)
    print(line)
    assert len(line) < 400
    if named is not None:
        assert named in line


def test_there_are_enough_of_them():
    assert len(CASES) >= 60
