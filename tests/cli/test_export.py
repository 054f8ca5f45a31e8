"""`mixlaw export` and `audit` from the command line: files, comments, counting of documents, refusals, comparison."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

import mixlaw
from mixlaw.exporters import TRAINERS

PROJECT = """
sources:
  books: {tokens: 1.0e9, documents: 100000, max_epochs: 6, paths: [data/books]}
  web: {tokens: 5.0e10, documents: 50000000, paths: [data/web]}
  logs: {tokens: 2.0e10, documents: 1000000, max: 0.5}
targets:
  books: {weight: 2}
  chat: {weight: 1}
budget: {params: 1.0e6, tokens: 1.0e10}
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A folder as `recommend --out` leaves it: plan.json and fit.json; and mixlaw.yaml."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "mixlaw.yaml").write_text(PROJECT)
    random = np.random.default_rng(0)
    w_RxS = random.dirichlet(np.ones(3), 24)
    frame = pd.DataFrame({"run_id": [f"r{i}" for i in range(24)], "params": 1e6, "tokens": 1e10})
    frame[["w:books", "w:web", "w:logs"]] = w_RxS
    frame["loss:books"] = 2 + 0.5 * (0.2 + w_RxS @ [1.0, 0.3, 0.05]) ** -0.5
    frame["loss:chat"] = 0.9 * frame["loss:books"] * np.exp(0.002 * random.standard_normal(24))
    frame.to_csv(folder / "runs.csv", index=False)
    project = mixlaw.read_project(folder / "mixlaw.yaml")
    fit = mixlaw.fit(mixlaw.read_runs(folder / "runs.csv"), "effective-tokens", bootstrap=20)
    plan = mixlaw.recommend(fit, project.sources, project.budget, targets=project.targets)
    (folder / "plan").mkdir()
    plan.save(folder / "plan" / "plan.json")
    fit.save(folder / "plan" / "fit.json")
    return folder


@pytest.mark.parametrize("trainer", [trainer.name for trainer in TRAINERS])
def test_every_trainer_gets_a_file_that_audit_reads(trainer, planned, run, tmp_path):
    out, plan = tmp_path / "mixture.py", mixlaw.read_plan(planned / "plan" / "plan.json")
    out = out if trainer in ("datasets", "torchtitan", "datatrove") else tmp_path / "mixture.yaml"
    one_pass = ["--tokens", 1e9] if trainer == "datatrove" else []
    code, stdout, stderr = run("export", planned / "plan", "--to", trainer, "--out", out, *one_pass)
    assert (code, stdout) == (0, ""), stderr
    assert f"wrote {out}" in stderr
    project = planned / "mixlaw.yaml"
    for detected in ([], ["--from", trainer]):
        code, stdout, stderr = run("audit", out, "--project", project, "--tokens", 1e9, "--json", *detected)
        assert code == 0, stderr
        found = json.loads(stdout)
        assert found["trainer"] == trainer
        assert found["asked"]["mixture"] == pytest.approx(plan.mixture, rel=1e-2, abs=1e-9)
        assert found["mixture"] == pytest.approx(plan.mixture, rel=0.1)  # drawn by the seed of the file


def test_export_prints_the_file_and_json_prints_what_the_library_returns(planned, run):
    code, stdout, stderr = run("export", planned / "plan" / "plan.json", "--to", "olmix")
    assert code == 0
    assert set(yaml.safe_load(stdout)["mix"]) == {"books", "web", "logs"}
    assert stdout.startswith("# mixlaw plan ")
    assert "note: tokenizer not stated" in stderr
    code, printed, _ = run("export", planned / "plan", "--to", "olmix", "--json")
    made = mixlaw.export(mixlaw.read_plan(planned / "plan" / "plan.json"), "olmix")
    assert json.loads(printed) == json.loads(json.dumps(made.to_dict()))
    assert made.text == stdout


def test_a_format_without_comments_has_them_in_a_file_beside_it(planned, run, tmp_path):
    out = tmp_path / "weights.json"
    code, _, stderr = run("export", planned / "plan", "--to", "doremi", "--out", out)
    assert code == 0
    assert set(json.loads(out.read_text())) == {"train_domain_weights", "eval_domain_weights"}
    about = json.loads((tmp_path / "weights.json.mixlaw.json").read_text())
    assert about["provenance"]["plan"]
    assert set(about["epochs"]) == {"books", "web", "logs"}
    assert "weights.json.mixlaw.json" in stderr


