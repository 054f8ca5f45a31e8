"""`mixlaw online`: from a project's text to a weights file, and what it says."""

import json

import pytest
from factories.texts import letters, words

PROJECT = """
sources:
  same: {paths: [same.jsonl]}
  other: {paths: [other.jsonl], max: 0.2}
  noise: {paths: [noise.jsonl]}
targets:
  same: {weight: 1}
  other: {weight: 0}
budget: {params: 1.5e5, tokens: 5.0e5}
"""


@pytest.fixture
def project(tmp_path):
    texts = {"same": words(1), "other": words(2, 1), "noise": letters(3)}
    for name, documents in texts.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": d}) + "\n" for d in documents))
    (tmp_path / "mixlaw.yaml").write_text(PROJECT)
    return tmp_path / "mixlaw.yaml"


def test_a_mixture_is_found_written_and_explained(run, project, tmp_path):
    out = tmp_path / "out"
    command = ("online", project, "--out", out, "--every", "64", "--seconds", "60")
    code, stdout, stderr = run(*command)
    assert code == 0, stderr
    content = json.loads((out / "online-dga.json").read_text())
    assert content["mixture"]["same"] > max(content["mixture"]["other"], content["mixture"]["noise"])
    assert (content["method"], content["every"]) == ("dga", 64)
    rows = {line.split()[0]: line.split() for line in stdout.splitlines() if line}
    assert rows["same"][2] == f"{content['mixture']['same']:.1%}"
    assert "tokens of its source steer the run's mixture" in " ".join(stdout.split())
    assert ("other: max is 0.2" in stdout) == (content["mixture"]["other"] > 0.2)
    code, stdout, _ = run(*command, "--json")
    assert code == 0
    assert json.loads(stdout) == content, "taken from the file"
    code, stdout, _ = run("audit", out / "online-dga.json", "--project", project, "--tokens", "5e5", "--json")
    assert json.loads(stdout)["mixture"] == pytest.approx(content["mixture"])
