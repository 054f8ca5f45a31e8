"""`mixlaw appraise` and `mixlaw recommend --no-proxies` end to end: what is on stdout, and what they refuse."""

import json

import numpy as np
import pandas as pd
import pytest

from mixlaw import read_plan

KINDS = {"web": "the river ran by the old town and its market", "code": "for i in range ( n ) : yield x [ i ] . value"}


def lines(kind, seed, count=60):
    rng = np.random.default_rng(seed)
    return "\n".join(json.dumps({"text": " ".join(rng.choice(KINDS[kind].split(), 90))}) for _ in range(count))


@pytest.fixture
def folder(tmp_path):
    """A project of two sources and a target of code, a sample of code, and runs in which code helps."""
    for name, kind, seed in (("web", "web", 0), ("code", "code", 1), ("target", "code", 2), ("sample", "code", 3)):
        (tmp_path / f"{name}.jsonl").write_text(lines(kind, seed), encoding="utf-8")
    (tmp_path / "mixlaw.yaml").write_text(
        "sources:\n  web: {paths: [web.jsonl]}\n  code: {paths: [code.jsonl], max: 0.2}\n"
        "targets: {code: {paths: [target.jsonl]}}\nbudget: {params: 1e6, tokens: 1e6}\n"
    )
    w_RxS = np.random.default_rng(0).dirichlet(np.ones(2), 24)
    noise_R = np.exp(0.003 * np.random.default_rng(1).standard_normal(24))
    frame = pd.DataFrame({"run_id": range(24), "w:web": w_RxS[:, 0], "w:code": w_RxS[:, 1]})
    frame["loss:code"] = (1.5 + (0.3 + 0.2 * w_RxS[:, 0] ** 0.5 + 2 * w_RxS[:, 1] ** 0.5) ** -0.5) * noise_R
    frame.to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path


def test_a_sample_is_priced_with_runs_and_without(run, folder):
    base = ("appraise", folder / "sample.jsonl", "--project", folder / "mixlaw.yaml", "--json")
    code, out, err = run(*base, "--runs", folder / "runs.csv", "--name", "fresh")
    assert code == 0, err
    priced = json.loads(out)
    assert (priced["name"], priced["basis"], priced["law"]["name"]) == ("fresh", "runs", "effective-tokens")
    assert priced["best_share"] > 0.3, "what the cap on code leaves open"
    assert priced["worth_tokens"] == pytest.approx(priced["best_share"] * 1e6)
    assert set(priced["gain_per_token"]) == {"mean", "low", "high"}
    assert priced["gain_per_token"]["mean"] > 0
    code, out, _ = run(*base)
    blind = json.loads(out)
    assert code == 0
    assert set(blind) == set(priced)
    assert blind["gain_per_token"] is None
    assert blind["best_share"] > 0.3
    assert blind["mixture"]["code"] <= 0.2 + 1e-9
    assert any("gain_per_token" in note and "without runs" in note for note in blind["notes"])


def test_a_price_is_a_table_too(run, folder):
    code, out, _ = run("appraise", folder / "sample.jsonl", "--project", folder / "mixlaw.yaml", "--available", 5e4)
    assert code == 0
    assert "tokens worth having" in out
    assert max(map(len, out.splitlines())) <= 80


def test_runs_of_one_source_price_nothing(run, folder):
    frame = pd.DataFrame({"run_id": range(6), "w:web": 1.0, "loss:code": np.linspace(3, 2, 6)})
    frame.assign(params=1e6, tokens=1e6).to_csv(folder / "one.csv", index=False)
    base = ("appraise", folder / "sample.jsonl", "--project", folder / "mixlaw.yaml", "--json")
    code, out, _ = run(*base, "--runs", folder / "one.csv")
    assert code == 0
    assert json.loads(out)["notes"][0].startswith("one.csv: has a single source")


def test_a_plan_without_runs(run, folder):
    out_folder = folder / "plan"
    code, out, err = run("recommend", folder / "mixlaw.yaml", "--no-proxies", "--json", "--out", out_folder)
    assert code == 0, err
    plan = json.loads(out)
    assert (plan["basis"], plan["verdict"]) == ("transport", "unknown")
    assert plan["mixture"]["code"] == pytest.approx(0.2, abs=1e-3)
    assert read_plan(out_folder / "plan.json").mixture == plan["mixture"]
    code, out, _ = run("recommend", folder / "mixlaw.yaml", "--no-proxies", "--by", "exact")
    assert code == 0
    assert "transport optimum without runs" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, err = run("export", out_folder, "--to", "megatron", "--out", folder / "blend.txt")
    assert code == 0, err


def test_bad_input_is_one_line_and_exit_code_two(run, folder):
    project, sample = folder / "mixlaw.yaml", folder / "sample.jsonl"
    (folder / "blank.txt").write_text(" \n")
    (folder / "counted.yaml").write_text("sources: {web: {tokens: 1e9}}\ntargets: {web: {}}\n")
    base = ("appraise", sample, "--project", project)
    for arguments, message in (
        (("appraise", folder / "none.jsonl", "--project", project), "none.jsonl"),
        (("appraise", folder / "blank.txt", "--project", project), "blank.txt): no text in it"),
        (("appraise", sample, "--project", folder / "none.yaml"), "none.yaml"),
        (("appraise", sample, "--project", folder / "counted.yaml"), "source 'web' has no paths"),
        ((*base, "--name", "web"), "--name web: the project has a source of that name"),
        ((*base, "--max-epochs", 2), "--max-epochs: limits passes over --available tokens"),
        ((*base, "--law", "mixture-index"), "--law and --scale need --runs"),
        ((*base, "--available", -1), "tokens is -1"),
        ((*base, "--runs", folder / "runs.csv", "--law", "linear"), "choose one of effective-tokens"),
        (("recommend", project, "--no-proxies", "--runs", folder / "runs.csv"), "--no-proxies plans without runs"),
        (("recommend", project, "--no-proxies", "--by", "cosine"), "distance cosine"),
        (("recommend", project, "--by", "exact"), "--by is of --no-proxies"),
        (("recommend", folder / "counted.yaml", "--no-proxies"), "source 'web' has no paths"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err.splitlines()[-1]
        assert err.count("error:") == 1
