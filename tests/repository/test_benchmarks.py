"""Benchmarks are too slow to run here; what they import from the project must still be there."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "analysis"
FILES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_what_is_imported_from_the_project_exists(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in ("mixlaw", "proxies"):
                    import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("mixlaw", "proxies"):
            assert node.module is not None
            module = import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    import_module(f"{node.module}.{alias.name}")  # a submodule, or it is gone


BENCHMARK = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from pathlib import Path
import aims
aims.RESULTS = Path("results")
found = aims.Aims()
found.at_most("error", 0.123456789, 0.2, ("peer", 0.5))
found.at_least("rank", float("nan"), 0.9)
found.between("slope", 1.5, 0.9, 1.1)
found.print()
"""


def bench(folder: Path, *options: str) -> str:
    (folder / "sums.py").write_text(BENCHMARK, encoding="utf-8")
    words = [sys.executable, "sums.py", str(FOLDER / "benchmarks"), "--runs", str(folder / "runs.csv"), *options]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_aims_are_printed_and_kept_with_the_command_and_the_machine(tmp_path):
    printed = bench(tmp_path)
    assert "holds  (peer: 0.5)" in printed
    assert printed.count("FALLS SHORT") == 2
    kept = json.loads((tmp_path / "results" / "sums.json").read_text(encoding="utf-8"))
    assert kept["command"] == "python analysis/benchmarks/sums.py --runs runs.csv", "no path of this machine"
    assert set(kept["machine"]) == {"sgemm_gflops", "cores", "load"}
    assert kept["aims"] == [
        {
            "what": "error",
            "figure": 0.123457,
            "aim": "<= 0.2",
            "holds": True,
            "peer": {"name": "peer", "figure": 0.5},
        },
        {"what": "rank", "figure": None, "aim": ">= 0.9", "holds": False},
        {"what": "slope", "figure": 1.5, "aim": "0.9 to 1.1", "holds": False},
    ]


def test_aims_are_not_kept_where_that_is_asked_for(tmp_path):
    assert "wrote" not in bench(tmp_path, "--no-result")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("path", sorted((FOLDER / "benchmarks" / "results").glob("*.json")), ids=lambda path: path.stem)
def test_result_files_are_of_benchmarks_that_there_are(path):
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["benchmark"] == path.stem
    assert (FOLDER / "benchmarks" / f"{path.stem}.py").exists()
    assert kept["command"].startswith(f"python analysis/benchmarks/{path.stem}.py")
    assert kept["aims"]