def test_documents_are_counted_from_paths_where_they_are_not_stated(planned, run, tmp_path):
    """Two thirds of the tokens to a source whose documents are ten times as long: a sixth of the examples."""
    plan = mixlaw.read_plan(planned / "plan" / "plan.json").to_dict()
    mixture = {"books": 2 / 3, "web": 1 / 3, "logs": 0.0}
    plan |= {"mixture": mixture, "tokens": 1e3, "epochs": None, "caps": None, "provenance": {}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "books.jsonl").write_text("\n".join(json.dumps({"text": f"{i:099d}"}) for i in range(20)))
    (tmp_path / "web.jsonl").write_text("\n".join(json.dumps({"text": f"{i:09d}"}) for i in range(70)))
    project = tmp_path / "mixlaw.yaml"
    project.write_text(
        "sources:\n  books: {paths: [books.jsonl]}\n  web: {paths: [web.jsonl]}\n  logs: {tokens: 1e6}\n"
    )
    out = tmp_path / "mixture.yaml"
    arguments = ("--to", "llama-factory", "--project", project, "--out", out)
    code, _, stderr = run("export", tmp_path / "plan.json", *arguments)
    assert code == 0, stderr
    assert "counted: books 20 documents, web 70 documents" in stderr
    found = yaml.safe_load(out.read_text())
    assert found["dataset"] == "books,web"
    assert [float(p) for p in found["interleave_probs"].split(",")] == pytest.approx([1 / 6, 5 / 6], abs=1e-5)
    code, stdout, stderr = run("audit", out, "--project", project, "--tokens", 1e3, "--json")
    found = json.loads(stdout)
    assert found["asked"]["mixture"] == pytest.approx(mixture, abs=1e-4)
    assert found["mixture"]["books"] == pytest.approx(mixture["books"], abs=0.1)  # 40 documents, drawn by the seed
    project.write_text("sources:\n  books: {tokens: 1e6}\n  web: {tokens: 1e6, paths: [gone]}\n  logs: {tokens: 1e6}\n")
    code, _, stderr = run("export", tmp_path / "plan.json", *arguments)
    assert code == 2
    assert "source web: states no documents and they cannot be counted" in stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("--to megatorn", "did you mean 'megatron'"),
        ("--to megatron --out no/such/file", "--out no/such/file"),
        ("--to megatron --path web", "--path web"),
        ("--to megatron --path wib=/d/x", "did you mean 'web'"),
        ("--to datasets --samples rows", "'rows'"),
        ("--to megatron --tokens 0", "tokens is 0"),
        ("--to megatron --tokens 1e13", "books"),
        ("--to datatrove", "samples down only"),
        ("--to megatron --project absent.yaml", "absent.yaml"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, named, planned, run):
    code, stdout, stderr = run("export", planned / "plan", *arguments.split())
    assert (code, stdout) == (2, "")
    assert stderr.startswith("error: ")
    assert len(stderr.splitlines()) == 1
    assert named in stderr


def test_what_is_no_plan_is_refused(planned, run):
    for path in (planned / "runs.csv", planned, planned / "absent"):
        code, _, stderr = run("export", path, "--to", "megatron")
        assert code == 2
        assert str(path) in stderr


def test_thousands_of_epochs_cannot_be_missed(run, tmp_path):
    """A weight of 2.1 percent on 130M tokens at 25T, as a published mixture nearly had it."""
    project, weights = tmp_path / "mixlaw.yaml", tmp_path / "weights.json"
    project.write_text("sources:\n  web: {tokens: 2e13}\n  code: {tokens: 1e12}\n  wiki: {tokens: 1.3e8}\n")
    weights.write_text(json.dumps({"web": 90, "code": 7.9, "wiki": 2.1}))
    arguments = ("audit", weights, "--project", project, "--tokens", "25e12")
    told = "ERROR wiki: weight 2.1 (2.1% of 25T tokens) is 4,038 epochs of its 130M tokens; no gain was found past 40"
    code, stdout, stderr = run(*arguments)
    assert code == 0
    assert told in stdout.splitlines()[-1]
    (row,) = [line for line in stdout.splitlines() if line.startswith("wiki")]
    assert row.rstrip().endswith("4,038  no gain past 40")
    assert told in stderr
    code, stdout, stderr = run(*arguments, "--json")
    assert code == 0
    assert json.loads(stdout)["errors"] == [told.removeprefix("ERROR ")]
    assert told in stderr
    code, _, stderr = run(*arguments, "--strict")
    assert code == 2
    assert "error: " in stderr
    weights.write_text(json.dumps({"web": 95, "code": 5, "wiki": 0}))
    code, stdout, stderr = run(*arguments, "--strict")
    assert (code, stderr) == (0, "")
    assert "ERROR" not in stdout


