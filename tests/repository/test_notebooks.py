"""The notebooks of `analysis/notebooks`: what is committed is what the command would run, and the fast ones run."""

import ast
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from factories.modules import load

import mixlaw
from mixlaw.reports.notebook import cells, template

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "analysis" / "notebooks"
run = load(FOLDER / "run.py")
LARGEST = 300_000
"""Bytes of a notebook with its figures."""
PUBLIC = ("mixlaw", "mixlaw.figures", "mixlaw.transport", "mixlaw.reports", "mixlaw.appraisal", "mixlaw.projector")
OTHERS = {"numpy", "pandas", "matplotlib"} | set(sys.stdlib_module_names)
TEXT = {"proxies.text.demo_text": ["demo_documents"]}
"""What a notebook may use of `proxies`: the demo's text."""


def kept(name: str) -> dict:
    """A committed notebook."""
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def source_of(name: str):
    """The cells that the command would run."""
    if name == "planning":
        return cells(template(), FOLDER="plan", LEADERBOARD=None, HELD_OUT=True)
    return cells((FOLDER / f"{name}.py").read_text(encoding="utf-8"))


def outputs(notebook: dict) -> list[dict]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


def text(output: dict) -> str:
    """What an output says in words."""
    part = output.get("text") or output["data"].get("text/plain", "")
    return part if isinstance(part, str) else "".join(part)


@pytest.mark.parametrize("name", run.ALL)
def test_the_committed_code_is_what_would_run_and_the_notebook_is_short(name):
    now, then = source_of(name)["cells"], kept(name)["cells"]
    assert ["".join(cell["source"]) for cell in then] == [cell["source"] for cell in now], (
        f"run `python analysis/notebooks/run.py {name}` and commit what it writes"
    )
    assert 5 <= sum(cell["cell_type"] == "code" for cell in now) <= 12


@pytest.mark.parametrize("name", run.ALL)
def test_the_committed_outputs_are_there_and_fit_to_be_read(name):
    path = FOLDER / f"{name}.ipynb"
    raw, notebook = path.read_text(encoding="utf-8"), kept(name)
    assert path.stat().st_size < LARGEST
    found = outputs(notebook)
    assert any("image/png" in output.get("data", {}) for output in found)
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in found)
    assert not re.search(r"/(home|root|tmp|Users|usr)/", raw), "a machine's path"
    assert str(ROOT) not in raw
    assert not re.search(r"%\||\d+it/s|━", raw), "a progress bar"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(cell["metadata"] == {} for cell in notebook["cells"]), "times of execution"


@pytest.mark.parametrize("name", run.ALL)
def test_only_public_names_are_used(name):
    code = "\n".join(cell["source"] for cell in source_of(name)["cells"] if cell["cell_type"] == "code")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            assert all(alias.name in PUBLIC or alias.name.split(".")[0] in OTHERS for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module, names = node.module or "", [alias.name for alias in node.names]
            if module == "mixlaw":
                assert all(name in mixlaw.__all__ or f"mixlaw.{name}" in PUBLIC for name in names), names
            elif module in PUBLIC:
                public = [*import_module(module).__all__, *(["style"] if module == "mixlaw.figures" else [])]
                assert set(names) <= set(public), names
            else:
                assert names == TEXT.get(module) or module.split(".")[0] in OTHERS, module
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")


@pytest.mark.parametrize("name", ["planning", "peers"])
def test_the_fast_ones_run_and_say_what_is_committed(name):
    now, then = outputs(run.made(name)), outputs(kept(name))
    assert [sorted(output.get("data", {"text": 0})) for output in now] == [
        sorted(output.get("data", {"text": 0})) for output in then
    ]
    for one, other in zip(now, then, strict=True):
        assert alike(text(one)) == alike(text(other)), f"run `python analysis/notebooks/run.py {name}`"


def alike(words: str) -> list[str]:
    """Words without their numbers' last digits, which differ between machines."""
    number = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")
    return number.sub("#", words).split()


def test_peers_shows_every_result_file():
    told = text(outputs(kept("peers"))[-1])
    for path in (ROOT / "analysis" / "benchmarks" / "results").glob("*.json"):
        for aim in json.loads(path.read_text(encoding="utf-8"))["aims"]:
            assert aim["what"] in told, f"run `python analysis/notebooks/run.py peers` after {path.stem}.py"


def test_without_published_runs_the_command_says_so_and_leaves_what_there_is(tmp_path):
    before = (FOLDER / "repetition.ipynb").read_bytes()
    code = "import os, runpy, sys; os.environ['MIXLAW_PUBLISHED'] = sys.argv.pop(1); sys.argv.pop(0)\n"
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    words = [sys.executable, "-c", code, str(tmp_path), str(FOLDER / "run.py"), "repetition"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "repetition ... skipped: the published runs" in done.stdout
    assert "MIXLAW_PUBLISHED" in done.stdout
    assert (FOLDER / "repetition.ipynb").read_bytes() == before
