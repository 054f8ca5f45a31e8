"""adapt, reuse and stale on the command line, and a plan made again in a changed world."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mixlaw.cli.app import app
from mixlaw.errors import MixlawError
from mixlaw.runs.run_table import read_runs

PROJECT = """
sources:
  web: {tokens: 5.0e10}
  code: {tokens: 1.0e10, max: 0.8}
targets: {web: {weight: 1}, code: {weight: 2}}
budget: {params: 1.0e6, tokens: 2.0e7}
"""


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def frame(rows=14, sources=("web", "code"), seed=0, **more):
    rng = np.random.default_rng(seed)
    w_RxS = rng.dirichlet(np.ones(len(sources)), rows)
    columns = {"run_id": [f"r{i}" for i in range(rows)], "params": 1e6, "tokens": 2e7}
    columns |= {f"w:{name}": w_RxS[:, s] for s, name in enumerate(sources)}
    noise_R = np.exp(0.003 * rng.standard_normal(rows))
    columns |= {
        "loss:web": (2 + np.exp(-2 * w_RxS[:, 0])) * noise_R,
        "loss:code": (1 + np.exp(-2 * w_RxS[:, 1])) * noise_R,
    }
    return pd.DataFrame({**columns, **more})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project, its runs and its plan."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "mixlaw.yaml").write_text(PROJECT)
    frame(tokenizer="gpt2").to_csv(folder / "runs.csv", index=False)
    run("recommend", folder / "mixlaw.yaml", "--runs", folder / "runs.csv", "--law", "log-linear", "--out", folder)
    return folder


def test_a_table_is_adapted_and_told_about(tmp_path):
    frame().to_csv(tmp_path / "runs.csv", index=False)
    out = tmp_path / "new.csv"
    said = run(
        "adapt", tmp_path / "runs.csv", "--out", out, "--rename", "web=crawl", "--split", "code=c:3e+9+python:1e9"
    )
    found = read_runs(out)
    assert found.sources == ("crawl", "c", "python")
    assert found.targets == ("crawl", "code")
    np.testing.assert_allclose(found.w_RxS[:, 1], 3 * found.w_RxS[:, 2])
    assert "their effects cannot be separated" in said.stderr


def test_tables_are_joined_and_never_across_tokenizers(tmp_path):
    frame(tokenizer="gpt2").to_csv(tmp_path / "a.csv", index=False)
    frame(sources=("web", "code", "new"), seed=1).to_csv(tmp_path / "b.csv", index=False)
    run("adapt", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "c.csv")
    assert len(read_runs(tmp_path / "c.csv")) == 28
    frame(seed=1, tokenizer="bytes").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(MixlawError, match="different tokenizers"):
        run("adapt", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "no change was stated"),
        (("--rename", "web"), "LEFT=RIGHT"),
        (("--rename", "wbe=x"), "did you mean 'web'"),
        (("--split", "web=a+b"), "state the tokens of each part"),
        (("--changes", "x.yaml", "--drop", "web"), "--changes states all"),
    ],
)
def test_adapt_refuses(tmp_path, words, complaint):
    frame().to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(MixlawError, match=complaint):
        run("adapt", tmp_path / "runs.csv", "--out", tmp_path / "new.csv", *words)


def test_a_grown_and_a_new_source_make_a_plan_stale(made, tmp_path):
    (tmp_path / "mixlaw.yaml").write_text(
        PROJECT.replace("5.0e10", "9.0e10").replace("targets", "  new: {tokens: 1e9}\ntargets")
    )
    found = json.loads(run("stale", made, tmp_path / "mixlaw.yaml", "--json").stdout)["stale"]
    assert {one["kind"]: one["sources"] for one in found} == {"new": ["new"], "grown": ["web"]}
    assert "nothing is stale" in run("stale", made, made / "mixlaw.yaml").stdout


def test_another_budget_objective_group_distance_or_ceiling_makes_a_plan_stale(made, tmp_path):
    asked = PROJECT.replace("code: {weight: 2}", "code: {weight: 2, max_loss: 2}").replace("2.0e7", "2.0e9")
    more = "objective: worst\ngroups: {g: {sources: [code], max: 0.1}}\nnear: {mixture: uniform, kl: 0.5}\n"
    (tmp_path / "mixlaw.yaml").write_text(asked + more)
    found = json.loads(run("stale", made, tmp_path / "mixlaw.yaml", "--json").stdout)["stale"]
    assert [one["kind"] for one in found] == ["budget", "objective", "groups", "near", "ceilings"]


def test_a_new_source_is_found_its_share_beside_the_plan_reused(made, tmp_path):
    project = tmp_path / "mixlaw.yaml"
    project.write_text(PROJECT.replace("targets", "  new: {tokens: 1e10}\ntargets"))
    with pytest.raises(MixlawError, match=r"its sources are not the project's: new is new.*mixlaw reuse"):
        run("recommend", project, "--runs", made / "runs.csv", "--law", "log-linear")
    run("reuse", made, project, "--runs", 8, "--out", tmp_path / "design.csv")
    design = pd.read_csv(tmp_path / "design.csv")
    w_RxS = design[["w:web", "w:code", "w:new"]].to_numpy()
    losses = {f"loss:{t}": 1 + k + np.exp(w_RxS @ np.array(s)) for k, (t, s) in
              enumerate({"web": (-2, 0, -1), "code": (0, -2, -3)}.items())}  # fmt: skip
    design.assign(params=1e6, tokens=2e7, tokenizer="gpt2", **losses).to_csv(tmp_path / "new.csv", index=False)
    run("adapt", made / "runs.csv", tmp_path / "new.csv", "--out", tmp_path / "all.csv")
    call = ("recommend", project, "--runs", tmp_path / "all.csv", "--law", "log-linear", "--reuse", made, "--json")
    plan = json.loads(run(*call).stdout)
    old = json.loads((made / "plan.json").read_text())["mixture"]
    assert plan["mixture"]["web"] * old["code"] == pytest.approx(plan["mixture"]["code"] * old["web"], rel=1e-9)
    assert plan["mixture"]["new"] > 0.02
    assert plan["provenance"]["tokenizer"] == "gpt2"


def test_runs_beside_an_older_plan_say_what_has_changed_since(made, tmp_path):
    project = tmp_path / "mixlaw.yaml"
    project.write_text(PROJECT.replace("5.0e10", "9.0e10"))
    call = ("recommend", project, "--runs", made / "runs.csv", "--law", "log-linear", "--json")
    plan = json.loads(run(*call).stdout)
    assert plan["stale"][0].startswith("since the plan in the runs' folder: web has grown from 50B to 90B tokens")
    assert plan["stale"][0] in plan["notes"]


def test_a_plan_of_something_else_beside_the_runs_says_nothing(made, tmp_path):
    plan = json.loads((made / "plan.json").read_text())
    named = {"web": "arxiv", "code": "book"}
    plan["mixture"] = {named[name]: share for name, share in plan["mixture"].items()}
    kept = plan["provenance"]["sources"]
    plan["provenance"]["sources"] = {named[name]: source | {"name": named[name]} for name, source in kept.items()}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "runs.csv").write_text((made / "runs.csv").read_text())
    call = ("recommend", made / "mixlaw.yaml", "--runs", tmp_path / "runs.csv", "--law", "log-linear", "--json")
    again = json.loads(run(*call).stdout)
    assert again["stale"] == []
    assert not any("since the plan" in note for note in again["notes"])


def test_a_project_of_another_tokenizer_is_refused_with_the_runs_and_the_plan(made, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0, "b": 1}, []))
    model.save(str(tmp_path / "own.json"))
    project = tmp_path / "mixlaw.yaml"
    project.write_text(PROJECT + "tokenizer: own.json\n")
    for call in (
        ("recommend", project, "--runs", made / "runs.csv"),
        ("export", made, "--to", "megatron", "--project", project),
    ):
        with pytest.raises(MixlawError, match=r"its tokenizer is 'bpe-3-.*', that of .* 'gpt2': token counts"):
            run(*call)


def test_tokens_are_not_counted_in_bytes_beside_runs_in_other_tokens(made, tmp_path):
    (tmp_path / "text.txt").write_text("words " * 100)
    project = tmp_path / "mixlaw.yaml"
    project.write_text(PROJECT.replace("{tokens: 5.0e10}", "{paths: text.txt}"))
    with pytest.raises(
        MixlawError, match=r"tokens of web would be counted in bytes, and runs.csv is in tokens of 'gpt2'"
    ):
        run("recommend", project, "--runs", made / "runs.csv")