@pytest.mark.parametrize("trainer", ["datasets", "torchtitan", "datatrove", "axolotl", "megatron"])
def test_a_file_of_any_name_is_found_by_its_shape(trainer, planned, run, tmp_path):
    out = tmp_path / f"{trainer}.out"
    one_pass = ["--tokens", 1e9] if trainer == "datatrove" else []
    assert run("export", planned / "plan", "--to", trainer, "--out", out, *one_pass)[0] == 0
    code, stdout, stderr = run("audit", out, "--project", planned / "mixlaw.yaml", "--tokens", 1e9, "--json")
    assert code == 0, stderr
    assert json.loads(stdout)["trainer"] == trainer
    other = "datasets" if trainer != "datasets" else "torchtitan"
    code, _, stderr = run("audit", out, "--project", planned / "mixlaw.yaml", "--tokens", 1e9, "--from", other)
    assert code == 2
    assert f"{trainer}.out: " in stderr, "not a name that no file has"


def test_tokens_are_those_of_the_project_s_budget_where_none_are_given(run, tmp_path):
    project, weights = tmp_path / "mixlaw.yaml", tmp_path / "weights.json"
    project.write_text("sources:\n  web: {tokens: 2e9}\nbudget: {params: 1e6, tokens: 1e9}\n")
    weights.write_text('{"web": 1}')
    code, stdout, stderr = run("audit", weights, "--project", project, "--json")
    assert code == 0, stderr
    assert json.loads(stdout)["tokens"] == 1e9
    assert json.loads(run("audit", weights, "--project", project, "--tokens", 2e9, "--json")[1])["tokens"] == 2e9


def test_an_error_is_said_once(tmp_path):
    project, weights = tmp_path / "mixlaw.yaml", tmp_path / "weights.json"
    project.write_text("sources:\n  web: {tokens: 2e13}\n  wiki: {tokens: 1.3e8}\n")
    weights.write_text(json.dumps({"web": 97.9, "wiki": 2.1}))
    call = [sys.executable, "-c", "from mixlaw.cli.app import main; main()", "audit", str(weights)]
    call += ["--project", str(project), "--tokens", "25e12"]
    both = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    assert both.count("4,038 epochs") == 1
    assert "repeats are worth less" not in both


def test_audit_beside_a_plan_and_its_fit(planned, run, tmp_path):
    weights = tmp_path / "weights.yaml"
    weights.write_text("{books: 0.1, web: 0.4, logs: 0.5}")
    code, stdout, stderr = run("audit", weights, "--plan", planned / "plan", "--json")
    assert (code, stderr) == (0, "")
    found, plan = json.loads(stdout), mixlaw.read_plan(planned / "plan" / "plan.json")
    assert found["tokens"] == 1e10
    assert found["plan"]["mixture"] == pytest.approx(plan.mixture)
    assert found["plan"]["epochs"] == pytest.approx(plan.epochs)
    losses, objective = found["predicted"]["loss"], found["predicted"]["objective"]
    assert set(losses) == {"books", "chat"}
    for target, row in losses.items():
        assert row["plan"] == pytest.approx(plan.predicted["loss"][target]["mean"], rel=1e-6)
        assert row["difference"]["mean"] == pytest.approx(row["audited"] - row["plan"])
    assert objective["plan"] == pytest.approx((2 * losses["books"]["plan"] + losses["chat"]["plan"]) / 3)
    assert objective["difference"]["low"] <= objective["difference"]["mean"] <= objective["difference"]["high"]
    assert objective["difference"]["mean"] > 0.01  # the plan is the law's optimum and these weights are far from it
    code, stdout, _ = run("audit", weights, "--plan", planned / "plan")
    assert code == 0
    for heading in ("plan", "its epochs", "predicted", "worse by", "90% interval", "objective"):
        assert heading in stdout
    assert max(map(len, stdout.splitlines())) <= 80


