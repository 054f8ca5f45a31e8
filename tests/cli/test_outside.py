"""A project file opens no file outside its folder and no web address, unless --allow-outside is given."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest

import mixlaw
from mixlaw.cli.verb_list import VERBS
from mixlaw.project.project_file import outside_allowed

READERS = re.compile(r"\b(counted|read_texts|sweep_task|project_task|project_documents|plan_sources)\(")
TEXT = "sources:\n  own: {{paths: [own.txt]}}\n  other: {{paths: ['{path}']}}\nbudget: {{params: 1e6, tokens: 1e6}}\n"


@pytest.fixture
def folder(tmp_path):
    """A project's folder with one text, and a secret beside it."""
    (tmp_path / "secret.txt").write_text("secret " * 400)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "own.txt").write_text("own " * 400)
    (tmp_path / "weights.json").write_text(json.dumps({"own": 0.5, "other": 0.5}))
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


def written(folder, path, more=""):
    file = folder / "project" / "mixlaw.yaml"
    file.write_text(TEXT.format(path=path) + more)
    return file


def test_every_verb_that_reads_a_projects_text_has_the_option():
    for name, verb in VERBS.items():
        module = import_module(f"mixlaw.cli.verbs.{verb.module}")
        functions = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
        asked = [f for f in functions if "allow_outside" in inspect.signature(f).parameters]
        assert bool(asked) == bool(READERS.search(Path(str(module.__file__)).read_text())), name


@pytest.mark.parametrize(
    "command",
    [
        ("design", "{project}", "--runs", "4", "--out", "{here}/design.csv"),
        ("sweep", "{project}", "--runs", "10", "--out", "{here}/sweep"),
        ("online", "{project}", "--out", "{here}/online"),
        ("search", "{project}", "--rounds", "2", "--out", "{here}/search"),
        ("recommend", "{project}", "--out", "{here}/plan"),
        ("recommend", "{project}", "--no-proxies"),
        ("appraise", "{here}/secret.txt", "--project", "{project}"),
        ("audit", "{here}/weights.json", "--project", "{project}", "--tokens", "1e6"),
        ("tokenizer", "train", "{project}", "--vocab", "300", "--out", "{here}/t.json"),
    ],
    ids=lambda command: " ".join(command[:2] if command[1] == "train" else command[:1]),
)
def test_no_verb_opens_what_is_outside(folder, run, command):
    for path, words in (("../secret.txt", "outside the project's folder"), ("http://127.0.0.1:1/x", "a web address")):
        project = written(folder, path)
        code, _, stderr = run(*(word.format(project=project, here=folder) for word in command))
        assert (code, stderr.count("error:")) == (2, 1), stderr
        assert f"{path}: " in stderr
        assert words in stderr
        assert "--allow-outside" in stderr


def test_the_option_or_its_variable_gives_leave(folder, run, monkeypatch):
    project = written(folder, folder / "secret.txt")
    command = ("design", project, "--runs", "4", "--out", folder / "design.csv")
    assert run(*command)[0] == 2
    assert run(*command, "--allow-outside")[0] == 0
    assert run(*command)[0] == 2  # for that call alone
    monkeypatch.setenv("MIXLAW_ALLOW_OUTSIDE", "1")
    assert run(*command)[0] == 0


def test_its_tokenizer_is_in_the_folder_too(folder, run):
    project = written(folder, "own.txt", "tokenizer: ../tokenizer.json\n")
    code, _, stderr = run("design", project, "--runs", "4", "--out", folder / "design.csv")
    assert code == 2
    assert "tokenizer ../tokenizer.json: cannot be read" in stderr
    assert "outside the project's folder" in stderr


def test_from_python_a_file_is_confined_and_a_project_made_there_is_not(folder):
    project = written(folder, "../secret.txt")
    assert mixlaw.read_project(project).within == project.parent
    with outside_allowed():
        assert mixlaw.read_project(project).within is None
    assert mixlaw.Project(mixlaw.Sources([mixlaw.Source("a", 1e9)]), (), None).within is None