def test_audit_of_the_plan_itself_is_no_worse(planned, run):
    plan = planned / "plan" / "plan.json"
    code, stdout, _ = run("audit", plan, "--plan", plan, "--json")
    found = json.loads(stdout)
    assert code == 0
    assert found["errors"] == []
    assert found["predicted"]["objective"]["difference"] == pytest.approx({"mean": 0, "low": 0, "high": 0}, abs=1e-9)


def test_audit_says_what_it_lacks(planned, run, tmp_path):
    weights, project = tmp_path / "weights.yaml", tmp_path / "mixlaw.yaml"
    weights.write_text("{books: 1, web: 1, logs: 1}")
    project.write_text("sources:\n  books: {tokens: 1e9}\n  web: {tokens: 1e9}\n  news: {tokens: 1e9}\n")
    alone = tmp_path / "plan.json"
    alone.write_text((planned / "plan" / "plan.json").read_text())
    code, stdout, stderr = run("audit", weights, "--plan", alone, "--json")
    assert code == 0
    assert "losses are not predicted, give --fit" in stderr
    assert json.loads(stdout)["predicted"] is None
    code, stdout, _ = run("audit", weights, "--plan", alone, "--fit", planned / "plan" / "fit.json", "--json")
    assert json.loads(stdout)["predicted"]["params"] == 1e6
    for arguments, named in (
        ((weights, "--project", project), "--tokens"),
        ((weights, "--tokens", 1e9), "--project"),
        ((weights, "--project", project, "--plan", alone), "logs"),
        ((weights, "--plan", alone, "--from", "megatorn"), "did you mean 'megatron'"),
    ):
        code, _, stderr = run("audit", *arguments)
        assert code == 2
        assert named in stderr


def test_audit_reads_the_project_of_its_folder(run, tmp_path, monkeypatch):
    (tmp_path / "mixlaw.yaml").write_text("sources:\n  web: {tokens: 2e9}\nbudget: {params: 1e6, tokens: 1e9}\n")
    (tmp_path / "weights.json").write_text('{"web": 1}')
    monkeypatch.chdir(tmp_path)
    code, stdout, stderr = run("audit", "weights.json", "--json")
    assert code == 0, stderr
    assert json.loads(stdout)["epochs"] == {"web": 0.5}


def test_audit_prints_asked_and_realised_side_by_side(run, tmp_path):
    """Without replacement: the books are used up, and the rest is web."""
    project, weights = tmp_path / "mixlaw.yaml", tmp_path / "run.yaml"
    project.write_text("sources:\n  web: {tokens: 5e11}\n  books: {tokens: 6e9}\nbudget: {params: 1e9, tokens: 1e11}\n")
    weights.write_text("dataset: web,books\nmix_strategy: interleave_once\ninterleave_probs: 0.5,0.5\n")
    arguments = ("audit", weights, "--project", project, "--samples", "packed")
    code, stdout, stderr = run(*arguments)
    assert code == 0, stderr
    lines = stdout.splitlines()
    assert lines[0].split() == ["source", "asked", "realised", "tokens", "epochs"]
    assert [line.split() for line in lines[1:3]] == [
        ["web", "50.0%", "94.0%", "94B", "0.188"],
        ["books", "50.0%", "6.0%", "6B", "1"],
    ]
    found = json.loads(run(*arguments, "--json")[1])
    assert found["asked"]["mixture"] == {"web": 0.5, "books": 0.5}
    assert found["realised"]["mixture"] == pytest.approx(found["mixture"])


def test_export_writes_the_version_asked_for(planned, run):
    new, old = (run("export", planned / "plan", "--to", "levanter", *v)[1] for v in ((), ("--version", "configs")))
    assert "components" in yaml.safe_load(new)["data"]
    assert "configs" in yaml.safe_load(old)["data"]
    code, _, stderr = run("export", planned / "plan", "--to", "megatron", "--version", "3")
    assert code == 2
    assert "megatron has no version '3'" in stderr
